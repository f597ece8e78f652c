"""A finished run as its folder tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from recbole_groupmix.core.names import DATA_MIX, FINE_TUNED, REFERENCE
from recbole_groupmix.record.metrics import check_whole, read_metrics
from recbole_groupmix.record.read import AGAIN, read_json, read_lines, read_yaml
from recbole_groupmix.record.schema import CONFIG, CURVE, TRIAL, check_result
from recbole_groupmix.record.shape import anything, by_name

#: ``schema_version`` of the ``result.json`` that can be read.
READABLE = 1
#: The metrics of short tables, the first of them in the answer, at the largest cut-off.
METRICS = ("precision", "recall", "ndcg")
_NEEDED = ("config.yaml", "result.json", "metrics.parquet")
_OF_SEARCH = {"trials.jsonl": TRIAL, "curves.jsonl": CURVE}


@dataclass(frozen=True)
class Run:
    """What the files of one run folder hold.

    Parameters
    ----------
    path : pathlib.Path
        The folder.
    asked : dict
        ``config.yaml``: ``configuration``, ``data`` and ``trials``.
    result : dict
        ``result.json``; values that are no numbers are None.
    trials, curves : list of dict
        Records of the folds; empty for runs without any.
    metrics : pandas.DataFrame
        ``metrics.parquet``: user_id, group, mix, repeat, metric, k, value.
    """

    path: Path
    asked: dict[str, Any]
    result: dict[str, Any]
    trials: list[dict[str, Any]]
    curves: list[dict[str, Any]]
    metrics: pd.DataFrame

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.path.resolve().name

    @property
    def target(self) -> str:
        """Target group."""
        return str(self.result["target"])

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
        """Mixes other than the reference, the searched one first."""
        names = [name for name in self.result["mixes"] if name != REFERENCE]
        return sorted(names, key=lambda name: name != DATA_MIX)

    @property
    def same(self) -> dict[str, str]:
        """Rows whose mix is that of another row, by name; empty in older results."""
        return dict(self.result.get("same_mix") or {})

    @property
    def mixes(self) -> dict[str, Any]:
        """The rows that are mixes, with what they are: all but ``fine_tuned``."""
        return {n: mix for n, mix in self.result["mixes"].items() if n != FINE_TUNED}

    @property
    def keys(self) -> list[str]:
        """Metrics of short tables, such as ``precision@20``."""
        return [f"{metric}@{self.result['topk'][-1]}" for metric in METRICS]

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
            (mix, f"{metric}@{k}"): rows.pivot(index="repeat", columns="user_id", values="value")
            for (mix, metric, k), rows in parts
        }


def read_folders(paths: Sequence[str | Path]) -> list[Run]:
    """Read finished runs.

    Raises
    ------
    ValueError
        If a folder is given twice or holds no finished run that can be read, or the runs have
        no cut-off in common.
    """
    folders = [Path(path) for path in paths]
    places = [folder.resolve() for folder in folders]
    for folder, place in zip(folders, places, strict=True):
        if places.count(place) > 1:
            raise ValueError(f"{folder} is given twice; name every run folder once")
    runs = [read_folder(folder) for folder in folders]
    for run in runs[1:]:
        last, first = run.result["topk"][-1], runs[0].result["topk"][-1]
        if last != first:
            raise ValueError(
                f"{run.path} was measured at topk {last} and {runs[0].path} at {first}, so that "
                "one table cannot hold both; make a report of each"
            )
    return runs


def read_folder(path: str | Path, *, only_target: bool = False) -> Run:
    """Read one finished run; see :func:`read_folders`.

    `only_target` leaves out metrics of other groups, other metrics than :data:`METRICS` and
    smaller cut-offs, which are most of a run's bytes.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise ValueError(f"there is no run folder {folder}")
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    if "config.yaml" in missing:
        raise ValueError(f"{folder} is no run folder: there is no config.yaml in it")
    if missing:
        raise ValueError(
            f"{folder} holds no finished run: there is no {' and no '.join(missing)} in it; the "
            "command that began the run goes on with it"
        )
    result = _result(folder / "result.json")
    asked = read_yaml(folder / "config.yaml", CONFIG)
    searched = bool(result["search"]["cv"])
    file = folder / "metrics.parquet"
    metrics = read_metrics(file, _of_target(result) if only_target else None)
    _check_metrics(file, metrics, result)
    absent = [name for name in _OF_SEARCH if searched and not (folder / name).is_file()]
    if absent:
        raise ValueError(
            f"{folder} is not complete: there is no {' and no '.join(absent)} in it, although "
            "result.json tells of a search; without trials.jsonl the command that made the run "
            "trains the folds again"
        )
    folds = result["search"]["folds"]
    records = {
        name: read_lines(folder / name, shape, folds) if searched else []
        for name, shape in _OF_SEARCH.items()
    }
    kept = result["search"]["cv"]
    trials, curves = ([r for r in records[n] if r["name"] in kept] for n in _OF_SEARCH)
    return Run(folder, asked, result, trials, curves, metrics)


def _result(file: Path) -> dict[str, Any]:
    """Read ``result.json``; of another version than :data:`READABLE` that alone is said."""
    result: dict[str, Any] = read_json(file, by_name(anything))
    version = result.get("schema_version")
    if version != READABLE:
        raise ValueError(
            f"{file} has schema_version {version!r}; this version of recbole-groupmix reads "
            f"{READABLE}"
        )
    try:
        check_result(result, REFERENCE)
    except ValueError as error:
        raise ValueError(f"{file} cannot be read: {error}; {AGAIN}") from error
    return result


def _check_metrics(file: Path, metrics: pd.DataFrame, result: dict[str, Any]) -> None:
    groups = {group["name"] for group in result["groups"]}
    strange = sorted(set(metrics["group"]) - groups)
    if strange or not (metrics["group"] == result["target"]).any():
        what = f"users of {strange[0]!r}" if strange else f"no user of {result['target']!r}"
        raise ValueError(f"{file} has {what}, unlike result.json beside it; {AGAIN}")
    keys = {f"{metric}@{result['topk'][-1]}" for metric in METRICS}
    check_whole(file, metrics, list(result["mixes"]), keys)


def _of_target(result: dict[str, Any]) -> list[tuple[str, str, Any]]:
    wanted = list(METRICS)
    return [
        ("group", "==", result["target"]),
        ("metric", "in", wanted),
        ("k", "==", result["topk"][-1]),
    ]
