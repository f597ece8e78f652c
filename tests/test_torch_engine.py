"""The engine's population on torch: against autograd, the CPU's population, and its invariants.

Tests marked ``cuda`` repeat those of the CPU with the same code on a GPU.
"""

import dataclasses

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from engine_problems import (
    N_ITEMS,
    N_USERS,
    NARROW,
    make_graph,
    make_problem,
    make_shared,
    reference_tables,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_groupmix.engine.hits import RankingRequest, hits_at
from recbole_groupmix.engine.population import Population
from recbole_groupmix.engine.terms import Member, Shared
from recbole_groupmix.engine.torch_population import TorchPopulation, _slope
from recbole_groupmix.engine.triplets import Triplets

on_each_device = pytest.mark.parametrize(
    "device", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)]
)
ROW_BYTES = (3 * NARROW + 5) * 4  # of one triplet and model, in float32


def _members(n, seed=2):
    rng = np.random.default_rng(seed)
    return [
        Member(rng.uniform(0, 2, 3), rng.uniform(0, 2, 3), rng.uniform(0.01, 0.05), 0.01 * (k + 1))
        for k in range(n)
    ]


def _batches(problem, n=1):
    """The problem's triplets, shared out over ``n`` mini batches."""
    users, pos, neg, *_ = problem
    return [
        Triplets.of_rows(users[rows], pos[rows], neg[rows], 2)
        for rows in np.array_split(np.arange(len(users)), n)
    ]


def _lightgcn(problem, n_layers, **options):
    graph = make_graph(problem[0], problem[1]) if n_layers else None
    return make_shared(problem, graph=graph, n_layers=n_layers, **options)


def _assert_same_to_rounding(mine, theirs, problem):
    """Assert that two tables differ by far less than training moved them.

    torch's kernels choose the order of their additions by CPU and by the shape of a tensor, so
    models in company and alone need not have the same bits; Adam carries a difference on.
    """
    moved = np.linalg.norm(theirs - problem[-1])
    assert moved > 0 and np.linalg.norm(mine - theirs) < 2e-4 * moved


def _train(population, batches, n_epochs=3):
    for _ in range(n_epochs):
        for batch in batches:
            population.step(batch)
    return population


@on_each_device
@pytest.mark.parametrize("n_models", [1, 7])
@pytest.mark.parametrize("layers", [0, 1, 3])
@pytest.mark.parametrize("loss_norm", ["count", "weight"])
@pytest.mark.parametrize("rows", [False, True])
def test_steps_equal_autograd_and_torch_adam(device, n_models, layers, loss_norm, rows):
    problem, members = make_problem(), _members(n_models)
    shared = _lightgcn(problem, layers, loss_norm=loss_norm, l2_on_rows=rows)
    population = TorchPopulation(shared, members, device, dtype=torch.float64)
    _train(population, _batches(problem))
    for k, member in enumerate(members):
        wanted = reference_tables(
            problem,
            member,
            3,
            loss_norm=loss_norm,
            rows=rows,
            graph=shared.graph,
            n_layers=layers,
        )
        moved = np.linalg.norm(wanted - problem[-1])
        assert np.linalg.norm(population.tables(k) - wanted) < 1e-9 * moved


@on_each_device
@pytest.mark.parametrize("layers", [0, 3])
@pytest.mark.parametrize("options", [{}, {"loss_norm": "weight"}, {"l2_on_rows": True}])
@pytest.mark.parametrize("n_batches", [1, 5])
def test_training_equals_the_population_on_the_cpu(device, layers, options, n_batches):
    problem, members = make_problem(4), _members(3)
    shared, batches = _lightgcn(problem, layers, **options), _batches(problem, n_batches)
    population = _train(TorchPopulation(shared, members, device), batches)
    other = _train(Population(shared, members), batches)
    for k in range(3):
        assert population.tables(k).dtype == np.float32
        _assert_same_to_rounding(population.tables(k), other.tables(k), problem)
        for mine, theirs in zip(population.output(k), other.output(k), strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-4)


