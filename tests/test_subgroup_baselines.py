"""Baselines of personal lambdas, and that Table 4.1's choices are made without test."""

import runpy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_groupmix.core.als import Ratings, factorise
from recbole_groupmix.core.subgroup_baselines import degree_lambdas, group_penalty

IN_GROUP = np.arange(12) < 4


def drawn(seed=0, n_users=12, n_items=9, share=0.6):
    rng = np.random.default_rng(seed)
    users, items = np.nonzero(rng.random((n_users, n_items)) < share)
    return Ratings(users, items, rng.uniform(1, 5, len(users)), (n_users, n_items))


# --- lambdas by number of ratings -----------------------------------------------------------------


@pytest.mark.parametrize(("rule", "divisor"), [("linear", 10 + np.e), ("sqrt", (10 + np.e) ** 0.5),
                                               ("log", np.log(10 + np.e))])  # fmt: skip
def test_lambdas_by_number_of_ratings_are_the_three_formulas(rule, divisor):
    found = degree_lambdas([10, 0], rule)
    assert found[0] == pytest.approx(1 / divisor)
    assert found[1] == pytest.approx(1 / {"linear": np.e, "sqrt": np.sqrt(np.e), "log": 1.0}[rule])
    scaled = degree_lambdas([10, 0, 5], rule, 7.0)
    assert scaled.mean() == pytest.approx(7.0)
    assert scaled[0] < scaled[2] < scaled[1]
    np.testing.assert_allclose(degree_lambdas([4, 4, 4], rule, 7.0), 7.0)


# --- a penalty on the group's error ---------------------------------------------------------------


def penalised(factors, ratings, weight, lambdas=(1.5, 2.0)):
    errors = factors.predict(ratings.users, ratings.items) - ratings.values
    penalties = (
        value * (rows**2).sum()
        for value, rows in zip(lambdas, (factors.users, factors.items), strict=True)
    )
    return (errors**2).sum() + sum(penalties) + weight * factors.rmse(ratings, IN_GROUP)


def test_weights_of_ratings_are_the_equations_user_by_user():
    ratings = drawn()
    weights = np.random.default_rng(1).uniform(0.5, 3, len(ratings.values))
    items = np.random.default_rng(3).normal(scale=0.1, size=(9, 2))
    users = np.zeros((12, 3))
    for u in range(12):
        gram, total = 1.5 * np.eye(3), np.zeros(3)
        for k in np.flatnonzero(ratings.users == u):
            q = np.array([1.0, *items[ratings.items[k]]])
            gram += weights[k] * np.outer(q, q)
            total += weights[k] * (ratings.values[k] - ratings.values.mean()) * q
        users[u] = np.linalg.solve(gram, total)
    found = factorise(ratings, 2, 1.5, 2.0, sweeps=1, seed=3, weigh=lambda factors: weights)
    np.testing.assert_allclose(found.users, users, atol=1e-12)


def test_weights_are_the_slope_of_the_penalised_objective():
    """By one rating's value, which moves that rating's error alone."""
    ratings, factors = drawn(), factorise(drawn(), 2, 1.5, 2.0, sweeps=2)
    weigh = group_penalty(ratings, IN_GROUP, 40.0)(factors)
    errors = factors.predict(ratings.users, ratings.items) - ratings.values
    for k in (0, 3, len(errors) - 1):
        at = []
        for step in (1e-6, -1e-6):
            values = ratings.values.copy()
            values[k] -= step
            moved = Ratings(ratings.users, ratings.items, values, ratings.shape)
            at.append(penalised(factors, moved, 40.0))
        assert (at[0] - at[1]) / 2e-6 == pytest.approx(2 * errors[k] * weigh[k], rel=1e-6)
    assert (weigh[~IN_GROUP[ratings.users]] == 1).all() and (
        weigh[IN_GROUP[ratings.users]] > 1
    ).all()


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 500))
def test_sweeps_never_raise_the_penalised_objective(seed, weight):
    ratings = drawn(seed)
    weigh = group_penalty(ratings, IN_GROUP, weight)
    values = [
        penalised(factorise(ratings, 2, 1.5, 2.0, sweeps=n, weigh=weigh), ratings, weight)
        for n in (1, 2, 3, 6)
    ]
    assert (np.diff(values) <= 1e-9 * values[0]).all()


def test_a_weight_lowers_the_error_that_it_penalises():
    ratings = drawn()
    errors = [
        factorise(ratings, 2, 1.5, 2.0, weigh=group_penalty(ratings, IN_GROUP, weight)).rmse(ratings, IN_GROUP)
        for weight in (0.0, 20.0, 200.0)
    ]  # fmt: skip
    assert errors[0] == factorise(ratings, 2, 1.5, 2.0).rmse(ratings, IN_GROUP)
    assert errors[0] > errors[1] > errors[2]


# --- the table ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table(repository):
    """The program of Table 4.1, with models that are small and quick."""
    models = runpy.run_path(str(repository / "benchmarks" / "subgroups.py"))["models"]
    names = models.__globals__
    names.update(D=2, STEPS=6, LAMBDAS=(0.3, 1.0, 3.0), PENALTIES=(1e-3, 1e-2, 1e-1, 1.0))
    return names


def test_values_of_test_change_no_choice(table):
    ratings = drawn(n_users=40, n_items=30)
    columns = {"gender": np.array(["F", "M"] * 20), "age": np.array(["55", "20", "30", "40"] * 10),
               "zip": np.array(["0", "1", "2", "9"] * 10)}  # fmt: skip
    found = []
    for shift in (0.0, 3.0):
        split = table["Split"](ratings, 0, 2)
        shifted = Ratings(
            split.test.users, split.test.items, split.test.values + shift, ratings.shape
        )
        split.test = shifted
        masks, rows, notes = table["models"](split, columns)
        found.append((masks, notes, table["measured"](split, masks, rows)))
    (masks, notes, errors), (other_masks, other_notes, other_errors) = found
    assert notes == other_notes
    for name in masks:
        np.testing.assert_array_equal(masks[name], other_masks[name])
    assert errors["focused"][0] != other_errors["focused"][0]


def test_a_climb_ends_where_no_neighbour_is_lower(table):
    climbed, asked = table["climbed"], []

    def score(x, y):
        asked.append((x, y))
        return (x - 3) ** 2 + (x - y) ** 2

    assert climbed(score, (0, 4), (0, 1, 2, 3, 4), (0, 1, 2, 3, 4)) == (3, 3)
    assert len(asked) == len(set(asked))
    assert climbed(lambda x: {0: 1, 1: 2, 2: 0}[x], (0,), (0, 1, 2)) == (0,)


def test_intervals_are_wider_than_those_of_independent_splits(table):
    """Differences 1, 2, 3: mean 2, sd 1, t of 2 degrees 4.3027, variance 1/3 + 1/9."""
    mean, low, high = table["interval"](np.array([[1.0], [2.0], [3.0]]))
    assert mean[0] == 2
    assert high[0] - 2 == 2 - low[0] == pytest.approx(4.302653 * np.sqrt(1 / 3 + 1 / 9), rel=1e-6)
