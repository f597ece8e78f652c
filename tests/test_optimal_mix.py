"""The mix of least bound: against brute force, closed forms and degenerate cases."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_groupmix.core.theory.optimal_mix import optimal_mix
from recbole_groupmix.core.theory.prevalence import disparity, prevalence


def instance(seed, n_groups, n_classes):
    """Return theta_0, theta_aug, n_0, n_aug of a random setting, from even to lopsided."""
    rng = np.random.default_rng([0x6F7074, seed])
    spread = 10 ** rng.uniform(-0.7, 0.7)
    theta_0 = rng.dirichlet(np.full(n_classes, spread))
    theta_aug = rng.dirichlet(np.full(n_classes, spread), n_groups)
    return theta_0, theta_aug, 100.0, 100.0 * 10 ** rng.uniform(-1.5, 1.0)


def best_random(setting, seed, n=100_000):
    """Return the least disparity of n random mixes, inside and near the faces of the simplex."""
    rng = np.random.default_rng([0x726E64, seed])
    n_groups = len(setting[1])
    alphas = np.concatenate([rng.dirichlet(np.full(n_groups, c), n // 2) for c in (1.0, 0.2)])
    return disparity(prevalence(alphas, *setting)).min()


def check_never_worse(seed, n_classes):
    setting = instance(seed, 6, n_classes)
    found = optimal_mix(*setting)
    assert found.alpha.min() >= 0 and found.alpha.sum() == pytest.approx(1)
    np.testing.assert_allclose(found.sigma, prevalence(found.alpha, *setting))
    assert found.disparity == disparity(found.sigma)
    assert found.disparity <= best_random(setting, seed) * (1 + 1e-9)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(2, 9))
def test_never_worse_than_random_mixes(seed, n_classes):
    check_never_worse(seed, n_classes)


@pytest.mark.slow
@settings(max_examples=200)
@given(st.integers(0, 10**6), st.integers(2, 18))
def test_never_worse_than_random_mixes_at_length(seed, n_classes):
    check_never_worse(seed, n_classes)


def grid(n_groups, step=0.005):
    n = round(1 / step)
    if n_groups == 2:
        first = np.arange(n + 1)
        return np.stack([first, n - first], axis=1) / n
    first, second = np.meshgrid(np.arange(n + 1), np.arange(n + 1))
    inside = first + second <= n
    first, second = first[inside], second[inside]
    return np.stack([first, second, n - first - second], axis=1) / n


def check_against_grid(seed, n_groups, n_classes):
    setting = instance(seed, n_groups, n_classes)
    found, alphas = optimal_mix(*setting), grid(n_groups)
    values = disparity(prevalence(alphas, *setting))
    # never above the grid, and not below what one step of the grid can make of it: the nearest
    # point of the grid moves no class by more than `step` of n_aug users for each other group
    assert found.disparity <= values.min() * (1 + 1e-9)
    step = 0.005 * setting[3] * (n_groups - 1)
    high, low = found.sigma.max() + step, found.sigma.min() - step
    assert low <= 0 or values.min() <= high / low**2


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 3), st.integers(2, 6))
def test_agrees_with_a_grid(seed, n_groups, n_classes):
    check_against_grid(seed, n_groups, n_classes)


@pytest.mark.slow
@settings(max_examples=200)
@given(st.integers(0, 10**6), st.integers(2, 3), st.integers(2, 6))
def test_agrees_with_a_grid_at_length(seed, n_groups, n_classes):
    check_against_grid(seed, n_groups, n_classes)


def test_the_optimum_may_be_neither_the_least_sigma_max_nor_the_largest_sigma_min():
    # n_0 = 0: sigma is theta_aug itself, and of two groups sigma = a + (b - a) x for share x of b.
    # a = (.45, .38, .17), b = (.25, .55, .2): classes 1 and 2 meet at .45 - .2 x = .38 + .17 x,
    # x = 7/37, where sigma_max has its least value .412 and sigma_min = .17 + .03 x = .176.
    # sigma_min goes on to rise to x = 1 (.2), but sigma_max then is .55:
    # .412 / .176^2 = 13.4 < .55 / .2^2 = 13.75, while the other end, x = 0, gives .45 / .17^2 = 15.6
    setting = [1 / 3, 1 / 3, 1 / 3], [[0.45, 0.38, 0.17], [0.25, 0.55, 0.2]], 0, 1
    assert optimal_mix(*setting).alpha == pytest.approx([30 / 37, 7 / 37])


def test_an_optimum_at_a_corner_between_both_ends():
    # Of many random settings some have their optimum at an inner corner: there neither the least
    # sigma_max nor the largest sigma_min is reached. A search that looks only at the ends fails.
    inner = 0
    for seed in range(40):
        setting = instance(seed, 5, 5)
        sigma = optimal_mix(*setting).sigma
        reachable = prevalence(np.random.default_rng(seed).dirichlet(np.ones(5), 20_000), *setting)
        lower_maximum = reachable.max(axis=1).min() < sigma.max() * (1 - 1e-6)
        higher_minimum = reachable.min(axis=1).max() > sigma.min() * (1 + 1e-6)
        inner += lower_maximum and higher_minimum
    assert inner >= 2


# --- Figure 2: one group for each class ----------------------------------------------------------


def figure_2(theta, n_0, n_aug):
    """Closed form for three classes, theta descending, group c preferring class c alone."""
    first, second, third = theta
    if n_aug <= n_0 * (second - third):
        return [0, 0, 1]  # class 3 has the least users up to the end
    if n_aug <= n_0 * (2 * first - second - third):
        # n_0 theta_3 + x = n_0 theta_2 + n_aug - x
        x = (n_aug + n_0 * (second - third)) / 2
        return [0, 1 - x / n_aug, x / n_aug]
    return [((n_0 + n_aug) / 3 - n_0 * share) / n_aug for share in theta]


@pytest.mark.parametrize("theta", [(0.6, 0.3, 0.1), (0.5, 0.3, 0.2), (0.4, 0.35, 0.25)])
@pytest.mark.parametrize("n_0", [1, 137, 5000])
def test_figure_2_in_all_three_regimes(theta, n_0):
    ends = n_0 * np.array([theta[1] - theta[2], 2 * theta[0] - theta[1] - theta[2]])
    budgets = [
        *(ends[0] * np.array([0.05, 0.5, 1.0])),
        *(ends[0] + (ends[1] - ends[0]) * np.array([0.01, 0.5, 1.0])),
        *(ends[1] * np.array([1.01, 2.0, 50.0])),
    ]
    prop = [0.2, 0.5, 0.3]
    path = [optimal_mix(theta, np.eye(3), n_0, n_aug, prop) for n_aug in budgets]
    expected = [figure_2(theta, n_0, n_aug) for n_aug in budgets]
    np.testing.assert_allclose([point.alpha for point in path], expected, atol=1e-8)
    assert [point.n_aug for point in path] == budgets
    np.testing.assert_allclose(path[-1].alpha, 1 / 3, atol=0.01)  # towards uniform


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(2, 7))
def test_one_group_for_each_class_fills_from_below(seed, n_classes):
    # adding users where there are fewest raises the least prevalence most and the largest least
    rng = np.random.default_rng(seed)
    theta, n_0, n_aug = rng.dirichlet(np.ones(n_classes)), 100, rng.uniform(1, 300)
    low = np.sort(n_0 * theta)
    levels = (n_aug + np.cumsum(low)) / np.arange(1, n_classes + 1)
    level = next(v for c, v in enumerate(levels) if c + 1 == n_classes or v <= low[c + 1])
    expected = np.maximum(n_0 * theta, level)
    found = optimal_mix(theta, np.eye(n_classes), n_0, n_aug).sigma
    assert found.min() == pytest.approx(level)
    assert found.max() == pytest.approx(expected.max())


# --- degenerate cases ----------------------------------------------------------------------------

PROPORTIONAL = [0.7, 0.1, 0.2]


def test_without_budget_all_mixes_are_equal():
    found = optimal_mix([0.75, 0.25], [[1, 0], [0, 1], [0.5, 0.5]], 100, 0, PROPORTIONAL)
    assert found.alpha.tolist() == PROPORTIONAL
    assert found.disparity == pytest.approx(75 / 25**2)


def test_a_class_nobody_prefers():
    others = [[0.2, 0.8, 0], [0.8, 0.2, 0], [0.5, 0.5, 0]]
    found = optimal_mix([0.5, 0.5, 0], others, 10, 10, PROPORTIONAL)
    assert (found.alpha.tolist(), found.disparity) == (PROPORTIONAL, math.inf)


def test_a_class_that_one_group_alone_prefers():
    # sigma = (30 + 20 (1 - x), 20 x): equal at x = 1.25, so all of the budget goes there
    found = optimal_mix([1, 0], [[1, 0], [0, 1]], 30, 20, [1, 0])
    assert found.alpha == pytest.approx([0, 1])
    assert found.disparity == pytest.approx(30 / 20**2)


def test_one_group():
    assert optimal_mix([0.5, 0.5], [[0.9, 0.1]], 10, 10).alpha.tolist() == [1.0]


def test_of_equal_optima_the_nearest_to_proportional():
    # groups 1 and 2 mirror each other, 3 is level: level wherever alpha_1 = alpha_2. The nearest
    # point of that line, alpha = (a, a, 1 - 2 a), to (.7, .1, .2) has a = .4
    found = optimal_mix([0.5, 0.5], [[0.2, 0.8], [0.8, 0.2], [0.5, 0.5]], 10, 10, PROPORTIONAL)
    assert found.alpha == pytest.approx([0.4, 0.4, 0.2], abs=1e-8)
    # two groups alike and one worse: their share is 1, and (.2, .3) is nearest to (.45, .55)
    found = optimal_mix([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5], [1, 0]], 10, 10, [0.2, 0.3, 0.5])
    assert found.alpha == pytest.approx([0.45, 0.55, 0], abs=1e-8)


def test_proportional_stays_where_it_is_optimal():
    alpha = [0.3, 0.3, 0.4]
    found = optimal_mix([0.5, 0.5], [[0.2, 0.8], [0.8, 0.2], [0.5, 0.5]], 10, 10, alpha)
    assert found.alpha.tolist() == alpha


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.floats(1e-3, 1e3))
def test_units_do_not_matter(seed, factor):
    theta_0, theta_aug, n_0, n_aug = instance(seed, 4, 4)
    one = optimal_mix(theta_0, theta_aug, n_0, n_aug)
    other = optimal_mix(theta_0, theta_aug, n_0 * factor, n_aug * factor)
    assert other.disparity * factor == pytest.approx(one.disparity)


@pytest.mark.parametrize(
    ("alpha_prop", "message"),
    [([0.5, 0.4], "row 0 of alpha_prop sums"), ([1.0], r"alpha_prop has shape \(1,\)")],
)
def test_a_bad_proportional_mix(alpha_prop, message):
    with pytest.raises(ValueError, match=message):
        optimal_mix([1.0], [[1.0], [1.0]], 1, 1, alpha_prop)
