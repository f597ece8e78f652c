"""Paired bootstrap over users and repeats, and Holm's correction of its p-values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MIN_REPEATS = 5
"""Fewest repeats that are resampled; with fewer the interval is over users only."""

_DOMAIN = 0x626F6F74
_CHUNK = 1 << 20  # counts held at a time: bounds memory to some 20 MiB
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
    values, baseline = paired_arrays(values, baseline)
    values, baseline = _complete_users(values, baseline)
    _check_settings(seed, n_boot, confidence)
    base_mean = _mean(baseline)
    if base_mean == 0:
        return Change(math.nan, math.nan, math.nan, math.nan)
    difference = values - baseline  # exactly 0 where both agree, which no ratio is
    resampled = _resampled_means([difference, baseline], seed, n_boot, resample_repeats)
    changes = _ratio(resampled[:, 0], resampled[:, 1])
    low, high = _percentiles(changes, confidence)
    n_below = int(np.count_nonzero(changes <= _ZERO))
    n_above = int(np.count_nonzero(changes >= -_ZERO))
    p = min(1.0, 2.0 * (1 + min(n_below, n_above)) / (n_boot + 1))
    return Change(_mean(difference) / base_mean, low, high, p)


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
    resampled = _resampled_means([values], seed, n_boot, resample_repeats)
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


def _resampled_means(
    arrays: Sequence[npt.NDArray[np.float64]],
    seed: int,
    n_boot: int,
    resample_repeats: bool | None,
) -> npt.NDArray[np.float64]:
    """Return the mean of each array in each resample, shape (n_boot, len(arrays)).

    A resample is a count per user, so its means are a product of matrices; the users' counts
    are made in chunks, after the repeats' counts, which makes the result independent of the
    size of a chunk.
    """
    n_repeats, n_users = arrays[0].shape
    rng = np.random.default_rng(np.random.SeedSequence([_DOMAIN, seed]))
    if resample_repeats is None:
        resample_repeats = n_repeats >= MIN_REPEATS
    if resample_repeats:
        rows = np.stack(arrays)
        row_counts = _resample_counts(rng, n_boot, n_repeats)
    else:
        rows = np.stack([array.mean(axis=0, keepdims=True) for array in arrays])
        row_counts = np.ones((n_boot, 1))
    columns = rows.reshape(-1, n_users).T
    means = np.empty((n_boot, len(arrays)))
    step = max(1, _CHUNK // n_users)
    for begin in range(0, n_boot, step):
        end = min(begin + step, n_boot)
        sums = _resample_counts(rng, end - begin, n_users) @ columns
        by_row = sums.reshape(end - begin, len(arrays), -1) * row_counts[begin:end, None, :]
        means[begin:end] = by_row.sum(axis=2) / (n_users * rows.shape[1])
    for column, array in enumerate(arrays):
        if np.ptp(array) == 0:  # the same in every resample: keep rounding out of it
            means[:, column] = array[0, 0]
    return means


def _resample_counts(
    rng: np.random.Generator, n_resamples: int, n: int
) -> npt.NDArray[np.float64]:
    """Return how often each of n things is drawn in n draws, shape (n_resamples, n)."""
    drawn = rng.integers(0, n, size=(n_resamples, n))
    drawn += np.arange(0, n_resamples * n, n)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=n_resamples * n)
    return counts.reshape(n_resamples, n).astype(np.float64)


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
