"""Paired intervals of a relative change over users and repeats, and Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.statistics.fieller import fieller_of_pair, needs_fieller
from recbole_groupmix.core.statistics.interval import (
    Interval,
    Spread,
    joined,
    percentile_ends,
    percentile_interval,
    spread_of_cells,
    spread_of_users,
    widened_tail,
)
from recbole_groupmix.core.statistics.resampling import MIN_REPEATS, resampled_means


@dataclass(frozen=True)
class Change:
    """Relative change against a baseline: ratio of means minus 1, a fraction.

    Parameters
    ----------
    mean : float
        Change of the mean over all users and repeats, 0.05 for 5 % more; NaN, like the other
        three, where the baseline's mean is 0.
    ci_low, ci_high : float
        Ends of the interval; infinite where the baseline's mean is too uncertain to bound it.
    p : float
        Two-sided p-value of "no change", in (0, 1]: below .05 where a 95 % interval leaves out 0.
    """

    mean: float
    ci_low: float
    ci_high: float
    p: float


def relative_change(
    values: npt.NDArray[np.float64],
    baseline: npt.NDArray[np.float64],
    *,
    seed: int,
    n_boot: int = 10_000,
    confidence: float = 0.95,
    resample_repeats: bool | None = None,
) -> Change:
    """Return the relative change of the mean from `baseline` to `values`, with its interval.

    Paired percentile bootstrap: each resample draws users and, with enough repeats, also
    repeats with replacement, the same ones for both arrays. The percentiles are widened for the
    number of users, and of repeats where these differ as a whole
    (:func:`~recbole_groupmix.core.statistics.interval.widened_tail`).

    With few users, or many whose baseline is 0
    (:func:`~recbole_groupmix.core.statistics.fieller.needs_fieller`), resamples do not show how
    uncertain a ratio is. Then the interval is Fieller's; where repeats are resampled, the least
    one that holds both his and the bootstrap's. It can be unbounded.

    The p-value is inverted from the interval: it is below 1 - `confidence` exactly if the interval
    leaves out 0 (unless `n_boot` is too small for the percentiles: see
    :func:`~recbole_groupmix.core.statistics.interval.percentile_ends`).

    With resampled repeats the interval errs on the wide side where the noise of single users
    in single repeats outweighs what users keep over all repeats, since that noise comes in
    with the users and again with the repeats. Without resampling them it ignores how far
    repeats differ as a whole.

    Parameters
    ----------
    values, baseline : array of float, shape (n_repeats, n_users)
        A metric per repeat and user; same repeats in the same rows, same users in the same
        columns. A user with NaN anywhere, in either array, is left out of both.
    seed : int
        Seed of the resamples, >= 0; equal seeds and shapes give equal resamples.
    n_boot : int
        Number of resamples, >= 1.
    confidence : float
        Level of the interval, in (0, 1).
    resample_repeats : bool, optional
        Whether repeats are resampled too; by default from 5 repeats on.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is infinite, fewer than 2 users are left, or `seed`,
        `n_boot` or `confidence` is out of range.
    """
    (change,) = relative_changes(
        [(values, baseline)],
        seed=seed,
        n_boot=n_boot,
        confidence=confidence,
        resample_repeats=resample_repeats,
    )
    return change


def relative_changes(
    pairs: Sequence[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]],
    *,
    seed: int,
    n_boot: int = 10_000,
    confidence: float = 0.95,
    resample_repeats: bool | None = None,
) -> list[Change]:
    """Return `relative_change` of each pair of arrays, in far less time.

    Resamples depend on the seed, the number of repeats and the number of users with values
    everywhere, so pairs that agree in these share theirs, and making them is what takes long.

    Parameters
    ----------
    pairs : sequence of (values, baseline)
        As for `relative_change`; the shapes of two pairs may differ.
    seed, n_boot, confidence, resample_repeats
        As for `relative_change`.

    Raises
    ------
    ValueError
        As `relative_change`.
    """
    _check_settings(seed, n_boot, confidence)
    complete = [complete_users(*paired_arrays(*pair)) for pair in pairs]
    if resample_repeats is None:
        repeated = [baseline.shape[0] >= MIN_REPEATS for _, baseline in complete]
    else:
        repeated = [resample_repeats] * len(complete)
    by_shape: dict[tuple[int, ...], list[int]] = {}
    intervals: dict[int, Interval] = {}
    for place, (values, baseline) in enumerate(complete):
        if needs_fieller(baseline):
            intervals[place] = fieller_of_pair(values, baseline, confidence)
        if repeated[place] or place not in intervals:
            by_shape.setdefault(baseline.shape, []).append(place)
    for places in by_shape.values():
        arrays = []
        for place in places:
            values, baseline = complete[place]
            arrays += [values - baseline, baseline]  # exactly 0 where both agree, as no ratio is
        means = resampled_means(arrays, seed, n_boot, resample_repeats)
        for i, place in enumerate(places):
            changes = _ratio(means[:, 2 * i], means[:, 2 * i + 1])
            difference, baseline = arrays[2 * i : 2 * i + 2]
            ratio = _mean(difference) / (_mean(baseline) or 1.0)
            spread = _spread(difference - ratio * baseline, repeated[place])
            found = percentile_interval(changes, spread, confidence)
            known = intervals.get(place)
            intervals[place] = found if known is None else joined(known, found)
    return [
        _change(values, baseline, intervals[place])
        for place, (values, baseline) in enumerate(complete)
    ]


def _spread(residuals: npt.NDArray[np.float64], repeats: bool) -> Spread:
    """Return how far resamples are to be trusted, by the residuals of cells."""
    if repeats and len(residuals) > 1:
        return spread_of_cells(residuals)
    return spread_of_users(residuals.shape[1])


def _change(
    values: npt.NDArray[np.float64], baseline: npt.NDArray[np.float64], interval: Interval
) -> Change:
    base = _mean(baseline)
    if base == 0:
        return Change(math.nan, math.nan, math.nan, math.nan)
    return Change(_mean(values - baseline) / base, interval.low, interval.high, interval.p)


def paired_arrays(
    values: npt.ArrayLike, baseline: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return both sides of a paired comparison as float64 arrays of one shape.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    left, right = np.asarray(values, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    if left.shape != right.shape:
        raise ValueError(
            f"values have shape {left.shape} but the baseline {right.shape}; a paired "
            "comparison needs the same repeats and users in both."
        )
    return left, right


def mean_interval(
    values: npt.NDArray[np.float64],
    *,
    seed: int,
    n_boot: int = 10_000,
    confidence: float = 0.95,
    resample_repeats: bool | None = None,
) -> tuple[float, float, float]:
    """Return the mean over users and repeats and the ends of its interval.

    The percentiles of resamples, widened for the number of users.

    Parameters
    ----------
    values : array of float, shape (n_repeats, n_users)
        A metric per repeat and user; a user with NaN anywhere is left out.
    seed, n_boot, confidence, resample_repeats
        As for `relative_change`.

    Raises
    ------
    ValueError
        As `relative_change`.
    """
    (values,) = complete_users(np.asarray(values, dtype=np.float64))
    _check_settings(seed, n_boot, confidence)
    resampled = resampled_means([values], seed, n_boot, resample_repeats)
    if resample_repeats is None:
        resample_repeats = len(values) >= MIN_REPEATS
    tail = widened_tail(confidence, _spread(values - values.mean(), resample_repeats))
    low, high = percentile_ends(resampled[:, 0], tail)
    return _mean(values), low, high


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's step-down adjusted p-values, in the order given.

    The i-th smallest of m p-values is multiplied by m - i + 1, then raised to its predecessor
    and cut at 1. NaN (a test that could not be made) stays NaN and does not count.

    Raises
    ------
    ValueError
        If a p-value lies outside [0, 1].
    """
    for p in p_values:
        if not (math.isnan(p) or 0 <= p <= 1):
            raise ValueError(f"p-value {p!r} lies outside [0, 1].")
    ascending = sorted((p, i) for i, p in enumerate(p_values) if not math.isnan(p))
    adjusted = [math.nan] * len(p_values)
    running = 0.0
    for step, (p, i) in enumerate(ascending):
        running = max(running, min(1.0, (len(ascending) - step) * p))
        adjusted[i] = running
    return adjusted


