"""Null distribution of discrepancies: the same statistics for random groups of users."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.theory.discrepancy import FloatArray, discrepancies, group_subspaces

_DOMAIN = 0x6E756C6C


def null_discrepancies(
    matrix: Any,
    group_of_user: npt.ArrayLike,
    n_groups: int,
    d_max: int,
    n_relabellings: int,
    seed: int = 0,
) -> FloatArray:
    """Return Delta_d of all pairs of random groups of the same sizes, for several shuffles.

    A small group's subspace is estimated from few users and so lies far from all others, and
    discrepancies of groups of different sizes differ even where all users are alike. Shuffling
    the groups among the users measures this effect.

    Parameters
    ----------
    matrix, group_of_user, n_groups, d_max
        As for `group_discrepancies`.
    n_relabellings : int
        Number of shuffles, >= 1. Shuffle r depends on `seed` and r alone.
    seed : int
        Seed, >= 0.

    Returns
    -------
    float64 array, shape (n_relabellings, d_max, n_groups, n_groups)
        As `discrepancies`; NaN for d beyond the rank of a random group.

    Raises
    ------
    ValueError
        If `n_relabellings`, `d_max` or `seed` is out of its range.
    """
    if n_relabellings < 1 or seed < 0:
        raise ValueError(
            f"n_relabellings is {n_relabellings!r} and seed {seed!r}; they must be >= 1 and >= 0."
        )
    groups = np.asarray(group_of_user, dtype=np.int64)
    members = np.flatnonzero(groups >= 0)
    delta = np.empty((n_relabellings, d_max, n_groups, n_groups))
    for number in range(n_relabellings):
        rng = np.random.default_rng(np.random.SeedSequence([_DOMAIN, seed, number]))
        shuffled = np.full_like(groups, -1)
        shuffled[members] = rng.permutation(groups[members])
        delta[number] = discrepancies(group_subspaces(matrix, shuffled, n_groups, d_max))
    return delta
