"""Mixtures of MultVAE experts, their gates, synchronised learning, and weighted loss."""

import numpy as np
import pytest
import torch
from helpers import interactions, write_data_set
from hypothesis import given
from hypothesis import strategies as st
from recbole.data import create_dataset, data_preparation
from recbole.data.interaction import Interaction
from recbole.model.general_recommender import MultiVAE
from recbole.trainer import Trainer

from recbole_groupmix.adapters.batch_weights import BatchWeights
from recbole_groupmix.adapters.compat import recbole_compat, without_folders
from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.seeding import global_seed
from recbole_groupmix.core.groups.mainstream import mainstream_scores, niche_weights
from recbole_groupmix.recommenders.gates import effective_number, gate_of_losses, guide_losses
from recbole_groupmix.recommenders.guide_split import guide_places
from recbole_groupmix.recommenders.mixture_of_experts import LMoE, MoE, UniformEnsemble
from recbole_groupmix.recommenders.mult_vae import MultVAE, user_loader
from recbole_groupmix.recommenders.synchronised import TALL
from recbole_groupmix.recommenders.weighted_loss import WL

SMALL = {"latent_dimension": 8, "mlp_hidden_size": [6], "n_experts": 3, "gate_hidden_size": 5}
MIXTURES = (UniformEnsemble, MoE, LMoE, TALL)
USERS = torch.arange(1, 33)


def write_parts(folder, held_out_seed=0):
    """Write the tiny data set in RecBole's three files; the seed moves rows held out, no others."""
    users, items = interactions()
    # two items of each user, none of which all users lack in train: ids follow the order of rows
    kept = (items == (users - 1) % 40 + 1) | (items == (users + 23) % 40 + 1)
    place = np.arange(len(users))
    starts = np.searchsorted(users, np.arange(1, 33))
    held_out = np.zeros(len(users), bool)
    for start, end in zip(starts, [*starts[1:], len(users)], strict=True):
        held_out[place[start:end][~kept[start:end]][:2]] = True
    rng = np.random.default_rng(held_out_seed)
    other = rng.permutation(held_out.sum())  # rows of valid and test, in another order and part
    rows = {"train": np.flatnonzero(~held_out)}
    rows["valid"], rows["test"] = np.array_split(np.flatnonzero(held_out)[other], 2)
    for part, kept in rows.items():
        columns = {
            "user_id:token": [f"u{user}" for user in users[kept]],
            "item_id:token": [f"i{item}" for item in items[kept]],
        }
        write_data_set(folder, "tiny", columns, suffix=f"{part}.inter")
    return folder


def configured(folder, cls, **more):
    """Return the configuration of a model class for the tiny data set."""
    settings = {
        "data_path": str(folder),
        "load_col": {"inter": ["user_id", "item_id"]},
        "benchmark_filename": ["train", "valid", "test"],
        "eval_args": {"mode": "full", "order": "RO", "group_by": "user"},
        "metrics": ["NDCG"],
        "topk": [5],
        "valid_metric": "NDCG@5",
        "epochs": 4,
        "train_batch_size": 12,
        "eval_batch_size": 10_000,
        "learning_rate": 0.01,
        "seed": 3,
        **SMALL,
        **more,
    }
    return GroupMixConfig(cls, "tiny", settings)


def loaders(config):
    with recbole_compat():
        return data_preparation(config, create_dataset(config))


def parts_of(place):
    """Return configuration and loaders of data in a folder, for a model class and its keys."""
    folder = write_parts(place)
    made = loaders(configured(folder, MultVAE))
    return lambda cls, **more: (configured(folder, cls, **more), made)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Configuration of a model class and its keys, and loaders, which are the same for all."""
    return parts_of(tmp_path_factory.mktemp("parts"))


def build(given, cls):
    config, (train, _, _) = given
    with recbole_compat(), global_seed(5):
        return cls(config, train.dataset)


def train(given, cls, **options):
    """Return a model after RecBole's own training."""
    net = build(given, cls)
    config, (rows, *_) = given
    with recbole_compat(), without_folders(), global_seed(6):
        trainer = Trainer(config, net)
        trainer.fit(user_loader(config, rows), saved=False, verbose=False, **options)
    return net.eval()


