"""Bootstrap intervals over users of several weighted means."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from recbole_groupmix.core.statistics.interval import (
    percentile_ends,
    spread_of_users,
    widened_tail,
)
from recbole_groupmix.core.statistics.resampling import resample_counts
from recbole_groupmix.evaluation.measures import RowValues

_CHUNK = 2**18  # counts at a time: stay in the caches of a processor


def sums_per_user(
    values: Mapping[str, RowValues], position: np.ndarray, n_users: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sum weight times value, and weight, over each user's rows.

    Parameters
    ----------
    values : mapping of str to RowValues
        Values of the rows by metric.
    position : numpy.ndarray of int, shape (n_rows,)
        User of every row, in [0, n_users).
    n_users : int
        Number of users.

    Returns
    -------
    tuple of two numpy.ndarray of float64, shape (n_users, n_metrics)
        For :func:`cluster_intervals`; the second is 0 where a user's value is undefined.
    """
    top, bottom = np.zeros((2, n_users, len(values)))
    for column, row_values in enumerate(values.values()):
        weight = np.where(np.isnan(row_values.values), 0.0, row_values.weights)
        product = weight * np.nan_to_num(row_values.values)
        top[:, column] = np.bincount(position, product, minlength=n_users)
        bottom[:, column] = np.bincount(position, weight, minlength=n_users)
    return top, bottom


def cluster_intervals(
    top: np.ndarray,
    bottom: np.ndarray,
    *,
    n_boot: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> np.ndarray:
    """Return percentile intervals of ``sum(top) / sum(bottom)`` when users are resampled.

    The percentiles are widened for the number of users with a value
    (:func:`~recbole_groupmix.core.statistics.interval.widened_tail`). A user's rows go together: ``top`` holds the sum of weight times value over a user's rows,
    ``bottom`` the sum of the weights. All metrics share the resamples.

    Parameters
    ----------
    top, bottom : numpy.ndarray of float64, shape (n_users, n_metrics)
        Sums per user; ``bottom`` 0 where a user's value is undefined.
    n_boot : int
        Resamples.
    confidence : float
        In (0, 1).
    seed : int
        Seed of the resampling.

    Returns
    -------
    numpy.ndarray of float64, shape (2, n_metrics)
        Lower and upper ends; NaN where fewer than two users have a value.
    """
    n_users, n_metrics = top.shape
    intervals = np.full((2, n_metrics), np.nan)
    known = np.flatnonzero((bottom > 0).sum(axis=0) >= 2)
    if len(known) == 0:
        return intervals
    top, bottom = top[:, known], bottom[:, known]
    rng = np.random.default_rng(np.random.SeedSequence([0x67726F75, seed]))
    ratios, step = [], max(_CHUNK // n_users, 1)
    for start in range(0, n_boot, step):
        size = min(step, n_boot - start)
        counts = resample_counts(rng, size, n_users)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratios.append((counts @ top) / (counts @ bottom))
    drawn = np.concatenate(ratios)
    for column, metric in enumerate(known):
        resampled = drawn[:, column]
        spread = spread_of_users(int(np.count_nonzero(bottom[:, column] > 0)))
        intervals[:, metric] = percentile_ends(
            resampled[~np.isnan(resampled)], widened_tail(confidence, spread)
        )
    return intervals
