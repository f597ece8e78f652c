"""Paired bootstrap over users and repeats, and Holm's correction of its p-values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.statistics.resampling import resampled_means

_ZERO = 1e-12  # a relative change this small is rounding error: no change


@dataclass(frozen=True)
class Change:
    """Relative change against a baseline: ratio of means minus 1, a fraction.

    Parameters
    ----------
    mean : float
        Change of the mean over all users and repeats, 0.05 for 5 % more; NaN, like the other
        three, where the baseline's mean is 0.
    ci_low, ci_high : float
        Ends of the percentile interval. `ci_high` is infinite where the baseline's mean is 0
        in more resamples than the interval leaves out.
    p : float
        Two-sided bootstrap p-value of "no change", in (0, 1].
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
    repeats with replacement, the same ones for both arrays. The p-value is twice the smaller
    part of resamples on either side of no change, with one added to each count.

    With resampled repeats the interval errs on the wide side where the noise of single users
    in single repeats outweighs what users keep over all repeats, since that noise comes in
    with the users and again with the repeats. With few repeats that differ as a whole it is
    somewhat narrow, and without resampling them it ignores such differences.

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
    complete = [_complete_users(*paired_arrays(*pair)) for pair in pairs]
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for place, (_, baseline) in enumerate(complete):
        by_shape.setdefault(baseline.shape, []).append(place)
    changes: dict[int, Change] = {}
    for places in by_shape.values():
        arrays = []
        for place in places:
            values, baseline = complete[place]
            arrays += [values - baseline, baseline]  # exactly 0 where both agree, as no ratio is
        means = resampled_means(arrays, seed, n_boot, resample_repeats)
        for i, place in enumerate(places):
            difference, baseline = arrays[2 * i : 2 * i + 2]
            resampled = means[:, 2 * i : 2 * i + 2]
            changes[place] = _change(_mean(difference), _mean(baseline), resampled, confidence)
    return [changes[place] for place in range(len(pairs))]


def _change(
    difference: float, baseline: float, resampled: npt.NDArray[np.float64], confidence: float
) -> Change:
    """Return the change of a mean difference, from those of resamples, shape (n_boot, 2)."""
    if baseline == 0:
        return Change(math.nan, math.nan, math.nan, math.nan)
    changes = _ratio(resampled[:, 0], resampled[:, 1])
    low, high = _percentiles(changes, confidence)
    n_below = int(np.count_nonzero(changes <= _ZERO))
    n_above = int(np.count_nonzero(changes >= -_ZERO))
    p = min(1.0, 2.0 * (1 + min(n_below, n_above)) / (len(changes) + 1))
    return Change(difference / baseline, low, high, p)


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
    """Return the mean over users and repeats and the ends of its percentile interval.

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
    (values,) = _complete_users(np.asarray(values, dtype=np.float64))
    _check_settings(seed, n_boot, confidence)
    resampled = resampled_means([values], seed, n_boot, resample_repeats)
    low, high = _percentiles(resampled[:, 0], confidence)
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


def _complete_users(*arrays: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
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


def _percentiles(resampled: npt.NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Return the ends of the interval, rounded outwards to a resample (some are infinite)."""
    tail = (1.0 - confidence) / 2.0
    low = np.quantile(resampled, tail, method="lower")
    high = np.quantile(resampled, 1.0 - tail, method="higher")
    return float(low), float(high)
