"""Training with user weights does what the formulas say, through RecBole's own models."""

import numpy as np
import pytest
import torch
from helpers import (
    SIZES,
    experiment,
    groups_of_users,
    interactions,
    job,
    step_gradient,
    write_data_set,
)
from recbole.data.utils import data_preparation
from recbole.model import general_recommender
from recbole.model.loss import EmbLoss
from recbole.utils import get_trainer

from recbole_groupmix.adapters.batch_format import BatchFormat
from recbole_groupmix.adapters.batches import TrainingBatches
from recbole_groupmix.adapters.compat import recbole_compat, without_folders
from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.dataset import dataset_class
from recbole_groupmix.adapters.drawn_users import user_draws
from recbole_groupmix.adapters.held_out import HeldOut, user_metrics
from recbole_groupmix.adapters.seeding import global_seed
from recbole_groupmix.adapters.trainer import GroupMixTrainer, trainer_class, user_factors
from recbole_groupmix.core.mix import Mix, group_weights
from recbole_groupmix.recommenders.by_name import model_class
from recbole_groupmix.training.job import present_users, user_weights
from recbole_groupmix.training.one_by_one import OneByOne

HALF_C = Mix({"B": 0.5, "C": 0.5}, 1.5)


@pytest.fixture
def group_of(tiny):
    """Group index (0 A, 1 B, 2 C, -1 padding) by internal user id of the tiny data set."""
    return experiment(tiny).groups.of_user


def train_once(ex, mix, epochs=1):
    return next(OneByOne().train(ex, [job(ex, "own", mix, 0, 0, epochs)]))


# --- (a) Eq. 8 ------------------------------------------------------------------------------


def test_user_weights_are_those_of_eq_8(tiny):
    # n_0 = 10, n_B = 14, n_C = 8, n - n_0 = 22. With alpha = (B 3/4, C 1/4), alpha_aug = 2:
    # w_B = 0.75 * 2 * 22 / 14 = 33/14, w_C = 0.25 * 2 * 22 / 8 = 11/8.
    ex = experiment(tiny)
    by_group = group_weights(Mix({"B": 0.75, "C": 0.25}, 2.0), ex.n_users, "A")
    weights = ex.groups.weights_of_users(by_group)
    tokens = ex.dataset.field2id_token["user_id"]
    expected = {"A": 1.0, "B": 33 / 14, "C": 11 / 8}
    groups = groups_of_users()
    assert weights.shape == (33,) and weights[0] == 0.0
    for user in range(1, 33):
        assert weights[user] == pytest.approx(expected[groups[int(tokens[user][1:]) - 1]])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Stratified: alpha = 1/2 each, so 22 / (2 * 14) and 22 / (2 * 8)
        ("stratified", {"A": 1.0, "B": 11 / 14, "C": 11 / 8}),
        ("proportional", {"A": 1.0, "B": 1.0, "C": 1.0}),
        ("no_augmentation", {"A": 1.0, "B": 0.0, "C": 0.0}),
    ],
)
@pytest.mark.parametrize("part", [0, 1])
def test_baselines_follow_the_counts_of_their_part(tiny, name, expected, part):
    # every user has at least 5 interactions, so all 32 train in each part
    ex = experiment(tiny)
    weights = user_weights(ex, job(ex, name, HALF_C, part, 0, 1))
    names = np.array([*ex.groups.names, "-"])[ex.groups.of_user]
    assert weights[1:] == pytest.approx([expected[name] for name in names[1:]], abs=0)


# --- (b) weights of 1 -----------------------------------------------------------------------


def recbole_training(folder, model, stock, epochs=2, **options):
    """Parameters after RecBole's own split and loaders fed RecBole's trainer, or ours.

    ``stock``: RecBole's model and trainer; else ours, with weight 1 for every user.
    """
    config = GroupMixConfig(
        model,
        "tiny",
        {"epochs": epochs, "train_batch_size": 64, "embedding_size": 8, **options},
        folder=folder / "tiny",
    )
    with global_seed(7), recbole_compat():
        dataset = dataset_class(model, config["MODEL_TYPE"])(config)
        train_data, _, _ = data_preparation(config, dataset)
        if stock:
            net = getattr(general_recommender, model)(config, train_data.dataset)
            if model == "NGCF":  # it never asks for the squared form, which is ours
                net.reg_loss = SquaredEmbLoss()
            with without_folders():
                trainer = get_trainer(config["MODEL_TYPE"], model)(config, net)
        else:
            net = model_class(model)(config, train_data.dataset)
            trainer = trainer_class(config)(config, net, np.ones(dataset.user_num))
        before = {name: value.clone() for name, value in net.state_dict().items()}
        trainer.fit(train_data, saved=False, verbose=False)
    after = net.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    return after