def test_many_chunks_equal_one():
    problem = make_problem(5)
    shared, members = _lightgcn(problem, 1), _members(3)
    whole = _train(TorchPopulation(shared, members), _batches(problem))
    # chunks of 7 triplets cut users in two, chunks of 1 are the least: 2 bytes hold no triplet
    for max_bytes in (7 * 3 * ROW_BYTES, 2):
        parts = TorchPopulation(shared, members, max_bytes=max_bytes)
        _train(parts, _batches(problem))
        for k in range(3):
            _assert_same_to_rounding(parts.tables(k), whole.tables(k), problem)


def test_temporaries_stay_below_the_bound(monkeypatch):
    seen = []
    gather = torch.index_select

    def recording(table, dim, index, out):
        seen.append(tuple(out.shape))
        assert out.untyped_storage().nbytes() <= bound
        return gather(table, dim, index, out=out)

    monkeypatch.setattr(torch, "index_select", recording)
    problem, bound = make_problem(5), 60 * 4 * ROW_BYTES
    TorchPopulation(make_shared(problem), _members(4), max_bytes=bound).step(_batches(problem)[0])
    # 400 triplets in chunks of 60: six full ones and 40 left, three gathers in each
    assert seen == [(60, 4, NARROW)] * 18 + [(40, 4, NARROW)] * 3


@on_each_device
@pytest.mark.parametrize("layers", [0, 2])
@pytest.mark.parametrize("dim", [1, 5, 16])
def test_a_model_alone_equals_itself_in_a_population(device, layers, dim):
    *problem, _ = make_problem(1, n_triplets=2000)
    tables = np.random.default_rng(dim).normal(0, 0.5, (N_USERS + N_ITEMS, dim))
    problem, members = (*problem, tables.astype(np.float32)), _members(20)
    shared, batches = _lightgcn(problem, layers, loss_norm="weight"), _batches(problem, 3)
    together = TorchPopulation(shared, members, device)
    alone = {k: _train(TorchPopulation(shared, [members[k]], device), batches) for k in (0, 7, 19)}
    _train(together, batches, 1)
    together.drop(3)  # a model that leaves changes nothing for those that stay
    _train(together, batches, 1)
    together.drop(1)
    together.drop(18)
    _train(together, batches, 1)
    for k, population in alone.items():
        _assert_same_to_rounding(together.tables(k), population.tables(0), problem)


@on_each_device
def test_models_that_leave_are_returned_and_cut_out(device):
    problem, members = make_problem(6), _members(4)
    population = _train(TorchPopulation(_lightgcn(problem, 1), members, device), _batches(problem))
    before = {k: population.tables(k) for k in range(4)}
    outputs = population.output(3)
    assert np.array_equal(population.drop(2), before[2])
    assert np.array_equal(population.drop(0), before[0])
    assert population.alive == [1, 3]
    assert np.array_equal(population.tables(3), before[3])  # not yet cut, numbers still hold
    assert np.array_equal(population.output(3)[0], outputs[0])
    with pytest.raises(KeyError):
        population.tables(2)
    population.step(_batches(problem)[0])
    assert population._table.shape == (N_USERS + N_ITEMS, 2, NARROW)
    assert not np.array_equal(population.tables(3), before[3])
    population.drop(1)
    population.drop(3)
    population.step(_batches(problem)[0])  # of nobody
    assert population.alive == []


@on_each_device
def test_tables_are_copies(device):
    problem = make_problem()
    shared = make_shared(problem)
    population = TorchPopulation(shared, _members(1), device)
    tables, (user, item) = population.tables(0), population.output(0)
    tables[:], user[:], item[:] = 0.0, 1.0, 2.0
    assert np.array_equal(population.tables(0), problem[-1])
    population.step(_batches(problem)[0])
    assert (tables == 0.0).all() and not np.array_equal(population.tables(0), shared.tables)
    # what a step changes, scores must follow
    assert np.array_equal(population.output(0)[0], population.tables(0)[:N_USERS])


