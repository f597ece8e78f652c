"""The gradient of a group's held-out error by every user's lambda, and lambdas that are learnt by it."""

import numpy as np
import pytest

from recbole_groupmix.core import personal_lambda
from recbole_groupmix.core.als import Ratings, Sorted, factorise
from recbole_groupmix.core.personal_lambda import error_and_slopes, learn_lambdas

IN_GROUP = np.arange(30) < 10


def drawn(seed=0, n_users=30, n_items=25, share=0.6):
    """Ratings with two factors and noise; the last user has none."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(n_users, 2)) @ rng.normal(size=(2, n_items))
    mask = rng.random((n_users, n_items)) < share
    mask[-1] = False
    noisy = 3 + signal + rng.normal(scale=0.7, size=mask.shape)
    return Ratings(*np.nonzero(mask), noisy[mask], mask.shape)


def halves(seed=0):
    ratings = drawn(seed)
    first = np.random.default_rng([seed, 1]).random(len(ratings.values)) < 0.6
    return ratings.only(first), ratings.only(~first)


@pytest.mark.parametrize("sweeps", [1, 2, 7])
def test_slopes_are_central_differences(sweeps):
    primary, secondary = halves()
    lambdas = np.random.default_rng(2).uniform(0.3, 4, 30)
    found = error_and_slopes(primary, secondary, IN_GROUP, 3, lambdas, 1.5, sweeps=sweeps)
    step, slopes = 1e-5, np.zeros(30)
    for user in range(30):
        for sign in (1, -1):
            moved = lambdas.copy()
            moved[user] += sign * step
            factors = factorise(primary, 3, moved, 1.5, sweeps=sweeps)
            slopes[user] += sign * factors.rmse(secondary, IN_GROUP) / (2 * step)
    assert np.abs(found.slopes - slopes).max() < 1e-5 * np.abs(slopes).max()
    assert found.slopes[-1] == 0.0  # without ratings lambda does nothing
    assert (found.slopes[10:29] != 0).all()  # other users act through the items
    assert found.error == factorise(primary, 3, lambdas, 1.5, sweeps=sweeps).rmse(
        secondary, IN_GROUP
    )


def test_the_last_step_alone_is_minus_the_inverse_times_the_factors():
    by_user, _ = Sorted.both(drawn())
    rng = np.random.default_rng(5)
    items, lambdas, slopes = (
        rng.normal(size=(25, 3)),
        rng.uniform(1, 3, 30),
        rng.normal(size=(30, 3)),
    )
    solved, grams = by_user.solved(items, lambdas)
    analytic = np.array(
        [-np.linalg.inv(gram) @ row for gram, row in zip(grams, solved, strict=True)]
    )
    higher, lower = (by_user.solved(items, lambdas + step)[0] for step in (1e-5, -1e-5))
    np.testing.assert_allclose((higher - lower) / 2e-5, analytic, atol=1e-8)
    of_lambda, _ = personal_lambda._passed_back(by_user, solved, grams, items, slopes)
    np.testing.assert_allclose(of_lambda, (analytic * slopes).sum(axis=1), rtol=1e-9, atol=1e-12)


def test_the_global_lambda_for_each_user_is_plain_least_squares():
    primary, secondary = halves()
    plain = factorise(primary, 3, 1.7, 1.7, seed=4)
    found = error_and_slopes(primary, secondary, IN_GROUP, 3, np.full(30, 1.7), 1.7, seed=4)
    np.testing.assert_array_equal(found.factors.users, plain.users)
    np.testing.assert_array_equal(found.factors.items, plain.items)
    learnt = learn_lambdas(primary, IN_GROUP, 3, 1.7, steps=5)
    np.testing.assert_array_equal(learnt.lambdas[0], 1.7)


@pytest.mark.parametrize("global_lambda", [0.1, 3.0])
def test_the_secondary_error_falls_from_round_to_round(global_lambda):
    learnt = learn_lambdas(drawn(3), IN_GROUP, 3, global_lambda, sweeps=5, folds=3, steps=30)
    of_rounds = learnt.secondary[: len(learnt.secondary) // 3 * 3].reshape(-1, 3).mean(axis=1)
    assert len(of_rounds) >= 2
    assert (np.diff(of_rounds) < 0).all()


@pytest.mark.parametrize(
    ("errors", "step", "n_steps"),
    [
        ([1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2], 0, 9),  # declined: two rounds without a better one
        ([4, 3, 2, 3, 2, 1, 9, 9, 9, 9, 9, 9], 3, 12),
        ([9, 8, 7, 6, 5, 4, 3, 2, 1, 1, 1, 0], 9, 12),
        ([5, 1, 5, 1, 5, 1, 5, 1, 5, 1, 5, 1], 1, 10),  # single steps do not count
    ],
)
def test_the_step_is_that_of_the_best_round_on_the_third_split(monkeypatch, errors, step, n_steps):
    """With slopes that stay, Adam moves the logarithm by its rate against their sign."""
    third, slopes = iter(errors), np.where(np.arange(30) % 2, 0.5, -2.0)

    class Fixed:
        def rmse(self, ratings, of):
            return next(third)

    monkeypatch.setattr(
        personal_lambda,
        "error_and_slopes",
        lambda *given, **options: personal_lambda.Secondary(Fixed(), 1.0, slopes / given[4]),
    )
    learnt = learn_lambdas(drawn(), IN_GROUP, 3, 2.0, folds=3, steps=12, rate=0.1)
    assert (learnt.step, len(learnt.third)) == (step, n_steps)
    np.testing.assert_array_equal(learnt.third, errors[:n_steps])
    np.testing.assert_allclose(learnt.user_lambda, 2 * np.exp(-0.1 * step * np.sign(slopes)))


def test_the_third_split_moves_no_lambda():
    """Other values there change which step is chosen, and nothing else."""
    train = drawn(2)
    part = np.random.default_rng([0, 0]).permutation(len(train.values)) % 4
    values = np.where(part == 3, 5 - train.values, train.values)
    other = Ratings(train.users, train.items, values, train.shape)
    first, second = (
        learn_lambdas(ratings, IN_GROUP, 2, 1.0, sweeps=3, folds=3, steps=12)
        for ratings in (train, other)
    )
    n = min(len(first.lambdas), len(second.lambdas))
    assert n >= 9
    np.testing.assert_array_equal(first.lambdas[:n], second.lambdas[:n])
    assert (first.third[:n] != second.third[:n]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": 1}, "folds is 1"),
        ({"steps": 4}, "steps 4"),
        ({"rate": 0.0}, "rate 0.0"),
        ({"global_lambda": 0.0}, "must be positive"),
        ({"in_group": np.arange(30) == 29}, "no rating of these users"),
    ],
)
def test_bad_input_is_named(options, message):
    given = {"in_group": IN_GROUP, "d": 2, "global_lambda": 1.0, **options}
    with pytest.raises(ValueError, match=message):
        learn_lambdas(drawn(), **given)