class SquaredEmbLoss(EmbLoss):
    def forward(self, *embeddings, require_pow=False):
        return super().forward(*embeddings, require_pow=True)


@pytest.mark.parametrize(
    ("model", "options", "tolerance"),
    [
        # a mean of rows or a sum over n: the last bit depends on the kernels of the CPU
        ("BPR", {"reg_weight": 0.0}, 1e-6),
        # sums over sparse rows come in another order; Adam steps are 1e-3 long
        ("LightGCN", {"require_pow": True, "reg_weight": 0.01}, 1e-6),
        ("NGCF", {"hidden_size_list": [8], "reg_weight": 0.01}, 1e-6),
        # mean() and sum() / n may differ in the last bit, which Adam enlarges at small gradients
        ("NeuMF", {"mf_embedding_size": 8, "mlp_embedding_size": 8}, 1e-5),
        ("DMF", {}, 1e-5),
        # whole rows, from RecBole's own loader of users; RecVAE has two phases an epoch
        ("ENMF", {}, 1e-5),
        ("MultiVAE", {"mlp_hidden_size": [16], "total_anneal_steps": 3}, 1e-5),
        ("RecVAE", {"hidden_dimension": 16, "latent_dimension": 8}, 1e-5),
    ],
)
def test_weights_of_1_are_recboles_training(tiny, model, options, tolerance):
    expected = recbole_training(tiny, model, stock=True, **options)
    trained = recbole_training(tiny, model, stock=False, **options)
    for name, value in expected.items():
        torch.testing.assert_close(trained[name], value, rtol=0, atol=tolerance, msg=name)


# --- (c) weight 0 ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def without_c(tmp_path_factory):
    """The tiny data set less the interactions of C; its users keep their internal ids."""
    users, items = interactions()
    keep = users <= SIZES["A"] + SIZES["B"]
    groups = groups_of_users()
    folder = tmp_path_factory.mktemp("without_c")
    write_data_set(
        folder,
        "tiny",
        {
            "user_id:token": [f"u{user}" for user in users[keep]],
            "item_id:token": [f"i{item}" for item in items[keep]],
        },
        {
            "user_id:token": [f"u{user}" for user in range(1, len(groups) + 1)],
            "group:token": groups,
        },
    )
    return folder


@pytest.mark.parametrize("model", ["BPR", "LightGCN", "NeuMF"])
def test_a_group_of_weight_0_is_as_good_as_absent(tiny, without_c, model):
    # w_B = 1 * (7/11) * 22 / 14 = 1 in the whole data set, 1 * 1 * 14 / 14 = 1 without C.
    # C comes last in the files, so splits, triplets and ids of the others are the same.
    options = {"model": model, "reg_weight": 0.05, "epochs": 3, "mlp_hidden_size": [8]}
    whole, reduced = experiment(tiny, **options), experiment(without_c, **options)
    for field in ("user_id", "item_id"):
        tokens = whole.dataset.field2id_token[field], reduced.dataset.field2id_token[field]
        assert np.array_equal(*tokens)
    assert reduced.groups.names == ("A", "B") and len(whole.users) > len(reduced.users)
    trained = train_once(whole, Mix({"B": 1.0, "C": 0.0}, 7 / 11), epochs=3).model
    expected = train_once(reduced, Mix({"B": 1.0}, 1.0), epochs=3).model
    for name, value in expected.state_dict().items():
        torch.testing.assert_close(trained.state_dict()[name], value, rtol=0, atol=1e-6, msg=name)


def test_a_group_of_weight_0_still_counts_where_it_is_told_to_stay(tiny, without_c):
    # the counterpart of the test above: with the L2 term unweighted, C's users are shrunk
    options = {"model": "BPR", "reg_weight": 0.05, "regularizer": "unweighted"}
    whole, reduced = experiment(tiny, **options), experiment(without_c, **options)
    trained = train_once(whole, Mix({"B": 1.0, "C": 0.0}, 7 / 11)).model
    expected = train_once(reduced, Mix({"B": 1.0}, 1.0)).model
    of_c = torch.from_numpy(whole.groups.users("C"))
    assert not torch.equal(trained.user_embedding.weight, expected.user_embedding.weight)
    shrunk = (
        trained.user_embedding.weight[of_c].norm() / expected.user_embedding.weight[of_c].norm()
    )
    assert shrunk < 1


