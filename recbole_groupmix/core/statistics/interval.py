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


def percentile_interval(
    changes: npt.NDArray[np.float64], n_users: float, confidence: float
) -> Interval:
    """Return the widened percentile interval of the changes of resamples, shape (n_boot,)."""
    low, high = percentile_ends(changes, widened_tail(confidence, n_users))
    n_below = int(np.count_nonzero(changes <= ZERO))
    n_above = int(np.count_nonzero(changes >= -ZERO))
    p_more, p_less = (
        p_of_tail((1 + n_beyond) / (1 + len(changes)), n_users) for n_beyond in (n_below, n_above)
    )
    return Interval(low, high, p_more, p_less)


def widened_tail(confidence: float, n: float) -> float:
    """Return the share of resamples that a percentile interval of n units leaves out at each end.

    Resamples of n units vary by (n - 1) / n of the variance of the estimate, and are nearer to
    normal than to Student's distribution with n - 1 degrees of freedom: percentiles at 2.5 and
    97.5 % are too close. At ``Phi(-sqrt(n / (n - 1)) t)``, with t the quantile of that
    distribution, they are as far apart as the t-interval wherever resamples are normal. Source:
    Hesterberg, "What Teachers Should Know About the Bootstrap", 2015, section 5.3.

    Parameters
    ----------
    confidence : float
        Level of the interval, in (0, 1).
    n : float
        Number of units that are resampled, >= 2.
    """
    quantile = stdtrit(n - 1, (1.0 + confidence) / 2.0)
    return float(ndtr(-math.sqrt(n / (n - 1)) * quantile))


def p_of_tail(share: float, n: float) -> float:
    """Return 1 - confidence of the interval whose `widened_tail` is a share of resamples."""
    if share >= 0.5:
        return 1.0
    return float(2.0 * stdtr(n - 1, ndtri(share) / math.sqrt(n / (n - 1))))


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
