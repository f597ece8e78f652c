"""A finished run as its folder tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from recbole_groupmix.core.mix import MixRecord
from recbole_groupmix.core.names import DATA_MIX, REFERENCE
from recbole_groupmix.core.user_metrics import metric_key
from recbole_groupmix.record.by_metric import other_metrics
from recbole_groupmix.record.changes import same_rows
from recbole_groupmix.record.fold_lines import is_of, longest_of_each
from recbole_groupmix.record.fold_schema import CurveRecord, FoldRecord
from recbole_groupmix.record.fold_values import FoldValues
from recbole_groupmix.record.metrics import check_whole, of_target, read_metrics
from recbole_groupmix.record.on_folds import OnFolds
from recbole_groupmix.record.phrases import candidate_of
from recbole_groupmix.record.read import AGAIN, read_lines, read_version, read_yaml
from recbole_groupmix.record.result_schema import Result, RivalRecord
from recbole_groupmix.record.rows import labelled, mixes_of, row_names
from recbole_groupmix.record.schema import SHORT_METRICS, Config
from recbole_groupmix.record.versions import FIRST, READ, check_one_rule

_NEEDED = ("config.yaml", "result.json", "metrics.parquet")
_OF_SEARCH = ("trials.jsonl", "curves.jsonl")


@dataclass(frozen=True)
class FinishedRun:
    """What the files of one run folder hold.

    Parameters
    ----------
    path : pathlib.Path
        The folder.
    config : Config
        ``config.yaml``.
    result : Result
        ``result.json``, with None for null.
    trials : list of FoldRecord
        ``trials.jsonl``, of mixes that left a race too; empty for runs without folds, like `curves`.
    curves : list of CurveRecord
        ``curves.jsonl``, the longest curve of every candidate on every fold.
    metrics : pandas.DataFrame
        ``metrics.parquet``: user_id, group, mix, repeat, metric, k, value.
    """

    path: Path
    config: Config
    result: Result
    trials: list[FoldRecord]
    curves: list[CurveRecord]
    metrics: pd.DataFrame

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.path.resolve().name

    @property
    def first_rules(self) -> bool:
        """Whether the run was made by the first rules; see :mod:`~recbole_groupmix.record.versions`."""
        return self.result["schema_version"] == FIRST

    @property
    def target(self) -> str:
        """Target group."""
        return self.result["target"]

    def label(self, group: str) -> str:
        """Return a group as people call it, such as ``25 (25 to 34)``."""
        return labelled(self.result, group)

    @property
    def target_label(self) -> str:
        """The target as people call it."""
        return self.label(self.target)

    @property
    def groups(self) -> dict[str, int]:
        """Users by group, the target included."""
        return {group["name"]: group["n_users"] for group in self.result["groups"]}

    @property
    def others(self) -> list[str]:
        """Augmentation groups."""
        return [name for name in self.groups if name != self.target]

    @property
    def compared(self) -> list[str]:
        """Rows other than the reference, the searched mix first and rivals last."""
        return sorted((n for n in self.rows if n != REFERENCE), key=lambda name: name != DATA_MIX)

    @property
    def same(self) -> dict[str, str]:
        """Rows that are another row under a second name; empty in older results."""
        return dict(self.result.get("same_mix") or {})

    @property
    def compared_as(self) -> dict[str, str]:
        """Rows that are one comparison with another row: the same mix, or the one selected."""
        return same_rows(self.same, self.result["search"]["selected"], self.rows)

    @property
    def mixes(self) -> dict[str, MixRecord]:
        """The rows that are mixes, with what they are."""
        return mixes_of(self.result)

    @property
    def rivals(self) -> dict[str, RivalRecord]:
        """The rivals with their records; empty in older results."""
        return self.result.get("rivals", {})

    @property
    def rows(self) -> list[str]:
        """All rows in the order of display."""
        return row_names(self.result)

    def candidate(self, row: str) -> str:
        """Return the name on the folds of a row: a trial's for the data mix, a budget's."""
        return candidate_of(self.result, row)

    @cached_property
    def on_folds(self) -> OnFolds:
        """Its mixes on the folds."""
        return OnFolds(self.path, self.result, self.trials, self.curves)

    def fold_values(self, name: str) -> dict[int, FoldValues]:
        """Return the target's per-user values of a candidate on the folds, at every point.

        They are by fold, with the options that the folds chose; none in runs of older versions,
        which did not keep them. `name` is the candidate's on the folds.

        Raises
        ------
        ValueError
            If the files do not fit each other.
        """
        return self.on_folds.values(name)

    @property
    def keys(self) -> list[str]:
        """Metrics of short tables, such as ``precision@20``."""
        return [f"{metric}@{self.result['topk'][-1]}" for metric in SHORT_METRICS]

    @property
    def key(self) -> str:
        """The metric by which rows were chosen, on which the run's answer rests."""
        return self.result["valid_metric"]

    @property
    def shown(self) -> list[str]:
        """Metrics of the page's tables of changes: that of the answer, then the short ones."""
        return [self.key, *other_metrics(self.result)]

    def per_user(self, mix: str, key: str, group: str | None = None) -> pd.DataFrame:
        """Return values by repeat (rows) and user (columns), of a group or of all."""
        wide: pd.DataFrame = self._by_mix[mix, key]
        if group is None:
            return wide
        return wide.loc[:, (self.group_of_user.loc[wide.columns] == group).to_numpy()]

    @cached_property
    def group_of_user(self) -> pd.Series:
        """Group of every test user, by user id."""
        return self.metrics.drop_duplicates("user_id").set_index("user_id")["group"]

    @cached_property
    def _by_mix(self) -> dict[tuple[str, str], pd.DataFrame]:
        parts = self.metrics.groupby(["mix", "metric", "k"], sort=False)
        return {
            (mix, metric_key(metric, k)): rows.pivot(
                index="repeat", columns="user_id", values="value"
            )
            for (mix, metric, k), rows in parts
        }


