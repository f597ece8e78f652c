"""Shares of item classes in users and groups, estimated from interactions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

FloatArray = npt.NDArray[np.float64]


def item_class_shares(labels: Sequence[Sequence[str]]) -> tuple[FloatArray, tuple[str, ...]]:
    """Share every item out evenly among its classes.

    Parameters
    ----------
    labels : sequence of sequences of str, length n_items
        Classes of each item; a class that is named twice counts once. An item may have none.

    Returns
    -------
    shares : float64 array, shape (n_items, n_classes)
        In [0, 1]; a row sums to 1, or to 0 for an item without a class.
    classes : tuple of str
        Names of the classes, sorted.

    Raises
    ------
    ValueError
        If no item has a class.
    """
    distinct = [sorted(set(names)) for names in labels]
    classes = tuple(sorted({name for names in distinct for name in names}))
    if not classes:
        raise ValueError(f"none of {len(distinct)} items has a class; at least one must.")
    position = {name: index for index, name in enumerate(classes)}
    shares = np.zeros((len(distinct), len(classes)))
    for item, names in enumerate(distinct):
        for name in names:
            shares[item, position[name]] = 1.0 / len(names)
    return shares, classes


def user_class_shares(
    users: npt.ArrayLike, items: npt.ArrayLike, item_shares: npt.ArrayLike, n_users: int
) -> FloatArray:
    """Return how a user's interactions are shared out among item classes.

    The paper's stylised user prefers one class. A real user likes several and counts towards
    each by its mean share in the user's items. Items without a class are left out.

    Parameters
    ----------
    users, items : array of int, shape (n_interactions,)
        Indices of user and item of each interaction.
    item_shares : array of float, shape (n_items, n_classes)
        As `item_class_shares` gives them.
    n_users : int
        Number of users.

    Returns
    -------
    float64 array, shape (n_users, n_classes)
        In [0, 1]; a row sums to 1, or to 0 for a user without an item that has a class.

    Raises
    ------
    ValueError
        If an index is out of range or the shares have another shape.
    """
    shares = np.asarray(item_shares, dtype=np.float64)
    if shares.ndim != 2:
        raise ValueError(f"item_shares has shape {shares.shape}; it must be (n_items, n_classes).")
    by_user, by_item = np.asarray(users, dtype=np.int64), np.asarray(items, dtype=np.int64)
    for name, index, size in (("users", by_user, n_users), ("items", by_item, len(shares))):
        out = (index < 0) | (index >= size)
        if out.any():
            raise ValueError(
                f"{name} holds the index {index[out][0]}; it must lie in [0, {size})."
            )
    matrix = csr_matrix((np.ones(by_user.size), (by_user, by_item)), shape=(n_users, len(shares)))
    return _normalised(np.asarray(matrix @ shares, dtype=np.float64))


def favourites(user_shares: npt.ArrayLike) -> FloatArray:
    """Replace every user's shares by the favourite class; ties share evenly.

    Parameters
    ----------
    user_shares : array of float, shape (n_users, n_classes)
        As `user_class_shares` gives them.

    Returns
    -------
    float64 array, shape (n_users, n_classes)
        In [0, 1]; a row sums to 1, or to 0 for a user without shares.
    """
    shares = np.asarray(user_shares, dtype=np.float64)
    largest = shares.max(axis=1, keepdims=True)
    return _normalised(((shares >= largest * (1 - 1e-12)) & (largest > 0)).astype(np.float64))


def group_class_shares(
    user_shares: npt.ArrayLike,
    group_of_user: npt.ArrayLike,
    n_groups: int,
    names: Sequence[str] | None = None,
) -> FloatArray:
    """Return the paper's theta and Theta: the mean of the users' shares in each group.

    Parameters
    ----------
    user_shares : array of float, shape (n_users, n_classes)
        Rows that sum to 1; rows of zeros are left out.
    group_of_user : array of int, shape (n_users,)
        Group of each user; -1 for users to leave out.
    n_groups : int
        Number of groups.
    names : sequence of str, optional
        Names of the groups, for messages.

    Returns
    -------
    float64 array, shape (n_groups, n_classes)
        Each row sums to 1.

    Raises
    ------
    ValueError
        If a group has no user with shares.
    """
    shares = np.asarray(user_shares, dtype=np.float64)
    groups = np.asarray(group_of_user, dtype=np.int64)
    counted = (groups >= 0) & (shares.sum(axis=1) > 0)
    sizes = np.bincount(groups[counted], minlength=n_groups)
    if (sizes == 0).any():
        group = int(np.argmin(sizes))
        raise ValueError(
            f"group {group if names is None else repr(names[group])} has no user with an item that has a class, so its "
            "class shares are unknown."
        )
    rows = np.flatnonzero(counted)
    member = csr_matrix((np.ones(rows.size), (groups[rows], rows)), shape=(n_groups, len(groups)))
    return _normalised(np.asarray(member @ shares, dtype=np.float64))


def _normalised(mass: FloatArray) -> FloatArray:
    """Divide rows by their sums; rows of zeros stay."""
    sums = mass.sum(axis=1, keepdims=True)
    return np.divide(mass, sums, out=np.zeros_like(mass), where=sums > 0)
