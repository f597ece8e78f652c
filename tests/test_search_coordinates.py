"""Coordinates of mixes, their divergences, and the pool of candidates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_tables import GROUPS, N_USERS, table

from recbole_groupmix.surface.coordinates import (
    BUDGET_BOX,
    RELATIVE_BOX,
    box_draws,
    budgets_of,
    candidate_pool,
    clip_to_box,
    divergences,
    from_coordinates,
    log_doses,
    to_coordinates,
    untried,
)
from recbole_groupmix.surface.history import History, mix_of, weights_of

SIZES = np.array([N_USERS[name] for name in GROUPS], dtype=float)
WEIGHT = st.one_of(st.just(0.0), st.floats(1e-3, 50))
ROWS = st.lists(st.tuples(WEIGHT, WEIGHT, WEIGHT), min_size=1, max_size=5).map(np.array)


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_weights_come_back_from_coordinates_and_from_mixes(weights):
    points = to_coordinates(weights, SIZES)
    np.testing.assert_allclose(from_coordinates(points, SIZES), weights, rtol=1e-9)
    for row in weights:
        mix = mix_of(row, GROUPS, N_USERS, "t")
        assert mix.alpha["empty"] == 0
        np.testing.assert_allclose(weights_of(mix, GROUPS, N_USERS, "t"), row, rtol=1e-9)


def test_coordinates_by_hand():
    points = to_coordinates(np.array([[2.0, 0.0, 1.0], [0, 0, 0]]), SIZES)
    budget = (30 * 2 + 60 * 1) / 180
    np.testing.assert_allclose(
        np.exp(points), [[budget, 2 / budget, 0, 1 / budget], [0, 1, 1, 1]], rtol=1e-12
    )


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_a_clipped_mix_lies_in_the_box_or_is_off(weights):
    clipped = clip_to_box(weights, SIZES)
    budgets = budgets_of(clipped, SIZES)
    on = budgets > 0
    assert (on == (weights.sum(axis=1) > 0)).all()
    assert ((clipped > 0) == (weights > 0)).all()
    np.testing.assert_array_less(budgets[on], BUDGET_BOX.high * (1 + 1e-9))
    np.testing.assert_array_less(BUDGET_BOX.low * (1 - 1e-9), budgets[on])
    for row in clipped[on]:  # relative weights have one common factor, which the budget fixes
        used = row[row > 0]
        assert used.max() / used.min() <= RELATIVE_BOX[1] / RELATIVE_BOX[0] * (1 + 1e-9)


def test_all_mixes_without_other_groups_are_one_point_near_a_small_budget():
    none, little, all_ = log_doses(np.array([[0.0] * 3, [0.05] * 3, [1.0] * 3]), SIZES)
    assert np.abs(none - little).max() < np.abs(little - all_).max()
    assert np.isfinite(none).all()


def test_divergence_by_hand():
    history = table(1)
    p, q = np.array([[1.0, 0.0, 0.0]]), np.array([[1.0, 1.0, 1.0]])
    a, b = np.array([50, 30]) / 80, np.array([50, 30]) / 230
    expected = (a * np.log(a / b)).sum()
    np.testing.assert_allclose(divergences(p, q, history), [[expected]], rtol=1e-12)
    assert np.isinf(divergences(q, p, history)).all()


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_a_mix_diverges_from_itself_by_nothing(weights):
    found = divergences(weights, weights, table(1))
    assert (found >= 0).all()
    np.testing.assert_allclose(np.diag(found), 0, atol=1e-12)


def test_the_pool_has_new_mixes_of_all_sources_and_depends_on_the_seed_alone():
    history = table(6)
    pools = [
        candidate_pool(history, 200, np.random.default_rng(3), history.weights[1:3])
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*pools)
    assert 190 <= len(pools[0]) <= 200
    assert len(untried(pools[0], history.weights)) == len(pools[0])
    assert len(np.unique(pools[0], axis=0)) == len(pools[0])
    budgets = budgets_of(pools[0], SIZES)
    assert (budgets < 0.4).any() and (budgets > 2.5).any()
    near = np.abs(pools[0][:, None] - history.weights[1:3]).max(axis=2).min(axis=1)
    assert (near < 0.6).sum() > 20


def test_box_draws_leave_groups_out():
    drawn = box_draws(300, np.random.default_rng(0), SIZES)
    assert 0.03 < (drawn == 0).mean() < 0.25
    assert np.isfinite(drawn).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"groups": ("a", "b")}, "must be those"),
        ({"weights": -np.ones((2, 3))}, "finite and >= 0"),
        ({"weights": np.ones((2, 2))}, "a weight for each of 3 groups"),
        ({"reference": [False, False]}, "no row with a score is Proportional"),
        ({"scores": [np.nan, 0.3]}, "no row with a score is Proportional"),
    ],
)
def test_a_table_that_does_not_fit_together_is_refused(change, words):
    right = {
        "groups": GROUPS,
        "weights": np.ones((2, 3)),
        "scores": [0.3, 0.4],
        "differences": np.zeros((2, 5)),
        "reference": [True, False],
    }
    given = {**right, **change}
    with pytest.raises(ValueError, match=words):
        History(n_users=N_USERS, target="t", **given)
