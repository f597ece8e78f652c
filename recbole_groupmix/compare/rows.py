"""The statistics of rows: two runs, one metric, one group each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.statistics.bootstrap import relative_changes
from recbole_groupmix.core.statistics.effect import effect_size
from recbole_groupmix.core.statistics.permutation import permutation_test
from recbole_groupmix.core.statistics.resampling import MIN_REPEATS

_Pair = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def compared(
    pairs: Sequence[_Pair], *, seed: int, n_boot: int, n_permutations: int, confidence: float
) -> list[dict[str, Any]]:
    """Return a row for each pair of arrays (n_repeats, n_users), value and baseline.

    A row is NaN if fewer than 2 users have values. Rows with the same numbers of users and repeats
    share their resamples.
    """
    complete = [_complete_users(*pair) for pair in pairs]
    rows = [
        _described(*kept, n_all=pair[0].shape[1])
        for pair, kept in zip(pairs, complete, strict=True)
    ]
    tested = [place for place, row in enumerate(rows) if row["n_users"] >= 2]
    changes = relative_changes(
        [complete[place] for place in tested], seed=seed, n_boot=n_boot, confidence=confidence
    )
    for place, change in zip(tested, changes, strict=True):
        values, baseline = complete[place]
        rows[place] |= {
            "change": change.mean,
            "ci_low": change.ci_low,
            "ci_high": change.ci_high,
            "p_bootstrap": change.p,
            "p": permutation_test(values, baseline, seed=seed, n_permutations=n_permutations),
            **vars(effect_size(values, baseline)),
        }
    return rows


def _complete_users(values: npt.NDArray[np.float64], baseline: npt.NDArray[np.float64]) -> _Pair:
    complete = ~(np.isnan(values) | np.isnan(baseline)).any(axis=0)
    return values[:, complete], baseline[:, complete]


def _described(
    values: npt.NDArray[np.float64], baseline: npt.NDArray[np.float64], n_all: int
) -> dict[str, Any]:
    """Return a row without its tests."""
    n_repeats, n_users = values.shape
    row: dict[str, Any] = {
        "n_users": n_users,
        "n_undefined": n_all - n_users,
        "n_repeats": n_repeats,
        "mean": float(values.mean()) if n_users else math.nan,
        "reference_mean": float(baseline.mean()) if n_users else math.nan,
    }
    row["difference"] = row["mean"] - row["reference_mean"]
    row |= dict.fromkeys(("change", "ci_low", "ci_high", "p_bootstrap"), math.nan)
    row["interval"] = "users, repeats" if n_repeats >= MIN_REPEATS else "users"
    row |= dict.fromkeys(("p", "p_holm", "d", "rank_biserial", "gain", "lose", "tie"), math.nan)
    return row
