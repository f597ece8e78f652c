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
    repeats_seed: int | None = None,
) -> npt.NDArray[np.float64]:
    """Return the mean of each array, shape (n_repeats, n_users), in each resample.

    The result has shape (n_boot, len(arrays)). With a `repeats_seed` the repeats are drawn by a
    generator of their own, so that arrays of other users and as many repeats have the same ones in
    each resample.
    """
    n_repeats = len(arrays[0])
    rng = generator(seed)
    if resample_repeats is None:
        resample_repeats = n_repeats >= MIN_REPEATS
    if resample_repeats:
        rows = np.stack(arrays)
        of_repeats = rng if repeats_seed is None else generator(repeats_seed)
        row_counts = resample_counts(of_repeats, n_boot, n_repeats)
    else:
        rows = np.stack([array.mean(axis=0, keepdims=True) for array in arrays])
        row_counts = np.ones((n_boot, 1))
    means = crossed_means(rng, rows, row_counts)
    for column, array in enumerate(arrays):
        if np.ptp(array) == 0:  # the same in every resample: keep rounding out of it
            means[:, column] = array[0, 0]
    return means


def generator(seed: int) -> np.random.Generator:
    """Return the generator of the resamples of a seed."""
    return np.random.default_rng(np.random.SeedSequence([_DOMAIN, seed]))


def crossed_means(
    rng: np.random.Generator,
    rows: npt.NDArray[np.float64],
    row_counts: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return the mean over rows and users in each resample, whose users are drawn here.

    A resample is a count per user, so its means are a product of matrices; the users' counts
    are made in chunks, which does not change the result.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the users.
    rows : array of float, shape (n_arrays, n_rows, n_users)
        Values of every array.
    row_counts : array of float, shape (n_boot, n_rows)
        How often each row is drawn in each resample.

    Returns
    -------
    array of float64, shape (n_boot, n_arrays)
    """
    n_arrays, n_rows, n_users = rows.shape
    n_boot = len(row_counts)
    columns = rows.reshape(-1, n_users).T
    means = np.empty((n_boot, n_arrays))
    step = max(1, _CHUNK // n_users)
    for begin in range(0, n_boot, step):
        end = min(begin + step, n_boot)
        sums = resample_counts(rng, end - begin, n_users) @ columns
        by_row = sums.reshape(end - begin, n_arrays, -1) * row_counts[begin:end, None, :]
        means[begin:end] = by_row.sum(axis=2) / (n_users * n_rows)
    return means


def resample_counts(rng: np.random.Generator, n_resamples: int, n: int) -> npt.NDArray[np.float64]:
    """Return how often each of n units is drawn in n draws, shape (n_resamples, n)."""
    drawn = rng.integers(0, n, size=(n_resamples, n))
    drawn += np.arange(0, n_resamples * n, n)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=n_resamples * n)
    return counts.reshape(n_resamples, n).astype(np.float64)
