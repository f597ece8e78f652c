"""Items that share users with few others are eliminated first, so that a sparse system is small.

In a Gram matrix of users who have a few items each, most items have few neighbours, items with
a user in common. Eliminating such an item changes only the entries of its neighbours, so a large
part of the matrix is eliminated for next to nothing, and what remains for dense algebra, the
core, is a fraction of the items. It is the Cholesky factorisation in another order: exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse import eye as identity

from recbole_groupmix.core.linear.gram import Floats
from recbole_groupmix.core.linear.inverse import invert

#: Items below which no order is sought: dense algebra takes less than a tenth of a second.
FEWEST_ITEMS = 1024
_MOST_PAIRS = 0.25  # pairs of a user's items, of all pairs of items, beyond which none is sought
_LARGEST_CORE = 0.75  # of all items, beyond which dense algebra of all is as fast
_FLOPS_BY_ITEM = 3.2  # dense ones that an item less in the core saves, by its number squared
_DENSE_FLOPS, _SPARSE_PAIRS, _SPARSE_ENTRIES = 1e11, 2e8, 1e8  # a second
_QUANTILE = 0.15  # of the items left, by their neighbours, that may be eliminated in one step
_ROWS_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class Elimination:
    """The order in which items are eliminated.

    Attributes
    ----------
    order : numpy.ndarray of int64, shape (n_items,)
        Items; those of one step share no user, nor a neighbour of an earlier step.
    starts : tuple of int
        First place of every step in `order`, and last that of the core.
    """

    order: npt.NDArray[np.int64]
    starts: tuple[int, ...]

    @property
    def n_core(self) -> int:
        """Number of items that are left for dense algebra."""
        return len(self.order) - self.starts[-1]

    @classmethod
    def of_pairs(cls, pattern: csr_matrix) -> Elimination:
        """Choose the order from the pairs of items with a user in common.

        Every step takes items of few neighbours of which none is another's neighbour, as long as
        this is less work than leaving them to the core.

        Parameters
        ----------
        pattern : scipy.sparse.csr_matrix, shape (n_items, n_items)
            Symmetric; what is not 0 is a pair.
        """
        left = np.arange(pattern.shape[0])
        pairs = _ones(pattern + identity(len(left), format="csr"))
        steps: list[npt.NDArray[np.int64]] = []
        while True:
            taken = _independent(pairs)
            degrees = np.diff(pairs.indptr)[taken] - 1.0
            saved = len(taken) * _FLOPS_BY_ITEM * len(left) ** 2 / _DENSE_FLOPS
            if saved <= (degrees**2).sum() / _SPARSE_PAIRS + pairs.nnz / _SPARSE_ENTRIES:
                break
            kept = np.setdiff1d(np.arange(len(left)), taken)
            across = pairs[kept][:, taken]
            pairs = _ones(pairs[kept][:, kept] + across @ across.T)
            steps.append(left[taken])
            left = left[kept]
        starts = np.cumsum([0, *map(len, steps)])
        return cls(np.concatenate([*steps, left]), tuple(starts.tolist()))

    def factor(self, gram: csr_matrix, lam: float) -> Factor:
        """Eliminate the items of every step from ``G + lam I``, and invert the core.

        Parameters
        ----------
        gram : scipy.sparse.csr_matrix of float64 or float32, shape (n_items, n_items)
            Symmetric, positive semidefinite, with no pair that the order was not chosen for.
        lam : float
            Weight of the L2 term, > 0.

        Raises
        ------
        ValueError
            If there are other pairs.
        numpy.linalg.LinAlgError
            If the matrix is not positive definite to its precision.
        """
        used = np.flatnonzero(gram.diagonal())
        if len(used) < FEWEST_ITEMS:
            return factor_of_used(gram[used][:, used].toarray(), used, len(self.order), lam)
        gram = gram[self.order][:, self.order]
        left = csr_matrix(gram + lam * identity(len(self.order), format="csr", dtype=gram.dtype))
        pivots, steps = [], []
        for first, last in pairwise(self.starts):
            taken = left[: last - first]
            if taken[:, : last - first].nnz > last - first:
                raise ValueError("items of a step share users; the order is that of other pairs.")
            pivot = _positive(taken.diagonal())
            across = taken[:, last - first :]
            step = across.copy()
            step.data /= np.repeat(pivot, np.diff(step.indptr))
            left = csr_matrix(left[last - first :, last - first :] - across.T @ step)
            pivots.append(pivot)
            steps.append(step)
        pivots.append(_positive(left.diagonal()))
        linked = np.flatnonzero(np.diff(left.indptr) > 1)  # others are eliminated as they are
        core = left[linked][:, linked].toarray()
        invert(core)
        return Factor(self, np.concatenate(pivots), steps, linked + self.starts[-1], core)


@dataclass(frozen=True, eq=False)
class Factor:
    """A factorised matrix ``G + lam I``, whose inverse is ``P``.

    Attributes
    ----------
    plan : Elimination
        The order of its items.
    pivots : numpy.ndarray of float, shape (n_items,)
        Diagonal at the time of elimination, in that order.
    steps : list of scipy.sparse.csr_matrix
        For each step its items' multipliers of the items behind them.
    linked : numpy.ndarray of int64, shape (n_linked,)
        Places of the items of the core that have neighbours at the end.
    core : numpy.ndarray of float, shape (n_linked, n_linked)
        ``P`` of these.
    """

    plan: Elimination
    pivots: Floats
    steps: list[csr_matrix]
    linked: npt.NDArray[np.int64]
    core: Floats

    def diagonal(self) -> Floats:
        """Return the diagonal of ``P``, (n_items,), for less than ``P`` takes.

        Of an item that is eliminated only ``P`` with its neighbours behind it is needed, and these
        are neighbours of each other.
        """
        known = self._inverse_behind()
        for (first, last), step in self._backwards():
            for item, (start, end) in enumerate(pairwise(step.indptr), first):
                behind, factors = step.indices[start:end] + last, step.data[start:end]
                across = known[behind[:, None], behind] @ -factors
                known[item, behind] = known[behind, item] = across
                known[item, item] -= factors @ across
        diagonal = np.empty_like(self.pivots)
        diagonal[self.plan.order] = np.diag(known)
        return diagonal

    def inverse(self) -> Floats:
        """Return ``P``, (n_items, n_items), in the order of the Gram matrix."""
        order, inverse = self.plan.order, self._inverse_behind()
        if not self.steps:  # then the order is that of the matrix
            return inverse
        for (first, last), step in self._backwards():
            inverse[first:last, last:] = across = -(step @ inverse[last:, last:])
            inverse[last:, first:last] = across.T
            corner = step @ inverse[last:, first:last]
            inverse[first:last, first:last] -= (corner + corner.T) * corner.dtype.type(0.5)
        place = np.argsort(order)
        found = np.empty_like(inverse)
        for start in range(0, len(order), _ROWS_AT_ONCE):
            here = slice(start, start + _ROWS_AT_ONCE)
            np.take(inverse[place[here]], place, axis=1, out=found[here], mode="clip")
        return found

    def times(self, right: Floats) -> Floats:
        """Return ``P Y`` of a matrix, float (n_items, k), without forming ``P``."""
        order = self.plan.order
        product = right[order].astype(self.core.dtype, copy=False)
        for (first, last), step in self._backwards()[::-1]:
            product[last:] -= step.T @ product[first:last]
        of_core = self.core @ product[self.linked]
        product /= self.pivots[:, None]
        product[self.linked] = of_core
        for (first, last), step in self._backwards():
            product[first:last] -= step @ product[last:]
        found = np.empty_like(product)
        found[order] = product
        return found

    def _inverse_behind(self) -> Floats:
        """Return ``P`` of the core, and the reciprocal pivots of what comes before it."""
        n_items = len(self.pivots)
        inverse = np.zeros((n_items, n_items), self.core.dtype)
        np.fill_diagonal(inverse, 1 / self.pivots)
        inverse[np.ix_(self.linked, self.linked)] = self.core
        return inverse

    def _backwards(self) -> list[tuple[tuple[int, int], csr_matrix]]:
        """Return the bounds of every step with its multipliers, the last one first."""
        return list(zip(pairwise(self.plan.starts), self.steps, strict=True))[::-1]


def factor_of_used(core: Floats, used: npt.NDArray[np.int64], n_items: int, lam: float) -> Factor:
    """Return the factor of a matrix of which only the block of the items with users is not 0.

    Parameters
    ----------
    core : array of float, shape (n_used, n_used)
        That block; its inverse with lambda takes its place.
    used : array of int64, shape (n_used,)
        Items with users, ascending.
    n_items : int
        All items.
    lam : float
        Weight of the L2 term, > 0.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is not positive definite to its precision.
    """
    add_and_invert(core, lam)
    as_they_are = Elimination(np.arange(n_items), (0,))
    return Factor(as_they_are, np.full(n_items, lam, core.dtype), [], used, core)


def add_and_invert(matrix: Floats, lam: float) -> None:
    """Add lambda to the diagonal of a matrix and invert it, in place."""
    matrix[np.diag_indices_from(matrix)] += lam
    invert(matrix)


def elimination_of(rows: csr_matrix) -> Elimination | None:
    """Return the order for the Gram matrix of users, or None where dense algebra is as fast.

    Parameters
    ----------
    rows : scipy.sparse.csr_matrix, shape (n_users, n_items)
        Interactions of all users that may have a weight.
    """
    n_items = rows.shape[1]
    lengths = np.diff(rows.indptr).astype(np.float64)
    if n_items < FEWEST_ITEMS or lengths @ lengths > _MOST_PAIRS * n_items**2:
        return None
    ones = _ones(rows)
    plan = Elimination.of_pairs(ones.T @ ones)
    return plan if plan.n_core <= _LARGEST_CORE * n_items else None


def _independent(pairs: csr_matrix) -> npt.NDArray[np.int64]:
    """Return items of few neighbours of which none is another's; those of fewest come first."""
    degrees = np.diff(pairs.indptr)
    most = max(np.quantile(degrees, _QUANTILE), 1.5 * degrees.min()) if len(degrees) else 0
    blocked, taken = np.zeros(len(degrees), dtype=bool), []
    for item in np.argsort(degrees, kind="stable")[: int((degrees <= most).sum())]:
        if not blocked[item]:
            taken.append(item)
            blocked[pairs.indices[pairs.indptr[item] : pairs.indptr[item + 1]]] = True
    return np.array(taken, dtype=np.int64)


def _positive(pivot: Floats) -> Floats:
    if not (pivot > 0).all():
        raise np.linalg.LinAlgError
    return pivot


def _ones(pattern: Any) -> csr_matrix:
    """Return a matrix of ones where another is not 0."""
    pattern = csr_matrix(pattern, dtype=np.float32, copy=True)
    pattern.eliminate_zeros()
    pattern.data[:] = 1
    return pattern
