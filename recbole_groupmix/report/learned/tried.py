"""The mixes that a run tried, in their order, and the surface that is fitted to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.mix import Mix
from recbole_groupmix.core.names import REFERENCE, REPEAT, TRIAL
from recbole_groupmix.record.finished_run import FinishedRun
from recbole_groupmix.record.fold_schema import FoldRecord
from recbole_groupmix.record.read import AGAIN
from recbole_groupmix.surface.history import History
from recbole_groupmix.surface.spent import best_row
from recbole_groupmix.surface.surface import Surface, fit_surface
from recbole_groupmix.surface.tried import Tried, history_of_tried

#: Fewest mixes besides Proportional that a surface is fitted to.
FEWEST = 5


@dataclass(frozen=True, eq=False)
class Search:
    """What a run tried and what it gives reason to believe.

    Attributes
    ----------
    names : list of str
        The mixes: first those of every run and repeats of Proportional, then what was searched.
    trainings : list of int
        On how many folds each was trained.
    n_rows : int
        How many are of the first kind.
    may_be : array of bool, shape (n,)
        Which may be recommended: no repeats, and none that left a race.
    history : History
        Their table.
    surface : Surface
        What is believed, fitted to the table.
    recommended : int
        The row of the largest posterior mean.
    """

    names: list[str]
    trainings: list[int]
    n_rows: int
    may_be: npt.NDArray[np.bool_]
    history: History
    surface: Surface
    recommended: int


def search_of(run: FinishedRun) -> Search | None:
    """Return what a run tried with the surface of it.

    None without a search, with too few mixes, or where the folder has no values of users on the folds, from
    which the luck in a score is known.

    Raises
    ------
    ValueError
        If the files do not fit each other.
    """
    summaries = run.on_folds.summaries
    first = {record["name"]: record for record in reversed(run.trials) if "alpha" in record}
    names = sorted(summaries, key=_place)
    n_rows = sum(not name.startswith(TRIAL) for name in names)
    folds = run.result["search"]["folds"]
    base = summaries.get(REFERENCE)
    whole = base is not None and len(base["scores"]) == folds and np.isfinite(base["score"])
    if not (whole and run.on_folds.has_users and n_rows < len(names)):
        return None
    history = _history(run, names, first)
    known = history.is_finite & ~history.reference
    if known.sum() < FEWEST or history.differences.shape[1] < 2:
        return None
    left = {record["name"] for record in run.on_folds.left}
    may_be = np.array([name not in left and first[name]["source"] != REPEAT for name in names])
    surface = fit_surface(history)
    recommended = best_row(surface, history, may_be)
    trainings = [len(summaries[name]["scores"]) for name in names]
    return Search(names, trainings, n_rows, may_be, history, surface, recommended)


def _place(name: str) -> tuple[bool, int]:
    number = name.removeprefix(TRIAL) if name.startswith(TRIAL) else ""
    return bool(number), int(number) if number.isdecimal() else 0


def _history(run: FinishedRun, names: list[str], first: Mapping[str, FoldRecord]) -> History:
    folds = run.result["search"]["folds"]
    rows = []
    for name in names:
        record, of = first[name], run.on_folds.summaries[name]
        try:
            mix = Mix(record["alpha"], record["alpha_aug"])
        except ValueError as error:
            raise _of_trials(run, error) from error
        reference = name == REFERENCE or record["source"] == REPEAT
        changes = run.on_folds.changes(name)
        rows.append(Tried(mix, reference, of["score"], changes, len(of["scores"]) == folds))
    try:
        return history_of_tried(rows, run.groups, run.target)
    except ValueError as error:
        raise _of_trials(run, error) from error


def _of_trials(run: FinishedRun, error: ValueError) -> ValueError:
    return ValueError(f"{run.path / 'trials.jsonl'} cannot be read: {error}; {AGAIN}")
