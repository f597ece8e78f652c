"""Splits by user: the test part, the folds inside the training part, and guides inside these.

The functions see nothing but the user of each interaction. A user's interactions are dealt
with in the order of their rows, whatever rows of other users stand between them: at random by
most functions, and in time by :func:`rolling_folds` and :func:`last_folds`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_TEST_DOMAIN = 0x74657374
_FOLD_DOMAIN = 0x666F6C64
_GUIDE_DOMAIN = 0x67756964
_ROLLING_DOMAIN = 0x726F6C6C

#: Fold of an interaction that no fold holds out.
NEVER = -2


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
    _check_folds(n_folds)
    rng = _rng(_FOLD_DOMAIN, seed)
    rank, user_index, counts = _ranks(users, rng)
    start = rng.integers(0, n_folds, size=counts.size)
    return np.asarray((start[user_index] + rank) % n_folds)


def rolling_folds(
    users: npt.NDArray[np.integer[Any]], n_folds: int, seed: int
) -> npt.NDArray[np.int64]:
    """Hold later and later blocks of each user's time out: folds of a rolling origin.

    No fold holds out the first half of a user's interactions, rounded up. The others are cut into
    blocks in the order of time, which go to the folds in that order and differ by at most one
    interaction in size. A user with fewer of them than folds has each in a fold of its own, drawn
    at random but in order, so that no fold is short of such users.

    Parameters
    ----------
    users : array of int, shape (n_interactions,)
        User of each interaction, in order of time.
    n_folds : int
        Number of folds, >= 2.
    seed : int
        Seed of the folds, >= 0.

    Returns
    -------
    array of int64, shape (n_interactions,)
        Fold of each interaction, in [0, n_folds), or :data:`NEVER`. Fold f is to train on the
        interactions of earlier folds and of none.

    Raises
    ------
    ValueError
        If `n_folds` is below 2, `seed` is negative or `users` is not a 1-d array of integers.
    """
    _check_folds(n_folds)
    rng = _rng(_ROLLING_DOMAIN, seed)
    place, user_index, counts = _ranks(users)
    first = (counts + 1) // 2
    n_held = (counts - first)[user_index]
    offset = rng.random(counts.size)[user_index]
    held = place - first[user_index]
    folds = np.floor((held + offset) * n_folds / np.maximum(n_held, 1)).astype(np.int64)
    return np.where(held < 0, NEVER, np.minimum(folds, n_folds - 1))


def last_folds(users: npt.NDArray[np.integer[Any]], n_folds: int) -> npt.NDArray[np.int64]:
    """Hold out each user's last interaction, the last but one, and so on.

    No fold holds out a user's first interaction, so a user with at most as many interactions as
    folds is held out in one fold less than interactions.

    Parameters
    ----------
    users : array of int, shape (n_interactions,)
        User of each interaction, in order.
    n_folds : int
        Number of folds, >= 2.

    Returns
    -------
    array of int64, shape (n_interactions,)
        Fold of each interaction, in [0, n_folds), or :data:`NEVER`. Fold 0 holds out the last.
        Fold f is to train on the interactions of later folds and of none.

    Raises
    ------
    ValueError
        If `n_folds` is below 2 or `users` is not a 1-d array of integers.
    """
    _check_folds(n_folds)
    place, user_index, counts = _ranks(users)
    from_end = counts[user_index] - 1 - place
    return np.where((place == 0) | (from_end >= n_folds), NEVER, from_end)


def _check_folds(n_folds: int) -> None:
    if n_folds < 2:
        raise ValueError(f"folds is {n_folds!r}; cross-validation needs at least 2.")


def _share_of_each_user(
    users: npt.NDArray[np.integer[Any]], rng: np.random.Generator, ratio: float
) -> npt.NDArray[np.bool_]:
    rank, user_index, counts = _ranks(users, rng)
    # 0.07 * 100 is 7.000000000000001 and 0.29 * 100 is 28.999999999999996: round off the float
    # error, which is far below 1e-9, before taking the floor.
    n_chosen = np.floor(np.round(ratio * counts, 9)).astype(np.int64)
    n_chosen = np.minimum(np.maximum(n_chosen, 1), counts - 1)
    return np.asarray(rank < n_chosen[user_index])


def _rng(domain: int, seed: int) -> np.random.Generator:
    if seed < 0:
        raise ValueError(f"seed is {seed}; it must be >= 0.")
    return np.random.default_rng(np.random.SeedSequence([domain, seed]))


def _ranks(
    users: npt.NDArray[np.integer[Any]], rng: np.random.Generator | None = None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rank every user's interactions in the order of their rows, or at random.

    Returns the rank of each interaction among its user's, from 0; the index of its user among
    the distinct users; and the number of interactions of each distinct user.
    """
    users = np.asarray(users)
    if users.ndim != 1 or not np.issubdtype(users.dtype, np.integer):
        raise ValueError(
            f"users has shape {users.shape} and dtype {users.dtype}; give the integer user id "
            "of each interaction as a 1-d array."
        )
    by_user = np.argsort(users, kind="stable")
    ordered = users[by_user]
    is_first = np.ones(users.size, dtype=np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    first = np.flatnonzero(is_first)
    counts = np.diff(np.append(first, users.size))
    index = np.cumsum(is_first) - 1
    if rng is not None:
        # Random keys are drawn for rows sorted by user, so that rows of other users in between
        # make no difference.
        by_user = by_user[np.lexsort((rng.random(users.size), index))]
    rank, user_index = np.empty_like(index), np.empty_like(index)
    rank[by_user] = np.arange(users.size) - first[index]
    user_index[by_user] = index
    return rank, user_index, counts
