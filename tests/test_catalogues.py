"""Users ranked over a catalogue of their own, against a full sort of that catalogue."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recbole.model.abstract_recommender import GeneralRecommender

from recbole_groupmix.adapters.held_out import HeldOut, user_metrics
from recbole_groupmix.core.catalogues import Catalogues
from recbole_groupmix.core.linear.mix_gradient import (
    ease_loss_gradient,
    held_out_losses,
    user_lambda_slopes,
)
from recbole_groupmix.core.user_metrics import per_user_metrics
from recbole_groupmix.engine.hits import RankingRequest
from recbole_groupmix.engine.population import Population
from recbole_groupmix.engine.terms import Member, Shared
from recbole_groupmix.engine.torch_population import TorchPopulation

N_USERS, N_ITEMS = 24, 30


class Product(GeneralRecommender):
    """A model of given embeddings."""

    def __init__(self, tables):
        torch.nn.Module.__init__(self)
        self.USER_ID, self.ITEM_ID = "user", "item"
        self.tables = torch.nn.Parameter(torch.tensor(tables))

    def full_sort_predict(self, interaction):
        user, item = self.tables.split([N_USERS, N_ITEMS])
        return (user[interaction["user"]] @ item.T).flatten()


def _drawn(seed, n_catalogues, share):
    """Tables, pairs of train and of held-out items, and a catalogue of every user."""
    rng = np.random.default_rng(seed)
    width = int(rng.choice([3, 12]))  # our own product, and that of BLAS
    # small whole numbers: ties, and the same scores in whatever order they are added up
    tables = rng.integers(-2, 3, (N_USERS + N_ITEMS, width)).astype(np.float32)
    state = rng.choice(3, (N_USERS, N_ITEMS), p=[0.6, 0.2, 0.2])  # 0 neither, 1 train, 2 held out
    state[0] = state[:, 0] = 0
    of_user = rng.integers(0, n_catalogues, N_USERS)
    ranked = rng.random((n_catalogues, N_ITEMS)) < share
    return tables, state, Catalogues(ranked, of_user)


def _brute(tables, state, catalogues, depth):
    """Hits of every user who can be measured: sort the catalogue without the training items."""
    scores = tables[:N_USERS] @ tables[N_USERS:].T
    hits, n_relevant = {}, {}
    for user in range(1, N_USERS):
        mine = [i for i in range(1, N_ITEMS) if catalogues.ranked[catalogues.of_row[user], i]]
        relevant = {i for i in mine if state[user, i] == 2}
        if not relevant or not (state[user] == 1).any():
            continue
        order = sorted((i for i in mine if state[user, i] != 1), key=lambda i: -scores[user, i])
        found = [i in relevant for i in order[:depth]]
        hits[user] = found + [False] * (depth - len(found))
        n_relevant[user] = len(relevant)
    return hits, n_relevant


def _held_out(state, catalogues):
    pairs = (np.nonzero(state == 1), np.nonzero(state == 2))
    return HeldOut.of_pairs(*pairs, (N_USERS, N_ITEMS), catalogues=catalogues)


drawn = given(
    seed=st.integers(0, 10_000),
    n_catalogues=st.integers(1, 4),  # of few users each, of whom the engine ranks otherwise
    share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    depth=st.integers(1, 12),
)


@settings(max_examples=60, deadline=None)
@drawn
def test_metrics_are_those_of_a_sorted_catalogue(seed, n_catalogues, share, depth):
    tables, state, catalogues = _drawn(seed, n_catalogues, share)
    hits, n_relevant = _brute(tables, state, catalogues, depth)
    held_out = _held_out(state, catalogues)
    assert held_out.users.tolist() == list(hits)
    if hits:
        wanted = per_user_metrics(
            np.array([*hits.values()]), np.array([*n_relevant.values()]), [depth]
        )
        found = user_metrics(Product(tables), held_out, [depth])
        for name, values in wanted.items():
            assert found[name].tolist() == values.tolist()


@pytest.mark.parametrize("population_class", [Population, TorchPopulation])
@settings(max_examples=40, deadline=None)
@drawn
def test_the_engine_ranks_the_catalogue(population_class, seed, n_catalogues, share, depth):
    tables, state, catalogues = _drawn(seed, n_catalogues, share)
    if population_class is TorchPopulation:  # topk leaves the order of ties open
        noise = np.random.default_rng(seed).normal(size=tables.shape)
        tables = tables + noise.astype(np.float32)
    hits, _ = _brute(tables, state, catalogues, depth)
    who = _held_out(state, catalogues)
    shared = Shared(N_USERS, tables, np.zeros(N_USERS, np.int64), np.ones(N_USERS))
    population = population_class(shared, [Member(np.ones(1), np.ones(1), 0.1, 0.0)])

    def found(rows=None):
        lists = who.users, who.masked, who.relevant, depth, rows, who.catalogues
        return population.hits({0: RankingRequest(*lists)})[0].tolist()

    wanted = list(hits.values())
    assert found() == wanted
    rows = np.flatnonzero(np.random.default_rng(seed).random(len(wanted)) < 0.5)
    assert found(rows) == [wanted[row] for row in rows]


def test_some_users_keep_their_catalogues():
    _, state, catalogues = _drawn(3, 3, 0.5)
    everyone = _held_out(state, catalogues)
    wanted = np.zeros(N_USERS, bool)
    wanted[everyone.users[1::2]] = True
    some = everyone.of_users(wanted)
    assert np.array_equal(some.left_out(), everyone.left_out()[1::2])
    outside = ~catalogues.ranked[catalogues.of_row[some.users]]
    assert some.left_out()[outside].all() and outside.any()


@pytest.mark.parametrize(
    ("ranked", "of_row", "message"),
    [
        (np.ones(3, bool), np.zeros(2, np.int64), r"ranked has shape \(3,\)"),
        (np.ones((1, 3)), np.zeros(2, np.int64), "dtype float64"),
        (np.ones((1, 3), bool), np.zeros(2, np.int32), "dtype int32"),
        (np.ones((1, 3), bool), np.array([0, 1]), "from 0 to 1, but there are 1"),
        (np.ones((1, 3), bool), np.array([-1]), "from -1 to -1"),
    ],
)
def test_refusals(ranked, of_row, message):
    with pytest.raises(ValueError, match=message):
        Catalogues(ranked, of_row)


def test_all_items_rank_alike_with_and_without_catalogues():
    tables, state, _ = _drawn(5, 1, 1.0)
    all_items = Catalogues(np.ones((1, N_ITEMS), bool), np.zeros(N_USERS, np.int64))
    plain, whole = _held_out(state, None), _held_out(state, all_items)
    for name, values in user_metrics(Product(tables), plain, [5]).items():
        assert user_metrics(Product(tables), whole, [5])[name].tolist() == values.tolist()
    assert sp.csr_matrix(plain.relevant != whole.relevant).nnz == 0


def test_the_smooth_loss_is_that_of_the_catalogue():
    """Items outside take no part in the loss of a ranking, but train the model as before."""
    rng = np.random.default_rng(0)
    x = rng.random((6, 9)) < 0.5
    x[:, 0], x[:, 1] = False, True
    relevant = ~x & (rng.random(x.shape) < 0.4)
    relevant[:, 2], x[:, 2] = True, False
    outside = ~relevant & (rng.random((1, 9)) < 0.5)
    left_out = x | outside
    grams, weights = (x.T.astype(float) @ x)[None], np.ones(1)

    def loss(w, lam=3.0):
        return ease_loss_gradient(grams, w, lam, x, relevant, left_out=left_out)

    inverse = np.linalg.inv(grams[0] + 3.0 * np.eye(9))
    scores = x - x @ inverse / np.diag(inverse)
    wanted = []
    for row in range(6):
        ranked = np.flatnonzero(~left_out[row])
        total = np.exp(10 * scores[row, ranked]).sum()
        found = np.exp(10 * scores[row, relevant[row]]) / total
        wanted.append(-np.log(found).mean())
    assert loss(weights).loss == pytest.approx(np.mean(wanted), rel=1e-9)
    step = (loss(weights + 1e-5).loss - loss(weights - 1e-5).loss) / 2e-5
    assert loss(weights).by_weight[0] == pytest.approx(step, rel=1e-5)
    losses, slopes = user_lambda_slopes(inverse, x, relevant, left_out=left_out)
    assert losses == pytest.approx(wanted)
    assert slopes.mean() == pytest.approx(loss(weights).by_lambda)
    with pytest.raises(ValueError, match="a held-out item is not ranked"):
        held_out_losses(scores, x, relevant, left_out=x | relevant)