def all_scores(net, users=USERS):
    return net.full_sort_predict(Interaction({"user_id": users})).view(len(users), -1)


# --- gates ----------------------------------------------------------------------------------


def test_a_guide_loss_is_that_of_guide_items_among_items_that_are_not_input():
    # scores e^f = 1, 2, 3, 4, 10 of five items; input item 4: a guide item of score 2 among 10
    logits = torch.tensor([[1.0, 2.0, 3.0, 4.0, 10.0]]).log().repeat(3, 1)
    rows = torch.tensor([[0, 0, 0, 0, 1.0]] * 3)
    guide = torch.tensor([[0, 1.0, 0, 0, 0], [1.0, 0, 0, 1.0, 0], [0, 0, 0, 0, 0]])
    found = guide_losses(logits, rows, guide)
    assert found[:2] == pytest.approx([np.log(5.0), np.log(10.0 / 1) + np.log(10.0 / 4)], rel=1e-6)
    assert found[2].isnan()
    assert guide_losses(logits, rows, guide, "mean")[1] == pytest.approx(
        np.log(25.0) / 2, rel=1e-6
    )


def test_the_gate_by_losses_is_the_printed_one():
    losses = torch.tensor([[0.5, 2.0, torch.nan], [1.0, 2.0, 1.0]])
    gate = gate_of_losses(losses)
    e = np.exp
    assert gate[0] == pytest.approx([e(2) / (e(2) + e(1)), e(1) / (e(2) + e(1))], rel=1e-6)
    assert gate[1:].tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert gate_of_losses(losses, 0.5)[0, 0] == pytest.approx(e(4) / (e(4) + e(2)), rel=1e-6)
    tiny = gate_of_losses(torch.tensor([[0.0], [1e-3]]))  # 1 / l beyond what exp can take
    assert tiny.tolist() == [[1.0, 0.0]]


@given(st.lists(st.floats(0.01, 20), min_size=2, max_size=6), st.floats(0.1, 5))
def test_gates_sum_to_1_and_fall_with_the_loss(losses, temperature):
    gate = gate_of_losses(torch.tensor(losses, dtype=torch.float64)[:, None], temperature)[0]
    assert gate.sum() == pytest.approx(1.0)
    assert (gate[np.argsort(losses)].diff() <= 0).all()
    assert 1 - 1e-9 <= effective_number(gate) <= len(losses) + 1e-9


def test_the_printed_gate_of_100_experts_is_almost_uniform():
    # mean losses of 5.5 to 8.5 nats, the spread that cross entropies over thousands of items have
    gate = gate_of_losses(torch.linspace(5.5, 8.5, 100, dtype=torch.float64)[:, None])
    assert gate.max() / gate.min() == pytest.approx(np.exp(1 / 5.5 - 1 / 8.5))
    assert 99.9 < effective_number(gate).item() < 100
    assert effective_number(gate_of_losses(torch.linspace(5.5, 8.5, 100)[:, None], 0.001)) < 3


# --- guide items ----------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=8), st.floats(0.01, 0.9), st.integers(0, 9)
)
def test_guide_places_are_a_share_of_a_users_items(counts, share, seed):
    counts = np.array(counts)
    places = guide_places(counts, 30, share, seed)
    n = places.sum(axis=1)
    assert (
        n == np.minimum(np.maximum(np.rint(share * counts), 1), np.maximum(counts - 1, 0))
    ).all()
    assert not places[np.arange(30) >= counts[:, None]].any()
    assert (places == guide_places(counts, 30, share, seed)).all()


def test_other_seeds_choose_other_guide_items():
    counts = np.full(20, 12)
    assert (guide_places(counts, 12, 0.2, 0) != guide_places(counts, 12, 0.2, 1)).any()
    assert not guide_places(counts, 12, 0.0, 0).any()


def test_guide_items_are_training_items_and_neither_input_nor_target(data):
    given_ = data(LMoE, guide_ratio=0.3)
    net = build(given_, LMoE)
    rows, guide = net.training_rows(USERS)
    assert ((rows + guide) == net.get_rating_matrix(USERS)).all()
    assert ((guide.sum(dim=1) > 0) & (rows.sum(dim=1) > 0)).all()
    assert guide.sum().item() == pytest.approx(0.3 * (rows + guide).sum().item(), rel=0.15)
    assert build(data(UniformEnsemble), UniformEnsemble).guide_rows(USERS).sum() == 0


