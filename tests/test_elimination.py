"""Elimination of items of few neighbours: the inverse of a sparse Gram matrix, against the formula."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, vstack

from recbole_groupmix.core.linear import elimination
from recbole_groupmix.core.linear.ease import (
    FactoredEase,
    ease,
    ease_scores,
    ease_towards,
    largest_row_sum,
    precision_for,
    regularized_inverse,
)
from recbole_groupmix.core.linear.elimination import Elimination, elimination_of
from recbole_groupmix.core.linear.sparse_grams import SparseGrams, sparse_gram

LAMBDA = 3.0


@pytest.fixture(autouse=True)
def work_that_pays(monkeypatch):
    """Small matrices are worth the steps, too."""
    monkeypatch.setattr(elimination, "FEWEST_ITEMS", 4)
    monkeypatch.setattr(elimination, "_DENSE_FLOPS", 1e9)


def rows_of(seed, n_users=60, n_items=50, density=0.05, unused=5):
    """Interactions as a sparse matrix; the last items are nobody's, and item 0 is popular."""
    rng = np.random.default_rng(seed)
    dense = (rng.random((n_users, n_items)) < density).astype(float)
    dense[: n_users // 3, 0] = 1
    dense[:, n_items - unused :] = 0
    return csr_matrix(dense)


def formula(gram, lam=LAMBDA):
    return np.linalg.inv(gram.toarray() + lam * np.eye(gram.shape[0]))


@settings(deadline=None, max_examples=15)
@given(
    seed=st.integers(0, 10**6),
    n_users=st.integers(2, 120),  # fewer than items, and more
    density=st.sampled_from([0.01, 0.05, 0.3]),
    weights=st.lists(st.sampled_from([0.0, 0.25, 1.0, 3.0]), min_size=3, max_size=3),
    flops=st.sampled_from([1e6, 1e9, 1e9]),  # without a core, and with one
)
def test_inverse_product_and_diagonal_are_those_of_the_formula(
    seed, n_users, density, weights, flops
):
    elimination._DENSE_FLOPS = flops  # which the fixture puts back
    rows, weights = rows_of(seed, n_users, density=density), [*weights[:2], weights[2] + 0.5]
    group = np.random.default_rng(seed).integers(-1, 3, n_users)
    group[0] = 2
    grams = SparseGrams.of_rows(rows, group, 3)
    gram = grams.weighted(weights, np.float64)
    factors = np.array([*weights, 0.0])[group]
    dense = rows.toarray()
    np.testing.assert_allclose(gram.toarray(), dense.T @ (factors[:, None] * dense), atol=1e-12)
    plan = Elimination.of_pairs(sparse_gram(rows, np.float32))  # of all users, of any weight
    assert sorted(plan.order) == list(range(50))
    factor, expected = plan.factor(gram, LAMBDA), formula(gram)
    np.testing.assert_allclose(factor.inverse(), expected, atol=1e-12)
    np.testing.assert_allclose(factor.diagonal(), np.diag(expected), atol=1e-12)
    right = np.random.default_rng(1).random((50, 4))
    np.testing.assert_allclose(factor.times(right), expected @ right, atol=1e-11)


def test_the_steps_leave_a_small_core_and_items_without_users_take_no_part():
    rows = rows_of(0, n_users=25, density=0.1)
    plan = elimination_of(rows)
    assert plan is not None and 0 < plan.n_core < 25 and len(plan.starts) > 2
    few = csr_matrix(rows.toarray() * (np.arange(25) < 5)[:, None])  # as where weights are 0
    linked = plan.order[plan.factor(sparse_gram(few, np.float64), LAMBDA).linked]
    assert len(linked) < plan.n_core and few.toarray()[:, linked].any(axis=0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ease_of_a_sparse_matrix_is_that_of_the_dense_one(dtype):
    rows = rows_of(3)
    gram, plan = sparse_gram(rows, dtype), elimination_of(rows)
    tolerance = 1e-10 if dtype is np.float64 else 1e-5
    dense = gram.toarray()
    assert largest_row_sum(gram) == pytest.approx(largest_row_sum(dense))
    assert precision_for(gram, LAMBDA) is precision_for(dense, LAMBDA)
    found, expected = ease(gram, LAMBDA, plan), ease(dense, LAMBDA)
    assert found.dtype == dtype and not np.diag(found).any()
    np.testing.assert_allclose(found, expected, atol=tolerance)
    factored = FactoredEase.of(gram, LAMBDA, plan)
    inverse = regularized_inverse(dense, LAMBDA)
    users = rows[5:25].astype(dtype)
    np.testing.assert_allclose(
        factored.scores(users), ease_scores(users.toarray(), inverse), atol=tolerance
    )
    few = sparse_gram(rows[:6], dtype)
    near = ease_towards(few, 2.0, expected, plan)
    np.testing.assert_allclose(
        near, ease_towards(few.toarray(), 2.0, expected), atol=10 * tolerance
    )


def test_matrices_that_are_no_smaller_this_way_have_no_plan(monkeypatch):
    assert elimination_of(rows_of(0, 200, density=0.6)) is None  # too many pairs
    ring = csr_matrix(np.eye(50) + np.roll(np.eye(50), 1, 1))
    assert elimination_of(ring) is not None
    monkeypatch.setattr(elimination, "FEWEST_ITEMS", 51)
    assert elimination_of(ring) is None


def test_pairs_that_the_order_is_not_for_are_refused():
    rows = rows_of(0)
    plan = elimination_of(rows)
    first, second = plan.order[:2]
    together = csr_matrix(([1.0, 1.0], ([0, 0], [first, second])), shape=(1, 50))
    with pytest.raises(ValueError, match="the order is that of other pairs"):
        plan.factor(sparse_gram(vstack([rows, together]).tocsr(), np.float64), LAMBDA)


def test_a_matrix_that_is_not_definite_is_refused_in_words():
    rows = rows_of(0)
    gram = -10 * sparse_gram(rows, np.float64)
    with pytest.raises(ValueError, match="not positive definite in float64; use a larger lambda"):
        regularized_inverse(gram, LAMBDA, elimination_of(rows))


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [0.0, 0.0], [1.0, np.nan]])
def test_weights_that_make_no_sum_are_refused(weights):
    grams = SparseGrams.of_rows(rows_of(0), np.arange(60) % 2, 2)
    with pytest.raises(ValueError, match="weights are"):
        grams.weighted(weights)


