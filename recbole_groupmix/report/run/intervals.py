"""Intervals that ``result.json`` does not hold, from the per-user values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.core.statistics.bootstrap import mean_interval
from recbole_groupmix.core.statistics.two_tests import compared_changes
from recbole_groupmix.record.finished_run import FinishedRun
from recbole_groupmix.record.schema import Uncorrected
from recbole_groupmix.text.numbers import or_null

_ROUNDING = 1e-12


def mean_interval_of(run: FinishedRun, mix: str, key: str) -> tuple[float | None, float | None]:
    """Return the ends of the interval of the target's mean; None where it is undefined."""
    values = run.per_user(mix, key, run.target).to_numpy(np.float64)
    if _complete(values) < 2:
        return None, None
    _, low, high = mean_interval(values, seed=run.result["seed"])
    return low, high


def change_intervals(
    run: FinishedRun, key: str, wanted: Iterable[tuple[str, Sequence[Any]]]
) -> list[Uncorrected]:
    """Return changes against the reference of mixes on users.

    Parameters
    ----------
    run : FinishedRun
        The run.
    key : str
        Metric, such as ``precision@20``.
    wanted : iterable of (mix, users)
        A mix and the ids of the users.

    Returns
    -------
    list of Uncorrected
        None where undefined, as in ``result.json``.
    """
    changes: list[Uncorrected] = []
    pairs, places = [], []
    for mix, users in wanted:
        both = [
            run.per_user(name, key).loc[:, list(users)].to_numpy(np.float64)
            for name in (mix, REFERENCE)
        ]
        changes.append({"mean": None, "ci_low": None, "ci_high": None, "p": None})
        if _complete(both[0] + both[1]) >= 2:
            pairs.append((both[0], both[1]))
            places.append(len(changes) - 1)
    if pairs:
        for place, change in zip(
            places, compared_changes(pairs, seed=run.result["seed"]), strict=True
        ):
            changes[place] = {
                "mean": or_null(change.mean),
                "ci_low": or_null(change.ci_low),
                "ci_high": or_null(change.ci_high),
                "p": or_null(change.p),
            }
    return changes


def difference(run: FinishedRun, mix: str, key: str) -> pd.Series:
    """Return each target user's mean over repeats under a mix minus that under the reference."""
    means = run.per_user(mix, key, run.target).mean(axis=0)
    differences = (means - run.per_user(REFERENCE, key, run.target).mean(axis=0)).dropna()
    return differences.where(differences.abs() > _ROUNDING, 0.0)


def _complete(values: npt.NDArray[np.float64]) -> int:
    return int(np.count_nonzero(~np.isnan(values).any(axis=0)))
