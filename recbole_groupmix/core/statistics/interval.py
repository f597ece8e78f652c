"""An interval of a change, by percentiles of resamples, together with the p-values that are its inverse."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtr, stdtrit

ZERO = 1e-12
"""A relative change this small is rounding error: no change."""


class Interval(NamedTuple):
    """An interval of a change, and the levels from which on it leaves out "no change".

    At confidence 1 - p for any p above `p_more` an interval of the same kind lies wholly above 0,
    and for any p above `p_less` wholly below: a test that rejects where the smaller of the two is
    below .05 says the same as a look at the 95 % interval.
    """

    low: float
    high: float
    p_more: float
    p_less: float

    @property
    def p(self) -> float:
        """Two-sided p-value of "no change", in (0, 1]."""
        return min(self.p_more, self.p_less, 1.0)


def joined(first: Interval, second: Interval) -> Interval:
    """Return the least interval that holds both, with its p-values: the larger of the two."""
    return Interval(
        min(first.low, second.low),
        max(first.high, second.high),
        max(first.p_more, second.p_more),
        max(first.p_less, second.p_less),
    )


class Spread(NamedTuple):
    """How far resamples are to be trusted: the degrees of freedom of their variance, and its bias.

    Parameters
    ----------
    freedom : float
        Degrees of freedom, >= 1.
    ratio : float
        Standard error of an estimate over the standard deviation of its resamples, >= 1.
    """

    freedom: float
    ratio: float


def spread_of_users(n_users: int) -> Spread:
    """Return the spread of resamples of users, >= 2: they vary by (n - 1) / n of the variance."""
    return Spread(n_users - 1, math.sqrt(n_users / (n_users - 1)))


def spread_of_cells(residuals: npt.NDArray[np.float64]) -> Spread:
    """Return the spread of resamples of users and repeats.

    The error of a mean has a part of the users and a part of the repeats, each with its own degrees
    of freedom; those of their sum are approximated as Satterthwaite does. Where the few repeats
    make up most of it, resamples are as narrow as those of that few units.

    Parameters
    ----------
    residuals : array of float, shape (n_repeats, n_users)
        What a cell adds to the estimate, but for a factor; two repeats and two users or more.
    """
    parts, sizes = _parts(residuals)
    return spread_of_parts(parts, sizes) if parts.any() else spread_of_users(residuals.shape[1])


def spread_of_parts(parts: npt.NDArray[np.float64], sizes: npt.NDArray[np.int64]) -> Spread:
    """Return the spread of resamples of units of several kinds.

    Parameters
    ----------
    parts : array of float, shape (n_kinds,)
        The squared error of the estimate that comes from each kind of units, not all 0.
    sizes : array of int, shape (n_kinds,)
        Their numbers, each >= 2.
    """
    parts = parts / parts.sum()
    freedom = 1.0 / float((parts**2 / (sizes - 1)).sum())
    return Spread(freedom, 1.0 / math.sqrt(float((parts * (sizes - 1) / sizes).sum())))


def p_over_cells(differences: npt.NDArray[np.float64]) -> float:
    """Return the two-sided p-value of a mean of 0, for other users and other repeats.

    Student's t-test with the variance and the degrees of freedom of :func:`spread_of_cells`. It
    holds for 3 repeats or more, however far repeats differ as a whole; of 2 it is a little small.

    Parameters
    ----------
    differences : array of float, shape (n_repeats, n_users)
        Two repeats and two users or more.
    """
    mean, variance = float(differences.mean()), float(_parts(differences)[0].sum())
    if mean == 0 or variance == 0:
        return float(mean == 0)
    freedom = spread_of_cells(differences).freedom
    return float(2.0 * stdtr(freedom, -abs(mean) / math.sqrt(variance)))


def _parts(
    residuals: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return the squared errors of a mean of cells that come from users and repeats, and their numbers."""
    sizes = np.array(residuals.shape[::-1])
    of_each = [residuals.mean(axis=axis).var(ddof=1) for axis in (0, 1)]
    return np.array(of_each) / sizes, sizes


def percentile_interval(
    changes: npt.NDArray[np.float64], spread: Spread, confidence: float
) -> Interval:
    """Return the widened percentile interval of the changes of resamples, shape (n_boot,)."""
    low, high = percentile_ends(changes, widened_tail(confidence, spread))
    n_below = int(np.count_nonzero(changes <= ZERO))
    n_above = int(np.count_nonzero(changes >= -ZERO))
    p_more, p_less = (
        p_of_tail((1 + n_beyond) / (1 + len(changes)), spread) for n_beyond in (n_below, n_above)
    )
    return Interval(low, high, p_more, p_less)


def widened_tail(confidence: float, spread: Spread) -> float:
    """Return the share of resamples that a percentile interval leaves out at each end.

    Resamples of few units vary less than the estimate and are nearer to normal than to Student's
    distribution: percentiles at 2.5 and 97.5 % are too close. At ``Phi(-ratio * t)``, for n users
    ``Phi(-sqrt(n / (n - 1)) t)`` with the quantile t of n - 1 degrees of freedom, they are as far
    apart as the t-interval wherever resamples are normal. Sources: Hesterberg, "What Teachers
    Should Know About the Bootstrap", 2015, section 5.3; Satterthwaite, "An Approximate Distribution
    of Estimates of Variance Components", 1946.
    """
    quantile = stdtrit(spread.freedom, (1.0 + confidence) / 2.0)
    return float(ndtr(-spread.ratio * quantile))


def p_of_tail(share: float, spread: Spread) -> float:
    """Return 1 - confidence of the interval whose `widened_tail` is a share of resamples."""
    if share >= 0.5:
        return 1.0
    return float(2.0 * stdtr(spread.freedom, ndtri(share) / spread.ratio))


def percentile_ends(resampled: npt.NDArray[np.float64], share: float) -> tuple[float, float]:
    """Return the ends that leave out a share of the resamples on each side.

    Of B sorted resamples the ends are number ``share * (B + 1)``, rounded down, from either side,
    so that a value lies outside exactly if its p-value, with one added to the number of resamples
    beyond it and to B, is at most the share. With fewer than ``1 / share`` resamples they are the
    least and the largest, and the interval is too narrow.
    """
    n = len(resampled)
    place = max(int(share * (n + 1)), 1) - 1
    ordered = np.partition(resampled, [place, n - 1 - place])
    return float(ordered[place]), float(ordered[n - 1 - place])
