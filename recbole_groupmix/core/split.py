"""Per-user random splits: the test part, the folds inside the training part, and guides inside these.

The functions see nothing but the user of each interaction. A user's interactions are dealt
with in the order of their rows, whatever rows of other users stand between them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_TEST_DOMAIN = 0x74657374
_FOLD_DOMAIN = 0x666F6C64
_GUIDE_DOMAIN = 0x67756964


def test_mask(
    users: npt.NDArray[np.integer[Any]], seed: int, test_ratio: float = 0.2
) -> npt.NDArray[np.bool_]:
    """Choose each user's test interactions at random.

    A user with c interactions has ``max(1, floor(test_ratio * c))`` of them in the test part,
    but always keeps at least one for training; a user with one interaction has no test part.

    Parameters
    ----------
    users : array of int, shape (n_interactions,)
        User of each interaction, in any order.
    seed : int
        Seed of the split, >= 0.
    test_ratio : float
        Part of each user's interactions to test on, in (0, 1).

    Returns
    -------
    array of bool, shape (n_interactions,)
        True where the interaction belongs to the test part.

    Raises
    ------
    ValueError
        If `test_ratio` is not in (0, 1), `seed` is negative or `users` is not a 1-d array of
        integers.
    """
    if not 0 < test_ratio < 1:
        raise ValueError(f"test_ratio is {test_ratio!r}; it must lie between 0 and 1.")
    return _share_of_each_user(users, _rng(_TEST_DOMAIN, seed), test_ratio)


test_mask.__test__ = False  # type: ignore[attr-defined]  # not a test of pytest


def guide_mask(
    users: npt.NDArray[np.integer[Any]], seed: int, guide_ratio: float = 0.1
) -> npt.NDArray[np.bool_]:
    """Choose each user's guide interactions: a holdout inside a training part.

    As many of a user's as :func:`test_mask` would choose with the same ratio, by random numbers of
    their own.

    Parameters
    ----------
    users : array of int, shape (n_train,)
        User of each training interaction of a part, in any order.
    seed : int
        Seed of the split, >= 0.
    guide_ratio : float
        Part of each user's interactions, in (0, 1).

    Returns
    -------
    array of bool, shape (n_train,)
        True where the interaction belongs to the guide.
    """
    return _share_of_each_user(users, _rng(_GUIDE_DOMAIN, seed), guide_ratio)


def fold_of_interaction(
    users: npt.NDArray[np.integer[Any]], n_folds: int, seed: int
) -> npt.NDArray[np.int64]:
    """Deal each user's interactions out to folds.

    A user's interactions are shuffled and dealt to the folds in turn, beginning at a random
    fold. So a user's folds differ by at most one interaction in size, the left-over ones are
    spread evenly over the folds, and a user with fewer interactions than folds has them all in
    different folds.

    Parameters
    ----------
    users : array of int, shape (n_interactions,)
        User of each interaction, in any order.
    n_folds : int
        Number of folds, >= 2.
    seed : int
        Seed of the folds, >= 0.

    Returns
    -------
    array of int64, shape (n_interactions,)
        Fold of each interaction, in [0, n_folds).

    Raises
    ------
    ValueError
        If `n_folds` is below 2, `seed` is negative or `users` is not a 1-d array of integers.
    """
    if n_folds < 2:
        raise ValueError(f"folds is {n_folds!r}; cross-validation needs at least 2.")
    rng = _rng(_FOLD_DOMAIN, seed)
    rank, user_index, counts = _random_ranks(users, rng)
    start = rng.integers(0, n_folds, size=counts.size)
    return np.asarray((start[user_index] + rank) % n_folds)


def _share_of_each_user(
    users: npt.NDArray[np.integer[Any]], rng: np.random.Generator, ratio: float
) -> npt.NDArray[np.bool_]:
    rank, user_index, counts = _random_ranks(users, rng)
    # 0.07 * 100 is 7.000000000000001 and 0.29 * 100 is 28.999999999999996: round off the float
    # error, which is far below 1e-9, before taking the floor.
    n_chosen = np.floor(np.round(ratio * counts, 9)).astype(np.int64)
    n_chosen = np.minimum(np.maximum(n_chosen, 1), counts - 1)
    return np.asarray(rank < n_chosen[user_index])


def _rng(domain: int, seed: int) -> np.random.Generator:
    if seed < 0:
        raise ValueError(f"seed is {seed}; it must be >= 0.")
    return np.random.default_rng(np.random.SeedSequence([domain, seed]))


def _random_ranks(
    users: npt.NDArray[np.integer[Any]], rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rank every user's interactions at random.

    Returns the rank of each interaction among its user's, from 0; the index of its user among
    the distinct users; and the number of interactions of each distinct user.
    """
    users = np.asarray(users)
    if users.ndim != 1 or not np.issubdtype(users.dtype, np.integer):
        raise ValueError(
            f"users has shape {users.shape} and dtype {users.dtype}; give the integer user id "
            "of each interaction as a 1-d array."
        )
    # Random keys are drawn for rows sorted by user, so that rows of other users in between
    # make no difference.
    by_user = np.argsort(users, kind="stable")
    ordered = users[by_user]
    is_first = np.ones(users.size, dtype=np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    first = np.flatnonzero(is_first)
    counts = np.diff(np.append(first, users.size))
    index = np.cumsum(is_first) - 1
    shuffled = np.lexsort((rng.random(users.size), index))  # random inside each user
    rank = np.empty(users.size, dtype=np.int64)
    rank[by_user[shuffled]] = np.arange(users.size) - first[index]
    user_index = np.empty(users.size, dtype=np.int64)
    user_index[by_user] = index
    return rank, user_index, counts