@on_each_device
def test_weight_zero_equals_training_without_those_triplets(device):
    problem = make_problem(3)
    users, pos, neg, group, *_ = problem
    member = Member(np.array([1.0, 0.0, 2.0]), np.array([1.0, 0.0, 2.0]), 0.03, 0.01)
    keep = group[users] != 1
    assert 0 < keep.sum() < len(keep)
    shared = make_shared(problem, loss_norm="weight")
    population = _train(TorchPopulation(shared, [member], device), _batches(problem))
    kept = Triplets.of_rows(users[keep], pos[keep], neg[keep], 2)
    without = _train(TorchPopulation(shared, [member], device), [kept])
    _assert_same_to_rounding(population.tables(0), without.tables(0), problem)


def test_a_model_that_diverges_leaves_the_others_as_they_are():
    problem, members = make_problem(7), _members(3)
    broken = [members[0], dataclasses.replace(members[1], learning_rate=np.nan), members[2]]
    shared = _lightgcn(problem, 2)
    population = _train(TorchPopulation(shared, broken), _batches(problem))
    wanted = _train(TorchPopulation(shared, members), _batches(problem))
    assert np.isnan(population.tables(1)).any()
    for k in (0, 2):
        _assert_same_to_rounding(population.tables(k), wanted.tables(k), problem)


@on_each_device
def test_slope_fades_as_recbole_s_loss_does(device):
    # d/dx -log(gamma + s(x)) = -s(x) s(-x) / (gamma + s(x)), s the sigmoid and gamma 1e-10; x
    # from where s is far below gamma to beyond the largest exponent that is taken
    x = torch.linspace(-100.0, 100.0, 401, dtype=torch.float64)
    wanted = -torch.sigmoid(x) * torch.sigmoid(-x) / (1e-10 + torch.sigmoid(x))
    slope = _slope(x.to(device, torch.float32)).cpu().numpy()
    np.testing.assert_allclose(slope, wanted.numpy(), rtol=2e-5, atol=1e-17)


@pytest.mark.cuda
@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), depth=st.integers(1, 18), max_bytes=st.integers(1, 2000))
def test_hits_equal_those_of_the_cpu_on_a_gpu(seed, depth, max_bytes):
    _check_hits("cuda", seed, depth, max_bytes)


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), depth=st.integers(1, 18), max_bytes=st.integers(1, 2000))
def test_hits_equal_those_of_the_population_on_the_cpu(seed, depth, max_bytes):
    _check_hits("cpu", seed, depth, max_bytes)


def _check_hits(device, seed, depth, max_bytes):
    rng = np.random.default_rng(seed)
    n_users, n_items = 9, 15
    tables = rng.normal(size=(n_users + n_items, 3)).astype(np.float32)
    a = rng.integers(0, 2, (n_users, n_items))
    graph = sp.csr_matrix(sp.bmat([[None, a], [a.T, None]]), dtype=np.float32)
    shared = Shared(n_users, tables, np.zeros(n_users, np.int64), np.ones(n_users))
    shared = dataclasses.replace(shared, graph=graph, n_layers=seed % 3)
    members = [Member(np.ones(1), np.ones(1), lr, 0.01) for lr in (0.1, 0.2, 0.3)]
    population = TorchPopulation(shared, members, device, max_bytes)
    population.step(Triplets.of_rows(np.array([1, 4]), np.array([2, 3]), np.array([5, 6]), 1))
    population.drop(0)  # leaves a hole, so model 2 is not the last but one
    users = rng.permutation(n_users)[: rng.integers(0, n_users + 1)]
    state = rng.integers(0, 3, (len(users), n_items))  # 0 neither, 1 masked, 2 relevant
    state[rng.random(len(users)) < 0.2, 1:] = 1  # nothing left to rank
    masked, relevant = sp.csr_matrix(state == 1), sp.csr_matrix(state == 2)
    for k in (1, 2):
        user, item = population.output(k)
        wanted = hits_at(user[users], item, masked, relevant, depth)
        hits = population.hits({k: RankingRequest(users, masked, relevant, depth)})[k]
        assert hits.dtype == bool and hits.tolist() == wanted.tolist()
        rows = np.flatnonzero(rng.random(len(users)) < 0.5)
        some = population.hits({k: RankingRequest(users, masked, relevant, depth, rows)})[k]
        assert some.tolist() == wanted[rows].tolist()
