"""EASE (Steck, WWW 2019) from a Gram matrix, and the floating-point precision that it needs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, issparse

from recbole_groupmix.core.linear.elimination import (
    Elimination,
    Factor,
    add_and_invert,
    factor_of_used,
)
from recbole_groupmix.core.linear.gram import Floats

#: Relative error, condition number times rounding unit, up to which float32 is used.
FLOAT32_ERROR = 1e-3
_FLOAT64_ERROR = 1e-6
_COLUMNS_AT_ONCE = 256
_MOST_USED = 0.8  # of all items, beyond which those without users are not left out
_ROWS_AT_ONCE = 64


def largest_row_sum(gram: Floats | csr_matrix) -> float:
    """Return the largest sum of absolute values of a row of a matrix."""
    if issparse(gram):
        return float(abs(gram).sum(axis=1).max())
    starts = range(0, len(gram), _ROWS_AT_ONCE)  # by blocks, to save the memory of a copy
    return max(float(np.abs(gram[i : i + _ROWS_AT_ONCE]).sum(axis=1).max()) for i in starts)


def _condition(row_sum: float, lam: float) -> float:
    check_lambda(lam)
    return 1.0 + row_sum / lam


def check_lambda(lam: float, what: str = "lambda") -> None:
    """Raise ``ValueError`` unless a weight of the L2 term is finite and above 0."""
    if not (math.isfinite(lam) and lam > 0):
        raise ValueError(
            f"{what} is {lam!r}; EASE needs a finite number > 0, since the Gram matrix alone is "
            "singular as soon as two items have the same users or an item has none. 100 to 1000 "
            "is common."
        )


def precision_for(gram: Floats | csr_matrix, lam: float) -> type[np.floating]:  # type: ignore[type-arg]
    """Return the narrower of float32 and float64 in which ``G + lam I`` can be inverted.

    Raises
    ------
    ValueError
        If it is singular to float64's precision, or `lam` is not above 0.
    """
    return precision_for_row_sum(largest_row_sum(gram), lam)


def precision_for_row_sum(row_sum: float, lam: float) -> type[np.floating]:  # type: ignore[type-arg]
    """Return what :func:`precision_for` does, from the :func:`largest_row_sum` of ``G``."""
    condition = _condition(row_sum, lam)
    if condition * np.finfo(np.float32).eps <= FLOAT32_ERROR:
        return np.float32
    if condition * np.finfo(np.float64).eps <= _FLOAT64_ERROR:
        return np.float64
    raise ValueError(
        f"lambda is {lam:g} beside row sums of the Gram matrix up to {condition * lam:.3g}: the "
        f"condition number is up to {condition:.1e}, singular to float64's precision; use a "
        "larger lambda."
    )


def regularized_inverse(
    gram: Floats | csr_matrix, lam: float, plan: Elimination | None = None
) -> Floats:
    """Return ``P = (G + lam I)^-1`` in the dtype of `gram`.

    Parameters
    ----------
    gram : array or scipy.sparse.csr_matrix of float64 or float32, shape (n_items, n_items)
        Symmetric, positive semidefinite; not changed. Items without users, whose rows are 0, take
        no part in the work.
    lam : float
        Weight of the L2 term, > 0.
    plan : Elimination, optional
        The order of the items of a sparse matrix, which it needs.

    Returns
    -------
    array of the same dtype and shape
        Symmetric to the last bit.

    Raises
    ------
    ValueError
        If `lam` is not above 0 or the matrix is not positive definite to this precision.
    """
    check_lambda(lam)
    if plan is not None:
        return _factor(gram, lam, plan).inverse()
    used = np.flatnonzero(np.diag(gram))
    with _in_words(lam, gram.dtype):
        if len(used) <= _MOST_USED * len(gram):
            return factor_of_used(gram[np.ix_(used, used)], used, len(gram), lam).inverse()
        inverse = gram.copy(order="C")
        add_and_invert(inverse, lam)
        return inverse


def _factor(gram: csr_matrix, lam: float, plan: Elimination) -> Factor:
    with _in_words(lam, gram.dtype):
        return plan.factor(gram, lam)


@contextmanager
def _in_words(lam: float, dtype: npt.DTypeLike) -> Iterator[None]:
    """Turn the error of a matrix that is not positive definite into ``ValueError``."""
    try:
        yield
    except np.linalg.LinAlgError as error:
        raise ValueError(
            f"the Gram matrix plus lambda {lam:g} is not positive definite in {dtype}; use a larger "
            "lambda or float64."
        ) from error


def ease(gram: Floats | csr_matrix, lam: float, plan: Elimination | None = None) -> Floats:
    """Return EASE's item-item matrix, ``B = I - P / diag(P)`` by column, with a zero diagonal.

    ``B`` minimises ``sum_u w_u |x_u - x_u B|^2 + lam |B|^2`` over matrices with a zero diagonal,
    when `gram` is ``sum_u w_u x_u x_u'``.

    Parameters
    ----------
    gram : array or scipy.sparse.csr_matrix of float64 or float32, shape (n_items, n_items)
        Weighted Gram matrix.
    lam : float
        Weight of the L2 term, > 0.
    plan : Elimination, optional
        The order of the items of a sparse matrix, which it needs.

    Returns
    -------
    array of the same dtype and shape
        A user's scores are ``x_u B``.

    Raises
    ------
    ValueError
        As `regularized_inverse`.
    """
    weights = regularized_inverse(gram, lam, plan)
    weights /= -np.diag(weights).copy()
    np.fill_diagonal(weights, 0.0)
    return weights


def ease_towards(
    gram: Floats | csr_matrix, mu: float, pooled: Floats, plan: Elimination | None = None
) -> Floats:
    """Return the item-item matrix of users that stays near that of all users.

    ``B`` minimises ``sum_u w_u |x_u - x_u B|^2 + mu |B - B_p|^2`` over matrices with a zero
    diagonal. With ``P = (G + mu I)^-1`` and ``S = P (G - G B_p)`` it is ``B_p + S - P diag(S_jj /
    P_jj)``: one factorisation for each mu. A large mu gives ``B_p``; ``B_p = 0`` gives :func:`ease`.

    Parameters
    ----------
    gram : array or scipy.sparse.csr_matrix of float64 or float32, shape (n_items, n_items)
        Weighted Gram matrix ``G`` of the users; not changed.
    mu : float
        Weight of the distance to the other matrix, > 0.
    pooled : array of float, shape (n_items, n_items)
        ``B_p``, with a zero diagonal; not changed.
    plan : Elimination, optional
        The order of the items of a sparse matrix, which it needs.

    Returns
    -------
    array of the dtype and shape of `gram`
        A user's scores are ``x_u B``.

    Raises
    ------
    ValueError
        If the shapes differ or the diagonal of `pooled` is not 0; also as `regularized_inverse`.
    """
    if pooled.shape != gram.shape or np.diag(pooled).any():
        raise ValueError(
            f"the matrix to stay near has shape {pooled.shape} beside a Gram matrix of shape "
            f"{gram.shape}; both must be of items by items, and its diagonal 0."
        )
    check_lambda(mu, "mu")
    factor = None if plan is None else _factor(gram, mu, plan)
    inverse = regularized_inverse(gram, mu) if factor is None else factor.inverse()
    diagonal = np.diag(inverse)
    found = np.empty_like(inverse)
    for start in range(0, len(found), _COLUMNS_AT_ONCE):  # by columns, which are independent
        columns = slice(start, start + _COLUMNS_AT_ONCE)
        near = pooled[:, columns].astype(gram.dtype)
        mine: Any = gram[:, columns]
        right = (mine.toarray() if issparse(mine) else mine) - gram @ near
        step = inverse @ right if factor is None else factor.times(right)
        step -= inverse[:, columns] * (np.diag(step[columns]) / diagonal[columns])
        found[:, columns] = near + step
    np.fill_diagonal(found, 0.0)
    return found


def ease_scores(inputs: npt.NDArray[np.floating], inverse: Floats) -> Floats:  # type: ignore[type-arg]
    """Return ``x_u B`` for users from ``P`` alone: ``X - (X P) / diag(P)``.

    The diagonal of ``B`` being 0, ``(X B)_uj = -sum_{i != j} X_ui P_ij / P_jj``.

    Parameters
    ----------
    inputs : array of float, shape (n, n_items)
        Interactions of the users to score, dense.
    inverse : array of float, shape (n_items, n_items)
        ``P``.
    """
    scores: Floats = inputs - (inputs @ inverse) / np.diag(inverse)
    return scores


@dataclass(frozen=True, eq=False)
class FactoredEase:
    """EASE of a sparse system that is solved for some users at a time: ``B`` is never formed.

    Attributes
    ----------
    factor : Factor
        Factor of ``G + lam I``.
    diagonal : array of float, shape (n_items,)
        Diagonal of its inverse.
    """

    factor: Factor
    diagonal: Floats

    @classmethod
    def of(cls, gram: csr_matrix, lam: float, plan: Elimination) -> FactoredEase:
        """Factorise; parameters and errors are those of :func:`regularized_inverse`."""
        check_lambda(lam)
        factor = _factor(gram, lam, plan)
        return cls(factor, factor.diagonal())

    def scores(self, rows: csr_matrix) -> Floats:
        """Return what :func:`ease_scores` does, (n, n_items), for sparse rows of users."""
        inputs = rows.toarray().astype(self.diagonal.dtype, copy=False)
        scores: Floats = inputs - self.factor.times(inputs.T).T / self.diagonal
        return scores
