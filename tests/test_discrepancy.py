"""Eq. 9 against its formula with projections, its invariances, and random relabellings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from recbole_groupmix.core.theory.discrepancy import (
    discrepancies,
    distance,
    group_discrepancies,
    group_subspace,
    heterogeneity,
    rank_of,
)
from recbole_groupmix.core.theory.relabelling import (
    activity_strata,
    movable_share,
    null_discrepancies,
)


def likes(seed, n_users, n_items, rate=0.3):
    return (np.random.default_rng(seed).random((n_users, n_items)) < rate).astype(float)


def ratings(seed, n_users, n_items):
    """No two singular values are equal, as they may be of small matrices of 0 and 1."""
    return np.random.default_rng(seed).standard_normal((n_users, n_items))


def by_projections(one, other, d):
    """Eq. 9 to the letter, with the projections that the code never forms."""
    projections = []
    for matrix in (one, other):
        right = np.linalg.svd(matrix)[2][:d].T
        projections.append(right @ right.T)
    return np.linalg.norm(projections[0] - projections[1]) ** 2 / (2 * d)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(8, 40), st.integers(8, 40))
def test_equals_the_formula_with_projections(seed, n_users, n_items):
    matrices = [ratings([seed, g], n_users + g, n_items) for g in range(3)]
    d_max = min(np.linalg.matrix_rank(matrix) for matrix in matrices)
    groups = np.repeat(range(3), [len(matrix) for matrix in matrices])
    delta = group_discrepancies(csr_matrix(np.concatenate(matrices)), groups, 3, d_max)
    assert delta.shape == (d_max, 3, 3)
    for d in {1, 2, d_max // 2 or 1, d_max}:
        for i in range(3):
            for j in range(3):
                expected = by_projections(matrices[i], matrices[j], d)
                assert delta[d - 1, i, j] == pytest.approx(expected, abs=1e-7)


def test_the_iterative_and_the_dense_decomposition_agree():
    matrix = likes(1, 90, 60)  # 2 * 8 < 60 <= 2 * 40: iterative for 8, dense for 40
    few, many = group_subspace(csr_matrix(matrix), 8), group_subspace(csr_matrix(matrix), 40)
    expected = np.linalg.svd(matrix)[2][:8].T
    for found in (few, many[:, :8]):
        np.testing.assert_allclose(np.abs(found.T @ expected), np.eye(8), atol=1e-8)


def test_0_for_identical_and_1_for_orthogonal_subspaces():
    half = likes(2, 12, 10)
    nothing = np.zeros_like(half)
    # groups 0 and 1 are the same users; group 2 likes other items than they
    matrix = np.block([[half, nothing], [half, nothing], [nothing, half]])
    delta = group_discrepancies(matrix, np.repeat([0, 1, 2], 12), 3, 8)
    np.testing.assert_allclose(delta[:, 0, 1], 0, atol=1e-12)
    np.testing.assert_allclose(delta[:, 0, 2], 1, atol=1e-12)
    np.testing.assert_array_equal(delta, delta.transpose(0, 2, 1))
    np.testing.assert_array_equal(np.diagonal(delta, axis1=1, axis2=2), 0)


def test_a_shared_direction_by_hand():
    # span(e1, e2) and span(e1, e3) share one of two dimensions: 1 - 1 / 2; at d = 1 they are equal
    e = np.eye(3)
    delta = discrepancies([e[:, [0, 1]], e[:, [0, 2]]])
    assert delta[:, 0, 1].tolist() == [0, 0.5]
    # a direction at 60 degrees: 1 - cos^2 = 3 / 4
    delta = discrepancies([np.array([[1.0], [0]]), np.array([[0.5], [np.sqrt(0.75)]])])
    assert delta[0, 0, 1] == pytest.approx(0.75)


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_invariant_to_rotation_user_order_and_item_order(seed):
    rng = np.random.default_rng(seed)
    matrix, groups = ratings([seed, 9], 60, 25), rng.permutation(np.repeat([0, 1, 2], 20))
    delta = group_discrepancies(matrix, groups, 3, 12)
    users, items = rng.permutation(60), rng.permutation(25)
    moved = group_discrepancies(matrix[users][:, items], groups[users], 3, 12)
    np.testing.assert_allclose(moved, delta, atol=1e-9)
    # a rotation inside the subspaces changes Delta_d only for smaller d
    subspaces = [group_subspace(matrix[groups == g], 12) for g in range(3)]
    rotations = [np.linalg.qr(rng.standard_normal((12, 12)))[0] for _ in range(3)]
    turned = [v @ q for v, q in zip(subspaces, rotations, strict=True)]
    np.testing.assert_allclose(discrepancies(turned)[-1], delta[-1], atol=1e-9)
    # and so does one of all items leave all d as they are
    turn = np.linalg.qr(rng.standard_normal((25, 25)))[0]
    np.testing.assert_allclose(discrepancies([turn @ v for v in subspaces]), delta, atol=1e-9)


def test_users_without_a_group_are_left_out():
    matrix = likes(3, 50, 20)
    groups = np.array([0] * 20 + [1] * 20 + [-1] * 10)
    delta = group_discrepancies(matrix, groups, 2, 5)
    np.testing.assert_array_equal(delta, group_discrepancies(matrix[:40], groups[:40], 2, 5))


def test_heterogeneity_and_distance_by_hand():
    delta = np.array([[0, 0.2, 0.6], [0.2, 0, 0.4], [0.6, 0.4, 0]])
    # group 0: mean .4, variance ((.2)^2 + (.2)^2) / 2; groups 1 and 2 likewise around .3 and .5
    np.testing.assert_allclose(distance(delta), [0.4, 0.3, 0.5])
    np.testing.assert_allclose(heterogeneity([delta, delta]), [[0.04, 0.01, 0.01]] * 2)
    np.testing.assert_array_equal(heterogeneity([[0, 0.7], [0.7, 0]]), [0, 0])
    for wrong in (delta[:2], [[0.0]], [0.0, 1.0]):
        with pytest.raises(ValueError, match="delta has shape"):
            heterogeneity(wrong)


def test_a_dimension_beyond_the_rank():
    matrix = np.concatenate([likes(4, 20, 15), np.repeat(likes(5, 3, 15), 5, axis=0)])
    groups = np.repeat([0, 1], [20, 15])  # group 1: three users, each five times over
    message = "d is 4, but the interactions of group 'B' have rank 3; take d up to that"
    with pytest.raises(ValueError, match=message):
        group_discrepancies(matrix, groups, 2, 4, names=["A", "B"])
    assert group_discrepancies(matrix, groups, 2, 3).shape == (3, 2, 2)
    subspace = group_subspace(matrix[groups == 1], 4)
    assert rank_of(subspace) == 3
    assert np.isnan(discrepancies([subspace, subspace])[:, 0, 1]).tolist() == [False] * 3 + [True]


@pytest.mark.parametrize("d", [0, -1])
def test_dimensions_that_are_none(d):
    with pytest.raises(ValueError, match=f"d is {d}"):
        group_subspace(likes(6, 5, 5), d)


def test_subspaces_of_different_shapes():
    with pytest.raises(ValueError, match="subspaces have the shapes"):
        discrepancies([np.eye(3), np.eye(4)])
    with pytest.raises(ValueError, match="subspaces have the shapes"):
        discrepancies([])


# --- the null ------------------------------------------------------------------------------------


def test_relabellings_keep_sizes_and_depend_on_the_seed_alone():
    matrix, groups = likes(7, 60, 25), np.array([0] * 10 + [-1] * 5 + [1] * 25 + [2] * 20)
    null = null_discrepancies(matrix, groups, 3, 6, 4, seed=1)
    np.testing.assert_array_equal(null, null_discrepancies(matrix, groups, 3, 6, 4, seed=1))
    longer = null_discrepancies(matrix, groups, 3, 6, 6, seed=1)
    np.testing.assert_array_equal(longer[:4], null)
    assert (null != null_discrepancies(matrix, groups, 3, 6, 4, seed=2))[..., 0, 1].all()
    assert len(np.unique(null[:, 0, 0, 1])) == 4


def test_relabellings_only_move_users_between_groups(monkeypatch):
    from recbole_groupmix.core.theory import relabelling

    seen = []

    def record(matrix, groups, n_groups, d_max, rough):
        seen.append(groups)
        return [np.eye(4)[:, :d_max]] * n_groups

    monkeypatch.setattr(relabelling, "group_subspaces", record)
    groups = np.array([0] * 30 + [-1] * 10 + [1] * 20)
    relabelling.null_discrepancies(np.ones((60, 4)), groups, 2, 2, 3)
    for shuffled in seen:
        assert np.bincount(shuffled + 1).tolist() == [10, 30, 20]
        assert (shuffled[30:40] == -1).all()
        assert (shuffled != groups).any()
    # group 1 is in the more active half but for two users: each half keeps its number of them
    seen.clear()
    active = np.arange(60) >= 42
    matrix = np.where(active[:, None], 1.0, np.eye(4)[0])
    relabelling.null_discrepancies(matrix, groups, 2, 2, 3)
    for shuffled in seen:
        assert (shuffled[active] == 1).sum() == (groups[active] == 1).sum() == 18
        assert (shuffled[~active] == 1).sum() == 2
        assert (shuffled != groups).any()


def test_strata_hold_users_of_equal_activity():
    groups = np.array([0] * 60 + [1] * 40 + [-1] * 10)
    counts = np.random.default_rng(0).permutation(np.arange(110))
    strata = activity_strata(counts, groups, 2)
    members = groups >= 0
    assert (strata[~members] == -1).all()
    assert np.bincount(strata[members]).tolist() == [10] * 10
    order = np.argsort(counts[members])
    assert (np.diff(strata[members][order]) >= 0).all()  # by activity
    # five users for each group, or fewer strata
    assert np.bincount(activity_strata(counts, groups, 5)[members]).tolist() == [25] * 4
    assert set(activity_strata(counts, groups, 30)[members]) == {0}
    # equal users are never parted
    tied = np.where(counts < 70, 20, counts)
    strata = activity_strata(tied, groups, 2)
    assert len(set(strata[members & (tied == 20)])) == 1 and len(set(strata[members])) > 3
    assert len(set(activity_strata(np.full(110, 7), groups, 2)[members])) == 1


def test_how_far_strata_let_users_move():
    groups = np.repeat([0, 1], 20)
    mixed, apart = np.tile([0, 1], 20), groups
    assert movable_share(mixed, groups, 2) == pytest.approx(1)
    assert movable_share(apart, groups, 2) == 0
    # by hand: 15 of 20 and 5 of 20; a user moves with 2 * 15/20 * 5/20 = .375, not .5
    partly = np.where(np.arange(40) % 4 == 0, 1 - groups, groups)
    assert movable_share(partly, groups, 2) == pytest.approx(0.375 / 0.5)
    assert movable_share(np.zeros(40, dtype=int), np.zeros(40, dtype=int), 1) == 1


@pytest.mark.parametrize("d", [3, 12])
@pytest.mark.parametrize("shape", [(150, 80), (80, 150)])
def test_rough_subspaces_have_the_discrepancies_of_exact_ones(d, shape):
    # d 3: by iteration, for more than 30 users and items; d 12: by their products
    matrices = [likes(seed, *shape, rate=0.1) + 0.3 * ratings(seed, *shape) for seed in (1, 2)]
    exact = discrepancies([group_subspace(matrix, d) for matrix in matrices])
    rough = [group_subspace(matrix, d, rough=True) for matrix in matrices]
    assert rough[0].dtype == np.float32
    np.testing.assert_allclose(discrepancies(rough), exact, atol=1e-3)
    np.testing.assert_allclose(discrepancies(rough)[:-1], exact[:-1], atol=1e-3)


def test_a_rough_subspace_is_exact_where_float32_is_not_enough():
    few = np.repeat(likes(5, 3, 60), 20, axis=0)  # rank 3
    subspace = group_subspace(few, 8, rough=True)
    assert rank_of(subspace) == 3 and subspace.dtype == np.float64


def test_random_groups_lie_inside_their_own_null_and_different_ones_outside():
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1, 2, 3], 40)
    alike = likes(8, 160, 40)
    taste = np.full((4, 40), 0.1)
    for group in (0, 1):  # groups 0 and 1 have a taste of their own, 2 and 3 share one
        taste[group, 10 * group : 10 * group + 10] = 0.7
    taste[2:, 20:30] = 0.7
    different = (rng.random((160, 40)) < taste[groups]).astype(float)
    p = {}
    for name, matrix in (("alike", alike), ("different", different)):
        delta = group_discrepancies(matrix, groups, 4, 2)
        null = null_discrepancies(matrix, groups, 4, 2, 19)
        p[name] = (1 + (distance(null)[:, 0] >= distance(delta)[0]).sum(axis=0)) / 20
    assert (p["different"] == 1 / 20).all()
    assert (p["alike"] > 1 / 20).any()


@pytest.mark.parametrize(("n", "seed"), [(0, 0), (1, -1)])
def test_numbers_of_relabellings(n, seed):
    with pytest.raises(ValueError, match="n_relabellings is"):
        null_discrepancies(likes(9, 10, 5), np.repeat([0, 1], 5), 2, 2, n, seed)
