"""EASE (Steck, WWW 2019) from a Gram matrix, and the floating-point precision that it needs."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.linalg import get_lapack_funcs

from recbole_groupmix.core.linear.gram import Floats

#: Relative error, condition number times rounding unit, up to which float32 is used.
FLOAT32_ERROR = 1e-3
_FLOAT64_ERROR = 1e-6
_SMALL_BLOCK = 256  # rows that are inverted at once
_ROWS_AT_ONCE = 64


def largest_row_sum(gram: Floats) -> float:
    """Return the largest sum of absolute values of a row of a matrix."""
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


def precision_for(gram: Floats, lam: float) -> type[np.floating]:  # type: ignore[type-arg]
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


def regularized_inverse(gram: Floats, lam: float) -> Floats:
    """Return ``P = (G + lam I)^-1`` in the dtype of `gram`.

    Parameters
    ----------
    gram : array of float64 or float32, shape (n_items, n_items)
        Symmetric, positive semidefinite; not changed.
    lam : float
        Weight of the L2 term, > 0.

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
    inverse = gram.copy(order="C")
    inverse[np.diag_indices_from(inverse)] += lam
    try:
        _invert(inverse)
    except np.linalg.LinAlgError as error:
        raise ValueError(
            f"the Gram matrix plus lambda {lam:g} is not positive definite in {gram.dtype}; use a "
            "larger lambda or float64."
        ) from error
    return inverse


def _invert(matrix: Floats) -> None:
    """Invert a positive definite matrix in place, with the Schur complement of its first block.

    Nearly all of it are matrix products, which BLAS makes near the machine's peak and without
    Python's lock; LAPACK's own inverse from a factor is slow on several threads.
    """
    n = len(matrix)
    if n <= _SMALL_BLOCK:
        matrix[...] = _small_inverse(matrix)
        return
    first, second = slice(None, n // 2), slice(n // 2, None)
    _invert(matrix[first, first])
    across = matrix[first, first] @ matrix[first, second]
    _subtract_product(matrix[second, second], matrix[second, first], across)
    _invert(matrix[second, second])
    corner = across @ matrix[second, second]
    np.negative(corner, out=corner)
    matrix[first, second], matrix[second, first] = corner, corner.T
    _subtract_product(matrix[first, first], corner, across.T)


def _subtract_product(matrix: Floats, left: Floats, right: Floats) -> None:
    """Subtract a product known to be symmetric, of which about half is made, in place."""
    n = len(matrix)
    if n <= _SMALL_BLOCK:
        matrix -= left @ right
        matrix[...] = (matrix + matrix.T) * matrix.dtype.type(0.5)
        return
    first, second = slice(None, n // 2), slice(n // 2, None)
    _subtract_product(matrix[first, first], left[first], right[:, first])
    _subtract_product(matrix[second, second], left[second], right[:, second])
    corner = matrix[second, first]
    corner -= left[second] @ right[:, first]
    matrix[first, second] = corner.T


def _small_inverse(matrix: Floats) -> Floats:
    """Invert by Cholesky; LinAlgError if a matrix is not positive definite."""
    potrf, potri = get_lapack_funcs(("potrf", "potri"), (matrix,))
    factor, failed = potrf(matrix, lower=1, clean=0)
    if not failed:
        inverse, failed = potri(factor, lower=1, overwrite_c=1)
    if failed:
        raise np.linalg.LinAlgError
    lower = np.tril(inverse)
    full: Floats = lower + np.tril(lower, -1).T
    return full


def ease(gram: Floats, lam: float) -> Floats:
    """Return EASE's item-item matrix, ``B = I - P / diag(P)`` by column, with a zero diagonal.

    ``B`` minimises ``sum_u w_u |x_u - x_u B|^2 + lam |B|^2`` over matrices with a zero diagonal,
    when `gram` is ``sum_u w_u x_u x_u'``.

    Parameters
    ----------
    gram : array of float64 or float32, shape (n_items, n_items)
        Weighted Gram matrix.
    lam : float
        Weight of the L2 term, > 0.

    Returns
    -------
    array of the same dtype and shape
        A user's scores are ``x_u B``.

    Raises
    ------
    ValueError
        As `regularized_inverse`.
    """
    weights = regularized_inverse(gram, lam)
    weights /= -np.diag(weights).copy()
    np.fill_diagonal(weights, 0.0)
    return weights


def ease_towards(gram: Floats, mu: float, pooled: Floats) -> Floats:
    """Return the item-item matrix of users that stays near that of all users.

    ``B`` minimises ``sum_u w_u |x_u - x_u B|^2 + mu |B - B_p|^2`` over matrices with a zero
    diagonal. With ``P = (G + mu I)^-1`` and ``S = P (G - G B_p)`` it is ``B_p + S - P diag(S_jj /
    P_jj)``: one factorisation for each mu. A large mu gives ``B_p``; ``B_p = 0`` gives :func:`ease`.

    Parameters
    ----------
    gram : array of float64 or float32, shape (n_items, n_items)
        Weighted Gram matrix ``G`` of the users; not changed.
    mu : float
        Weight of the distance to the other matrix, > 0.
    pooled : array of float, shape (n_items, n_items)
        ``B_p``, with a zero diagonal; not changed.

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
    inverse = regularized_inverse(gram, mu)
    diagonal = np.diag(inverse)
    found = np.empty_like(gram)
    for start in range(0, len(gram), _SMALL_BLOCK):  # by columns, which are independent
        columns = slice(start, start + _SMALL_BLOCK)
        near = pooled[:, columns].astype(gram.dtype)
        step = inverse @ (gram[:, columns] - gram @ near)
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
