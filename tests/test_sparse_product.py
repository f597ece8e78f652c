"""Sparse rows times a dense matrix, against SciPy."""

import numpy as np
import pytest
import scipy.sparse as sp

from recbole_groupmix.engine.sparse_product import sparse_product


# nothing, less than a strip, one, one and a column, several and a rest
@pytest.mark.parametrize("n_columns", [0, 1, 100, 128, 129, 300])
@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_a_product_is_that_of_scipy(n_columns, index):
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(40, 90)) * (rng.random((40, 90)) < 0.2)
    dense[7] = 0.0
    rows = sp.csr_matrix(dense.astype(np.float32))
    rows.indices, rows.indptr = rows.indices.astype(index), rows.indptr.astype(index)
    matrix = rng.normal(size=(90, n_columns)).astype(np.float32)
    found = sparse_product(rows, matrix)
    assert found.shape == (40, n_columns) and found.dtype == np.float32
    np.testing.assert_allclose(found, rows.toarray().astype(float) @ matrix, atol=1e-5)
    assert (found[7] == 0).all()


def test_ones_give_the_bits_of_scipy_and_a_row_those_of_any_company():
    rng = np.random.default_rng(0)
    rows = sp.csr_matrix((rng.random((60, 200)) < 0.3).astype(np.float32))
    matrix = rng.normal(size=(200, 333)).astype(np.float32)
    found = sparse_product(rows, matrix)
    assert np.array_equal(found, rows @ matrix)  # the same sums in the same order
    assert np.array_equal(found[11:14], sparse_product(rows[11:14], matrix))
