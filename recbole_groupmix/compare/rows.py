"""The statistics of one row: two runs, one metric, one group."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.bootstrap import MIN_REPEATS, relative_change
from recbole_groupmix.core.effect import effect_size
from recbole_groupmix.core.permutation import permutation_test


def compared(
    values: npt.NDArray[np.float64],
    baseline: npt.NDArray[np.float64],
    *,
    seed: int,
    n_boot: int,
    n_permutations: int,
    confidence: float,
) -> dict[str, Any]:
    """Compare two arrays (n_repeats, n_users); all NaN where fewer than 2 users have values."""
    n_repeats, n_all = values.shape
    complete = ~(np.isnan(values) | np.isnan(baseline)).any(axis=0)
    values, baseline = values[:, complete], baseline[:, complete]
    n_users = values.shape[1]
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
    if n_users < 2:
        return row
    change = relative_change(values, baseline, seed=seed, n_boot=n_boot, confidence=confidence)
    effect = effect_size(values, baseline)
    return row | {
        "change": change.mean,
        "ci_low": change.ci_low,
        "ci_high": change.ci_high,
        "p_bootstrap": change.p,
        "p": permutation_test(values, baseline, seed=seed, n_permutations=n_permutations),
        **vars(effect),
    }
