"""Fieller's interval against its definition, and what it must not depend on."""

import math

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import t, ttest_1samp, ttest_rel

from recbole_groupmix.core.statistics.fieller import (
    fieller_interval,
    fieller_of_pair,
    needs_fieller,
)
from recbole_groupmix.core.statistics.interval import Interval

#: Values of metrics: some 0, none negative, not so close that rounding decides.
METRIC = st.sampled_from([0.0, 0.0, 0.05, 0.1, 0.15, 0.2, 0.35, 0.5, 0.8, 1.0])
USERS = arrays(np.float64, st.tuples(st.just(2), st.integers(3, 12)), elements=METRIC)


def is_in(c, difference, baseline, confidence=0.95):
    """Whether a t-test does not reject that difference - c * baseline has mean 0: the definition."""
    left = difference - c * baseline
    n, error = len(left), left.std(ddof=1) / math.sqrt(len(left))
    return abs(left.mean()) <= t.ppf((1 + confidence) / 2, n - 1) * error


def drawn(seed, n=12, zeros=0.0, gain=1.2):
    rng = np.random.default_rng(seed)
    baseline = rng.gamma(2.0, 0.1, n) * (rng.random(n) >= zeros)
    return baseline * rng.lognormal(math.log(gain), 0.4, n), baseline


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("least", [-1.0, -math.inf])
@pytest.mark.parametrize("zeros", [0.0, 0.7])
def test_the_ends_are_those_of_a_grid_of_changes(seed, least, zeros):
    """A brute force over 200,001 changes from -1 (or -20) to 20, with the t-test of each."""
    values, baseline = drawn(seed, zeros=zeros)
    difference = values - baseline
    found = fieller_interval(difference, baseline, least=least)
    grid = np.linspace(max(least, -20), 20, 200_001)
    left = difference[None, :] - grid[:, None] * baseline[None, :]
    reach = t.ppf(0.975, 11) * left.std(axis=1, ddof=1) / math.sqrt(12)
    held = grid[np.abs(left.mean(axis=1)) <= reach]
    step = grid[1] - grid[0]
    low, high = np.clip([found.low, found.high], grid[0], grid[-1])
    if held[0] > grid[0] or found.low > -20:
        assert low == pytest.approx(held[0], abs=1.01 * step)
    if held[-1] < 20 or found.high < 20:
        assert high == pytest.approx(held[-1], abs=1.01 * step)
    if found.high == math.inf:
        assert held[-1] == 20 or least == -math.inf


def test_by_hand():
    # baselines 1 and 3, differences 1 and 1: means 2 and 1, s_BB = 2, s_DD = s_DB = 0. At
    # confidence .5 the quantile of Student's t with 1 degree of freedom (Cauchy) is 1:
    # (1 - 2 c)^2 <= c^2 * 2 / 2  ->  1 / 3 <= c <= 1
    found = fieller_interval(np.ones(2), np.array([1.0, 3.0]), confidence=0.5)
    assert [found.low, found.high] == pytest.approx([1 / 3, 1], abs=1e-12)
    # the mean of the differences has no error; that of the baseline is 2 standard errors from 0:
    # up to a Cauchy quantile of 2 the interval is bounded, so p = 2 * (1 / 2 - arctan(2) / pi)
    assert found.p == pytest.approx(1 - 2 * math.atan(2) / math.pi, abs=1e-12)
    assert found.p_less == 1


def test_a_baseline_that_is_not_told_from_0_leaves_the_interval_unbounded():
    baseline = np.array([0.2, 0.0, 0.0, 0.0, 0.0, 0.0])
    values = np.array([0.3, 0.0, 0.0, 0.1, 0.0, 0.0])
    found = fieller_interval(values - baseline, baseline, least=-1.0)
    assert [found.low, found.high] == [-1, math.inf]
    assert found.p > 0.05
    assert fieller_interval(values - baseline, baseline).low == -math.inf


def test_one_ray_is_left_where_only_the_new_mean_is_told_from_0():
    # all users gain: the new mean is sure to be above 0, and so is a least change
    baseline = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.0])
    values = np.array([0.5, 0.6, 0.4, 0.5, 0.7, 0.5, 0.6, 0.4])
    found = fieller_interval(values - baseline, baseline, least=-1.0)
    assert 5 < found.low < values.mean() / baseline.mean() - 1
    assert found.high == math.inf
    assert found.p < 0.05
    assert is_in(found.low + 1e-6, values - baseline, baseline)
    assert not is_in(found.low - 1e-6, values - baseline, baseline)
    # without a bound the other ray is possible too, and an interval of both says nothing
    both = fieller_interval(values - baseline, baseline)
    assert [both.low, both.high] == [-math.inf, math.inf]
    assert both.p > 0.05


