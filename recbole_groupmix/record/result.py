"""The result of a run as data: ``result.json``."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Protocol, TypeVar

import pandas as pd

from recbole_groupmix import __version__
from recbole_groupmix.core.mix import Mix
from recbole_groupmix.core.names import BUDGET, DATA_MIX, REFERENCE, TRIAL
from recbole_groupmix.record.changes import changes, same_rows, test_means
from recbole_groupmix.record.fold_schema import FoldSummary
from recbole_groupmix.record.phrases import interval_note
from recbole_groupmix.record.result_schema import (
    AgainstRival,
    BudgetRecord,
    OwnLength,
    Result,
    RivalRecord,
    Row,
    Trainings,
)
from recbole_groupmix.record.rows import best_rival
from recbole_groupmix.record.schema import (
    SCHEMA_VERSION,
    Change,
    Group,
    Lengths,
    RemovedStep,
    WavesRecord,
)
from recbole_groupmix.text.numbers import finite

T = TypeVar("T")
_PACKAGES = ("recbole", "torch", "numpy", "scipy", "pandas", "numba")


@cache
def _version(package: str) -> str:
    return version(package)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide results, by name."""
    ours = {"python": platform.python_version(), "recbole-groupmix": __version__}
    return ours | {name: _version(name) for name in _PACKAGES}


class RunSettings(Protocol):
    """What a result tells of the settings of its run."""

    @property
    def dataset(self) -> str: ...  # noqa: D102
    @property
    def group_field(self) -> str | None: ...  # noqa: D102
    @property
    def group_labels(self) -> Mapping[str, Mapping[str, str]] | None: ...  # noqa: D102
    @property
    def target(self) -> str | None: ...  # noqa: D102
    @property
    def model(self) -> str: ...  # noqa: D102
    @property
    def protocol(self) -> str: ...  # noqa: D102
    @property
    def weighting(self) -> str: ...  # noqa: D102
    @property
    def topk(self) -> Sequence[int]: ...  # noqa: D102
    @property
    def seed(self) -> int: ...  # noqa: D102
    @property
    def repeats(self) -> int: ...  # noqa: D102
    @property
    def valid_metric(self) -> str: ...  # noqa: D102
    @property
    def trials(self) -> int: ...  # noqa: D102
    @property
    def folds(self) -> int: ...  # noqa: D102
    @property
    def lambdas(self) -> Sequence[float] | None: ...  # noqa: D102
    @property
    def is_solved(self) -> bool: ...  # noqa: D102


