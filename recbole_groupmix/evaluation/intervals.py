"""Bootstrap intervals over users of a weighted mean over rows."""

from __future__ import annotations

import numpy as np

_CHUNK = 2**22  # counts drawn at a time


def cluster_interval(
    values: np.ndarray,
    weights: np.ndarray,
    users: np.ndarray,
    *,
    n_boot: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile interval of ``sum(w v) / sum(w)`` when users are resampled.

    All rows of a user go together.

    Parameters
    ----------
    values, weights : numpy.ndarray of float64, shape (n_rows,)
        Values without NaN, and weights >= 0.
    users : numpy.ndarray of int, shape (n_rows,)
        User of each row.
    n_boot : int
        Resamples.
    confidence : float
        In (0, 1).
    seed : int
        Seed of the resampling.

    Returns
    -------
    low, high : float
        NaN with fewer than two users or without weight.
    """
    _, position = np.unique(users, return_inverse=True)
    n_users = int(position.max()) + 1 if len(position) else 0
    if n_users < 2 or not weights.sum() > 0:
        return float("nan"), float("nan")
    top = np.bincount(position, weights * values, minlength=n_users)
    bottom = np.bincount(position, weights, minlength=n_users)
    rng = np.random.default_rng(np.random.SeedSequence([0x67726F75, seed]))
    ratios, step = [], max(_CHUNK // n_users, 1)
    for start in range(0, n_boot, step):
        size = min(step, n_boot - start)
        drawn = rng.integers(n_users, size=(size, n_users))
        ratios.append(top[drawn].sum(axis=1) / bottom[drawn].sum(axis=1))
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(np.concatenate(ratios), [tail, 100 - tail])
    return float(low), float(high)
