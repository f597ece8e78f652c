"""Shapley values, interactions and sampled orders against brute force."""

import itertools
import math

import numpy as np
import pytest
from shapley_orders import by_orders

from recbole_groupmix.core.shapley import (
    antithetic_orders,
    pair_values,
    shapley_values,
    standard_error,
)
from recbole_groupmix.core.shapley import interactions as interaction_indices


def game_of(seed, n, n_users=5):
    return np.random.default_rng(seed).normal(size=(1 << n, n_users))


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_values_are_the_means_over_all_orders_and_add_up(n):
    values = game_of(n, n)
    found = shapley_values(values)
    np.testing.assert_allclose(found, by_orders(values, n), atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=0), values[-1] - values[0], atol=1e-12)


def test_equal_players_get_equal_values_and_one_who_adds_nothing_gets_none():
    members = np.array([[m >> i & 1 for i in range(4)] for m in range(16)])
    worth = np.array([3.0, 1.0, 1.0])
    values = (members[:, :3] @ worth)[:, None] ** np.array([1.5, 2.0])  # player 3 adds nothing
    found = shapley_values(values)
    assert (found[3] == 0).all() and (found[0] > found[1]).all()
    np.testing.assert_allclose(found[1], found[2], rtol=1e-12)


def test_the_interaction_of_a_pair_is_what_it_adds_as_one_after_others():
    """By orders of the pair as one player: the mean of its second difference."""
    n, values = 4, game_of(9, 4)
    found = interaction_indices(values)
    assert list(found) == list(itertools.combinations(range(n), 2))
    for (i, j), index in found.items():
        rest = [player for player in range(n) if player not in (i, j)]
        expected = np.zeros(5)
        for order in itertools.permutations([*rest, "both"]):
            before = sum(1 << player for player in order[: order.index("both")])
            a, b = 1 << i, 1 << j
            expected += values[before | a | b] - values[before | a] - values[before | b]
            expected += values[before]
        np.testing.assert_allclose(index, expected / math.factorial(n - 1), atol=1e-12)
    assert interaction_indices(game_of(0, 1)) == {}


def test_coalitions_that_are_no_power_of_2_are_refused():
    for bad in (1, 3, 6):
        with pytest.raises(ValueError, match=f"{bad} coalitions are given"):
            shapley_values(np.zeros((bad, 2)))


def test_orders_come_with_their_reverse_and_are_exact_for_pairs():
    orders = antithetic_orders(6, 8, seed=1)
    assert (np.sort(orders) == np.arange(6)).all() and (orders[1::2] == orders[0::2, ::-1]).all()
    assert len(np.unique(orders, axis=0)) == 8
    rng = np.random.default_rng(0)
    alone, together = rng.normal(size=6), np.triu(rng.normal(size=(6, 6)), 1)
    members = np.array([[m >> i & 1 for i in range(6)] for m in range(64)])
    values = members @ alone + np.einsum("mi,ij,mj->m", members, together, members)
    pairs = pair_values(dict(enumerate(values)), orders)
    np.testing.assert_allclose(pairs, np.tile(shapley_values(values[:, None])[:, 0], (4, 1)))


def test_a_sampled_estimate_is_as_near_as_its_standard_error_says():
    """Over many seeds the error over its standard error has the spread of Student's t."""
    values = game_of(3, 7, n_users=1)
    exact, within = shapley_values(values)[:, 0], []
    for seed in range(60):
        pairs = pair_values(dict(enumerate(values)), antithetic_orders(7, 32, seed))[..., 0]
        np.testing.assert_allclose(pairs.sum(axis=1), (values[-1] - values[0])[0], atol=1e-12)
        within.append(abs(pairs.mean(axis=0) - exact) <= 2.13 * standard_error(pairs))
    assert 0.9 < np.mean(within) < 0.99  # t of 15 degrees: .95


@pytest.mark.parametrize("n_orders", [2, 5])
def test_an_odd_or_small_sample_is_refused(n_orders):
    with pytest.raises(ValueError, match=f"permutations is {n_orders}; it must be an even number"):
        antithetic_orders(3, n_orders, 0)
