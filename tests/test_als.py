"""Alternating least squares with biases, and the generator of ratings with four biases."""

import numpy as np
import pytest
from helpers import read_atomic
from hypothesis import given
from hypothesis import strategies as st

from recbole_groupmix.core.als import Factors, Ratings, Sorted, factorise
from recbole_groupmix.prepare import four_biases
from recbole_groupmix.prepare.four_biases import N_ITEMS, generate


def drawn(n_users=12, n_items=9, share=0.6, seed=0):
    rng = np.random.default_rng(seed)
    users, items = np.nonzero(rng.random((n_users, n_items)) < share)
    return Ratings(users, items, rng.uniform(1, 5, len(users)), (n_users, n_items))


def objective(factors, ratings, user_lambda, item_lambda):
    """The squared errors and the penalties that both halves of a sweep lower."""
    errors = factors.predict(ratings.users, ratings.items) - ratings.values
    users = (np.broadcast_to(user_lambda, len(factors.users)) * (factors.users**2).sum(1)).sum()
    return (errors**2).sum() + users + item_lambda * (factors.items**2).sum()


# --- the solver -----------------------------------------------------------------------------------


def test_one_sweep_is_the_equations_user_by_user():
    ratings, weights = drawn(), np.linspace(0.5, 4, 12)
    start = np.random.default_rng(3).normal(scale=0.1, size=(9, 2))
    items = np.column_stack([np.zeros(9), start])
    mean = ratings.values.mean()
    users = np.zeros((12, 3))
    for u in range(12):
        gram, total = weights[u] * np.eye(3), np.zeros(3)
        for i, r in zip(
            *(a[ratings.users == u] for a in (ratings.items, ratings.values)), strict=True
        ):
            q = np.array([1.0, *items[i, 1:]])
            gram, total = gram + np.outer(q, q), total + (r - mean - items[i, 0]) * q
        users[u] = np.linalg.solve(gram, total)
    found = factorise(ratings, 2, weights, 2.0, sweeps=1, seed=3)
    np.testing.assert_allclose(found.users, users, atol=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(0, 3), st.floats(0.05, 20), st.floats(0.05, 20))
def test_sweeps_never_raise_the_objective(seed, d, user_lambda, item_lambda):
    ratings = drawn(seed=seed)
    values = [
        objective(factorise(ratings, d, user_lambda, item_lambda, sweeps=n), ratings, user_lambda, item_lambda)
        for n in (1, 2, 3, 6)
    ]  # fmt: skip
    assert (np.diff(values) <= 1e-9 * values[0]).all()


def test_the_end_is_a_stationary_point():
    ratings = drawn()
    factors = factorise(ratings, 2, 1.5, 2.0, sweeps=3000)
    at_end = objective(factors, ratings, 1.5, 2.0)
    for which, place in (
        ("users", (4, 0)),
        ("users", (7, 2)),
        ("items", (3, 1)),
        ("items", (0, 0)),
    ):
        slopes = []
        for step in (1e-5, -1e-5):
            moved = {name: getattr(factors, name).copy() for name in ("users", "items")}
            moved[which][place] += step
            slopes.append(objective(Factors(factors.mean, **moved), ratings, 1.5, 2.0) - at_end)
        assert abs(slopes[0] - slopes[1]) / 2e-5 < 1e-4


def test_a_common_lambda_for_each_user_is_the_global_one():
    one = factorise(drawn(), 2, 3.0, 3.0)
    each = factorise(drawn(), 2, np.full(12, 3.0), 3.0)
    np.testing.assert_array_equal(one.users, each.users)


def test_a_weight_of_a_user_is_a_smaller_lambda_for_the_user_and_not_for_items():
    """A mix's weight and a lambda for each user turn the same knob in half of a sweep."""
    ratings, weights = drawn(), np.linspace(0.5, 4, 12)
    by_user, by_item = Sorted.both(ratings)
    items = np.random.default_rng(3).normal(size=(9, 3))
    of_ratings = weights[ratings.users]
    weighted, _ = by_user.solved(items, np.full(12, 2.0), of_ratings)
    smaller, _ = by_user.solved(items, 2.0 / weights)
    np.testing.assert_allclose(weighted, smaller, rtol=1e-9)
    of_items = (
        by_item.solved(weighted, np.full(9, 2.0), given)[0] for given in (of_ratings, None)
    )
    assert np.abs(np.subtract(*of_items)).max() > 1e-2


