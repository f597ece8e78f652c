"""Percentiles widened for the number of users, and the p-values that invert them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t, ttest_1samp

from recbole_groupmix.core.statistics.interval import (
    Interval,
    joined,
    p_of_tail,
    p_over_cells,
    percentile_ends,
    percentile_interval,
    spread_of_cells,
    spread_of_users,
    widened_tail,
)


def test_the_tail_is_hesterbergs():
    for n in (2, 5, 20, 1000):
        expected = norm.cdf(-math.sqrt(n / (n - 1)) * t.ppf(0.975, n - 1))
        assert widened_tail(0.95, spread_of_users(n)) == pytest.approx(expected, rel=1e-9)
    assert widened_tail(0.95, spread_of_users(10**6)) == pytest.approx(0.025, rel=1e-4)


def test_normal_resamples_give_the_t_interval():
    # resamples of a mean vary by (n - 1) / n of s^2 / n; quantiles of that many exact normal ones
    n, values = 8, np.random.default_rng(5).normal(1.0, 0.3, 8)
    sd = values.std(ddof=1) / math.sqrt(n)
    resampled = norm.ppf((np.arange(1, 200_000)) / 200_000, values.mean(), sd * math.sqrt(7 / 8))
    low, high = percentile_ends(resampled, widened_tail(0.95, spread_of_users(n)))
    half = t.ppf(0.975, n - 1) * sd
    assert [low, high] == pytest.approx(
        [values.mean() - half, values.mean() + half], abs=1e-3 * sd
    )


@given(st.integers(5, 500), st.floats(0.5, 0.999))  # of fewer the tail can be below any float
def test_p_inverts_the_tail(n, confidence):
    spread = spread_of_users(n)
    p = p_of_tail(widened_tail(confidence, spread), spread)
    assert p == pytest.approx(1 - confidence, rel=1e-6)


def test_more_than_half_of_the_resamples_is_no_evidence():
    assert p_of_tail(0.5, spread_of_users(10)) == p_of_tail(1.0, spread_of_users(10)) == 1


@given(
    st.lists(st.integers(-9, 9), min_size=40, max_size=200),
    st.integers(2, 100),
    st.sampled_from([0.5, 0.8, 0.9]),
)
def test_p_is_small_exactly_if_the_interval_leaves_out_no_change(changes, n_users, confidence):
    changes = np.array(changes, dtype=float)
    spread = spread_of_users(n_users)
    found = percentile_interval(changes, spread, confidence)
    if widened_tail(confidence, spread) * (len(changes) + 1) >= 1:
        assert (found.p < 1 - confidence) == (found.low > 0 or found.high < 0)


def test_the_spread_of_cells_is_that_of_the_units_that_differ():
    rng = np.random.default_rng(0)
    users, repeats = rng.normal(size=40), rng.normal(size=(5, 1))
    # only users differ, or only repeats
    assert spread_of_cells(np.tile(users, (5, 1))) == pytest.approx(spread_of_users(40))
    assert spread_of_cells(np.tile(repeats, (1, 40))) == pytest.approx(spread_of_users(5))
    assert spread_of_cells(np.zeros((5, 40))) == spread_of_users(40)
    # both, by hand: variances of the two means V and W, Satterthwaite (V + W)^2 / (V^2 / 39 + W^2 / 4)
    v, w = users.var(ddof=1) / 40, repeats.var(ddof=1) / 5
    found = spread_of_cells(users + repeats)
    assert found.freedom == pytest.approx((v + w) ** 2 / (v**2 / 39 + w**2 / 4))
    assert found.ratio == pytest.approx(math.sqrt((v + w) / (v * 39 / 40 + w * 4 / 5)))
    assert 4 < found.freedom < 39
    # of the same cells in another unit
    assert spread_of_cells(1e-9 * (users + repeats)) == pytest.approx(found)


def test_ends_are_resamples_counted_from_either_side():
    changes = np.random.default_rng(0).permutation(np.arange(99.0))
    assert percentile_ends(changes, 0.05) == (4, 94)  # the fifth of 99: .05 * 100
    assert percentile_ends(changes, 0.059) == (4, 94)
    assert percentile_ends(changes, 0.001) == (0, 98)  # too few resamples for such a tail
    assert percentile_ends(np.array([0.0, 1.0, math.inf]), 0.01) == (0, math.inf)


def test_joined_intervals_are_as_wide_and_as_doubtful_as_both():
    first, second = Interval(0.1, 0.4, 0.01, 1.0), Interval(0.05, math.inf, 0.03, 1.0)
    assert joined(first, second) == Interval(0.05, math.inf, 0.03, 1.0)
    # of two that contradict each other nothing is left
    assert joined(first, Interval(-0.4, -0.1, 1.0, 0.01)) == Interval(-0.4, 0.4, 1.0, 1.0)
    assert joined(first, Interval(-0.4, -0.1, 1.0, 0.01)).p == 1


def test_p_over_cells_is_the_t_test_of_the_units_that_differ():
    rng = np.random.default_rng(1)
    users, repeats = rng.normal(0.3, 1.0, 12), rng.normal(0.5, 0.4, (3, 1))
    # only users differ, or only repeats
    assert p_over_cells(np.tile(users, (3, 1))) == pytest.approx(ttest_1samp(users, 0).pvalue)
    by_repeats = ttest_1samp(repeats.ravel(), 0).pvalue
    assert p_over_cells(np.tile(repeats, (1, 12))) == pytest.approx(by_repeats)
    # no difference, and one that is the same everywhere
    assert p_over_cells(np.zeros((3, 12))) == 1
    assert p_over_cells(np.ones((3, 12))) == 0
