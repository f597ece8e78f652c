"""The search of a mix by gradient: it descends, and finds an optimum that is known."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recbole_groupmix.core.linear import mix_optimiser
from recbole_groupmix.core.linear.gram import group_grams
from recbole_groupmix.core.linear.mix_optimiser import (
    LAMBDA_BOUNDS,
    WEIGHT_BOUNDS,
    FoldProblem,
    mean_loss_gradient,
    optimise_mix,
)
from recbole_groupmix.engine.threads import one_blas_thread_each


def fold(seed, shifts, sizes=(15, 60, 60), n_items=18):
    """Groups of users who take items in pairs, 2 i with 2 i + 1 or, shifted, 2 i + 1 with 2 i + 2.

    The first group is the target; a group with its shift knows which item follows from which.
    """
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(sizes)), sizes)
    pairs = np.repeat(rng.random((len(group), n_items // 2)) < 0.3, 2, axis=1)
    pairs[:, :2] |= ~pairs.any(axis=1, keepdims=True)
    x = np.stack([np.roll(row, shifts[g]) for row, g in zip(pairs, group, strict=True)])
    held = x & (rng.random(x.shape) < 0.3)
    train = x & ~held
    mine = (group == 0) & held.any(axis=1)
    grams = group_grams(csr_matrix(train.astype(float)), group, len(sizes))
    return FoldProblem(grams, train[mine], held[mine])


def folds(shifts):
    return [fold(seed, shifts) for seed in range(2)]


def test_it_descends_to_a_point_that_is_stationary_or_on_a_bound():
    problems = folds([0, 0, 1])
    found = optimise_mix(problems, 0, np.ones(3), 5.0, most=60)
    assert found.loss < found.loss_at_start
    assert found.weights[0] == 1.0
    loss, by_weight, by_lambda = mean_loss_gradient(problems, found.weights, found.lam)
    assert loss == pytest.approx(found.loss)
    slopes = np.r_[(found.weights * by_weight)[1:], found.lam * by_lambda]
    inside = (found.weights[1:] > WEIGHT_BOUNDS[0] * 1.01) & (
        found.weights[1:] < WEIGHT_BOUNDS[1] * 0.99
    )
    inside = np.r_[inside, LAMBDA_BOUNDS[0] * 1.01 < found.lam < LAMBDA_BOUNDS[1] * 0.99]
    assert inside.any()
    assert np.abs(slopes[inside]).max() < 2e-3


def test_a_group_with_the_targets_pairs_gets_more_weight_than_one_with_others():
    found = optimise_mix(folds([0, 0, 1]), 0, np.ones(3), 5.0, most=40)
    assert found.weights[1] > 5 * found.weights[2]
    mirrored = optimise_mix(folds([0, 1, 0]), 0, np.ones(3), 5.0, most=40)
    assert mirrored.weights[2] > 5 * mirrored.weights[1]


def test_lambda_may_stay_fixed():
    found = optimise_mix(folds([0, 0, 1]), 0, np.ones(3), 7.0, most=10, fix_lambda=True)
    assert found.lam == 7.0 and found.loss < found.loss_at_start


def test_a_start_outside_the_bounds_is_brought_to_them():
    found = optimise_mix(folds([0, 0, 1]), 0, np.array([1.0, 0.0, 1e9]), 7.0, most=1)
    assert (found.weights[1:] >= WEIGHT_BOUNDS[0] * 0.999).all()
    assert (found.weights[1:] <= WEIGHT_BOUNDS[1] * 1.001).all()


def test_what_it_cannot_use_is_refused():
    problems = folds([0, 0, 1])
    with pytest.raises(ValueError, match="0 folds are given for 3 weights"):
        optimise_mix([], 0, np.ones(3), 1.0)
    with pytest.raises(ValueError, match="2 folds are given for 2 weights"):
        optimise_mix(problems, 0, np.ones(2), 1.0)
    with pytest.raises(ValueError, match="target is 3"):
        optimise_mix(problems, 3, np.ones(3), 1.0)
    with pytest.raises(ValueError, match="lambda is 0"):
        optimise_mix(problems, 0, np.ones(3), 0.0)


def test_the_slopes_that_it_follows_agree_with_central_differences(monkeypatch):
    given = {}
    monkeypatch.setattr(
        mix_optimiser, "minimize", lambda at, first, **_: given.update(at=at, first=first)
    )
    with pytest.raises(ValueError):  # nothing was evaluated, so there is no best point
        optimise_mix(folds([0, 0, 1]), 0, np.array([1.0, 3.0, 0.2]), 5.0)
    at, first = given["at"], given["first"]
    # the point is log weights of the two other groups, then log lambda
    np.testing.assert_allclose(first, np.log([3.0, 0.2, 5.0]))
    _, slopes = at(first)
    for j, step in enumerate(1e-5 * np.eye(3)):
        expected = (at(first + step)[0] - at(first - step)[0]) / 2e-5
        assert slopes[j] == pytest.approx(expected, rel=1e-4)
    assert np.abs(slopes).min() > 1e-4


def test_folds_side_by_side_give_the_same_answer():
    problems = folds([0, 0, 1])
    alone = optimise_mix(problems, 0, np.ones(3), 5.0, most=5)
    with one_blas_thread_each(2) as threads:
        together = optimise_mix(problems, 0, np.ones(3), 5.0, most=5, each=threads.map)
    assert together.evaluations == alone.evaluations
    np.testing.assert_allclose(together.weights, alone.weights, rtol=1e-9)