def test_a_large_lambda_leaves_the_mean_and_nobody_without_ratings_moves_it():
    ratings = Ratings(np.array([0, 1]), np.array([0, 0]), np.array([2.0, 4.0]), (3, 2))
    factors = factorise(ratings, 1, 1e9, 1e9)
    assert factors.predict(np.array([0, 2]), np.array([0, 1])) == pytest.approx(
        [3.0, 3.0], abs=1e-6
    )
    assert factors.rmse(ratings) == pytest.approx(1.0, abs=1e-6)
    assert factors.rmse(ratings, np.array([True, False, False])) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Ratings(np.array([0]), np.array([5]), np.array([1.0]), (1, 5)), "items hold an index outside 0 to 4"),
        (lambda: Ratings(np.array([0]), np.array([0]), np.array([np.nan]), (1, 1)), "not finite"),
        (lambda: Ratings(np.array([]), np.array([]), np.array([]), (1, 1)), "not one or more triples"),
        (lambda: factorise(drawn(), 2, 0.0, 1.0), "must be positive"),
        (lambda: factorise(drawn(), 2, 1.0, 1.0, sweeps=0), "sweeps 0"),
        (lambda: factorise(drawn(), 1, 1.0, 1.0).rmse(drawn(), np.zeros(12, bool)), "no rating of these users"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- the generator --------------------------------------------------------------------------------


@pytest.mark.parametrize("biases", ["", "P", "S", "R", "N", "PS", "RNPS"])
def test_each_letter_is_its_bias_and_nothing_else(biases):
    data = generate(1, biases)
    a, b = data.ratings[~data.in_b], data.ratings[data.in_b]
    assert (len(a), len(b)) == ((70, 30) if "P" in biases else (50, 50))
    counts = [data.observed[group].sum(axis=1).mean() for group in (~data.in_b, data.in_b)]
    assert counts[0] / counts[1] == pytest.approx(5 if "S" in biases else 1, abs=0.01)
    assert data.observed.sum() == pytest.approx(0.15 * 100 * N_ITEMS, abs=1)
    ranks = [np.linalg.matrix_rank(data.signal[group]) for group in (~data.in_b, data.in_b)]
    assert ranks == [5 if "R" in biases else 20, 20]
    assert a.min() >= 1 and b.max() <= 5
    noise = []  # of ratings that the ends of the scale do not touch, beside the signal
    for group, ratings in ((~data.in_b, a), (data.in_b, b)):
        truth = data.truth[group]
        noise.append((ratings - truth)[(ratings > 1) & (ratings < 5)].std() / truth.std())
    assert noise[1] / noise[0] == pytest.approx(2 if "N" in biases else 1, rel=0.05)
    for ratings in (a, b):  # mean 3 and sd 1 before they were kept within 1 and 5
        assert ratings.mean() == pytest.approx(3, abs=0.01)
        assert 0.9 < ratings.std() < 0.98


def test_settings_of_a_seed_differ_by_their_bias_alone():
    plain, sparse = generate(4, ""), generate(4, "S")
    np.testing.assert_array_equal(plain.ratings, sparse.ratings)
    assert not (plain.observed[~plain.in_b] & ~sparse.observed[~plain.in_b]).any()
    assert generate(4, "NR").biases == "RN"


def test_biases_raise_the_error_of_b():
    """Of 10 seeds, all the same way: 1 in 1024 by chance. A whole study is benchmarks/four_biases.py."""
    errors = {biases: [] for biases in ("", "S", "RNPS")}
    for biases, found in errors.items():
        for seed in range(10):
            data = generate(seed, biases)
            train, test = (
                Ratings(*np.nonzero(mask), data.ratings[mask], mask.shape)
                for mask in (data.observed, ~data.observed)
            )
            found.append(factorise(train, 20, 3.0, 3.0, sweeps=6).rmse(test, data.in_b))
    assert (np.array(errors["S"]) > errors[""]).all()
    assert (np.array(errors["RNPS"]) > errors[""]).all()


def test_the_command_writes_atomic_files(tmp_path):
    four_biases.main([str(tmp_path / "biased"), "--biases=SP", "--seed=2"])
    inter, user = (
        read_atomic(tmp_path / "biased" / f"biased.{suffix}") for suffix in ("inter", "user")
    )
    data = generate(2, "SP")
    assert len(inter["rating:float"]) == data.observed.sum()
    assert list(user["group:token"]).count("B") == 30
    assert "population, sparsity" in (tmp_path / "biased" / "SOURCE.md").read_text()


@pytest.mark.parametrize(("seed", "biases"), [(-1, ""), (0, "X"), (0, "RR")])
def test_unknown_biases_are_refused(seed, biases, tmp_path, capsys):
    with pytest.raises(ValueError, match=r"seed is|give letters of RNPS"):
        generate(seed, biases)
    with pytest.raises(SystemExit):
        four_biases.main([str(tmp_path / "x"), f"--biases={biases}", f"--seed={seed}"])