# --- one step, by hand ----------------------------------------------------------------------


class OneStep:
    """One gradient through RecBole's trainer: an SGD step of length 1 on one batch."""

    def __init__(self, folder, model="BPR", **options):
        self.ex = experiment(
            folder, model=model, learner="sgd", learning_rate=1.0, init="normal(0.5)", **options
        )
        part = self.ex.part(0)
        form = BatchFormat.of_config(self.ex.config, False)
        batches = TrainingBatches(part.users, part.items, part.negatives, form, (1, 0))
        self.batch = next(iter(batches))
        self.users, self.items, self.negatives = (
            self.batch[name].numpy() for name in (form.user, form.item, form.negative)
        )
        self.group = self.ex.groups.of_user[self.users]
        with recbole_compat(), global_seed(3):
            self.net = self.ex.model_class(self.ex.config, self.ex.dataset_of(part))
            for parameter in self.net.parameters():
                torch.nn.init.normal_(parameter, std=0.5)
        self.start = {name: value.clone() for name, value in self.net.state_dict().items()}

    def gradient(self, weights, rows=slice(None), **trainer_options):
        """Gradient by parameter that the trainer's step has used."""
        net, config = self.fresh(), self.ex.config
        return step_gradient(config, net, self.batch[rows], weights, **trainer_options)

    def fresh(self):
        with recbole_compat():
            net = self.ex.model_class(self.ex.config, self.ex.dataset_of(self.ex.part(0)))
        net.load_state_dict(self.start)
        return net

    def by_hand(self, loss):
        """Gradient of ``loss(rows of U, I, J, tables U and I)`` in float64."""
        tables = [
            self.start[f"{side}_embedding.weight"].double().requires_grad_()
            for side in ("user", "item")
        ]
        u, i, j = (torch.from_numpy(ids) for ids in (self.users, self.items, self.negatives))
        loss(tables[0][u], tables[1][i], tables[1][j], *tables).backward()
        return {
            "user_embedding.weight": tables[0].grad,
            "item_embedding.weight": tables[1].grad,
        }


def data_loss(u, i, j):
    """-log sigmoid of the score difference of every triplet."""
    return -torch.nn.functional.logsigmoid((u * i).sum(1) - (u * j).sum(1))


def l2(u, i, j):
    """1/2 (|u|^2 + |i|^2 + |j|^2) of every triplet."""
    return ((u**2).sum(1) + (i**2).sum(1) + (j**2).sum(1)) / 2


def assert_same(gradient, expected, tolerance=2e-6):
    for name, value in expected.items():
        torch.testing.assert_close(
            gradient[name].double(), value.double(), rtol=1e-5, atol=tolerance, msg=name
        )


WEIGHT_OF_GROUP = np.array([1.0, 0.25, 3.0, 0.0])  # A, B, C, padding


def test_weight_2_is_the_gradient_of_doubled_interactions(tiny, group_of):
    # The sum over rows is the same; `count` divides by the rows: n with weights, more doubled.
    step = OneStep(tiny, reg_weight=0.1)
    doubled = np.repeat(np.arange(len(step.users)), np.where(step.group == 1, 2, 1))
    weighted = step.gradient(np.where(group_of == 1, 2.0, 1.0))
    twice = step.gradient(np.ones(33), doubled)
    factor = len(doubled) / len(step.users)
    assert_same(weighted, {name: factor * value for name, value in twice.items()})
    by_weight = OneStep(tiny, reg_weight=0.1, loss_norm="weight")
    assert_same(by_weight.gradient(np.where(group_of == 1, 2.0, 1.0)), twice)


@pytest.mark.parametrize("model", ["BPR", "LightGCN"])
def test_rows_of_weight_0_add_nothing_to_the_gradient(tiny, group_of, model):
    step = OneStep(tiny, model, reg_weight=0.1, loss_norm="weight")
    weighted = step.gradient(np.where(group_of == 2, 0.0, 1.0))
    without = step.gradient(np.ones(33), np.flatnonzero(step.group != 2))
    assert_same(weighted, without)