def _check_settings(seed: int, n_boot: int, confidence: float) -> None:
    if seed < 0 or n_boot < 1 or not 0 < confidence < 1:
        raise ValueError(
            f"seed is {seed}, n_boot {n_boot} and confidence {confidence}; they must be >= 0, "
            ">= 1 and between 0 and 1."
        )


def complete_users(*arrays: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    """Return the arrays, all of one shape, with only the users that have no NaN in any."""
    shape = arrays[0].shape
    if len(shape) != 2 or shape[0] == 0:
        raise ValueError(f"values have shape {shape}; they must be (n_repeats, n_users).")
    if any(np.isinf(array).any() for array in arrays):
        raise ValueError("a metric value is infinite; values must be finite, or NaN if undefined.")
    keep = ~np.any([np.isnan(array).any(axis=0) for array in arrays], axis=0)
    n_left = int(np.count_nonzero(keep))
    if n_left < 2:
        raise ValueError(
            f"{n_left} of {shape[1]} users have values everywhere; an interval over users needs "
            "at least 2."
        )
    return [array[:, keep] for array in arrays]


def _mean(array: npt.NDArray[np.float64]) -> float:
    return float(array[0, 0]) if np.ptp(array) == 0 else float(array.mean())


def _ratio(
    difference: npt.NDArray[np.float64], baseline: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return difference / baseline; over a baseline of 0, no difference is no change."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = difference / baseline
    return np.where((difference == 0) & (baseline == 0), 0.0, ratio)
