"""A change needs two tests that agree; a pair's numbers do not depend on its company."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_groupmix.core.statistics.bootstrap import relative_change
from recbole_groupmix.core.statistics.permutation import permutation_test
from recbole_groupmix.core.statistics.two_tests import FEWEST_MARKED, compared_changes

FAST = {"seed": 0, "n_boot": 400, "n_permutations": 399}


def pair(seed, n_users, n_repeats=1, zeros=0.0, gain=1.1):
    rng = np.random.default_rng(seed)
    baseline = rng.gamma(2.0, 0.1, (n_repeats, n_users)) * (rng.random(n_users) >= zeros)
    return baseline * rng.lognormal(math.log(gain), 0.3, (n_repeats, n_users)), baseline


def test_p_is_the_larger_of_the_two_tests():
    for seed, n_users in ((0, 8), (1, 60), (2, 25)):
        values, baseline = pair(seed, n_users)
        (found,) = compared_changes([(values, baseline)], **FAST)
        alone = relative_change(values, baseline, seed=0, n_boot=400)
        assert (found.mean, found.ci_low, found.ci_high, found.p_interval) == (
            alone.mean, alone.ci_low, alone.ci_high, alone.p,
        )  # fmt: skip
        assert found.p_permutation == permutation_test(
            values, baseline, seed=0, n_permutations=399
        )
        assert found.p == max(found.p_interval, found.p_permutation)


def test_both_tests_can_be_the_one_that_holds_a_mark_back():
    # five users who all gain much: 2 / 2^5, though the interval is far from 0
    values, baseline = np.array([[1.5, 1.6, 1.55, 1.52, 1.61]]), np.ones((1, 5))
    (few,) = compared_changes([(values, baseline)], **FAST)
    assert few.p_interval < 0.001 < 0.05 < few.p == few.p_permutation == 2 / 2**5
    # repeats that differ as a whole: signs of users say nothing of them
    gains = np.array([0.9, -0.001, -0.001, -0.001, -0.001])[:, None] * np.ones(60)
    (seeds,) = compared_changes([(1 + gains, np.ones((5, 60)))], **FAST)
    assert seeds.p_permutation == 1 / 400 < 0.05 < seeds.p == seeds.p_interval


def test_of_few_repeats_that_differ_as_a_whole_no_mark_is_made():
    # three seeds: users agree within each, but the seeds do not say the same
    gains = np.array([0.3, 0.02, 0.1])[:, None] + 0.001 * np.arange(60)
    (found,) = compared_changes([(1 + gains, np.ones((3, 60)))], **FAST)
    assert found.ci_low > 0 and max(found.p_interval, found.p_permutation) < 0.05
    assert found.p == found.p_repeats > 0.05
    (agree,) = compared_changes([(1 + gains[[1, 1, 1]], np.ones((3, 60)))], **FAST)
    assert agree.p < 0.05
    # one seed says nothing of others, and from five on the interval covers them
    for n_repeats in (1, 5):
        pair_ = 1 + np.resize(gains, (n_repeats, 60)), np.ones((n_repeats, 60))
        assert compared_changes([pair_], **FAST)[0].p_repeats == 0


@given(st.integers(2, FEWEST_MARKED - 1), st.integers(0, 10**6), st.floats(-0.9, 9))
def test_fewer_than_six_users_cannot_be_marked(n_users, seed, gain):
    values, baseline = pair(seed, n_users, gain=1 + gain)
    (found,) = compared_changes([(values, baseline)], **FAST)
    assert not found.p < 0.05


def test_six_users_can():
    values, baseline = np.linspace(1.5, 1.6, 6)[None], np.ones((1, 6))
    (found,) = compared_changes([(values, baseline)], **FAST)
    assert found.p == 2 / 2**6


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 99),
            st.sampled_from([6, 30, 55]),
            st.sampled_from([1, 5]),
            st.sampled_from([0.0, 0.6]),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_a_pair_has_the_numbers_that_it_would_have_alone(sizes):
    pairs = [pair(*size) for size in sizes]
    pairs = [each for each in pairs if each[1].any()]
    together = compared_changes(pairs, **FAST)
    for each, found in zip(pairs, together, strict=True):
        (alone,) = compared_changes([each], **FAST)
        assert vars(found) == pytest.approx(vars(alone), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 99), st.sampled_from([6, 30, 55]), st.sampled_from([1, 5]))
def test_p_of_the_interval_is_small_exactly_if_it_leaves_out_no_change(seed, n_users, n_repeats):
    values, baseline = pair(seed, n_users, n_repeats, zeros=0.3)
    if not baseline.any():
        return
    (found,) = compared_changes([(values, baseline)], seed=1, n_boot=2000, n_permutations=1)
    assert (found.p_interval < 0.05) == (found.ci_low > 0 or found.ci_high < 0)
    assert found.ci_low >= -1  # a metric that is never negative cannot lose more


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99), st.sampled_from([20, 80]))
def test_the_scale_of_a_metric_and_the_order_of_users_matter_little(seed, n_users):
    values, baseline = pair(seed, n_users, 5)
    order = np.random.default_rng(seed).permutation(n_users)
    first, scaled, moved = compared_changes(
        [
            (values, baseline),
            (64 * values, 64 * baseline),
            (values[:, order], baseline[:, order]),
        ],
        seed=0,
        n_boot=8000,
        n_permutations=1999,
    )
    assert vars(scaled) == pytest.approx(vars(first), abs=1e-9)
    # resamples are drawn by place: other ones of the same users
    assert moved.mean == pytest.approx(first.mean, abs=1e-12)
    width = first.ci_high - first.ci_low
    assert [moved.ci_low, moved.ci_high] == pytest.approx(
        [first.ci_low, first.ci_high], abs=0.1 * width
    )


def test_a_baseline_of_zero_is_undefined():
    (found,) = compared_changes([(np.ones((1, 9)), np.zeros((1, 9)))], **FAST)
    assert math.isnan(found.mean) and math.isnan(found.p)
    (same,) = compared_changes([pair(0, 9)[1:] * 2], **FAST)
    assert (same.mean, same.ci_low, same.ci_high, same.p) == (0, 0, 0, 1)