@pytest.mark.parametrize("regularizer", ["weighted", "unweighted", "rows"])
@pytest.mark.parametrize("loss_norm", ["count", "weight"])
@pytest.mark.parametrize("user_loss", ["sum", "mean"])
def test_the_options_of_the_loss_against_their_formulas(
    tiny, group_of, regularizer, loss_norm, user_loss
):
    step = OneStep(tiny, reg_weight=0.1, regularizer=regularizer, loss_norm=loss_norm)
    weights = WEIGHT_OF_GROUP[group_of]
    n, counts = len(step.users), np.bincount(step.users, minlength=33)
    # l(u) as a mean: each of u's c_u triplets counts n / (n_users c_u) instead of 1
    share = n / (32 * counts[step.users]) if user_loss == "mean" else np.ones(n)
    w = torch.from_numpy(weights[step.users] * share)
    w_l2 = w if regularizer == "weighted" else torch.from_numpy(share)
    divisor, divisor_l2 = (n, n) if loss_norm == "count" else (w.sum(), w_l2.sum())

    def loss(u, i, j, table_u, table_i):
        if regularizer == "rows":
            penalty = (table_u[1:] ** 2).sum() + (table_i[1:] ** 2).sum()
        else:
            penalty = (w_l2 * l2(u, i, j)).sum() / divisor_l2
        return (w * data_loss(u, i, j)).sum() / divisor + 0.1 * penalty

    factors = user_factors(step.users, 33, user_loss)
    assert_same(step.gradient(weights, factors=factors), step.by_hand(loss))


def test_user_loss_mean_is_the_weighted_mean_over_users_of_each_users_mean(tiny, group_of):
    # the same, written from Eq. 8: (1 / n_users) sum over users of w_u times u's mean loss
    step = OneStep(tiny, reg_weight=0.0)
    weights = WEIGHT_OF_GROUP[group_of]

    def loss(u, i, j, *_):
        per_row = data_loss(u, i, j)
        means = [per_row[torch.from_numpy(step.users == user)].mean() for user in range(1, 33)]
        return sum(w * mean for w, mean in zip(weights[1:], means, strict=True)) / 32

    factors = user_factors(step.users, 33, "mean")
    assert_same(step.gradient(weights, factors=factors), step.by_hand(loss))


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_weights_that_are_none_are_refused(tiny, bad):
    step, weights = OneStep(tiny), np.ones(33)
    weights[5] = bad
    with pytest.raises(ValueError, match="finite and not negative"):
        step.gradient(weights)


def test_a_mean_over_users_needs_weights(tiny):
    # without weights the loss is the model's own, and no factor would reach it
    step = OneStep(tiny)
    factors = user_factors(step.users, 33, "mean")
    with pytest.raises(ValueError, match=r"user_loss mean .* triplets=sampled"):
        GroupMixTrainer(step.ex.config, step.fresh(), factors=factors)
    GroupMixTrainer(step.ex.config, step.fresh(), factors=user_factors(step.users, 33, "sum"))


def test_an_unknown_regularizer_is_refused(tiny):
    step = OneStep(tiny)
    step.ex.config["regularizer"] = "heavy"
    with pytest.raises(ValueError, match="'heavy' is not one of weighted, unweighted, rows"):
        step.gradient(np.ones(33))


# --- (e) Eq. 7 ------------------------------------------------------------------------------


def sum_gradient(tables, users, items, negatives, weights):
    """Gradient of the weighted sum of BPR losses, flat, in float64."""
    user, item = tables
    u, i, j = user[users], item[items], item[negatives]
    slope = -weights / (1 + np.exp((u * i).sum(1) - (u * j).sum(1)))
    gradient_u, gradient_i = np.zeros_like(user), np.zeros_like(item)
    np.add.at(gradient_u, users, slope[:, None] * (i - j))
    np.add.at(gradient_i, items, slope[:, None] * u)
    np.add.at(gradient_i, negatives, -slope[:, None] * u)
    return np.r_[gradient_u.ravel(), gradient_i.ravel()]


def test_the_mean_gradient_of_eq_7_is_that_of_eq_8(tiny):
    # alpha_B n_aug = alpha_C n_aug = 0.5 * 2.8 = 1.4 users are drawn on average: without the
    # stochastic rounding of their number it would be 1.
    ex = experiment(tiny, weighting="sample")
    part, rng = ex.part(0), np.random.default_rng(5)
    weights = user_weights(ex, job(ex, "own", Mix({"B": 0.5, "C": 0.5}, 2.8 / 22), 0, 0, 1))
    form = BatchFormat.of_config(ex.config, False)
    shared = (part.users, part.items, part.negatives, form, (3, 0))
    sampled = TrainingBatches(*shared, user_draws=user_draws(ex.groups, "A", part.users, weights))
    every = TrainingBatches(*shared)
    tables = rng.normal(0, 0.7, (33, 4)), rng.normal(0, 0.7, (41, 4))
    differences, to_unit_weights = [], []
    for epoch in range(600):
        users, items, negatives = next(sampled.arrays(epoch))
        eq_7 = sum_gradient(tables, users, items, negatives[0], np.ones(len(users)))
        users, items, negatives = next(every.arrays(epoch))
        eq_8 = sum_gradient(tables, users, items, negatives[0], weights[users])
        differences.append(eq_7 - eq_8)
        unit = sum_gradient(tables, users, items, negatives[0], np.ones(len(users)))
        to_unit_weights.append(eq_7 - unit)
    # About 300 numbers that are not always 0 are compared: 4.5 standard errors would be passed
    # by one of them in 1 of 500 such tests.
    assert largest_z(differences) < 4.5
    assert largest_z(to_unit_weights) > 20  # so the comparison can tell weights apart


