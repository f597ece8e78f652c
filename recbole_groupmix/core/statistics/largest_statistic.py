"""p-values of many statistics at once, corrected by the largest of them (Westfall and Young)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def largest_statistic_p(values: npt.ArrayLike, null: npt.ArrayLike) -> FloatArray:
    """Return p-values that hold for all statistics together, large values being extreme.

    Single-step maxT of Westfall and Young (1993). Each statistic is standardised by its mean and
    standard deviation over the relabellings and the data as they are, so that all of these are
    treated alike; then each is compared with the largest standardised statistic of every
    relabelling. Where the labels mean nothing, some p is at most ``c / (n + 1)`` in at most
    that share of data sets, whatever the number n of relabellings and however the statistics
    depend on each other.

    Parameters
    ----------
    values : array of float, shape (n_statistics,)
        Statistics of the data.
    null : array of float, shape (n_relabellings, n_statistics)
        The same of relabelled data.

    Returns
    -------
    float64 array, shape (n_statistics,)
        In [1 / (n_relabellings + 1), 1]. A statistic that is the same in all of them has p 1 and
        takes no part.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    observed, drawn = np.asarray(values, dtype=np.float64), np.asarray(null, dtype=np.float64)
    if observed.ndim != 1 or drawn.ndim != 2 or drawn.shape[1] != len(observed) or not len(drawn):
        raise ValueError(
            f"values has shape {observed.shape} and null {drawn.shape}; they must be "
            "(n_statistics,) and (n_relabellings, n_statistics)."
        )
    every = np.concatenate([observed[None], drawn])
    spread = every.std(axis=0)
    varies = spread > 1e-12 * np.maximum(np.abs(every).max(axis=0), 1e-300)
    standard = np.where(
        varies, (every - every.mean(axis=0)) / np.where(varies, spread, 1.0), -np.inf
    )
    largest = standard[1:].max(axis=1)
    at_least = (largest[:, None] >= standard[0]).sum(axis=0)
    return np.where(varies, (1.0 + at_least) / (1.0 + len(drawn)), 1.0)