def test_an_item_twice_in_a_history_is_not_input_where_it_guides(data):
    net = build(data(LMoE), LMoE)
    user, place = net._guide_values.nonzero()[0]
    other = 0 if place else 1
    net.history_item_id[user, other] = net.history_item_id[user, place]
    rows, guide = net.training_rows(user[None])
    assert guide[0, net.history_item_id[user, place]] == 1 and (rows * guide).sum() == 0


@pytest.mark.parametrize("cls", [LMoE, TALL])
def test_rows_held_out_change_no_prediction(tmp_path, cls):
    found = []
    for seed in (0, 1):
        folder = write_parts(tmp_path / str(seed), seed)
        config = configured(folder, cls, weight_gap=1, gate_temperature=0.01)
        given_ = config, loaders(config)
        net = train(given_, cls)
        with torch.no_grad():
            tokens = given_[1][0].dataset.field2id_token
            order = (np.argsort(tokens["user_id"]), np.argsort(tokens["item_id"]))
            found.append(all_scores(net, torch.from_numpy(order[0]))[:, order[1]])
        held_out = given_[1][2].dataset.inter_feat
        found.append(sorted(zip(tokens["user_id"][held_out["user_id"]],
                                tokens["item_id"][held_out["item_id"]], strict=True)))  # fmt: skip
    assert torch.equal(found[0], found[2])
    assert found[1] != found[3]


# --- mixtures -------------------------------------------------------------------------------


def as_expert(net, stock, number=0):
    """Give an expert the parameters of RecBole's MultiVAE."""
    with torch.no_grad():
        for name in ("encoder", "decoder"):
            for ours, theirs in zip(getattr(net, name), getattr(stock, name), strict=True):
                if hasattr(theirs, "weight"):
                    ours.weight[number] = theirs.weight.T
                    ours.bias[number] = theirs.bias


@pytest.mark.parametrize("cls", [UniformEnsemble, MoE, LMoE, TALL])
def test_one_expert_is_recboles_multivae(data, cls):
    options = {"n_experts": 1, "dropout_prob": 0.5, "anneal_cap": 0.7, "total_anneal_steps": 5}
    net = build(data(cls, **options), cls)
    stock = build(data(MultiVAE, **options), MultiVAE)
    as_expert(net, stock)
    with torch.no_grad():
        torch.testing.assert_close(
            all_scores(net.eval()), all_scores(stock.eval()), rtol=1e-5, atol=1e-6
        )
    if net.needs_guide or cls is LMoE:
        return  # it does not train on guide items
    net.train(), stock.train()
    for _ in range(2):
        losses = []
        for model in (net, stock):
            model.zero_grad()
            with global_seed(1):
                loss = model.calculate_loss(Interaction({"user_id": USERS}))
            loss.backward()
            losses.append(loss.item())
        assert losses[0] == pytest.approx(losses[1], rel=1e-5)
        torch.testing.assert_close(
            net.encoder[0].weight.grad[0].T, stock.encoder[0].weight.grad, rtol=1e-4, atol=1e-5
        )


def test_a_mixture_is_the_mean_of_its_experts_by_the_gate(data):
    given_ = data(LMoE, gate_temperature=0.02)
    net = build(given_, LMoE).eval()
    stocks = []
    for number in range(3):
        with global_seed(number):
            stocks.append(build(data(MultiVAE, dropout_prob=0.0), MultiVAE).eval())
            for value in stocks[-1].parameters():
                torch.nn.init.normal_(value.data, std=0.3)
        as_expert(net, stocks[-1], number)
    with torch.no_grad():
        rows, guide = net.training_rows(USERS)
        losses = [guide_losses(stock.forward(rows)[0], rows, guide) for stock in stocks]
        gate = gate_of_losses(torch.stack(losses), 0.02)
        expected = sum(gate[:, [k]] * all_scores(stock) for k, stock in enumerate(stocks))
        torch.testing.assert_close(all_scores(net), expected, rtol=1e-5, atol=1e-6)
        assert gate.std(dim=1).mean() > 0.01
    assert net.effective_experts() == pytest.approx(effective_number(gate).mean().item(), rel=1e-5)


