import itertools

import numpy as np
import pytest
from scipy.stats import binom, kstest

from recbole_groupmix.core.statistics import permutation
from recbole_groupmix.core.statistics.permutation import permutation_test


def brute_force(differences):
    """Share of all sign patterns whose mean is at least as far from 0 as the observed one."""
    patterns = itertools.product((-1, 1), repeat=len(differences))
    means = [abs(np.mean(np.array(signs) * differences)) for signs in patterns]
    return np.mean(np.array(means) >= abs(np.mean(differences)) - 1e-9)


def normal_pair(seed, n_users=40, shift=0.0, n_repeats=None):
    rng = np.random.default_rng(seed)
    shape = (n_users,) if n_repeats is None else (n_repeats, n_users)
    baseline = rng.normal(1.0, 0.3, shape)
    return baseline + rng.normal(shift, 0.3, shape), baseline


def test_exact_by_hand():
    # differences 1, 2, 4: the sums 7, 5, 3, 1 and their opposites; only +-7 is as far
    assert permutation_test(np.array([1.0, 2, 4]), np.zeros(3), seed=0) == 2 / 8
    # differences 1, 2, -4: |sum| 1, which all eight reach
    assert permutation_test(np.array([1.0, 2, -4]), np.zeros(3), seed=0) == 1
    # differences -1, 2, 4: |sum| 5, reached by +-7 and +-5
    assert permutation_test(np.array([-1.0, 2, 4]), np.zeros(3), seed=0) == 4 / 8


@pytest.mark.parametrize("n_users", [2, 5, 11, permutation.EXACT_USERS])
def test_few_users_are_gone_through(n_users):
    for draw in range(3):
        values, baseline = normal_pair([n_users, draw], n_users, 0.1)
        expected = brute_force(values - baseline)
        assert permutation_test(values, baseline, seed=0) == pytest.approx(expected, abs=1e-12)
        # so neither the seed nor the number of drawn patterns matters
        assert permutation_test(values, baseline, seed=9, n_permutations=1) == expected


def test_drawn_patterns_come_near_to_all():
    values, baseline = normal_pair(4, 14, 0.05)  # 2^14 patterns, more users than EXACT_USERS
    expected = brute_force(values - baseline)
    found = permutation_test(values, baseline, seed=0, n_permutations=40_000)
    assert 0.05 < expected < 0.95
    assert found == pytest.approx(expected, abs=0.01)  # four standard deviations


def test_each_user_has_signs_of_its_own():
    # 64 equal differences of each size: with one sign per word of 64 bits, p would be large
    values = np.repeat([1.0, 2.0, 4.0], 64)
    assert permutation_test(values, np.zeros(192), seed=0, n_permutations=999) == 1 / 1000


def test_users_without_a_difference_do_not_matter():
    values, baseline = normal_pair(1, 10, 0.2)
    more = np.full(500, 0.4)
    found = permutation_test(np.append(values, more), np.append(baseline, more), seed=0)
    assert found == brute_force(values - baseline)
    assert permutation_test(more, more * (1 + 1e-15), seed=0) == 1  # nor does rounding


def test_p_is_never_zero_and_at_most_one():
    values, baseline = normal_pair(0, 500, shift=3.0)
    assert permutation_test(values, baseline, seed=0, n_permutations=999) == 1 / 1000
    assert permutation_test(baseline, values, seed=0, n_permutations=999) == 1 / 1000
    alternating = np.tile([1.0, -1.0], 50)  # sum 0: every pattern is as far
    assert permutation_test(alternating, np.zeros(100), seed=0, n_permutations=99) == 1


def test_equal_sums_count_in_spite_of_rounding():
    # all sums of 40 differences of 0.1 - 0.3 or 0.3 - 0.1 are whole multiples of 0.4
    down = np.array([True] * 14 + [False] * 26)
    values, baseline = np.where(down, 0.1, 0.3), np.where(down, 0.3, 0.1)
    tens = permutation_test(np.where(down, -1.0, 1.0), np.zeros(40), seed=0)
    assert permutation_test(values, baseline, seed=0) == tens
    # P(|26 - 14| <= |heads - tails|) for 40 coins
    assert tens == pytest.approx(2 * binom.cdf(14, 40, 0.5), abs=0.01)