def read_folders(paths: Sequence[str | Path]) -> list[FinishedRun]:
    """Read finished runs.

    Raises
    ------
    ValueError
        If a folder is given twice or does not hold a finished run that can be read, or the
        runs were measured at different cut-offs or made by different rules.
    """
    folders = [Path(path) for path in paths]
    places = [folder.resolve() for folder in folders]
    for folder, place in zip(folders, places, strict=True):
        if places.count(place) > 1:
            raise ValueError(f"{folder} is given twice; name every run folder once")
    runs = [read_folder(folder) for folder in folders]
    check_one_rule(runs)
    for run in runs[1:]:
        last, first = run.result["topk"][-1], runs[0].result["topk"][-1]
        if last != first:
            raise ValueError(
                f"{run.path} was measured at topk {last} and {runs[0].path} at {first}, so that "
                "one table cannot hold both; make a report of each"
            )
    return runs


def read_folder(path: str | Path, *, only_target: bool = False) -> FinishedRun:
    """Read one finished run; see :func:`read_folders`.

    `only_target` leaves out other groups, and metrics and cut-offs of no short table, which are most of
    a run's bytes.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise ValueError(f"run folder {folder} does not exist")
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    if "config.yaml" in missing:
        raise ValueError(f"{folder} is not a run folder: config.yaml is missing")
    if missing:
        raise ValueError(
            f"{folder} does not hold a finished run: {_are_missing(missing)}; resume it by the "
            "command that started it"
        )
    result = _read_result(folder / "result.json")
    config = read_yaml(folder / "config.yaml", Config)
    searched = bool(result["search"]["cv"])
    file = folder / "metrics.parquet"
    metrics = read_metrics(file, of_target(result) if only_target else None)
    _check_metrics(file, metrics, result)
    absent = [name for name in _OF_SEARCH if searched and not (folder / name).is_file()]
    if absent:
        raise ValueError(
            f"{folder} is not complete: {_are_missing(absent)}, although result.json records a "
            "search; without trials.jsonl the command that made the run trains the folds again"
        )
    folds = result["search"]["folds"]
    trials = read_lines(folder / "trials.jsonl", FoldRecord, folds) if searched else []
    curves = read_lines(folder / "curves.jsonl", CurveRecord, folds) if searched else []
    longest = longest_of_each(curves).values()
    return FinishedRun(
        folder,
        config,
        result,
        [record for record in trials if is_of(record, result)],
        [record for record in longest if is_of(record, result)],
        metrics,
    )


def _are_missing(files: Sequence[str]) -> str:
    return f"{' and '.join(files)} {'is' if len(files) == 1 else 'are'} missing"


def _read_result(file: Path) -> Result:
    result = read_version(file, Result, READ)
    try:
        _check_parts(result)
    except ValueError as error:
        raise ValueError(f"{file} cannot be read: {error}; {AGAIN}") from error
    return result


def _check_parts(result: Result) -> None:
    """Raise ``ValueError`` unless the parts of a result agree with each other."""
    groups = [group["name"] for group in result["groups"]]
    mixes = result["mixes"]
    if len(set(groups)) < len(groups):
        raise ValueError("it names a group twice")
    if result["target"] not in groups:
        raise ValueError(f"its target {result['target']!r} is not one of its groups")
    if REFERENCE not in mixes:
        raise ValueError(f"it lacks the mix {REFERENCE!r}")
    strange = [g for mix in mixes.values() for g in mix["alpha"] if g not in groups]
    strange += [g for g in result["test_by_group"] if g not in groups]
    if strange:
        raise ValueError(f"it has values of {strange[0]!r}, which is not one of its groups")
    rows = row_names(result)
    absent = [row for row in rows if row not in result["test"]]
    absent += [row for row in result["test"] if row not in rows]
    absent += [row for row in result["change"] if row not in rows or row == REFERENCE]
    absent += [group for group in groups if group not in result["test_by_group"]]
    if absent:
        raise ValueError(
            f"its parts are not from the same run: only some of them have {absent[0]!r}"
        )


def _check_metrics(file: Path, metrics: pd.DataFrame, result: Result) -> None:
    groups = {group["name"] for group in result["groups"]}
    strange = sorted(set(metrics["group"]) - groups)
    if strange or not (metrics["group"] == result["target"]).any():
        unexpected = f"users of {strange[0]!r}" if strange else f"no users of {result['target']!r}"
        raise ValueError(f"{file} has {unexpected}, unlike result.json beside it; {AGAIN}")
    keys = {f"{metric}@{result['topk'][-1]}" for metric in SHORT_METRICS}
    check_whole(file, metrics, row_names(result), keys | {result["valid_metric"]})
