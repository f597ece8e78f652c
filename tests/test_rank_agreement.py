"""Spearman's correlation and its permutation tests: by hand and against scipy."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from recbole_groupmix.core.statistics.rank_agreement import (
    label_p,
    order_p,
    row_correlations,
    spearman,
)


def test_equals_scipy_also_with_ties():
    rng = np.random.default_rng(0)
    left, right = rng.integers(0, 5, (20, 9)), rng.normal(size=(20, 9))
    expected = [spearmanr(a, b).statistic for a, b in zip(left, right, strict=True)]
    np.testing.assert_allclose(spearman(left, right), expected)
    np.testing.assert_allclose(
        spearman(left, right[0]), [spearmanr(a, right[0]).statistic for a in left]
    )
    assert np.isnan(spearman([1, 1, 1], [1, 2, 3]))


def test_the_p_value_of_an_order_by_hand():
    # of the 6 orders of 3 values one has rho 1 and one -1, four have .5 or -.5
    assert order_p([1, 2, 3], [4, 5, 6]) == pytest.approx(2 / 6)
    assert order_p([1, 2, 3], [6, 5, 4]) == pytest.approx(2 / 6)
    assert order_p([1, 2, 3], [4, 6, 5]) == 1.0
    # of 6 values the best p is 2 / 720
    assert order_p(np.arange(6), np.arange(6)) == pytest.approx(2 / 720)
    assert np.isnan(order_p([1, 1, 1], [1, 2, 3]))


def test_many_values_are_drawn_and_depend_on_the_seed_alone():
    left, right = np.arange(9.0), np.array([2, 1, 3, 5, 4, 6, 9, 8, 7.0])
    assert order_p(left, right) == order_p(left, right) < 0.01
    middle = np.array([2, 9, 3, 5, 4, 1, 6, 8, 7.0])
    # scipy's p rests on the t distribution
    assert order_p(left, middle) == pytest.approx(spearmanr(left, middle).pvalue, abs=0.05)
    assert order_p(left, middle, seed=1) != order_p(left, middle)


def test_rows_leave_their_own_group_out():
    # row 0: others (2, 1) against (5, 9): opposite order; row 1: (3, 4), (5, 7); row 2: (1, 2), (9, 7)
    values = [[99, 2, 1], [3, 99, 4], [1, 2, 99]]
    others = [[0, 5, 9], [5, 0, 7], [9, 7, 0]]
    assert row_correlations(values, others).tolist() == [-1, 1, -1]
    with pytest.raises(ValueError, match="three groups or more"):
        row_correlations([[0, 1], [1, 0]], [[0, 1], [1, 0]])


def test_relabelling_by_hand():
    # three groups: pair (0, 1) is nearest, then (0, 2), then (1, 2); values agree with that
    near = np.array([[0, 3, 2], [3, 0, 1], [2, 1, 0.0]])
    # the six relabellings put the three values on the pairs in all six orders; the mean of the rows'
    # correlations, each 1 or -1, is 1 - 2/3 of the number of inversions, and of the six orders 1, 2,
    # 2, 1 have 0, 1, 2, 3 of them: only two lie as far from 0 as the given one
    mean, p = label_p(near, near)
    assert mean == 1.0
    assert p == pytest.approx(2 / 6)
    one_inversion = np.array([[0, 3, 1], [3, 0, 2], [1, 2, 0.0]])
    assert label_p(near, one_inversion) == pytest.approx((1 / 3, 1.0))


def test_a_row_that_is_not_known_is_left_out():
    rng = np.random.default_rng(1)
    values, others = rng.normal(size=(2, 5, 5))
    values[2] = np.nan
    mean, p = label_p(values, others)
    rows = [r for i, r in enumerate(row_correlations(np.nan_to_num(values), others)) if i != 2]
    assert mean == pytest.approx(np.mean(rows)) and 0 < p <= 1
    assert np.isnan(label_p(np.full((4, 4), np.nan), others[:4, :4])).all()


def test_p_values_are_even_where_there_is_no_relation():
    rng = np.random.default_rng(2)
    p = [label_p(*rng.normal(size=(2, 6, 6)))[1] for _ in range(60)]
    assert 0.35 < np.mean(p) < 0.65  # the mean of 60 even values has a standard error of .037
    related = rng.normal(size=(6, 6))
    assert label_p(related, related + 0.01 * rng.normal(size=(6, 6)))[1] < 0.01
