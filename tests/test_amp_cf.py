"""AMP-CF: several personas a user, against RecBole's BPR and against loops over the formula."""

import math

import pytest
import torch
from helpers import experiment
from hypothesis import given
from hypothesis import strategies as st
from recbole.data.interaction import Interaction
from recbole.model import general_recommender

from recbole_groupmix.adapters.bpr import BPR
from recbole_groupmix.recommenders.amp_cf import AMPCF
from recbole_groupmix.recommenders.by_name import model_class
from recbole_groupmix.recommenders.defaults import WithDefaults

USERS = torch.tensor([1, 5, 5, 17, 32])
ITEMS = torch.tensor([3, 40, 1, 8, 8])
BATCH = Interaction({"user_id": USERS, "item_id": ITEMS, "neg_item_id": ITEMS.flip(0)})


def made(folder, cls=None, spread=0.5, **keys):
    """A model of the tiny data with large parameters, biases among them."""
    ex = experiment(folder, model="AMPCF", **keys)
    torch.manual_seed(3)
    net = (cls or ex.model_class)(ex.config, ex.dataset_of(ex.part(0)))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.normal_(0.0, spread)
    return net


def gradients(net):
    net.zero_grad()
    loss = net.calculate_loss(BATCH)
    loss.backward()
    return loss.item(), {name: value.grad for name, value in net.named_parameters()}


@pytest.mark.parametrize("reg_weight", [0.0, 0.3])
def test_one_persona_without_a_bias_is_matrix_factorisation(tiny, reg_weight):
    # with an L2 term it is our BPR, which without one is RecBole's
    net = made(tiny, n_personas=1, item_bias=False, reg_weight=reg_weight)
    stock = made(tiny, BPR if reg_weight else general_recommender.BPR, reg_weight=reg_weight)
    tables = ("user_embedding.weight", "item_embedding.weight")
    stock.load_state_dict({name: net.state_dict()[name] for name in tables})
    torch.testing.assert_close(net.predict(BATCH), stock.predict(BATCH))
    torch.testing.assert_close(net.full_sort_predict(BATCH), stock.full_sort_predict(BATCH))
    (loss, slopes), (expected, of_stock) = gradients(net), gradients(stock)
    assert loss == pytest.approx(expected, rel=1e-6)
    for name in tables:
        torch.testing.assert_close(slopes[name], of_stock[name], rtol=1e-5, atol=1e-7)
    assert slopes["of_personas.weight"].abs().max() < 1e-7


def test_equal_personas_are_one(tiny):
    net = made(tiny, n_personas=3)
    with torch.no_grad():
        first = net.personas(torch.arange(net.n_users))[:, :1]
        net.user_embedding.weight.copy_(first.repeat(1, 3, 1).flatten(1))
    expected = (first[USERS, 0] * net.item_embedding(ITEMS)).sum(dim=1) + net.item_bias[ITEMS]
    torch.testing.assert_close(net.predict(BATCH), expected)
    third = torch.full((len(USERS), 3), 1 / 3)
    torch.testing.assert_close(net.attention(USERS, ITEMS), third)


def score_by_loops(net, user, item):
    """The score of a pair, number by number."""
    d, n = net.item_embedding.weight.shape[1], net.n_personas
    table, items = net.user_embedding.weight.tolist(), net.item_embedding.weight.tolist()
    of_personas, of_items = net.of_personas.weight.tolist(), net.of_items.weight.tolist()

    def mapped(rows, vector):
        return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in rows]

    def product(one, other):
        return sum(a * b for a, b in zip(one, other, strict=True))

    query, logits, products = mapped(of_items, items[item]), [], []
    for k in range(n):
        persona = table[user][k * d : (k + 1) * d]
        key = mapped(of_personas, persona)
        norms = math.sqrt(product(key, key)) * math.sqrt(product(query, query))
        logits.append(product(key, query) / norms)
        products.append(product(persona, items[item]))
    shares = [math.exp(logit) / sum(map(math.exp, logits)) for logit in logits]
    return product(shares, products) + net.item_bias.tolist()[item], shares


