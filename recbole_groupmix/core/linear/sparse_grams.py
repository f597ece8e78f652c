"""Gram matrices of groups that are mostly zeros, and their weighted sum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from recbole_groupmix.core.linear.elimination import Elimination
from recbole_groupmix.core.linear.gram import Floats, check_weights, gram


@dataclass(frozen=True, eq=False)
class SparseGrams:
    """The Gram matrices of groups on the pairs of items that any user has.

    Attributes
    ----------
    pairs : scipy.sparse.csr_matrix of float32, shape (n_items, n_items)
        Sum over the groups.
    of_group : numpy.ndarray of float32, shape (n_groups, n_pairs)
        Entries of each group's matrix at those of `pairs`.
    """

    pairs: csr_matrix
    of_group: npt.NDArray[np.float32]

    @classmethod
    def of_rows(
        cls, rows: csr_matrix, group: npt.NDArray[np.integer[Any]], n_groups: int
    ) -> SparseGrams:
        """Return the matrices ``X_j' X_j``.

        Parameters
        ----------
        rows : scipy.sparse.csr_matrix, shape (n_users, n_items)
            Interactions.
        group : array of int, shape (n_users,)
            Group of each row, in [0, n_groups); rows of other groups (-1) are left out.
        n_groups : int
            Number of groups.
        """
        pairs = sparse_gram(rows[np.flatnonzero(group >= 0)], np.float32)
        places, of_group = _places(pairs), np.zeros((n_groups, pairs.nnz), np.float32)
        for index in range(n_groups):
            mine = sparse_gram(rows[np.flatnonzero(group == index)], np.float32)
            of_group[index, np.searchsorted(places, _places(mine))] = mine.data
        return cls(pairs, of_group)

    def weighted(
        self,
        weights: Sequence[float] | npt.NDArray[np.float64],
        dtype: npt.DTypeLike = np.float32,
    ) -> csr_matrix:
        """Return ``G(w) = sum_j w_j G_j`` as a sparse matrix of `dtype`.

        Raises
        ------
        ValueError
            If a weight is negative or not finite, all are 0, or their number is not the groups'.
        """
        weights = check_weights(weights, len(self.of_group)).astype(dtype)
        entries = weights @ self.of_group.astype(dtype, copy=False)
        total = csr_matrix((entries, self.pairs.indices, self.pairs.indptr), self.pairs.shape)
        return total if weights.all() else total + csr_matrix(total.shape, dtype=dtype)

    def dense(self) -> Floats:
        """Return all matrices, float32 (n_groups, n_items, n_items)."""
        grams = np.empty((len(self.of_group), *self.pairs.shape), np.float32)
        for dense, entries in zip(grams, self.of_group, strict=True):
            one = csr_matrix((entries, self.pairs.indices, self.pairs.indptr), self.pairs.shape)
            one.toarray(out=dense)
        return grams


def sparse_gram(rows: csr_matrix, dtype: npt.DTypeLike) -> csr_matrix:
    """Return ``X'X`` as a sparse matrix of `dtype` whose columns are in order."""
    rows = rows.astype(dtype)
    found = csr_matrix(rows.T @ rows)
    found.sort_indices()
    return found


def maker_of_gram(plan: Elimination | None) -> Callable[[csr_matrix, npt.DTypeLike], Any]:
    """Return what makes ``X'X`` of rows and a dtype: sparse where items are eliminated by a plan."""
    return gram if plan is None else sparse_gram


def _places(matrix: csr_matrix) -> npt.NDArray[np.int64]:
    """Return the place of every entry in the dense matrix, ascending."""
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    places: npt.NDArray[np.int64] = row * matrix.shape[1] + matrix.indices
    return places
