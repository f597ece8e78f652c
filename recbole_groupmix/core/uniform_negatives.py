"""Vectorised uniform negatives that are never positives of their user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt


class UniformNegatives:
    """Draw for each user an item uniform over all items that are not that user's positives.

    Nothing is drawn and rejected: of a user's c candidates the r-th is taken, r uniform in
    [0, c). With the user's positives sorted as p_0 < p_1 < ... (items counted from 0), p_k - k
    candidates lie below p_k; so the r-th candidate is r plus the number of k with p_k - k <= r.
    One binary search over these numbers of all users, each shifted by user * number of items,
    answers a whole array of draws.

    Parameters
    ----------
    users, items : array of int, shape (n_interactions,)
        Training pairs, with users in [1, n_users) and items in [1, n_items); 0 is RecBole's
        padding id. Repeated pairs count once.
    n_users, n_items : int
        Numbers of ids, padding included, as RecBole counts them.
    name_of : callable, optional
        Returns the name of an internal user id, for messages.

    Attributes
    ----------
    span : int
        Number of items, padding left out.
    n_candidates, first : array of int64, shape (n_users,)
        Candidates of each user, and where the user's keys begin.
    keys : array of int64, shape (n_distinct_pairs,)
        ``user * span + p_k - k`` of the k-th positive p_k of each user, ascending.

    Raises
    ------
    ValueError
        If the arrays are not integer, 1-d and of the same length, an id is out of range, or
        there are no items.
    """

    def __init__(
        self,
        users: npt.NDArray[np.integer[Any]],
        items: npt.NDArray[np.integer[Any]],
        n_users: int,
        n_items: int,
        name_of: Callable[[int], str] = "user with internal id {}".format,
    ) -> None:
        if n_items < 2:
            raise ValueError(f"n_items is {n_items}; with the padding id there must be >= 2.")
        user_ids = _ids(users, n_users, "user")
        item_ids = _ids(items, n_items, "item")
        if user_ids.size != item_ids.size:
            raise ValueError(
                f"there are {user_ids.size} users but {item_ids.size} items; give one of each "
                "for every training interaction."
            )
        self._n_users, self._name_of = n_users, name_of
        self.span = n_items - 1
        pairs = np.unique(user_ids * self.span + (item_ids - 1))
        counts = np.bincount(pairs // self.span, minlength=n_users)
        self.first = np.cumsum(counts) - counts
        self.n_candidates = self.span - counts
        rank = np.arange(pairs.size) - np.repeat(self.first, counts)
        self.keys = pairs - rank

    def draw(
        self,
        users: npt.NDArray[np.integer[Any]],
        rng: np.random.Generator,
        rows: npt.NDArray[np.integer[Any]] | None = None,
    ) -> npt.NDArray[np.int64]:
        """Draw one negative item for each entry of `users`, or for a part of them.

        Each draw uses up one ``rng.random()``, scaled to the number of candidates; that makes
        an item's probability differ from 1/c by less than 2**-52, and is faster than integers
        drawn without that bias.

        Parameters
        ----------
        users : array of int, shape (n,)
            Internal user ids in [1, n_users), in any order, possibly repeated.
        rng : numpy.random.Generator
            Source of randomness.
        rows : array of int, shape (n_rows,), optional
            Entries of `users` to draw for. The random numbers of the others are consumed too, so
            that a draw does not depend on which others are made.

        Returns
        -------
        array of int64, shape (n,) or (n_rows,)
            Internal item ids in [1, n_items), none of them a positive of its user.

        Raises
        ------
        ValueError
            If a user id is out of range, or a user has every item as a positive.
        """
        uniform = rng.random(len(users))
        if rows is not None:
            users, uniform = np.asarray(users)[rows], uniform[rows]
        user_ids = _ids(users, self._n_users, "user")
        n_candidates = self.n_candidates[user_ids]
        if user_ids.size and n_candidates.min() == 0:
            full = int(user_ids[n_candidates.argmin()])
            raise ValueError(
                f"{self._name_of(full)} has all {self.span} items as positives, so no "
                "negative can be drawn; remove that user or add items."
            )
        # random() is below 1 and the product is rounded to nearest, so it stays below the
        # number of candidates (any below 2**53) and the cast takes the floor.
        nth = (uniform * n_candidates).astype(np.int64)
        below = np.searchsorted(self.keys, user_ids * self.span + nth, side="right")
        return np.asarray(nth + (below - self.first[user_ids]) + 1)


def _ids(ids: npt.NDArray[np.integer[Any]], n: int, what: str) -> npt.NDArray[np.int64]:
    """Return `ids` as int64 after checking that all lie in [1, n)."""
    ids = np.asarray(ids)
    if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(
            f"{what} ids have shape {ids.shape} and dtype {ids.dtype}; give a 1-d integer array."
        )
    if ids.size and not (ids.min() >= 1 and ids.max() < n):
        bad = ids[(ids < 1) | (ids >= n)]
        raise ValueError(
            f"{what} id {int(bad[0])} is out of range; internal ids lie in [1, {n}), 0 being "
            "the padding."
        )
    return ids.astype(np.int64, copy=False)