@pytest.mark.parametrize("attention_size", [None, 3])
def test_scores_and_attention_are_those_of_the_formula_by_loops(tiny, attention_size):
    net = made(tiny, n_personas=3, attention_size=attention_size)
    expected = [
        score_by_loops(net, *pair) for pair in zip(USERS.tolist(), ITEMS.tolist(), strict=True)
    ]
    scores, shares = map(torch.tensor, zip(*expected, strict=True))
    torch.testing.assert_close(net.predict(BATCH), scores, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(net.attention(USERS, ITEMS), shares, rtol=1e-5, atol=1e-6)
    assert shares.std(dim=1).min() > 0.01


@pytest.mark.parametrize("keys", [{}, {"item_bias": False}, {"n_personas": 1}])
def test_scores_of_all_items_are_those_of_pairs(tiny, keys):
    net = made(tiny, **keys)
    found = net.full_sort_predict(Interaction({"user_id": USERS})).view(len(USERS), net.n_items)
    users = USERS.repeat_interleave(net.n_items)
    pairs = Interaction(
        {"user_id": users, "item_id": torch.arange(net.n_items).repeat(len(USERS))}
    )
    torch.testing.assert_close(found.view(-1), net.predict(pairs), rtol=1e-5, atol=1e-6)


@given(
    n_personas=st.integers(1, 5),
    spread=st.sampled_from([1e-3, 1.0, 100.0]),
    seed=st.integers(0, 99),
)
def test_attention_sums_to_1_and_follows_the_order_of_personas(tiny, n_personas, spread, seed):
    net = made(tiny, n_personas=n_personas, spread=spread)
    shares = net.attention(USERS, ITEMS)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(len(USERS)))
    # cosines are within [-1, 1]
    assert shares.max() <= math.e**2 * shares.min() * (1 + 1e-5)
    order = torch.randperm(n_personas, generator=torch.Generator().manual_seed(seed))
    before = net.predict(BATCH)
    with torch.no_grad():
        turned = net.personas(torch.arange(net.n_users))[:, order].flatten(1)
        net.user_embedding.weight.copy_(turned)
    torch.testing.assert_close(net.attention(USERS, ITEMS), shares[:, order])
    torch.testing.assert_close(net.predict(BATCH), before, rtol=1e-4, atol=1e-5 * spread**2)


def test_the_l2_term_is_of_all_personas_of_a_user(tiny):
    net = made(tiny, n_personas=3, reg_weight=0.5)
    norms = net.personas(USERS).square().sum() + sum(
        net.item_embedding(items).square().sum() for items in (ITEMS, ITEMS.flip(0))
    )
    with_term = net.calculate_loss(BATCH)
    net.reg_weight = 0.0
    expected = net.calculate_loss(BATCH) + 0.5 * norms / len(USERS) / 2
    torch.testing.assert_close(with_term.squeeze(), expected)


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("n_personas", 0, "a whole number >= 1"),
        ("n_personas", 2.5, "a whole number >= 1"),
        ("attention_size", 0, "a whole number >= 1"),
        ("item_bias", "no", "True or False"),
    ],
)
def test_a_value_that_cannot_be_is_refused(tiny, key, value, wanted):
    with pytest.raises(ValueError, match=rf"{key} is .*; AMPCF needs {wanted}"):
        made(tiny, **{key: value})


@pytest.mark.parametrize("name", ["AMPCF", "LMoE", "MoE", "MultVAE", "TALL", "WL"])
def test_every_default_of_a_recommender_is_a_key_that_it_reads(tiny, name):
    given_keys = dict(model_class(name).defaults)
    ex = experiment(tiny, model=name, **given_keys)
    idle = {note.split()[0] for note in ex.settings.notes if "has no effect" in note}
    assert not idle & set(given_keys)


def test_numbers_have_bounds():
    keys = WithDefaults({"a": 0, "b": math.inf, "c": True}, {}, "X")
    assert keys.number("a", least=0) == 0.0
    with pytest.raises(ValueError, match="a is 0; X needs a number above 0"):
        keys.number("a", above=0)
    for key in "bc":
        with pytest.raises(ValueError, match=f"{key} is .*; X needs a number >= 0"):
            keys.number(key, least=0)


def test_the_class_of_the_name_is_ours():
    assert model_class("AMPCF") is AMPCF
