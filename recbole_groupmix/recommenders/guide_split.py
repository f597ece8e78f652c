"""A few of each user's training items, held back from training: what a gate may look at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recbole_groupmix.adapters.seeding import GUIDE, stream


def guide_places(
    counts: npt.NDArray[np.int64], longest: int, share: float, seed: int
) -> npt.NDArray[np.bool_]:
    """Return which of each user's training items guide the gate.

    A user with n items has ``share * n`` guide items, rounded, at least one, and one fewer than n at
    the most: a user with one item has none.

    Parameters
    ----------
    counts : numpy.ndarray of int64, shape (n_users,)
        Training items of each user, which stand first in a row of a history matrix.
    longest : int
        Columns of the history matrix.
    share : float
        Share of guide items, in [0, 1); 0 for none at all.
    seed : int
        Same seed and counts, same places.

    Returns
    -------
    numpy.ndarray of bool, shape (n_users, longest)
    """
    if not share:
        return np.zeros((len(counts), longest), bool)
    order = stream(GUIDE, seed).random((len(counts), longest), dtype=np.float32)
    order[np.arange(longest) >= counts[:, None]] = np.inf
    rank = order.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    n_guide = np.minimum(np.maximum(np.rint(share * counts), 1), np.maximum(counts - 1, 0))
    return np.asarray(rank < n_guide[:, None])
