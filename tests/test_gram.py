"""Gram matrices of groups, EASE and item subspaces from them, and the gradient in the weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from recbole_groupmix.core.linear import gram as gram_module
from recbole_groupmix.core.linear import mix_gradient as gradient_module
from recbole_groupmix.core.linear.ease import (
    ease,
    ease_scores,
    ease_towards,
    precision_for,
    regularized_inverse,
)
from recbole_groupmix.core.linear.gram import (
    cross_gram,
    downdated,
    gram,
    group_grams,
    weighted_gram,
)
from recbole_groupmix.core.linear.item_subspace import item_subspace
from recbole_groupmix.core.linear.mix_gradient import (
    ease_loss_gradient,
    held_out_losses,
    user_lambda_slopes,
    user_loss_slopes,
)


def binary(seed, n_users=30, n_items=12, density=0.3):
    rng = np.random.default_rng(seed)
    return (rng.random((n_users, n_items)) < density).astype(np.float64)


def problem(seed, n_groups=3, **size):
    """Interactions, the group of each row, and group weights of which one may be 0."""
    x = binary(seed, **size)
    rng = np.random.default_rng([seed, 1])
    weights = rng.uniform(0.2, 3.0, n_groups)
    return x, rng.integers(0, n_groups, len(x)), weights


# --- Gram matrices --------------------------------------------------------------------------


def test_a_gram_matrix_by_hand():
    # users {0, 1}, {1}, {1, 2}: item 1 has 3 users, 0 and 2 have one each, pairs (0,1), (1,2) one
    x = csr_matrix(np.array([[1, 1, 0], [0, 1, 0], [0, 1, 1]], dtype=bool))
    assert gram(x).tolist() == [[1, 1, 0], [1, 3, 1], [0, 1, 1]]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("dense_below", [0.0, 1e9])
def test_both_ways_of_making_the_product_agree(monkeypatch, dtype, dense_below):
    monkeypatch.setattr(gram_module, "_DENSE_BELOW", dense_below)
    monkeypatch.setattr(gram_module, "_ROWS_AT_ONCE", 7)  # 30 rows: four blocks and a rest
    left, right = binary(1), binary(2)
    found = cross_gram(csr_matrix(left), csr_matrix(right), dtype)
    assert found.dtype == dtype
    assert (found == left.T @ right).all()
    assert (gram(csr_matrix(left), dtype) == left.T @ left).all()


def test_grams_of_groups_leave_out_rows_without_a_group():
    x, group, _ = problem(3)
    group[:5] = -1
    found = group_grams(csr_matrix(x), group, 4)
    for index in range(4):
        rows = x[group == index]
        assert (found[index] == rows.T @ rows).all()
    assert not found[3].any()


@given(seed=st.integers(0, 10**6), share=st.floats(0.0, 1.0))
def test_downdating_equals_computing_afresh(seed, share):
    x = binary(seed)
    removed = x * (np.random.default_rng(seed).random(x.shape) < share)
    kept = x - removed
    found = downdated(x.T @ x, csr_matrix(kept), csr_matrix(removed))
    assert (found == kept.T @ kept).all()


@given(seed=st.integers(0, 10**6))
def test_the_weighted_sum_is_the_gram_matrix_of_weighted_rows(seed):
    x, group, weights = problem(seed)
    rows = np.sqrt(weights[group])[:, None] * x
    found = weighted_gram(group_grams(csr_matrix(x), group, 3), weights)
    np.testing.assert_allclose(found, rows.T @ rows, rtol=1e-12, atol=1e-12)


def test_a_weighted_sum_keeps_the_dtype_and_the_grams():
    x, group, _ = problem(4)
    grams = group_grams(csr_matrix(x), group, 3, np.float32)
    before = grams.copy()
    assert weighted_gram(grams, [2.0, 0.0, 1.0]).dtype == np.float32
    double = weighted_gram(grams, [1 / 3, 0.0, 1.0], np.float64)
    assert (double == (1 / 3) * before[0].astype(np.float64) + before[2]).all()
    assert (grams == before).all()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, 2.0], "2 weights are given for 3 groups"),
        ([1.0, -1.0, 1.0], "finite, >= 0"),
        ([1.0, np.nan, 1.0], "finite, >= 0"),
        ([0.0, 0.0, 0.0], "not all 0"),
    ],
)
def test_weights_that_are_none_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        weighted_gram(np.ones((3, 2, 2)), weights)


def test_shapes_that_do_not_fit_are_refused():
    x = csr_matrix(binary(0))
    with pytest.raises(ValueError, match=r"shapes \(30, 12\) and \(29, 12\)"):
        cross_gram(x, x[1:])
    with pytest.raises(ValueError, match=r"group has shape \(29,\), but there are 30 rows"):
        group_grams(x, np.zeros(29, int), 1)
    with pytest.raises(ValueError, match="there are 12 items"):
        downdated(np.eye(3), x, x)


# --- EASE -----------------------------------------------------------------------------------


def test_ease_by_hand():
    # G = [[2, 1], [1, 2]], lambda 1: G + I = [[3, 1], [1, 3]], P = 1/8 [[3, -1], [-1, 3]],
    # B_01 = -P_01 / P_11 = (1/8) / (3/8) = 1/3
    found = ease(np.array([[2.0, 1.0], [1.0, 2.0]]), 1.0)
    np.testing.assert_allclose(found, [[0, 1 / 3], [1 / 3, 0]], rtol=1e-15)


@given(seed=st.integers(0, 10**6), lam=st.floats(0.1, 100.0))
def test_each_column_of_ease_is_a_ridge_regression_on_the_other_items(seed, lam):
    # B minimises |W^(1/2) (X - X B)|^2 + lam |B|^2 with diagonal 0; its columns are independent:
    # b_j = (G_-j + lam I)^-1 g_j over the items but j.
    x, group, weights = problem(seed, n_items=6)
    g = weighted_gram(group_grams(csr_matrix(x), group, 3), weights)
    found = ease(g, lam)
    for j in range(6):
        others = np.delete(np.arange(6), j)
        ridge = np.linalg.solve(g[np.ix_(others, others)] + lam * np.eye(5), g[others, j])
        np.testing.assert_allclose(found[others, j], ridge, rtol=1e-8, atol=1e-10)
        assert found[j, j] == 0


@given(seed=st.integers(0, 10**6), times=st.lists(st.integers(0, 3), min_size=3, max_size=3))
def test_integer_weights_are_users_duplicated_and_0_removes_them(seed, times):
    x, group, _ = problem(seed)
    copies = np.repeat(x, np.array(times)[group], axis=0)
    if not any(times):
        return
    found = ease(weighted_gram(group_grams(csr_matrix(x), group, 3), times), 2.0)
    np.testing.assert_allclose(found, ease(copies.T @ copies, 2.0), atol=1e-12)


def test_the_inverse_is_an_inverse_and_leaves_its_argument_alone():
    g = gram(csr_matrix(binary(5)))
    before = g.copy()
    p = regularized_inverse(g, 3.0)
    np.testing.assert_allclose(p @ (g + 3.0 * np.eye(12)), np.eye(12), atol=1e-12)
    assert (p == p.T).all() and (g == before).all()
    single = regularized_inverse(g.astype(np.float32), 3.0)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, p, atol=1e-6)


def test_scores_from_the_inverse_are_inputs_times_ease():
    x = binary(6)
    p = regularized_inverse(x.T @ x, 2.0)
    np.testing.assert_allclose(ease_scores(x, p), x @ ease(x.T @ x, 2.0), atol=1e-12)


def test_precision_follows_the_condition_number():
    # row sums of 2 I are 2; condition 1 + 2 / lam; eps is 1.2e-7 and 2.2e-16
    g = 2.0 * np.eye(3)
    assert precision_for(g, 1.0) is np.float32
    assert precision_for(g, 1e-5) is np.float64
    with pytest.raises(ValueError, match=r"lambda is 1e-11 .* singular .* larger lambda"):
        precision_for(g, 1e-11)


@pytest.mark.parametrize("n", [256, 257, 700])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_inverse_by_blocks_is_the_inverse(n, dtype):
    # blocks have at most 256 rows; condition below 1 + (row sum of X'X) / 3
    rng = np.random.default_rng(n)
    x = (rng.random((400, n)) < 0.1).astype(np.float64)
    p = regularized_inverse((x.T @ x).astype(dtype), 3.0)
    wanted = np.linalg.inv(x.T @ x + 3.0 * np.eye(n))
    assert p.dtype == dtype and np.array_equal(p, p.T)
    assert np.abs(p - wanted).max() < (1e-12 if dtype == np.float64 else 1e-5)


def test_an_indefinite_matrix_is_refused_in_any_block():
    for place in (10, 690):
        matrix = np.eye(700)
        matrix[place, place] = -5.0
        with pytest.raises(ValueError, match="not positive definite"):
            regularized_inverse(matrix, 1.0)


@pytest.mark.parametrize("lam", [0.0, -1.0, np.nan, np.inf])
def test_lambda_must_be_positive(lam):
    for function in (ease, precision_for):
        with pytest.raises(ValueError, match=r"lambda is .* finite number > 0"):
            function(np.eye(2), lam)


def test_a_matrix_that_is_not_positive_definite_is_refused():
    with pytest.raises(ValueError, match="not positive definite in float64"):
        ease(np.array([[1.0, 5.0], [5.0, 1.0]]), 1.0)


# --- EASE towards another matrix ------------------------------------------------------------


def towards_problem(seed, n_items=12):
    """Gram matrix of a target, and EASE of other users."""
    g = gram(csr_matrix(binary(seed, n_items=n_items)))
    other = binary(seed + 1, n_users=90, n_items=n_items)
    return g, ease(other.T @ other, 4.0)


@given(seed=st.integers(0, 10**6), mu=st.floats(0.1, 1000.0))
def test_each_column_towards_a_matrix_is_a_constrained_least_squares_problem(seed, mu):
    # column j minimises |x_j - X b|^2 + mu |b - p_j|^2 with b_j = 0, as rows of one system
    x = binary(seed, n_items=6)
    _, near = towards_problem(seed, 6)
    found = ease_towards(x.T @ x, mu, near)
    for j in range(6):
        others = np.delete(np.arange(6), j)
        rows = np.vstack([x[:, others], np.sqrt(mu) * np.eye(5)])
        wanted = np.r_[x[:, j], np.sqrt(mu) * near[others, j]]
        column = np.linalg.lstsq(rows, wanted, rcond=None)[0]
        np.testing.assert_allclose(found[others, j], column, rtol=1e-8, atol=1e-8)
        assert found[j, j] == 0


@given(seed=st.integers(0, 10**6), mu=st.floats(0.1, 1e5))
def test_the_gradient_towards_a_matrix_is_0_off_the_diagonal(seed, mu):
    g, near = towards_problem(seed)
    found = ease_towards(g, mu, near)
    gradient = g @ found - g + mu * (found - near)
    np.fill_diagonal(gradient, 0.0)
    assert np.abs(gradient).max() < 1e-10 * (mu + np.abs(g).max())


def test_a_large_mu_gives_the_other_matrix_and_a_small_one_leaves_it():
    g, near = towards_problem(3)
    assert np.abs(ease_towards(g, 1e9, near) - near).max() < 1e-4
    assert np.abs(ease_towards(g, 1.0, near) - near).max() > 0.05
    single = ease_towards(g.astype(np.float32), 1e9, near)
    assert single.dtype == np.float32 and np.abs(single - near).max() < 1e-4


@pytest.mark.parametrize("n_items", [12, 300])  # 300 columns are two blocks
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_towards_0_is_ease_for_every_mu(n_items, dtype):
    g = gram(csr_matrix(binary(5, n_users=80, n_items=n_items)), dtype)
    before = g.copy()
    for mu in (3.0, 300.0, 30000.0):
        found = ease_towards(g, mu, np.zeros_like(g))
        wanted = ease(g, mu)
        limit = (1e-10 if dtype == np.float64 else 1e-3) * np.abs(wanted).max()
        assert found.dtype == dtype and np.abs(found - wanted).max() < limit
    assert np.array_equal(g, before)


def test_what_no_matrix_can_be_near_is_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 2\) beside .* shape \(3, 3\)"):
        ease_towards(np.eye(3), 1.0, np.zeros((2, 2)))
    with pytest.raises(ValueError, match="its diagonal 0"):
        ease_towards(np.eye(3), 1.0, np.eye(3))
    with pytest.raises(ValueError, match="mu is 0"):
        ease_towards(np.eye(3), 0.0, np.zeros((3, 3)))


# --- the item subspace ----------------------------------------------------------------------


@pytest.mark.parametrize("n_items", [40, 300])
def test_the_item_subspace_holds_the_top_eigenvectors_of_the_weighted_gram_matrix(n_items):
    x, group, weights = problem(7, n_users=400, n_items=n_items, density=0.2)
    x[:, :10] += x[:, :1] * (x[:, :10] == 0)  # items with common users: eigenvalues of their own
    g = weighted_gram(group_grams(csr_matrix(x), group, 3), weights)
    values, vectors = np.linalg.eigh(g)
    assert values[-3] - values[-4] > 1e-2  # so the top three are well defined
    expected = vectors[:, -3:]
    found = item_subspace(csr_matrix(x), weights[group], 3)
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-8)
    np.testing.assert_allclose(
        found.T @ g @ found, np.diag(values[:-4:-1]), atol=1e-8 * values[-1]
    )
    assert (found == item_subspace(csr_matrix(x), weights[group], 3)).all()


def test_scores_of_the_subspace_are_the_truncated_svd_divided_by_the_root_weight():
    x, group, weights = problem(8)
    root = np.sqrt(weights[group])[:, None]
    u, s, vt = np.linalg.svd(root * x, full_matrices=False)
    truncated = (u[:, :4] * s[:4]) @ vt[:4]
    v = item_subspace(csr_matrix(x), weights[group], 4)
    np.testing.assert_allclose(x @ v @ v.T, truncated / root, atol=1e-10)


def test_users_of_weight_0_are_as_if_removed_from_the_subspace():
    x, group, weights = problem(9)
    weights[1] = 0.0
    left = group != 1
    found = item_subspace(csr_matrix(x), weights[group], 3)
    without = item_subspace(csr_matrix(x[left]), weights[group[left]], 3)
    np.testing.assert_allclose(found, without, atol=1e-12)


def test_a_rank_that_is_not_there_is_refused():
    x = np.vstack([binary(1, n_users=4), binary(1, n_users=4)])  # 8 users, rank at most 4
    rows = csr_matrix(x)
    with pytest.raises(ValueError, match=r"rank d is 6, but .* have rank 4"):
        item_subspace(rows, np.ones(8), 6)
    with pytest.raises(ValueError, match=r"rank d is 9.*allow 1 to 8 \(8 users, 12 items\)"):
        item_subspace(rows, np.ones(8), 9)
    with pytest.raises(ValueError, match="rank d is 0"):
        item_subspace(rows, np.ones(8), 0)
    with pytest.raises(ValueError, match="least user weight is -1"):
        item_subspace(rows, np.r_[-1.0, np.ones(7)], 2)
    with pytest.raises(ValueError, match=r"shape \(7,\) for 8 rows"):
        item_subspace(rows, np.ones(7), 2)


# --- the gradient ---------------------------------------------------------------------------


def test_the_losses_by_hand():
    # one user, items: seen, held out, other; scores 5, 1, 0
    scores = np.array([[5.0, 1.0, 0.0]])
    seen = np.array([[True, False, False]])
    relevant = np.array([[False, True, False]])
    # squared: (1 - 1)^2 + (0 - 0)^2 = 0, with other scores (0.5 - 1)^2 + 0.25^2 = 0.3125
    assert held_out_losses(scores, seen, relevant, "squared")[0] == [0]
    other = np.array([[5.0, 0.5, 0.25]])
    assert held_out_losses(other, seen, relevant, "squared")[0] == [0.3125]
    # softmax at sharpness 2: -log(e^2 / (e^2 + e^0)) = log(1 + e^-2)
    (value,), slope = held_out_losses(scores, seen, relevant, "softmax", 2.0)
    assert value == pytest.approx(np.log1p(np.exp(-2)))
    # slope: 2 (share - [held out]), share = 1 / (1 + e^-2)
    share = 1 / (1 + np.exp(-2))
    np.testing.assert_allclose(slope, [[0, 2 * (share - 1), 2 * (1 - share)]])


@pytest.mark.parametrize("loss", ["softmax", "squared"])
@pytest.mark.parametrize("seed", range(4))
def test_the_gradient_agrees_with_central_differences(loss, seed):
    x, group, weights = problem(seed, n_users=40, n_items=15)
    relevant = (np.random.default_rng([seed, 2]).random(x.shape) < 0.2) & (x == 0)
    seen = x[group == 0] > 0
    relevant = relevant[group == 0]
    relevant[:, 0] |= ~relevant.any(axis=1)
    seen &= ~relevant
    grams = group_grams(csr_matrix(x), group, 3)

    def at(w, lam):
        return ease_loss_gradient(grams, w, lam, seen, relevant, loss=loss)

    lam, found = 4.0, at(weights, 4.0)
    for j in range(3):
        step = 1e-5 * np.eye(3)[j]
        slope = (at(weights + step, lam).loss - at(weights - step, lam).loss) / 2e-5
        assert found.by_weight[j] == pytest.approx(slope, rel=1e-5, abs=1e-9)
    slope = (at(weights, lam + 1e-5).loss - at(weights, lam - 1e-5).loss) / 2e-5
    assert found.by_lambda == pytest.approx(slope, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("loss", ["softmax", "squared"])
def test_slopes_of_single_users_agree_with_central_differences_and_with_the_gradient(
    loss, monkeypatch
):
    x, group, weights = problem(11, n_users=40, n_items=15)
    group[:3] = -1
    rows, seen = csr_matrix(x), x[group == 1] > 0
    grams = group_grams(rows, group, 3)
    monkeypatch.setattr(gradient_module, "_ROWS_AT_ONCE", 5)

    def at(w):
        inverse = regularized_inverse(weighted_gram(grams, w), 4.0)
        return user_loss_slopes(rows, group, 3, inverse, seen, ~seen, loss=loss)

    losses, slopes = at(weights)
    whole = ease_loss_gradient(grams, weights, 4.0, seen, ~seen, loss=loss)
    assert losses.mean() == pytest.approx(whole.loss, rel=1e-12)
    np.testing.assert_allclose(slopes.mean(axis=0), whole.by_weight, rtol=1e-9)
    for j in range(3):
        step = 1e-5 * np.eye(3)[j]
        expected = (at(weights + step)[0] - at(weights - step)[0]) / 2e-5
        np.testing.assert_allclose(slopes[:, j], expected, rtol=1e-4, atol=1e-8)
    assert slopes.std(axis=0).min() > 1e-6  # so that users can be told apart


@pytest.mark.parametrize("loss", ["softmax", "squared"])
def test_the_slope_of_each_users_loss_in_lambda(loss):
    x, group, weights = problem(7)
    seen = x[group == 0] > 0
    total = weighted_gram(group_grams(csr_matrix(x), group, 3), weights)

    def at(lam):
        return user_lambda_slopes(regularized_inverse(total, lam), seen, ~seen, loss=loss)

    losses, slopes = at(4.0)
    expected = (at(4.0 + 1e-5)[0] - at(4.0 - 1e-5)[0]) / 2e-5
    np.testing.assert_allclose(slopes, expected, rtol=1e-4, atol=1e-8)
    assert len(losses) == len(slopes) > 1 and slopes.std() > 1e-6


@given(seed=st.integers(0, 10**6), factor=st.floats(0.1, 10.0))
def test_weights_and_lambda_times_a_factor_change_nothing(seed, factor):
    # B depends on G(w) / lambda only, so by Euler w . dL/dw + lambda dL/dlambda = 0
    x, group, weights = problem(seed)
    seen = x[group == 0] > 0
    relevant = ~seen
    if len(seen) == 0 or not relevant.any(axis=1).all():
        return
    grams = group_grams(csr_matrix(x), group, 3)
    one = ease_loss_gradient(grams, weights, 2.0, seen, relevant)
    other = ease_loss_gradient(grams, factor * weights, factor * 2.0, seen, relevant)
    assert one.loss == pytest.approx(other.loss, rel=1e-9)
    size = np.abs(one.by_weight * weights).sum() + abs(2.0 * one.by_lambda)
    assert abs(one.by_weight @ weights + 2.0 * one.by_lambda) <= 1e-9 * size + 1e-12


def test_float32_gives_the_gradient_too():
    x, group, weights = problem(2)
    seen = x[group == 0] > 0
    grams = group_grams(csr_matrix(x), group, 3)
    double = ease_loss_gradient(grams, weights, 5.0, seen, ~seen)
    single = ease_loss_gradient(grams.astype(np.float32), weights, 5.0, seen, ~seen)
    np.testing.assert_allclose(single.by_weight, double.by_weight, rtol=1e-3, atol=1e-6)


def test_losses_refuse_what_they_cannot_use():
    scores, seen = np.zeros((1, 2)), np.zeros((1, 2), dtype=bool)
    with pytest.raises(ValueError, match="loss is 'hinge'; allowed are softmax, squared"):
        held_out_losses(scores, seen, ~seen, "hinge")
    with pytest.raises(ValueError, match="sharpness is 0"):
        held_out_losses(scores, seen, ~seen, sharpness=0.0)
    with pytest.raises(ValueError, match="every user needs a held-out item"):
        held_out_losses(scores, seen, seen)
    with pytest.raises(ValueError, match="a training item is held out too"):
        held_out_losses(scores, ~seen, ~seen)
