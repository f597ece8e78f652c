"""Penalised matrix factorisation: a RecBole model, its loss, and what its penalties do."""

import numpy as np
import pytest
import torch
from helpers import write_data_set
from recbole.data import create_dataset, data_preparation
from recbole.trainer import Trainer
from recbole.utils import init_seed

from recbole_groupmix import GroupEvaluator
from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.dataset import load_dataset
from recbole_groupmix.adapters.seeding import global_seed
from recbole_groupmix.core.groups.penalties import PENALTIES, Penalty
from recbole_groupmix.core.groups.unfairness import unfairness
from recbole_groupmix.recommenders.fair_mf import FairMF, fit_full_batch

N_USERS, N_ITEMS = 40, 12
COLUMNS = {"inter": ["user_id", "item_id", "rating"], "user": ["user_id", "gender", "age"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Ratings in which women and men want different items, and rate what they like."""
    rng = np.random.default_rng(0)
    woman = np.arange(N_USERS) < 15
    likes = np.where(woman[:, None] == (np.arange(N_ITEMS) < 6), 0.8, 0.3)
    users, items = np.nonzero(rng.random(likes.shape) < likes)
    inter = {
        "user_id:token": [f"u{user}" for user in users],
        "item_id:token": [f"i{item}" for item in items],
        "rating:float": 1 + 4 * (rng.random(len(users)) < likes[users, items]),
    }
    user = {
        "user_id:token": [f"u{user}" for user in range(N_USERS)],
        "gender:token": ["F" if one else "M" for one in woman],
        "age:token": [str(user % 3) for user in range(N_USERS)],
    }
    path = tmp_path_factory.mktemp("rated")
    write_data_set(path, "rated", inter, user)
    return path


def configured(folder, **keys):
    given = {"data_path": str(folder), "load_col": COLUMNS, **keys}
    return GroupMixConfig(FairMF, "rated", given)


def made(folder, **keys):
    """A model at its start and its training part, all ratings."""
    config = configured(folder, **keys)
    dataset = load_dataset(config)
    with global_seed(1):
        return FairMF(config, dataset), dataset


def rows(dataset):
    """Ratings, items and whether the user is a woman, of all rows."""
    feat = dataset.inter_feat
    women = dataset.user_feat["gender"] == dataset.token2id("gender", "F")
    return feat["rating"].double().numpy(), feat["item_id"].numpy(), women[feat["user_id"]].numpy()


@pytest.mark.parametrize("kind", ["value", "absolute", "parity"])
@pytest.mark.parametrize("variant", ["paper", "code"])
def test_the_loss_is_the_error_and_the_weighted_penalty(folder, kind, variant):
    model, dataset = made(folder, unfairness_penalty=kind, unfairness_variant=variant,
                          unfairness_weight=2.5, target="F")  # fmt: skip
    ratings, items, women = rows(dataset)
    predicted = model.predict(dataset.inter_feat).detach().double().numpy()
    wanted = Penalty(ratings, items, women, kind, variant=variant)(predicted)[0]
    error, weighted = model.calculate_loss(dataset.inter_feat)
    assert error.item() == pytest.approx(np.mean((predicted - ratings) ** 2), rel=1e-5)
    assert weighted.item() == pytest.approx(2.5 * wanted, rel=1e-5)


@pytest.mark.parametrize("kind", PENALTIES)
def test_gradients_of_parameters_are_those_of_differences(folder, kind):
    model, dataset = made(folder, unfairness_penalty=kind, unfairness_smooth="huber")
    model.double()

    def loss():
        return sum(model.calculate_loss(dataset.inter_feat))

    loss().backward()
    for name, place in (("users", (7, 1)), ("items", (3, 0)), ("user_bias", 5), ("item_bias", 8)):
        parameter, ends = getattr(model, name), []
        for step in (1e-6, -1e-6):
            with torch.no_grad():
                parameter[place] += step
                ends.append(loss().item())
                parameter[place] -= step
        assert parameter.grad[place].item() == pytest.approx(
            (ends[0] - ends[1]) / 2e-6, rel=1e-4, abs=1e-7
        )


def test_a_weight_of_zero_is_plain_matrix_factorisation(folder):
    plain, dataset = made(folder, unfairness_penalty="none", group_field="absent")
    zero, _ = made(folder, unfairness_weight=0, group_field="absent")
    for model in (plain, zero):
        fit_full_batch(model, dataset, iterations=20)
    assert isinstance(plain.calculate_loss(dataset.inter_feat), torch.Tensor)
    for one, other in zip(plain.parameters(), zero.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("kind", PENALTIES)
@pytest.mark.parametrize("variant", ["paper", "code"])
def test_each_penalty_lowers_its_measure_on_the_ratings_it_sees(folder, kind, variant):
    measured = []
    for penalty in ("none", kind):
        model, dataset = made(folder, unfairness_penalty=penalty, unfairness_variant=variant)
        fit_full_batch(model, dataset, iterations=80, weight_decay=0.02)
        ratings, items, women = rows(dataset)
        predicted = model.predict(dataset.inter_feat).detach().double().numpy()
        found = unfairness(predicted, ratings, items, women.astype(int), 1, variant=variant)
        measured.append(getattr(found, kind))
    assert measured[1] < 0.95 * measured[0]


def test_scores_of_all_items_are_the_predicted_ratings(folder):
    model, dataset = made(folder)
    users = torch.tensor([3, 1])
    scores = model.full_sort_predict({"user_id": users}).view(2, -1)
    for row, user in enumerate(users):
        items = torch.arange(dataset.item_num)
        pairs = {"user_id": user.repeat(len(items)), "item_id": items}
        torch.testing.assert_close(scores[row], model.predict(pairs))


def test_it_is_a_model_of_a_stock_recbole_script(folder):
    config = configured(folder, LABEL_FIELD="rating", metrics=["RMSE"], valid_metric="RMSE",
                        train_neg_sample_args=None, epochs=4, train_batch_size=10**6,
                        learning_rate=0.1, weight_decay=1e-3, seed=4,
                        eval_args={"split": {"RS": [0.8, 0.0, 0.2]}, "mode": "labeled"})  # fmt: skip
    with recbole_compat():
        train, _, test = data_preparation(config, create_dataset(config))
        init_seed(4, True)
        model = FairMF(config, train._dataset)
        trainer = Trainer(config, model)
        trainer.fit(train, saved=False, verbose=False)
        rmse = trainer.evaluate(test, load_best_model=False)["rmse"]
    assert 0.5 < rmse < 2.5
    init_seed(4, True)
    again = FairMF(config, train._dataset)
    fit_full_batch(again, train._dataset, iterations=4)
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
    table = GroupEvaluator(config, test, "gender").unfairness(model)
    assert table["value"].notna().all()


def test_a_target_is_compared_with_all_others(folder):
    model, dataset = made(folder, group_field="age", target=2)
    ratings, items, _ = rows(dataset)
    feat = dataset.inter_feat
    old = (dataset.user_feat["age"] == dataset.token2id("age", "2"))[feat["user_id"]].numpy()
    predicted = model.predict(feat).detach().numpy()
    found = model.calculate_loss(feat)[1].item()
    assert found == pytest.approx(Penalty(ratings, items, old, "value")(predicted)[0], rel=1e-5)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"unfairness_penalty": "under"}, "unfairness_penalty is 'under'; it must be one of none, "),
        ({"unfairness_variant": "book"}, "variant is 'book'; it must be one of paper, code"),
        ({"unfairness_weight": -1}, "unfairness_weight is -1; give a number >= 0"),
        ({"group_field": "age"}, "has 3 groups .*name one of them as target"),
        ({"group_field": "gender", "target": "X"}, "'X' is not a group in column 'gender'"),
        ({"load_col": {**COLUMNS, "inter": ["user_id", "item_id"]}}, "RATING_FIELD is 'rating', which is no loaded column"),
    ],
)  # fmt: skip
def test_bad_input_is_named(folder, keys, message):
    with pytest.raises(ValueError, match=message):
        made(folder, **keys)