def largest_z(samples):
    samples = np.array(samples)
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    mean = samples.mean(axis=0)
    sampled = error > 1e-12  # the target's own rows are the same in every draw
    assert np.abs(mean[~sampled]).max() < 1e-12
    return np.abs(mean[sampled] / error[sampled]).max()


# --- (g) the graph --------------------------------------------------------------------------


@pytest.mark.parametrize("graph", ["positive", "all"])
def test_the_graph_holds_users_of_positive_weight_or_all(tiny, graph):
    ex = experiment(tiny, model="LightGCN", graph=graph)
    part = ex.part(0)
    net = train_once(ex, Mix({"B": 1.0, "C": 0.0}, 0.5)).model
    degree = (net.norm_adj_matrix.to_dense()[:33] > 0).sum(dim=1).numpy()
    counts = np.bincount(part.users, minlength=33)
    of_c = ex.groups.users("C")
    assert counts[of_c].min() > 0
    if graph == "positive":
        counts[of_c] = 0
    assert degree.tolist() == counts.tolist()


@pytest.mark.parametrize(
    ("graph", "regularizer", "in_model", "in_batches"),
    [
        ("positive", "weighted", False, False),
        ("all", "weighted", True, False),
        ("positive", "unweighted", False, True),
        ("all", "rows", True, True),
    ],
)
def test_where_a_user_of_weight_0_stays(tiny, graph, regularizer, in_model, in_batches):
    ex = experiment(tiny, graph=graph, regularizer=regularizer)
    half = job(ex, "own", Mix({"B": 1.0, "C": 0.0}, 0.5), 0, 0, 1)
    of_c = ex.groups.users("C")
    expected = [in_model, in_batches]
    for stays, users in zip(expected, present_users(ex, half, ex.part(0)), strict=True):
        assert (users is None) == stays
        if not stays:
            assert not users[of_c].any() and users[ex.groups.users("A")].all()
    assert present_users(ex, job(ex, "own", HALF_C, 0, 0, 1), ex.part(0)) == (None, None)


# --- (h) metrics ----------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["BPR", "LightGCN", "NeuMF"])
def test_means_over_users_are_recboles_own_metrics(tiny, model):
    names = ["Precision", "Recall", "NDCG", "Hit", "MRR", "MAP"]
    config = GroupMixConfig(
        model,
        "tiny",
        {
            "metrics": names,
            "topk": [1, 5, 10],
            "valid_metric": "Recall@5",
            "metric_decimal_place": 17,
            "embedding_size": 8,
            "eval_args": {"split": {"RS": [0.5, 0.2, 0.3]}},
            "epochs": 2,
        },
        folder=tiny / "tiny",
    )
    with global_seed(1), recbole_compat():
        dataset = dataset_class(model, config["MODEL_TYPE"])(config)
        loaders = data_preparation(config, dataset)
        net = model_class(model)(config, loaders[0].dataset)
        trainer = GroupMixTrainer(config, net, np.ones(dataset.user_num))
        trainer.fit(loaders[0], saved=False, verbose=False)
        expected = trainer.evaluate(loaders[2], load_best_model=False)
    pairs = [
        tuple(data.dataset.inter_feat[field].numpy() for field in ("user_id", "item_id"))
        for data in loaders
    ]
    known = tuple(np.concatenate(side) for side in zip(pairs[0], pairs[1], strict=True))
    held_out = HeldOut.of_pairs(known, pairs[2], (dataset.user_num, dataset.item_num))
    values = user_metrics(net, held_out, [1, 5, 10])
    assert len(expected) == 18 and expected["recall@10"] > 0
    for name, value in expected.items():
        assert values[name].mean() == pytest.approx(value, abs=1e-9), name