def test_a_sure_loss_of_an_unsure_baseline_is_not_told_from_none():
    # every user loses the same, but one user is most of the baseline: of two parts, one on either
    # side of no change, the interval spans both
    baseline = np.array([5.0, 0.1, 0.1, 0.1, 0.1, 0.1])
    found = fieller_interval(np.full(6, -0.05), baseline, least=-1.0)
    assert found.low < 0 < found.high == math.inf
    assert not is_in(0.0, np.full(6, -0.05), baseline)
    assert found.p == found.p_less > 0.05


@given(USERS, st.sampled_from([0.5, 0.9, 0.95]))
def test_p_is_small_exactly_if_the_interval_leaves_out_no_change(pair, confidence):
    values, baseline = pair
    assume(baseline.any())
    found = fieller_of_pair(values[None], baseline[None], confidence)
    assert found.low <= values.mean() / baseline.mean() - 1 + 1e-9
    assert found.high >= values.mean() / baseline.mean() - 1 - 1e-9
    assume(min(abs(found.low), abs(found.high)) > 1e-9)
    assert (found.p < 1 - confidence) == (found.low > 0 or found.high < 0)


@given(USERS)
def test_p_is_that_of_the_paired_t_test_where_the_interval_is_bounded(pair):
    values, baseline = pair
    assume(np.ptp(values - baseline) > 0 and np.ptp(baseline) > 0)
    found = fieller_of_pair(values[None], baseline[None], 0.95)
    paired = ttest_rel(values, baseline).pvalue
    is_bounded_at = ttest_1samp(baseline, 0).pvalue
    assert found.p >= paired - 1e-9
    if paired >= is_bounded_at:
        assert found.p == pytest.approx(paired, abs=1e-9)


@given(USERS, st.floats(1e-6, 1e6), st.randoms(use_true_random=False))
@example(np.array([[0.2, 0.5, 0.1], [0.1, 0.2, 0.15]]), 1e-6, None)
def test_neither_scale_nor_order_of_users_matters(pair, scale, random):
    values, baseline = pair
    assume(baseline.any())
    order = list(range(len(values)))
    if random is not None:
        random.shuffle(order)
    found = fieller_of_pair(values[None], baseline[None], 0.95)
    other = fieller_of_pair(scale * values[None, order], scale * baseline[None, order], 0.95)
    t_of_baseline = abs(ttest_1samp(baseline, 0).statistic) if np.ptp(baseline) else math.inf
    assume(abs(t_of_baseline - t.ppf(0.975, len(values) - 1)) > 1e-6)  # else rounding bounds it
    for end, of_other in zip(found, other, strict=True):
        if math.isfinite(end) and abs(end) < 1e6:
            assert of_other == pytest.approx(end, rel=1e-5, abs=1e-6)


def test_repeats_are_averaged_first():
    values, baseline = (np.array([drawn(seed)[side] for seed in range(3)]) for side in (0, 1))
    found = fieller_of_pair(values, baseline, 0.9)
    means = values.mean(axis=0), baseline.mean(axis=0)
    assert found == pytest.approx(fieller_of_pair(*(m[None] for m in means), 0.9), abs=1e-12)


def test_no_difference_is_no_change_and_rounding_is_none():
    _, baseline = drawn(3, zeros=0.9)
    none = Interval(0.0, 0.0, 1.0, 1.0)
    assert fieller_of_pair(baseline[None], baseline[None].copy(), 0.95) == none
    assert fieller_of_pair(baseline[None] * (1 + 1e-15), baseline[None], 0.95) == none


def test_where_it_is_needed():
    dense = np.ones((2, 50))
    assert not needs_fieller(dense)
    assert needs_fieller(dense[:, :49])
    zeros = np.ones((2, 100))
    zeros[:, :39] = 0
    assert not needs_fieller(zeros)
    zeros[0, 39] = 0  # not in every repeat
    assert not needs_fieller(zeros)
    zeros[1, 39] = 0
    assert needs_fieller(zeros)


@pytest.mark.parametrize(("n", "least"), [(1, -1.0), (3, -2.0)])
def test_refusals(n, least):
    with pytest.raises(ValueError, match=f"there are {n} users and the least change is {least}"):
        fieller_interval(np.ones(n), np.ones(n), least=least)
