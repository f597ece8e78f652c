"""Effect sizes of a paired comparison over users, and the users' differences."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from recbole_groupmix.core.statistics.bootstrap import paired_arrays

_ZERO = 1e-12  # a difference this small, relative to what is subtracted, is rounding error
_DIGITS = 12  # after the point, of a difference over the largest one: closer ones share a rank


@dataclass(frozen=True)
class Effect:
    """How large and how common a difference between paired users is.

    With d_u the difference of user u (value minus baseline, mean over repeats):

    Parameters
    ----------
    d : float
        Cohen's d of paired data (d_z): mean of d_u over their standard deviation (n - 1 in the
        denominator). NaN where all d_u are equal.
    rank_biserial : float
        Matched-pairs rank-biserial correlation, in [-1, 1]: with the non-zero d_u ranked by
        size (equal ones share the mean rank), the sum of the ranks of gains minus that of
        losses, over the sum of all ranks. NaN where no d_u differs from 0. Source: Kerby, "The
        Simple Difference Formula", 2014.
    gain, lose, tie : float
        Shares of users with d_u above, below and equal to 0; they add up to 1.
    """

    d: float
    rank_biserial: float
    gain: float
    lose: float
    tie: float


def effect_size(values: npt.NDArray[np.float64], baseline: npt.NDArray[np.float64]) -> Effect:
    """Return the effect sizes of `values` against `baseline`.

    Parameters
    ----------
    values, baseline : array of float, shape (n_repeats, n_users) or (n_users,)
        As for `user_differences`.

    Raises
    ------
    ValueError
        As `user_differences`.
    """
    differences = user_differences(values, baseline)
    n_users = len(differences)
    spread = float(differences.std(ddof=1))
    mean = float(differences.mean())
    moved = differences[differences != 0]
    gain = int(np.count_nonzero(moved > 0))
    return Effect(
        d=mean / spread if spread > _ZERO * abs(mean) else math.nan,
        rank_biserial=_rank_biserial(moved),
        gain=gain / n_users,
        lose=(len(moved) - gain) / n_users,
        tie=(n_users - len(moved)) / n_users,
    )


def user_differences(
    values: npt.NDArray[np.float64], baseline: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return each user's difference, the mean over repeats of value minus baseline.

    A difference that is rounding error is exactly 0.

    Parameters
    ----------
    values, baseline : array of float, shape (n_repeats, n_users) or (n_users,)
        A metric per repeat and user; same repeats in the same rows, same users in the same
        columns. A user with NaN anywhere, in either array, is left out.

    Returns
    -------
    array of float64, shape (n_complete_users,)

    Raises
    ------
    ValueError
        If shapes do not fit, a value is infinite, or fewer than 2 users are left.
    """
    values, baseline = paired_arrays(values, baseline)
    if values.ndim not in (1, 2) or 0 in values.shape[:-1]:
        raise ValueError(
            f"values have shape {values.shape}; they must be (n_repeats, n_users) or (n_users,)."
        )
    if np.isinf(values).any() or np.isinf(baseline).any():
        raise ValueError("a metric value is infinite; values must be finite, or NaN if undefined.")
    values, baseline = np.atleast_2d(values), np.atleast_2d(baseline)
    differences = (values - baseline).mean(axis=0)
    size = np.maximum(np.abs(values), np.abs(baseline)).max(axis=0)
    keep = ~np.isnan(differences)
    n_left = int(np.count_nonzero(keep))
    if n_left < 2:
        raise ValueError(
            f"{n_left} of {values.shape[1]} users have values everywhere; a paired comparison "
            "over users needs at least 2."
        )
    differences, size = differences[keep], size[keep]
    return np.where(np.abs(differences) <= _ZERO * size, 0.0, differences)


def _rank_biserial(moved: npt.NDArray[np.float64]) -> float:
    """Return the rank-biserial correlation of differences that are all other than 0."""
    if len(moved) == 0:
        return math.nan
    sizes = np.abs(moved)
    ranks = rankdata(np.round(sizes / sizes.max(), _DIGITS))
    return float(np.sum(np.sign(moved) * ranks) / np.sum(ranks))
