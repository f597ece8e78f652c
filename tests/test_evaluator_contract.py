"""Values per user and overall against RecBole's own trainer, on ml-100k as RecBole ships it."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from recbole.data import data_preparation
from recbole.utils import get_model, get_trainer, init_seed

from recbole_groupmix import GroupEvaluator
from recbole_groupmix.adapters.compat import recbole_compat, without_folders
from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.dataset import dataset_class

RANKING = ["Recall", "MRR", "NDCG", "Hit", "Precision", "MAP", "GAUC"]
OF_LISTS = ["ItemCoverage", "AveragePopularity", "GiniIndex", "ShannonEntropy", "TailPercentage"]
INTER, USER = ["user_id", "item_id"], ["user_id", "gender"]
RANDOM = {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "RO", "mode": "full"}
LEAVE_ONE_OUT = {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full"}
SMALL = {"n_layers": 1, "n_heads": 1, "hidden_size": 8, "inner_size": 16, "num_layers": 1}
#: For models that score pair by pair: how many at a time, and fewer users.
PAIRS = {"eval_batch_size": 100_000, "user_inter_num_interval": "[150,inf)"}
GRAPH = {"kg": ["head_id", "relation_id", "tail_id"], "link": ["item_id", "entity_id"]}

#: By model, what its configuration needs beside that of all; none is trained but by its data.
MODELS = {
    "BPR": {},
    "LightGCN": {"n_layers": 1},
    "NeuMF": {"mlp_hidden_size": [8], "mf_embedding_size": 8, "mlp_embedding_size": 8, **PAIRS},
    "ItemKNN": {"k": 20},  # many equal scores
    "MultiVAE": {"mlp_hidden_size": [8], "latent_dimension": 4},
    "SASRec": {
        **SMALL,
        "load_col": {"inter": [*INTER, "timestamp"], "user": USER},
        "train_neg_sample_args": None,
        "eval_args": LEAVE_ONE_OUT,
    },
    "GRU4Rec": {
        **SMALL,
        "load_col": {"inter": [*INTER, "timestamp"], "user": USER},
        "train_neg_sample_args": None,
        "eval_args": LEAVE_ONE_OUT,
    },
    "FM": {
        "load_col": {"inter": [*INTER, "rating"], "user": [*USER, "age", "occupation"]},
        "threshold": {"rating": 4},
        **PAIRS,
    },
    "CFKG": {"load_col": {"inter": INTER, "user": USER, **GRAPH}, **PAIRS},
}


def _project(model, metrics, **more):
    """Configuration, loaders, and a model that ranks but was not trained."""
    settings = {
        "load_col": {"inter": INTER, "user": USER},
        "eval_args": RANDOM,
        "metrics": metrics,
        "topk": [5, 20],
        "valid_metric": "MRR@5",
        "metric_decimal_place": 17,
        "embedding_size": 8,
        "eval_batch_size": 10**7,
        "user_inter_num_interval": "[100,inf)",  # a third of the users
        "checkpoint_dir": ".",
        **MODELS[model],
        **more,
    }
    config = GroupMixConfig(model, "ml-100k", settings)
    init_seed(3, True)
    with recbole_compat(), without_folders():
        dataset = dataset_class(config["model"], config["MODEL_TYPE"])(config)
        loaders = data_preparation(config, dataset)
        net = get_model(model)(config, loaders[0]._dataset)
        trainer = get_trainer(config["MODEL_TYPE"], model)(config, net)
    return config, loaders, net, trainer


class _Count(int):
    def cpu(self):
        return self


class _Counts(Counter):
    def cpu(self):
        return self


def _stock(trainer, loaders):
    """RecBole's numbers. Its collector calls ``.cpu()`` on counts too, which have none."""
    collector = trainer.eval_collector
    collector.data_collect(loaders[0])
    for name, value in collector.data_struct._data_dict.items():
        kind = _Counts if isinstance(value, Counter) else _Count
        collector.data_struct.set(name, kind(value))
    with recbole_compat():
        return trainer.evaluate(loaders[2], load_best_model=False)


def _near(value, metric):
    """Return what equals a number of RecBole's; its GAUC is in single precision."""
    return pytest.approx(value, abs=1e-6 if metric == "gauc" else 1e-9)


@pytest.mark.contract
@pytest.mark.parametrize("model", MODELS)
def test_values_of_users_average_to_recboles_numbers(model):
    config, loaders, net, trainer = _project(model, RANKING)
    wanted = _stock(trainer, loaders)
    evaluator = GroupEvaluator(config, loaders[2], "gender", n_boot=50)
    report = evaluator.evaluate(net)
    assert list(wanted) == report.metrics
    assert len(report.per_user) == loaders[2]._dataset.inter_feat["user_id"].unique().numel()
    for metric, value in wanted.items():
        assert report.overall[metric] == _near(value, metric)
        if metric != "gauc":  # weighted by a user's positives
            assert report.per_user[metric].mean() == _near(value, metric)
    assert report.per_user["recall@20"].std() > 0
    positives = loaders[2]._dataset.inter_feat["user_id"].bincount().numpy()
    token_id = loaders[2]._dataset.field2token_id["user_id"]
    weights = [positives[token_id[user]] for user in report.per_user["user_id"]]
    gauc = np.average(report.per_user["gauc"], weights=weights)
    assert gauc == _near(wanted["gauc"], "gauc")
    again = evaluator.evaluate(net)
    pd.testing.assert_frame_equal(again.table, report.table)
    pd.testing.assert_frame_equal(again.per_user, report.per_user)


@pytest.mark.contract
@pytest.mark.parametrize("model", ["BPR", "ItemKNN"])
def test_metrics_of_lists_are_recboles_numbers(model):
    config, loaders, net, trainer = _project(model, OF_LISTS)
    wanted = _stock(trainer, loaders)
    evaluator = GroupEvaluator(config, loaders[2], "gender", train_data=loaders[0], n_boot=50)
    report = evaluator.evaluate(net)
    assert dict(report.overall) == pytest.approx(dict(wanted), abs=1e-9)
    for metric in ("averagepopularity@20", "tailpercentage@5"):
        assert report.per_user[metric].mean() == pytest.approx(wanted[metric], abs=1e-9)
    pd.testing.assert_frame_equal(evaluator.evaluate(net).table, report.table)


@pytest.mark.contract
@pytest.mark.parametrize("model", ["BPR", "LightGCN", "MultiVAE"])
def test_larger_batches_than_recboles_default_give_the_same(model):
    config, loaders, net, trainer = _project(model, RANKING, eval_batch_size=4096)
    assert loaders[2].step == 2  # users: 4096 // 1683 items
    wanted = _stock(trainer, loaders)
    report = GroupEvaluator(config, loaders[2], "gender", n_boot=50).evaluate(net)
    assert report.metrics == list(wanted)
    for metric, value in wanted.items():
        assert report.overall[metric] == _near(value, metric)