@pytest.mark.parametrize("cls", MIXTURES)
def test_the_order_of_experts_and_the_company_in_a_batch_change_nothing(data, cls):
    net = build(data(cls, gate_temperature=0.02), cls).eval()
    with torch.no_grad():
        before = all_scores(net)
        torch.testing.assert_close(all_scores(net, USERS[7:9]), before[7:9], rtol=1e-5, atol=1e-6)
        pairs = Interaction({"user_id": USERS[:5], "item_id": torch.arange(3, 8)})
        torch.testing.assert_close(
            net.predict(pairs), before[torch.arange(5), torch.arange(3, 8)], rtol=1e-5, atol=1e-6
        )
        for name, value in net.named_parameters():
            if name.startswith(("encoder", "decoder", "gate_network.2")):
                value.copy_(value[[2, 0, 1]])
        torch.testing.assert_close(all_scores(net), before, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("cls", [MultVAE, WL, *MIXTURES])
def test_recboles_trainer_lowers_the_loss(data, cls):
    given_ = data(cls, epochs=8, learning_rate=0.05, weight_gap=2, weight_alpha=1.0)
    net = build(given_, cls)

    def loss(model):
        with global_seed(2):
            return model.calculate_loss(Interaction({"user_id": USERS})).item()

    before = loss(net.train())
    after = loss(train(given_, cls).train())
    assert after < 0.95 * before


def test_the_state_is_all_there_is(data):
    given_ = data(TALL, weight_gap=1, weight_window=2)
    net = train(given_, TALL)
    other = build(given_, TALL)
    with torch.no_grad():
        assert not torch.equal(all_scores(other), all_scores(net))
        other.load_state_dict(net.state_dict())
        assert torch.equal(all_scores(other.eval()), all_scores(net))
    for model in (net, other):
        model.train()
    assert torch.equal(other.user_weights, net.user_weights)
    assert net.user_weights.std() > 0


def test_users_weigh_as_eq_8_says_besides_their_own_weights(data):
    net = build(data(UniformEnsemble), UniformEnsemble).eval()
    net.row_weights = BatchWeights("count")
    weights = torch.rand(32)
    batch = Interaction({"user_id": USERS})
    with net.row_weights.batch(weights, weights), torch.no_grad():
        found = net.calculate_loss(batch)
    assert found.item() == pytest.approx((weights * net.user_terms(batch)).mean().item(), rel=1e-3)


# --- synchronised learning -------------------------------------------------------------------


def with_losses(net, *epochs):
    """Give TALL the losses of users 1 to n after each epoch, and return its weights of them."""
    for losses in epochs:
        net.epoch_losses[1 : len(losses) + 1] = torch.tensor(losses)
        net.train()
    return net.user_weights[1 : len(epochs[0]) + 1].tolist()


@pytest.mark.parametrize(
    ("losses", "options", "expected"),
    [
        ([3.0, 2.0, 1.0, 0.0], {"weight_alpha": 0.25}, [3, 1, 0, 0]),
        ([3.0, 2.0, 1.0, 0.0], {"weight_alpha": 2.0}, [1.375, 1.125, 0.875, 0.625]),
        ([0.5, 0.1, -0.2, 0.0, 0.3], {"weight_alpha": 0.05}, [3.5, 0, 0, 0, 1.5]),
        # as printed (4, 2, 0, 0), whose sum is 6, brought to a sum of 4
        (
            [3.0, 2.0, 1.0, 0.0],
            {"weight_alpha": 0.25, "weight_rule": "paper"},
            [8 / 3, 4 / 3, 0, 0],
        ),
    ],
)
def test_weights_by_the_loss_are_those_worked_out_by_hand(data, losses, options, expected):
    options = {"weight_signal": "loss", "weight_gap": 0, **options}
    net = build(data(TALL, **options), TALL)
    assert with_losses(net, losses) == pytest.approx(expected, abs=1e-5)
    assert net.user_weights[10:].unique().tolist() == [1]  # no loss was noted


def test_weights_by_falls_of_the_loss_begin_after_the_gap_and_see_a_window(data):
    net = build(data(TALL, weight_gap=2, weight_window=2, weight_alpha=0.25), TALL)
    assert with_losses(net, [9.0, 5.0, 4.0, 3.0]) == [1, 1, 1, 1]
    # falls of 3, 2, 1, 0
    assert with_losses(net, [6.0, 3.0, 3.0, 3.0]) == pytest.approx([3, 1, 0, 0], abs=1e-5)
    net.train()  # no batch since: no epoch
    # falls since the first of 2, 1, 2, 2 on average, alpha .25: lambda is 1.5
    again = with_losses(net, [5.0, 3.0, 0.0, -1.0])
    assert again == pytest.approx([2 - 2 / 3, 0, 2 - 2 / 3, 2 - 2 / 3], abs=1e-5)
    # the first is forgotten: falls of 0, 0, 2, 2 on average over the last two epochs
    assert with_losses(net, [6.0, 3.0, -1.0, -1.0]) == pytest.approx([0, 0, 2, 2], abs=1e-5)


def test_weights_change_the_loss_and_a_long_gap_leaves_it(data):
    scores = {}
    for gap in (1, 4, 40):
        given_ = data(TALL, weight_gap=gap, weight_alpha=0.01)
        scores[gap] = all_scores(train(given_, TALL)).detach()
    assert torch.equal(scores[4], scores[40])  # there are 4 epochs
    assert not torch.equal(scores[1], scores[4])
    plain = all_scores(train(data(LMoE), LMoE)).detach()
    assert torch.equal(scores[40], plain)


def test_weights_of_a_batch_may_be_divided_by_their_mean(data):
    net = build(data(TALL, weight_norm="batch"), TALL)
    net.user_weights[1:4] = torch.tensor([3.0, 1.0, 0.0])
    assert net.weights_of(torch.tensor([1, 2])).tolist() == [1.5, 0.5]
    assert net.weights_of(torch.tensor([3])).tolist() == [0]


def test_the_weighted_loss_weighs_the_likelihood_by_the_mainstream_score(data):
    given_ = data(WL, mainstream_power=2)
    net, plain = build(given_, WL).eval(), build(data(MultVAE), MultVAE).eval()
    rows = given_[1][0].dataset.inter_feat
    scores = mainstream_scores(rows["user_id"].numpy(), rows["item_id"].numpy(), 33, net.n_items)
    weights = torch.from_numpy(niche_weights(scores, 2.0)).float()
    plain.load_state_dict({k: v for k, v in net.state_dict().items() if k != "user_weights"})
    net.anneal_cap = plain.anneal_cap = 0.0
    batch = Interaction({"user_id": USERS})
    with torch.no_grad():
        expected = weights[1:] * plain.user_terms(batch)
        torch.testing.assert_close(net.user_terms(batch), expected, rtol=1e-5, atol=1e-6)
    assert weights[1:].mean() == pytest.approx(1.0) and weights[1:].min() == 0


# --- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cls", "key", "value", "wanted"),
    [
        (LMoE, "n_experts", 0, "a whole number >= 1"),
        (LMoE, "n_experts", 2.5, "a whole number >= 1"),
        (LMoE, "gate", "softmax", "one of loss, uniform, mlp"),
        (LMoE, "gate_temperature", 0, "a number above 0"),
        (LMoE, "guide_ratio", 0, "a number from 0 on and below 1, and above 0 for losses"),
        (UniformEnsemble, "guide_ratio", 1.0, "a number from 0 on and below 1"),
        (TALL, "weight_alpha", 0, "a number above 0"),
        (TALL, "weight_rule", "approximate", "one of exact, paper"),
        (WL, "mainstream_power", -1, "a number >= 0"),
    ],
)
def test_a_value_that_cannot_be_is_refused(data, cls, key, value, wanted):
    with pytest.raises(ValueError, match=f"^{key} is {value!r}; {cls.__name__} needs {wanted}"):
        build(data(cls, **{key: value}), cls)


def test_batches_of_interactions_are_refused(data):
    given_ = data(LMoE)
    net = build(given_, LMoE)
    batch = Interaction({"user_id": USERS, "item_id": USERS})
    with pytest.raises(ValueError, match=r"LMoE is fed with users.*user_loader\(config"):
        net.calculate_loss(batch)
