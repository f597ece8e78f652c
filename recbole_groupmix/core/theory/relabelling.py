"""The null distribution of discrepancies: the same statistics for random groups of users."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.stats import rankdata

from recbole_groupmix.core.theory.discrepancy import FloatArray, discrepancies, group_subspaces

_DOMAIN = 0x6E756C6C
#: Most strata of activity, and users of a group that a stratum holds on average, or more.
MOST_STRATA, USERS_OF_A_GROUP = 10, 5


def activity_strata(
    n_interactions: npt.ArrayLike, group_of_user: npt.ArrayLike, n_groups: int
) -> npt.NDArray[np.int64]:
    """Return the stratum of activity of each user, the least active first.

    Strata hold about equally many users: ten, or fewer where a stratum would hold fewer than
    `USERS_OF_A_GROUP` users for each group. Users with equally many interactions are in the same
    stratum, that of their mean rank, so where many have the same number there are fewer strata, of
    unequal sizes.

    Parameters
    ----------
    n_interactions : array of int, shape (n_users,)
        Interactions of each user.
    group_of_user : array of int, shape (n_users,)
        Group of each user, -1 for users to leave out.
    n_groups : int
        Number of groups, >= 1.

    Returns
    -------
    int64 array, shape (n_users,)
        In [0, 10); -1 for users who are left out.
    """
    activity, groups = np.asarray(n_interactions), np.asarray(group_of_user)
    members = np.flatnonzero(groups >= 0)
    strata = np.full(len(groups), -1, dtype=np.int64)
    if not len(members):
        return strata
    number = min(max(len(members) // (USERS_OF_A_GROUP * n_groups), 1), MOST_STRATA)
    of_members = activity[members]
    middle = (rankdata(of_members) - 0.5) / len(members)  # of all users as active, in (0, 1)
    strata[members] = np.floor(middle * number)
    return strata


def movable_share(
    strata: npt.NDArray[np.int64], group_of_user: npt.ArrayLike, n_groups: int
) -> float:
    """Return how much freedom the strata leave: 1 where all have the groups in equal shares.

    It is the share of users that a relabelling within strata puts into another group, relative
    to one without strata; 0 where each stratum holds users of a single group.
    """
    groups = np.asarray(group_of_user)
    members = groups >= 0
    counts = np.zeros((int(strata.max(initial=0)) + 1, n_groups))
    np.add.at(counts, (strata[members], groups[members]), 1.0)

    def moved(table: FloatArray) -> float:
        of_stratum = table.sum(axis=1)
        filled = of_stratum > 0
        stay = (np.square(table[filled]).sum(axis=1) / of_stratum[filled]).sum()
        return float(of_stratum.sum() - stay)

    whole = moved(counts.sum(axis=0, keepdims=True))
    return moved(counts) / whole if whole > 0 else 1.0


def null_discrepancies(
    matrix: Any,
    group_of_user: npt.ArrayLike,
    n_groups: int,
    d_max: int,
    n_relabellings: int,
    seed: int = 0,
) -> FloatArray:
    """Return Delta_d of all pairs of random groups that are as large and as active.

    A small group's subspace is estimated from few users and so lies far from all others, and so
    does that of users with few interactions: discrepancies of groups that differ in size or in
    activity differ even where all users are alike. Shuffling the groups among the users of the
    same activity (`activity_strata`) measures both effects.

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
        As `discrepancies` of rough subspaces; NaN for d beyond the rank of a random group.

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
    sparse = csr_matrix(matrix, dtype=np.float64)
    strata = activity_strata(np.diff(sparse.indptr), groups, n_groups)
    members = np.flatnonzero(groups >= 0)
    in_order = members[np.argsort(strata[members], kind="stable")]
    delta = np.empty((n_relabellings, d_max, n_groups, n_groups))
    for number in range(n_relabellings):
        rng = np.random.default_rng(np.random.SeedSequence([_DOMAIN, seed, number]))
        drawn = members[np.lexsort((rng.random(len(members)), strata[members]))]
        shuffled = np.full_like(groups, -1)
        shuffled[in_order] = groups[drawn]
        subspaces = group_subspaces(sparse, shuffled, n_groups, d_max, rough=True)
        delta[number] = discrepancies(subspaces)
    return delta
