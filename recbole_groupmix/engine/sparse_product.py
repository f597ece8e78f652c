"""Sparse rows times a dense matrix that is larger than the caches: by strips of its columns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from recbole_groupmix.engine.compiled import compiled
from recbole_groupmix.engine.row_vectors import weighted_sum
from recbole_groupmix.engine.threads import even_bounds, pool

#: Columns of a strip: a second-level cache holds most of some thousand rows of it.
_COLUMNS = 128


def sparse_product(rows: csr_matrix, matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return ``rows @ matrix`` in float32, summed in the order of each row's entries.

    SciPy reads rows of the matrix from memory for every row of the product; here a strip of
    columns serves all rows before the next.

    Parameters
    ----------
    rows : scipy.sparse.csr_matrix of float32, shape (n, m)
        Most efficient with some hundred rows.
    matrix : numpy.ndarray of float32, shape (m, k)
        C-contiguous.

    Returns
    -------
    numpy.ndarray of float32, shape (n, k)
        A row does not depend on the other rows of the call.
    """
    product = np.empty((rows.shape[0], matrix.shape[1]), np.float32)
    width = min(_COLUMNS, matrix.shape[1])
    if width:
        indices = rows.indices.astype(np.int32, copy=False)
        data = rows.data.astype(np.float32, copy=False)
        arrays = (rows.indptr, indices, data, matrix, product)
        strips = even_bounds(-(-matrix.shape[1] // width), pool().size)
        pool().over(strips, _strips, *arrays, (0,) * width)
    return product


@compiled(nogil=True)
def _strips(first, last, indptr, indices, data, matrix, product, columns):  # type: ignore[no-untyped-def]
    """Fill strips ``first:last`` of ``product``; each has as many columns as ``columns`` entries."""
    width = len(columns)
    for strip in range(first, last):  # the last one of all overlaps the one before
        column = np.uint64(min(strip * width, matrix.shape[1] - width))
        for r in range(len(product)):
            row, begin, end = np.uint64(r), np.uint64(indptr[r]), np.uint64(indptr[r + 1])
            weighted_sum(product, row, matrix, indices, data, begin, end, column, columns)
