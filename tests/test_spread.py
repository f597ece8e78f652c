"""How much mixes change users' values, and the luck in what they gain."""

import numpy as np
import pytest
from search_tables import GROUPS, N_USERS, less_of_a, table

from recbole_groupmix.surface.history import History
from recbole_groupmix.surface.spread import (
    NEAREST,
    UNKNOWN,
    Spread,
    distances,
    luck_of_users,
    rms_changes,
)


def history_of(weights, differences):
    """A table whose Proportional, the first row, scores 0.5."""
    differences = np.asarray(differences, dtype=float)
    reference = np.arange(len(differences)) == 0
    scores = 0.5 + differences.mean(axis=1)
    return History(GROUPS, N_USERS, "t", np.asarray(weights), scores, differences, reference)


def test_the_luck_of_rows_that_share_none_is_the_variance_of_their_mean():
    """Two rows of four users without correlation: the variance of 0.2 +- is 0.04 * 4/3, over 4 users."""
    up_and_down = 0.2 * np.array([[0, 0, 0, 0], [1, -1, 1, -1], [1, 1, -1, -1]])
    luck = luck_of_users(history_of(np.ones((3, 3)), up_and_down))
    variance = 0.04 * 4 / 3 / 4 / 0.5**2  # relative to the score
    np.testing.assert_allclose(luck, [0, variance, variance], rtol=1e-12)


def test_rows_that_share_their_luck_have_more_of_it():
    """Four rows of one luck are one in effect, r = 16 / 16, so that the factor is sqrt(4 / 1)."""
    one = 0.2 * np.array([1, -1, 1, -1])
    alone = luck_of_users(history_of(np.ones((2, 3)), [0 * one, one]))[1]
    four = luck_of_users(history_of(np.ones((5, 3)), [0 * one, one, 2 * one, 3 * one, -one]))
    np.testing.assert_allclose(four, 2 * alone * np.array([0, 1, 4, 9, 1]), rtol=1e-12)


def test_the_spread_is_the_root_mean_square_of_what_was_seen_and_0_at_proportional():
    history = table(40, less_of_a, luck=0.3, users=200)
    spread, seen = Spread.of(history), rms_changes(history)
    assert seen[1] == pytest.approx(np.sqrt(np.mean(history.differences[1] ** 2)) / 0.3)
    of_rows = spread(history.weights)
    assert of_rows[0] == 0
    apart = np.abs(np.log(of_rows[1:] / seen[1:]))
    assert np.median(apart) < 0.1 and apart.max() < np.log(2)
    without = history.rows(np.arange(40) != 7)
    foretold = Spread.of(without)(history.weights[7:8])
    np.testing.assert_allclose(foretold, seen[7], rtol=0.5)


def test_a_table_without_values_of_users_has_one_spread_and_no_luck():
    history = table(6, less_of_a, users=1)
    mixes = np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [3.0, 0.1, 1.0]])
    np.testing.assert_allclose(Spread.of(history)(mixes), [0, UNKNOWN, UNKNOWN])
    assert (luck_of_users(history) == 0).all() and (rms_changes(history) == 0).all()


def test_distance_is_of_budget_and_of_unevenness():
    sizes = np.array([30.0, 90.0, 60.0])
    weights = np.array([[1.0, 1.0, 1.0], [0.5, 0.5, 0.5], [6.0, 0.0, 0.0]])
    away = distances(weights, sizes)
    assert away[0] == NEAREST
    assert away[1] == pytest.approx(
        np.log((1 + 1 / 16) / (0.5 + 1 / 16))
    )  # even: the budget alone
    uneven = np.array([np.log(6 + 1 / 16), np.log(1 / 16), np.log(1 / 16)]) - np.log(1 + 1 / 16)
    assert away[2] == pytest.approx(np.sqrt(uneven**2 @ sizes / sizes.sum()))  # its budget is 1