def build_result(
    *,
    settings: RunSettings,
    embedding_size: int | None,
    groups: list[Group],
    mixes: Mapping[str, Mix],
    cv: Mapping[str, FoldSummary],
    selected: str | None,
    diverged: list[str],
    metrics: pd.DataFrame,
    seconds: Mapping[str, float],
    removed: Sequence[RemovedStep] = (),
    same: Mapping[str, str] | None = None,
    budget: BudgetRecord | None = None,
    lengths: Lengths | None = None,
    own_length: pd.DataFrame | None = None,
    rivals: Mapping[str, RivalRecord] | None = None,
    trainings: Trainings | None = None,
    items: Sequence[str] = (),
    waves: WavesRecord | None = None,
) -> Result:
    """Assemble the content of ``result.json``.

    Parameters
    ----------
    settings : RunSettings
        The settings of the run.
    embedding_size : int or None
        None where the model has none.
    groups : list of Group
        The groups, counted.
    mixes : mapping
        Mixes of the rows, by name.
    cv : mapping of str to FoldSummary
        By candidate name.
    selected : str or None
        Candidate name of the data mix.
    diverged : list of str
        Mixes that are left out since their training diverged.
    metrics : pandas.DataFrame
        Long table of per-user values.
    seconds : mapping
        Wall times by stage.
    removed : sequence of RemovedStep
        What each step of loading removed.
    same : mapping of str to str, optional
        Rows whose mix is that of another row, with its name.
    budget : BudgetRecord or None
        The budgets that the folds tried; None without the row ``budget``.
    lengths : Lengths or None
        How long the rows were trained; None for closed forms.
    own_length : pandas.DataFrame or None
        As `metrics`, of rows that were trained for their own length; None without this control.
    rivals : mapping of str to RivalRecord, optional
        The rivals, by row.
    trainings : Trainings, optional
        Models that were trained on folds.
    items : sequence of str
        Which items were ranked and which trained, in sentences; empty where all are.
    waves : WavesRecord, optional
        How a search in waves went.
    """
    rivals = rivals or {}
    rows = [*mixes, *rivals]
    target = str(settings.target)
    equal = same_rows(same or {}, selected, rows)
    by_group = {e["name"]: _in_order(test_means(metrics, e["name"]), rows) for e in groups}
    result: Result = {
        "schema_version": SCHEMA_VERSION,
        "dataset": settings.dataset,
        "group_field": str(settings.group_field),
        "target": target,
        "model": settings.model,
        "embedding_size": embedding_size,
        "protocol": settings.protocol,
        "weighting": settings.weighting,
        "topk": list(settings.topk),
        "seed": settings.seed,
        "repeats": settings.repeats,
        "valid_metric": settings.valid_metric,
        "data": {"removed": list(removed)},
        "groups": groups,
        "mixes": {name: mix.to_dict() for name, mix in mixes.items()},
        "rows": {
            **{name: _row("mix", cv.get(_candidate(name, selected, budget))) for name in mixes},
            **{name: _row("rival", None, record["chosen"]) for name, record in rivals.items()},
        },
        "rivals": dict(rivals),
        "search": {
            "trials": settings.trials,
            "folds": settings.folds,
            "selected": selected,
            "best_cv": None if selected is None else cv[selected]["score"],
            "cv": {name: summary["score"] for name, summary in cv.items()},
            "epochs": {name: summary["epochs"] for name, summary in cv.items()},
            "options": {name: {**summary["options"]} for name, summary in cv.items()},
            "lambdas": None if settings.lambdas is None else list(settings.lambdas),
        },
        "diverged": diverged,
        "same_mix": dict(same or {}),
        "test": by_group[target],
        "test_by_group": by_group,
        "change": _in_order(changes(metrics, target, settings.seed, equal), rows),
        "lengths": lengths,
        "own_length": _own_length(own_length, target, settings.seed, equal),
        "closed_form": settings.is_solved,
        "intervals": interval_note(settings.repeats, settings.is_solved),
        "seconds": dict(seconds),
        "versions": versions(),
    }
    if waves is not None:
        n_trials = sum(name.startswith(TRIAL) for name in waves["belief"])
        result["search"] = {**result["search"], "trials": n_trials, "waves": waves}
    labels = (settings.group_labels or {}).get(str(settings.group_field), {})
    named = {entry["name"]: labels[entry["name"]] for entry in groups if entry["name"] in labels}
    if named:
        result["group_labels"] = named
    if items:
        result["items"] = list(items)
    if budget is not None:
        result["budget"] = budget
    if trainings is not None:
        result["trainings"] = trainings
        result["against_rival"] = _against_rival(result, metrics, own_length)
    return finite(result)


def _candidate(row: str, selected: str | None, budget: BudgetRecord | None) -> str:
    """Return the name on the folds of a row."""
    if row == DATA_MIX and selected is not None:
        return selected
    return budget["selected"] if row == BUDGET and budget is not None else row


def _row(kind: str, summary: FoldSummary | None, chosen: Mapping[str, float] | None = None) -> Row:
    options = summary["options"] if summary is not None else chosen or {}
    return {"kind": kind, "chosen": dict(options)}


def _against_rival(
    result: Result, metrics: pd.DataFrame, own_length: pd.DataFrame | None
) -> AgainstRival | None:
    """Compare the best mix with the best rival, each by its score on the folds."""
    cv, same = result["search"]["cv"], result["same_mix"]
    rival = best_rival(result)
    mixes = {
        row: cv.get(_candidate(row, result["search"]["selected"], result.get("budget"))) or 0.0
        for row in result["mixes"]
        if row != REFERENCE and row not in same
    }
    mix = max(mixes, key=lambda row: mixes[row], default=None)
    if rival is None or mix is None:
        return None

    def compared(frame: pd.DataFrame) -> dict[str, Change]:
        both = frame[frame["mix"].isin([mix, rival])]
        if both["mix"].nunique() < 2:
            return {}
        return changes(both, result["target"], result["seed"], {}, rival)[mix]

    at_own_length = {} if own_length is None else compared(own_length)
    return {
        "mix": mix,
        "rival": rival,
        "change": compared(metrics),
        "own_length": at_own_length or None,
    }


def _in_order(of_rows: Mapping[str, T], rows: Iterable[str]) -> dict[str, T]:
    """Return values in the order of the rows: one whose mix is another's comes from its models."""
    return {row: of_rows[row] for row in rows if row in of_rows}


def _own_length(
    metrics: pd.DataFrame | None, target: str, seed: int, same: Mapping[str, str] | None
) -> OwnLength | None:
    if metrics is None or REFERENCE not in set(metrics["mix"]):
        return None
    return {
        "test": test_means(metrics, target),
        "change": changes(metrics, target, seed, same),
    }
