"""Fieller's interval of a ratio of two means over the same users."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from recbole_groupmix.core.statistics.interval import ZERO, Interval

Floats = npt.NDArray[np.float64]

FEW_USERS = 50
"""Below this many users percentiles of resamples hold the true change too rarely."""
MANY_ZEROS = 0.4
"""From this share of users with a baseline of 0 on, too."""


def needs_fieller(baseline: Floats) -> bool:
    """Whether percentiles of resamples cannot be trusted: few users, or many with a baseline of 0.

    Parameters
    ----------
    baseline : array of float, shape (n_repeats, n_users)
        Without NaN.
    """
    n_users = baseline.shape[1]
    n_zero = n_users - np.count_nonzero(baseline.any(axis=0))
    return bool(n_users < FEW_USERS or n_zero >= MANY_ZEROS * n_users)


def fieller_of_pair(values: Floats, baseline: Floats, confidence: float) -> Interval:
    """Return `fieller_interval` of the relative change of the users' means over repeats.

    Differences that are rounding error count as none.

    Parameters
    ----------
    values, baseline : array of float, shape (n_repeats, n_users)
        Without NaN.
    confidence : float
        Level of the interval, in (0, 1).
    """
    difference = (values - baseline).mean(axis=0)
    size = np.maximum(np.abs(values), np.abs(baseline)).max(axis=0)
    difference[np.abs(difference) <= ZERO * size] = 0.0
    least = -1.0 if values.min() >= 0 and baseline.min() >= 0 else -math.inf
    return fieller_interval(difference, baseline.mean(axis=0), confidence=confidence, least=least)


def fieller_interval(
    difference: Floats, baseline: Floats, *, confidence: float = 0.95, least: float = -math.inf
) -> Interval:
    """Return the interval of ``mean(difference) / mean(baseline)`` over paired users.

    For the true change c the mean of ``difference - c * baseline`` over users is 0 but for chance.
    The interval holds every c for which Student's t-test does not reject that::

        (D - c B)^2 <= t^2 (s_DD - 2 c s_DB + c^2 s_BB) / n

    with means D and B, variances and covariance s (n - 1 in the denominator) and the quantile t
    of n - 1 degrees of freedom. It needs no resamples and no normal ratio, only a mean that is
    about normal. Where B is not told from 0, c is bounded on one side or not at all. Source:
    Fieller, "Some Problems in Interval Estimation", 1954.

    At c = 0 the test is the paired t-test of `difference`, whose p-value is the interval's, unless
    the values of c that are left are in two parts: the interval spans both, and so does p.

    Parameters
    ----------
    difference, baseline : array of float, shape (n_users,)
        Difference to the baseline, and the baseline, of each user.
    confidence : float
        Level of the interval, in (0, 1).
    least : float
        No change can be less: -1 for values that are never negative, minus infinity otherwise.

    Raises
    ------
    ValueError
        If there are fewer than 2 users, or `least` is neither of the two.
    """
    n = len(baseline)
    if n < 2 or least not in (-1, -math.inf):
        raise ValueError(
            f"there are {n} users and the least change is {least}; there must be 2 users or more, "
            "and -1 or -inf."
        )
    if not difference.any():
        return Interval(0.0, 0.0, 1.0, 1.0)
    unit = max(float(np.abs(baseline).max()), float(np.abs(difference).max()))
    difference, baseline = difference / unit, baseline / unit
    mean, base = float(difference.mean()), float(baseline.mean())
    cov = np.cov(difference, baseline) / n
    t = float(stdtrit(n - 1, (1.0 + confidence) / 2.0))
    # c^2 a - 2 c b + d <= 0
    a, b, d = (
        base * base - t * t * cov[1, 1],
        base * mean - t * t * cov[0, 1],
        mean * mean - t * t * cov[0, 0],
    )
    far = [_distance(mean, cov[0, 0]), _distance(base, cov[1, 1])]
    value = _distance(mean + base, cov.sum())
    low, high = least, math.inf
    if a > 0:
        low, high = sorted(_roots(a, b, max(b * b - a * d, 0.0), d))
        low = max(low, least)
    elif least == -1 and value > t:  # of two rays one is below -1: the product of 1 + c is < 0
        low = max(_roots(a, b, b * b - a * d, d))
    p_more = p_less = 1.0
    if mean * base > 0:
        bounded = max(far[1], value) if least == -1 else far[1]
        p_more = _p(min(far[0], bounded), n)
    elif mean * base < 0:
        p_less = _p(min(far), n)
    return Interval(low, high, p_more, p_less)


def _distance(mean: float, variance: float) -> float:
    """Return how many standard errors a mean lies from 0."""
    if mean == 0:
        return 0.0
    return abs(mean) / math.sqrt(variance) if variance > 0 else math.inf


def _p(distance: float, n: int) -> float:
    return float(2.0 * stdtr(n - 1, -distance))


def _roots(a: float, b: float, square: float, d: float) -> list[float]:
    """Return the roots of ``a c^2 - 2 b c + d``, without cancellation."""
    q = b + math.copysign(math.sqrt(square), b)
    if q == 0:
        return [0.0, 0.0]
    return [d / q, q / a] if a else [d / q]
