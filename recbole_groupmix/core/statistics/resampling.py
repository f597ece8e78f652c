"""Resamples of users and repeats, and the means of arrays in each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

MIN_REPEATS = 5
"""Fewest repeats that are resampled; with fewer an interval is over users only."""

_DOMAIN = 0x626F6F74
_CHUNK = 1 << 20  # counts held at a time: bounds memory to some 20 MiB


def resampled_means(
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
        row_counts = resample_counts(rng, n_boot, n_repeats)
    else:
        rows = np.stack([array.mean(axis=0, keepdims=True) for array in arrays])
        row_counts = np.ones((n_boot, 1))
    columns = rows.reshape(-1, n_users).T
    means = np.empty((n_boot, len(arrays)))
    step = max(1, _CHUNK // n_users)
    for begin in range(0, n_boot, step):
        end = min(begin + step, n_boot)
        sums = resample_counts(rng, end - begin, n_users) @ columns
        by_row = sums.reshape(end - begin, len(arrays), -1) * row_counts[begin:end, None, :]
        means[begin:end] = by_row.sum(axis=2) / (n_users * rows.shape[1])
    for column, array in enumerate(arrays):
        if np.ptp(array) == 0:  # the same in every resample: keep rounding out of it
            means[:, column] = array[0, 0]
    return means


def resample_counts(rng: np.random.Generator, n_resamples: int, n: int) -> npt.NDArray[np.float64]:
    """Return how often each of n units is drawn in n draws, shape (n_resamples, n)."""
    drawn = rng.integers(0, n, size=(n_resamples, n))
    drawn += np.arange(0, n_resamples * n, n)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=n_resamples * n)
    return counts.reshape(n_resamples, n).astype(np.float64)
