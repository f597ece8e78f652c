"""The engine's step against autograd through RecBole's models, and its invariants."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from engine_problems import (
    N_ITEMS,
    N_USERS,
    NARROW,
    WIDE,
    make_batch,
    make_graph,
    make_problem,
    make_shared,
    reference,
    reference_tables,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_groupmix.adapters.batch_weights import BatchWeights
from recbole_groupmix.core.user_metrics import per_user_metrics
from recbole_groupmix.engine import kernels
from recbole_groupmix.engine.graph import in_bunches
from recbole_groupmix.engine.hits import RankingRequest, hits_at
from recbole_groupmix.engine.kernels import bpr_gradients
from recbole_groupmix.engine.population import Population
from recbole_groupmix.engine.terms import BETA1, BETA2, EPS, Member, Shared
from recbole_groupmix.engine.threads import ALONE, pool
from recbole_groupmix.engine.torch_population import TorchPopulation
from recbole_groupmix.engine.triplets import Triplets, balanced_bounds


@pytest.mark.parametrize("layers", [0, 1, 3])
@pytest.mark.parametrize("loss_norm", ["count", "weight"])
@pytest.mark.parametrize("rows", [False, True])
def test_steps_equal_autograd_and_torch_adam(layers, loss_norm, rows):
    problem = make_problem()
    graph = make_graph(problem[0], problem[1]) if layers else None
    members = [
        Member(np.array([1.0, 2.0, 0.5]), np.array([1.0, 2.0, 0.5]), 0.03, 0.01),
        Member(np.array([1.0, 0.0, 3.0]), np.ones(3), 0.01, 0.1),
    ]
    shared = make_shared(
        problem, loss_norm=loss_norm, l2_on_rows=rows, graph=graph, n_layers=layers
    )
    population = Population(shared, members)
    for _ in range(3):
        population.step(make_batch(problem))
    for k, member in enumerate(members):
        wanted = reference_tables(
            problem, member, 3, loss_norm=loss_norm, rows=rows, graph=graph, n_layers=layers
        )
        # Adam's step is lr * sign-like: compare the movement, float32 against float64
        moved = np.linalg.norm(wanted - problem[-1])
        assert np.linalg.norm(population.tables(k) - wanted) < 2e-4 * moved


@pytest.mark.parametrize("layers", [0, 1, 3])
@pytest.mark.parametrize("loss_norm", ["count", "weight"])
@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("n_models", [1, 7])
@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_gradients_equal_autograd_to_1e_5(layers, loss_norm, rows, n_models, width):
    # Adam's first moment after one step is (1 - 0.9) times the gradient
    problem = make_problem(5, width=width)
    graph = make_graph(problem[0], problem[1]) if layers else None
    rng = np.random.default_rng(6)
    members = [
        Member(rng.uniform(0, 2, 3), rng.uniform(0, 2, 3), 0.03, 0.05) for _ in range(n_models)
    ]
    shared = make_shared(
        problem, loss_norm=loss_norm, l2_on_rows=rows, graph=graph, n_layers=layers
    )
    population = Population(shared, members)
    population.step(make_batch(problem))
    for k, member in enumerate(members):
        _, wanted = reference(problem, member, 1, loss_norm, rows, graph, layers)
        got = population._first[k] / 0.1
        assert np.linalg.norm(got - wanted) < 1e-5 * np.linalg.norm(wanted)


def test_steps_of_adam_are_as_long_as_those_in_float64():
    # in float32 1 - beta2 is 1.3e-5 too small, and every early step 6e-6 too long
    gradients = np.random.default_rng(0).normal(size=(8, 4, 5)).astype(np.float32)
    table, first, second = np.zeros((3, 4, 5), dtype=np.float32)
    exact, m, v = np.zeros((3, 4, 5))
    for step, gradient in enumerate(gradients, start=1):
        m = BETA1 * m + (1 - BETA1) * gradient
        v = BETA2 * v + (1 - BETA2) * gradient.astype(np.float64) ** 2
        bias1, bias2 = 1 - BETA1**step, np.sqrt(1 - BETA2**step)
        exact -= 0.03 / bias1 * m / (np.sqrt(v) / bias2 + EPS)
        constants = (BETA1, 1 - BETA1, BETA2, 1 - BETA2, EPS)
        kernels.adam_rows(
            *(0, 4, table, gradient, np.zeros(4, dtype=np.float32), first, second),
            *map(np.float32, (0.03 / bias1, bias2, *constants)),
        )
        np.testing.assert_allclose(table, exact, rtol=0, atol=1e-6 * 0.03 * step)


@pytest.mark.parametrize("kind", [Population, TorchPopulation])
def test_moments_after_a_step_are_those_in_float64(kind):
    problem = make_problem()
    population = kind(make_shared(problem), [Member(np.ones(3), np.ones(3), 0.03, 0.01)])
    population.step(make_batch(problem))
    first, second = (
        np.asarray(moment[0] if kind is Population else moment[:, 0], dtype=float)
        for moment in (population._first, population._second)
    )
    moved = np.abs(first) > 1e-6
    ratio = second[moved] / first[moved] ** 2
    np.testing.assert_allclose(ratio, (1 - BETA2) / (1 - BETA1) ** 2, rtol=2e-6)
    assert moved.sum() > 100


def test_saturated_triplets_fade_as_in_recbole():
    # x = u . (i - j) = -30: sigmoid(x) = 9e-14 << gamma = 1e-10, so the gradient is almost 0:
    # d/dx -log(gamma + s) = -s (1 - s) / (gamma + s) = -9.4e-4, not the -1 of -log s
    tables = np.zeros((4 + 3, 1), np.float32)
    tables[1], tables[4 + 2] = 30.0, 1.0
    shared = Shared(4, tables, np.array([-1, 0, 0, 0]), np.ones(4))
    population = Population(shared, [Member(np.ones(1), np.ones(1), 0.1, 0.0)])
    batch = Triplets.of_rows(np.array([1]), np.array([1]), np.array([2]), pool().size)
    grad = population._gradient(
        population.tables(0), batch, np.ones(1, np.float32), batch.bounds, ALONE
    )
    s = 1 / (1 + np.exp(30.0))
    assert grad[4 + 1, 0] == pytest.approx(-s * (1 - s) / (1e-10 + s) * 30.0, rel=1e-4)


@pytest.mark.parametrize("width", [1, 4, 8, 16, 37, 64])
def test_gradients_of_users_with_more_triplets_than_a_block(width):
    # 700 triplets of 3 users, the second without weight; blocks hold at most 128 triplets and
    # 4096 numbers. In float64: dL/dx = -w s (1 - s) / (gamma + s), x = u . (i - j)
    rng = np.random.default_rng(width)
    users = np.sort(rng.integers(0, 3, 700))
    pos, neg = rng.integers(0, 11, (2, 700)).astype(np.int32)
    user, item = (rng.normal(size=(n, width)).astype(np.float32) for n in (3, 11))
    weight = np.array([0.5, 0.0, 2.0], np.float32)
    starts = np.searchsorted(users, np.arange(4))
    by_user, by_item = np.full_like(user, 7.0), np.full_like(item, 7.0)
    bpr_gradients(0, 3, np.arange(3), starts, pos, neg, weight, user, item, by_user, by_item)
    u, apart = user[users].astype(float), item[pos].astype(float) - item[neg]
    s = 1 / (1 + np.exp(-(u * apart).sum(1)))
    slope = (-weight[users] * s * (1 - s) / (1e-10 + s))[:, None]
    wanted_user, wanted_item = np.zeros((3, width)), np.zeros((11, width))
    np.add.at(wanted_user, users, slope * apart)
    np.add.at(wanted_item, pos, slope * u)
    np.add.at(wanted_item, neg, -slope * u)
    wanted_user[1] = 7.0  # users of weight 0 are left as they are
    np.testing.assert_allclose(by_user, wanted_user, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(by_item, wanted_item, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_a_model_alone_equals_itself_in_a_population_bit_for_bit(width):
    problem = make_problem(1, width=width)
    rng = np.random.default_rng(2)
    members = [Member(rng.uniform(0, 2, 3), rng.uniform(0, 2, 3), 0.03, 0.01) for _ in range(20)]
    graph = make_graph(problem[0], problem[1])
    together = Population(make_shared(problem, graph=graph, n_layers=2), members)
    alone = Population(make_shared(problem, graph=graph, n_layers=2), [members[7]])
    for step in range(4):
        together.step(make_batch(problem))
        alone.step(make_batch(problem))
        if step == 1:
            together.drop(3)  # a model that leaves changes nothing for those that stay
    assert np.array_equal(together.tables(7), alone.tables(0))


def test_weight_zero_equals_training_without_those_triplets():
    problem = make_problem(3)
    users, pos, neg, group, *_ = problem
    member = Member(np.array([1.0, 0.0, 2.0]), np.array([1.0, 0.0, 2.0]), 0.03, 0.01)
    keep = group[users] != 1
    population = Population(make_shared(problem, loss_norm="weight"), [member])
    without = Population(make_shared(problem, loss_norm="weight"), [member])
    for _ in range(3):
        population.step(make_batch(problem))
        without.step(Triplets.of_rows(users[keep], pos[keep], neg[keep], pool().size))
    # sums in another order, by CPU; Adam enlarges their rounding where a gradient nearly vanishes
    moved = np.linalg.norm(without.tables(0) - problem[-1])
    assert np.linalg.norm(population.tables(0) - without.tables(0)) < 2e-4 * moved


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), depth=st.integers(1, 12))
def test_hits_equal_a_full_sort(seed, depth):
    rng = np.random.default_rng(seed)
    user = rng.normal(size=(7, 3)).astype(np.float32)
    item = rng.normal(size=(15, 3)).astype(np.float32)
    state = rng.integers(0, 3, (7, 15))  # 0 neither, 1 masked, 2 relevant
    state[:, 0] = 0
    masked, relevant = sp.csr_matrix(state == 1), sp.csr_matrix(state == 2)
    hits = hits_at(user, item, masked, relevant, depth)
    scores = user @ item.T
    scores[:, 0] = -np.inf
    scores[state == 1] = -np.inf
    for row in range(7):
        order = [i for i in np.argsort(-scores[row]) if scores[row, i] > -np.inf][:depth]
        wanted = [state[row, i] == 2 for i in order] + [False] * (depth - len(order))
        assert hits[row].tolist() == wanted
    n_relevant = (state == 2).sum(1)
    metrics = per_user_metrics(hits, n_relevant, [depth], ["hit"])
    assert np.array_equal(np.isnan(metrics[f"hit@{depth}"]), n_relevant == 0)


@pytest.mark.parametrize("layers", [0, 2])
@pytest.mark.parametrize("models", [[4], [1, 3, 4]])
def test_models_are_ranked_together_as_each_alone(layers, models):
    problem = make_problem(4)
    graph = make_graph(problem[0], problem[1]) if layers else None
    members = [Member(np.full(3, k + 1.0), np.ones(3), 0.1 * (k + 1), 0.01) for k in range(5)]
    population = Population(make_shared(problem, graph=graph, n_layers=layers), members)
    population.step(make_batch(problem))
    rng = np.random.default_rng(0)
    asked, wanted = {}, {}
    for k in models:
        users = rng.permutation(N_USERS)[: 5 + k]
        state = rng.integers(0, 3, (len(users), N_ITEMS))
        masked, relevant = sp.csr_matrix(state == 1), sp.csr_matrix(state == 2)
        asked[k] = RankingRequest(users, masked, relevant, 4)
        user, item = population.output(k)
        wanted[k] = hits_at(user[users], item, masked, relevant, 4)
    found = population.hits(asked)
    assert {k: hits.tolist() for k, hits in found.items()} == {
        k: hits.tolist() for k, hits in wanted.items()
    }


def test_some_of_the_users_are_ranked_as_all_are():
    problem = make_problem(5)
    population = Population(make_shared(problem), [Member(np.ones(3), np.ones(3), 0.1, 0.01)])
    users = np.random.default_rng(0).permutation(N_USERS)
    state = np.random.default_rng(1).integers(0, 3, (N_USERS, N_ITEMS))
    lists = sp.csr_matrix(state == 1), sp.csr_matrix(state == 2)
    rows = np.array([4, 1, 7])
    found = population.hits({0: RankingRequest(users, *lists, 4, rows)})[0]
    assert np.array_equal(found, population.hits({0: RankingRequest(users, *lists, 4)})[0][rows])
    assert found.any()


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(1, 8))
def test_bounds_cover_every_segment_once(sizes, threads):
    starts = np.r_[0, np.cumsum(sizes)].astype(np.int64)
    bounds = balanced_bounds(starts, threads)
    assert bounds[0] == 0 and bounds[-1] == len(sizes)
    assert (np.diff(bounds) >= 0).all() and len(bounds) == threads + 1


def test_rows_are_sorted_by_user_and_keep_their_items():
    batch = Triplets.of_rows(np.array([2, 1, 2]), np.array([5, 6, 7]), np.array([8, 9, 4]), 2)
    assert batch.users.tolist() == [1, 2] and batch.starts.tolist() == [0, 1, 3]
    assert batch.pos.tolist() == [6, 5, 7] and batch.neg.tolist() == [9, 8, 4]
    assert batch.sizes.tolist() == [1, 2]


def test_a_batch_without_weight_changes_nothing():
    # loss_norm weight divides by the sum of the weights, which is 0 here: no step, not 0 / 0
    problem = make_problem(4)
    member = Member(np.zeros(3), np.zeros(3), 0.03, 0.01)
    population = Population(make_shared(problem, loss_norm="weight"), [member])
    population.step(make_batch(problem))
    assert np.array_equal(population.tables(0), problem[-1])
    on_torch = TorchPopulation(make_shared(problem, loss_norm="weight"), [member])
    on_torch.step(make_batch(problem))
    assert np.array_equal(on_torch.tables(0), problem[-1])
    weights = BatchWeights("weight")
    with weights.batch(torch.zeros(3), torch.zeros(3)):
        assert weights.mean(torch.ones(3)) == 0


# --- bunches of models in the graph --------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_models", "width", "threads", "sizes"),
    [
        (64, 4, 2, [16] * 4),  # 16 models of 4 columns are 64 columns
        (5, 64, 2, [1] * 5),
        (3, 300, 2, [1] * 3),
        (16, 4, 2, [8] * 2),  # a bunch for each thread
        (11, 4, 1, [8, 2, 1]),  # powers of two: loops are compiled for each size
        (1, 4, 2, [1]),
        (0, 4, 2, []),
    ],
)
def test_models_go_through_the_graph_in_bunches(n_models, width, threads, sizes):
    bunches = in_bunches(list(range(n_models)), width, threads)
    assert [len(bunch) for bunch in bunches] == sizes
    assert [k for bunch in bunches for k in bunch] == list(range(n_models))
