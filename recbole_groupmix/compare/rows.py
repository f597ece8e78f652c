"""The statistics of rows: two runs, one metric, one group each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.statistics.bootstrap import holm
from recbole_groupmix.core.statistics.effect import effect_size
from recbole_groupmix.core.statistics.resampling import MIN_REPEATS
from recbole_groupmix.core.statistics.two_tests import compared_changes

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
    changes = compared_changes(
        [complete[place] for place in tested],
        seed=seed,
        n_boot=n_boot,
        n_permutations=n_permutations,
        confidence=confidence,
    )
    for place, change in zip(tested, changes, strict=True):
        values, baseline = complete[place]
        rows[place] |= {
            "change": change.mean,
            "ci_low": change.ci_low,
            "ci_high": change.ci_high,
            "p_interval": change.p_interval,
            "p_permutation": change.p_permutation,
            "p_repeats": change.p_repeats,
            # a difference is tested where the ratio to a baseline of 0 is undefined, too
            "p": max(change.p_permutation, change.p_repeats)
            if math.isnan(change.mean)
            else change.p,
            **vars(effect_size(values, baseline)),
        }
    return rows


def corrected(p_values: Sequence[float], pairs: Sequence[_Pair]) -> list[float]:
    """Return Holm's corrected p-values of pairs of arrays, each comparison counted once.

    A pair with the values of an earlier one (the same mix under another name, a group of all
    users) has its p-value; a pair of equal arrays has its own, and does not count.
    """
    first: dict[bytes, int] = {}
    as_other = [
        first.setdefault(sha256(values.tobytes() + baseline.tobytes()).digest(), place)
        for place, (values, baseline) in enumerate(pairs)
    ]
    counted = [
        p if of == place and not np.array_equal(*pair, equal_nan=True) else math.nan
        for place, (p, of, pair) in enumerate(zip(p_values, as_other, pairs, strict=True))
    ]
    adjusted = holm(counted)
    return [
        p_values[place] if np.array_equal(*pairs[place], equal_nan=True) else adjusted[of]
        for place, of in enumerate(as_other)
    ]


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
    row |= dict.fromkeys(
        ("change", "ci_low", "ci_high", "p_interval", "p_permutation", "p_repeats"), math.nan
    )
    row["interval"] = "users, repeats" if n_repeats >= MIN_REPEATS else "users"
    row |= dict.fromkeys(("p", "p_holm", "d", "rank_biserial", "gain", "lose", "tie"), math.nan)
    return row
