"""The inverse of a positive definite matrix in place, mostly by matrix products."""

from __future__ import annotations

import numpy as np
from scipy.linalg import get_lapack_funcs

from recbole_groupmix.core.linear.gram import Floats

_SMALL_BLOCK = 256  # rows that are inverted at once


def invert(matrix: Floats) -> None:
    """Invert a positive definite matrix in place, with the Schur complement of its first block.

    Nearly all of it are matrix products, which BLAS makes near the machine's peak and without
    Python's lock; LAPACK's own inverse from a factor is slow on several threads.

    Parameters
    ----------
    matrix : array of float64 or float32, shape (n, n)
        Symmetric; its inverse, symmetric to the last bit, takes its place.

    Raises
    ------
    numpy.linalg.LinAlgError
        If it is not positive definite to this precision.
    """
    n = len(matrix)
    if n <= _SMALL_BLOCK:
        if n:
            matrix[...] = _small_inverse(matrix)
        return
    first, second = slice(None, n // 2), slice(n // 2, None)
    invert(matrix[first, first])
    across = matrix[first, first] @ matrix[first, second]
    _subtract_product(matrix[second, second], matrix[second, first], across)
    invert(matrix[second, second])
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