def test_items_without_users_are_left_out_of_a_dense_inverse():
    x = np.zeros((30, 400))
    x[:, :90] = np.random.default_rng(0).random((30, 90)) < 0.3
    gram = x.T @ x
    expected = np.linalg.inv(gram + LAMBDA * np.eye(400))
    np.testing.assert_allclose(regularized_inverse(gram, LAMBDA), expected, atol=1e-12)


def test_where_few_items_have_users_these_alone_are_solved(monkeypatch):
    rows = rows_of(3, unused=20)
    gram, plan = sparse_gram(rows, np.float64), elimination_of(rows)
    monkeypatch.setattr(elimination, "FEWEST_ITEMS", 40)
    factor, expected = plan.factor(gram, LAMBDA), formula(gram)
    assert len(factor.core) == (gram.diagonal() > 0).sum() <= 30 and not factor.steps
    np.testing.assert_allclose(factor.inverse(), expected, atol=1e-12)
    np.testing.assert_allclose(factor.diagonal(), np.diag(expected), atol=1e-12)
    right = np.random.default_rng(1).random((50, 4))
    np.testing.assert_allclose(factor.times(right), expected @ right, atol=1e-12)
    np.testing.assert_array_equal(
        factor.plan.order[factor.linked], np.flatnonzero(gram.diagonal())
    )
