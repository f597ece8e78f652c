"""Gram matrices of groups of users, and their weighted sum, from which linear models follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

Floats = npt.NDArray[np.floating[Any]]

_DENSE_BELOW = 400  # a sparse product takes as long for one pair of items as BLAS for this many
_ROWS_AT_ONCE = 1024


def gram(rows: csr_matrix, dtype: npt.DTypeLike = np.float64) -> Floats:
    """Return ``X'X``, how many users have both items of each pair.

    Parameters
    ----------
    rows : scipy.sparse.csr_matrix, shape (n_users, n_items)
        Interactions, 1 where a user has an item; any row factors are squared in the result.
    dtype : {float64, float32}
        Counts below 2**24 are exact in both.

    Returns
    -------
    array of `dtype`, shape (n_items, n_items)
        Symmetric.
    """
    return cross_gram(rows, rows, dtype)


def cross_gram(left: csr_matrix, right: csr_matrix, dtype: npt.DTypeLike = np.float64) -> Floats:
    """Return ``L'R`` of the same users' two parts, dense, by the faster of two ways.

    Parameters
    ----------
    left, right : scipy.sparse.csr_matrix, shape (n_users, n_items)
        Two sets of interactions of the same users, in the same order.
    dtype : {float64, float32}
        Of the result.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if left.shape != right.shape:
        raise ValueError(
            f"the two parts have shapes {left.shape} and {right.shape}; give the same users and "
            "items in both."
        )
    n_users, n_items = left.shape
    same = left is right
    left, right = left.astype(dtype), right.astype(dtype)
    pairs = float(np.diff(left.indptr).astype(np.float64) @ np.diff(right.indptr))
    if pairs * _DENSE_BELOW < float(n_users) * n_items**2:
        product: Floats = (left.T @ right).toarray()
        return product
    total = np.zeros((n_items, n_items), dtype=dtype)
    for start in range(0, n_users, _ROWS_AT_ONCE):
        block = left[start : start + _ROWS_AT_ONCE].toarray()
        total += block.T @ (block if same else right[start : start + _ROWS_AT_ONCE].toarray())
    return total


def group_grams(
    rows: csr_matrix,
    group: npt.NDArray[np.integer[Any]],
    n_groups: int,
    dtype: npt.DTypeLike = np.float64,
) -> Floats:
    """Return the Gram matrix of every group, ``G_j = X_j' X_j``.

    Parameters
    ----------
    rows : scipy.sparse.csr_matrix, shape (n_users, n_items)
        Interactions.
    group : array of int, shape (n_users,)
        Group of each row, in [0, n_groups); rows of other groups (-1) are left out.
    n_groups : int
        Number of groups.
    dtype : {float64, float32}
        Of the result.

    Returns
    -------
    array of `dtype`, shape (n_groups, n_items, n_items)
        Zero for a group without users.

    Raises
    ------
    ValueError
        If there is not exactly one group for each row.
    """
    group = np.asarray(group)
    if group.shape != (rows.shape[0],):
        raise ValueError(
            f"group has shape {group.shape}, but there are {rows.shape[0]} rows; give one group "
            "for each row."
        )
    grams = np.empty((n_groups, rows.shape[1], rows.shape[1]), dtype=dtype)
    for index in range(n_groups):
        grams[index] = gram(rows[np.flatnonzero(group == index)], dtype)
    return grams


def downdated(total: Floats, kept: csr_matrix, removed: csr_matrix) -> Floats:
    """Return the Gram matrix of the kept interactions, from that of all.

    With ``X = K + R`` it is ``K'K = X'X - R'K - K'R - R'R``: only products with the removed
    interactions, which are few, are made.

    Parameters
    ----------
    total : array of float, shape (n_items, n_items)
        ``X'X``; not changed.
    kept, removed : scipy.sparse.csr_matrix, shape (n_users, n_items)
        The training part and the fold that is left out, which share no interaction.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if total.shape != (kept.shape[1], kept.shape[1]):
        raise ValueError(
            f"the Gram matrix has shape {total.shape}, but there are {kept.shape[1]} items."
        )
    both = cross_gram(kept, removed, total.dtype)
    left: Floats = total - both
    left -= both.T
    left -= gram(removed, total.dtype)
    return left


def weighted_gram(
    grams: Floats,
    weights: Sequence[float] | npt.NDArray[np.float64],
    dtype: npt.DTypeLike | None = None,
) -> Floats:
    """Return ``G(w) = sum_j w_j G_j``, the Gram matrix of ``W^(1/2) X``.

    Parameters
    ----------
    grams : array of float, shape (n_groups, n_items, n_items)
        Gram matrix of each group.
    weights : array of float, shape (n_groups,)
        Weight of a user of each group (Eq. 8 of the paper), >= 0.
    dtype : {float64, float32}, optional
        Of the sum; default that of `grams`.

    Returns
    -------
    array of `dtype`, shape (n_items, n_items)

    Raises
    ------
    ValueError
        If a weight is negative or not finite, all are 0, or their number is not the groups'.
    """
    weights = check_weights(weights, len(grams))
    of_sum: Any = grams.dtype if dtype is None else dtype
    total: Floats = np.einsum("g,gij->ij", weights.astype(of_sum), grams, dtype=of_sum)
    return total


def check_weights(
    weights: Sequence[float] | npt.NDArray[np.float64], n_groups: int
) -> npt.NDArray[np.float64]:
    """Return the weights of groups as an array; ``ValueError`` as :func:`weighted_gram`."""
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (n_groups,):
        raise ValueError(
            f"{weights.size} weights are given for {n_groups} groups; give one for each."
        )
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise ValueError(
            f"weights are {weights.tolist()}; they must be finite, >= 0 and not all 0."
        )
    return weights
