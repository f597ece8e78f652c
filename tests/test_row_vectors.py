"""Rows as vectors of the machine, against numpy."""

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from recbole_groupmix.engine.row_vectors import add_scaled, difference, weighted_sum


@njit
def _difference(out, table, by, columns):
    return difference(
        out, np.uint64(1), table, np.uint64(2), np.uint64(0), by, np.uint64(3), columns
    )


@njit
def _add_scaled(out, scale, table, columns):
    add_scaled(out, np.uint64(1), scale, table, np.uint64(2), columns)


def _table(rows, width, seed):
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)


# less than a vector, a vector, one and a rest, two and a rest
@pytest.mark.parametrize("width", [1, 3, 16, 17, 37])
def test_a_difference_is_written_and_multiplied(width):
    out, table, by = _table(3, width, 0), _table(4, width, 1), _table(5, width, 2)
    wanted = out.copy()
    wanted[1] = table[2] - table[0]
    product = _difference(out, table, by, (0,) * width)
    assert np.array_equal(out, wanted)
    assert product == pytest.approx(float(wanted[1].astype(float) @ by[3]), rel=1e-5)


@pytest.mark.parametrize("width", [1, 3, 16, 17, 37])
def test_a_multiple_of_a_row_is_added(width):
    out, table = _table(3, width, 0), _table(4, width, 1)
    wanted = out.copy()
    wanted[1] += np.float32(0.3) * table[2]
    _add_scaled(out, np.float32(0.3), table, (0,) * width)
    assert np.array_equal(out[[0, 2]], wanted[[0, 2]])
    np.testing.assert_allclose(out[1], wanted[1], rtol=1e-6)  # fused or not


def test_a_table_may_be_written_to_itself():
    table = _table(3, 5, 0)
    wanted = table.copy()
    wanted[1] += 2 * table[2]
    _add_scaled(table, np.float32(2.0), table, (0,) * 5)
    np.testing.assert_allclose(table, wanted, rtol=1e-6)


@pytest.mark.parametrize("table", [_table(8, 4, 0)[::2], _table(4, 4, 0).astype(float)])
def test_tables_whose_rows_are_no_vectors_are_refused(table):
    with pytest.raises(TypingError, match="are not vectors"):
        _add_scaled(_table(3, 4, 0), np.float32(1.0), table, (0,) * 4)


@njit
def _weighted_sum(out, table, rows, scales, begin, end, columns, column=0):
    weighted_sum(out, np.uint64(1), table, rows, scales, begin, end, np.uint64(column), columns)


# ..., more vectors than registers
@pytest.mark.parametrize("width", [1, 3, 16, 17, 64, 150])
@pytest.mark.parametrize(("begin", "end"), [(0, 6), (2, 5), (3, 3)])
def test_a_weighted_sum_of_rows(width, begin, end):
    out, table = _table(3, width, 0), _table(4, width, 1)
    rows, scales = np.array([3, 0, 2, 2, 1, 0], dtype=np.int32), _table(1, 6, 2)[0]
    others = out[[0, 2]].copy()
    _weighted_sum(out, table, rows, scales, np.uint64(begin), np.uint64(end), (0,) * width)
    part = slice(begin, end)
    wanted = scales[part].astype(float) @ table[rows[part]].astype(float)
    np.testing.assert_allclose(out[1], wanted, atol=1e-6)
    assert np.array_equal(out[[0, 2]], others)


def test_a_column_of_a_weighted_sum_does_not_depend_on_its_company():
    rng = np.random.default_rng(0)
    rows, scales = rng.integers(0, 50, 1000).astype(np.int32), _table(1, 1000, 1)[0]
    table = _table(50, 150, 2)
    found = {}
    for width in (1, 4, 20, 64, 150):
        out = np.zeros((2, width), np.float32)
        mine = np.ascontiguousarray(table[:, :width])
        _weighted_sum(out, mine, rows, scales, np.uint64(0), np.uint64(1000), (0,) * width)
        found[width] = out[1]
    for width, of_width in found.items():
        assert np.array_equal(of_width, found[150][:width])


@pytest.mark.parametrize(("column", "width"), [(0, 5), (7, 17), (83, 37)])
def test_a_weighted_sum_of_some_columns_leaves_the_others(column, width):
    out, table = _table(3, 120, 0), _table(4, 120, 1)
    rows, scales = np.array([3, 0, 2], dtype=np.int32), _table(1, 3, 2)[0]
    wanted = out.copy()
    whole = np.zeros_like(out)
    every = (0,) * 120
    _weighted_sum(whole, table, rows, scales, np.uint64(0), np.uint64(3), every)
    wanted[1, column : column + width] = whole[1, column : column + width]
    _weighted_sum(out, table, rows, scales, np.uint64(0), np.uint64(3), (0,) * width, column)
    assert np.array_equal(out, wanted)