def test_repeats_are_averaged_first():
    values, baseline = normal_pair(5, 30, 0.1, n_repeats=3)
    assert permutation_test(values, baseline, seed=2) == pytest.approx(
        permutation_test(values.mean(axis=0), baseline.mean(axis=0), seed=2), abs=1e-3
    )
    # a repeat more that says the same changes nothing
    assert permutation_test(values[[0, 0]], baseline[[0, 0]], seed=2) == permutation_test(
        values[0], baseline[0], seed=2
    )


def test_a_user_with_nan_is_left_out():
    values, baseline = normal_pair(6, 30, 0.1)
    expected = permutation_test(values[2:], baseline[2:], seed=0)
    values[0] = baseline[1] = np.nan
    assert permutation_test(values, baseline, seed=0) == expected


def test_seeds_and_chunks(monkeypatch):
    values, baseline = normal_pair(7, 100, 0.05)
    whole = permutation_test(values, baseline, seed=1, n_permutations=1000)
    assert whole == permutation_test(values, baseline, seed=1, n_permutations=1000)
    others = {permutation_test(values, baseline, seed=s, n_permutations=999) for s in range(5)}
    assert len(others) > 1
    monkeypatch.setattr(permutation, "_CHUNK", 100 * 7)
    assert permutation_test(values, baseline, seed=1, n_permutations=1000) == whole


def test_memory_is_bounded(monkeypatch):
    drawn = []
    draw = permutation._drawn_sums

    def spy(rng, moved, n_patterns):
        drawn.append(n_patterns)
        return draw(rng, moved, n_patterns)

    monkeypatch.setattr(permutation, "_drawn_sums", spy)
    values, baseline = normal_pair(0, 20_000)
    permutation_test(values, baseline, seed=0, n_permutations=200)
    assert sum(drawn) == 200
    assert max(drawn) * 20_000 <= permutation._CHUNK


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.ones(1), {}, "1 of 1 users"),
        (np.ones((1, 1, 2)), {}, r"\(1, 1, 2\); they must be"),
        (np.ones(3), {"seed": -1}, "seed is -1"),
        (np.ones(3), {"n_permutations": 0}, "n_permutations 0"),
    ],
)
def test_refusals(values, options, message):
    with pytest.raises(ValueError, match=message):
        permutation_test(values, values, **{"seed": 0, **options})


@pytest.mark.slow
@pytest.mark.parametrize(("n_users", "n_repeats"), [(12, None), (60, None), (60, 5), (700, None)])
def test_p_is_uniform_under_the_null(n_users, n_repeats):
    """800 data sets without a difference between runs; users differ, and have repeats alike."""
    found = []
    for draw in range(800):
        rng = np.random.default_rng([41, n_users, draw])
        spread = rng.gamma(2.0, 0.1, n_users)  # users of unequal noise
        own = rng.normal(0, spread, n_users)
        noise = rng.normal(0, spread, (n_repeats or 1, n_users))
        baseline = rng.gamma(2.0, 1.0, n_users) + np.zeros_like(noise)
        values = baseline + own + noise
        found.append(permutation_test(values, baseline, seed=draw, n_permutations=1999))
    assert kstest(found, "uniform").pvalue > 0.01
    # 800 of probability 0.05 and 0.2: standard deviations 0.008 and 0.014
    assert np.mean(np.array(found) <= 0.05) == pytest.approx(0.05, abs=0.024)
    assert np.mean(np.array(found) <= 0.2) == pytest.approx(0.2, abs=0.042)


@pytest.mark.slow
def test_p_is_not_too_small_for_a_metric_of_few_values():
    """Hits of two models that are equally good: many ties, p may only be too large."""
    found = []
    for draw in range(800):
        hits = np.random.default_rng([43, draw]).random((2, 50)) < 0.3
        values, baseline = hits.astype(float)
        found.append(permutation_test(values, baseline, seed=draw, n_permutations=1999))
    for level in (0.01, 0.05, 0.2):
        at_most = level + 3 * np.sqrt(level * (1 - level) / 800)
        assert np.mean(np.array(found) <= level) <= at_most
