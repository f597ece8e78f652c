"""Context-aware models in runs: batches, losses, scores and metrics are those of RecBole itself."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import experiment, job, write_contexts
from linearity import NO_NOISE, build, check_weighted_gradient, stock_model, trained_by_recbole
from recbole.data.dataloader import TrainDataLoader
from recbole.trainer import Trainer
from test_models import check_training
from test_recbole_split import METRICS, TOPK, recboles_metrics

from recbole_groupmix.adapters import inputs
from recbole_groupmix.adapters.columns import PartColumns
from recbole_groupmix.adapters.compat import recbole_compat, without_folders
from recbole_groupmix.adapters.held_out import scores_of_all_items, scores_of_pairs, user_metrics
from recbole_groupmix.core.mix import Mix
from recbole_groupmix.models.context import EXACT
from recbole_groupmix.training.one_by_one import OneByOne, batch_format

WEIGHT_OF_GROUP = np.array([1.0, 0.25, 3.0, 0.0])  # A, B, C, padding
PROPORTIONAL = Mix({"B": 14 / 22, "C": 8 / 22}, 1.0)
#: All columns that a ranking has a value of.
COLUMNS = {
    "load_col": {
        "inter": ["user_id", "item_id", "rating"],
        "user": ["user_id", "group", "age"],
        "item": ["item_id", "class"],
    },
    "numerical_features": ["age"],
}
LAYERS = {
    "mlp_hidden_size": [16, 8],
    "cin_layer_size": [8, 8],
    "attention_size": 8,
    "n_layers": 2,
    "order_list": [4],
    "dropout_probs": [0.0, 0.0, 0.0],
}


@pytest.fixture(scope="module")
def contexts(tmp_path_factory):
    return write_contexts(tmp_path_factory.mktemp("contexts"))


def context_aware(folder, model="FM", **more):
    return experiment(folder, model=model, gpu_id="", **{**COLUMNS, **LAYERS, **more})


# --- training ---------------------------------------------------------------------------------


@pytest.mark.parametrize("model", EXACT)
def test_models_train_with_weights_for_an_epoch_and_rank(contexts, model):
    ex = context_aware(contexts, model)
    asked = job(ex, "own", PROPORTIONAL, 1, eval_step=1)
    (fit,) = OneByOne().train(ex, [asked])
    assert fit.epochs == 1 and 0 <= fit.curve.means(ex.target)[0] <= 1
    scores = scores_of_all_items(fit.model.eval(), ex.groups.users("A"), 41)
    assert scores.shape == (10, 41) and scores.isfinite().all()


@pytest.mark.parametrize(("model", "weighting"), [("DSSM", "loss"), ("DeepFM", "sample")])
def test_models_train_with_all_that_a_run_does(contexts, model, weighting):
    check_training(contexts, model, weighting=weighting, **COLUMNS, **LAYERS)


@pytest.mark.parametrize("model", EXACT)
def test_the_weighted_gradient_is_the_weighted_sum_of_the_groups_gradients(contexts, model):
    ex = context_aware(
        contexts,
        model,
        learner="sgd",
        learning_rate=1.0,
        train_neg_sample_args={"distribution": "uniform", "sample_num": 2},
        **NO_NOISE,
    )
    part, form = ex.part(0), batch_format(ex)
    rows = np.arange(len(part.users))
    drawn = np.stack([part.negatives.draw(part.users, np.random.default_rng(k)) for k in (1, 2)])
    batch = ex.tensors.columns(form).of_rows(part.rows).batch(rows, drawn)
    check_weighted_gradient(
        ex,
        stock_model(model),
        lambda rows: batch if rows is None else batch[rows],
        WEIGHT_OF_GROUP,
    )


@pytest.mark.contract
def test_a_batch_is_that_of_recboles_loader(contexts):
    ex = context_aware(contexts, train_neg_sample_args={"sample_num": 2})
    part, form = ex.part(0), batch_format(ex)
    drawn = np.stack([part.negatives.draw(part.users, np.random.default_rng(k)) for k in (1, 2)])
    rows = np.arange(7)
    ours = ex.tensors.columns(form).of_rows(part.rows).batch(rows, drawn[:, rows])
    sampler = SimpleNamespace(
        sample_by_user_ids=lambda *_: torch.from_numpy(drawn[:, rows]).ravel()
    )
    theirs = TrainDataLoader(ex.config, ex.dataset_of(part), sampler).collate_fn(rows)
    assert set(ours.interaction) == set(theirs.interaction) >= {"age", "class", "rating", "label"}
    for name, column in theirs.interaction.items():
        torch.testing.assert_close(ours[name], column)


def test_features_are_joined_once_to_a_batch(contexts, monkeypatch):
    ex, sizes = context_aware(contexts), []
    join = PartColumns._joined
    monkeypatch.setattr(
        PartColumns, "_joined", lambda self, rows: sizes.append(len(rows)) or join(self, rows)
    )
    columns = ex.tensors.columns(batch_format(ex)).of_rows(ex.part(0).rows)
    assert len(columns.batch(np.arange(7), np.ones((1, 7), dtype=np.int64))) == 14
    assert sizes == [14]


@pytest.mark.parametrize("model", ["FM", "DeepFM"])
def test_the_unweighted_run_is_recboles_training_on_the_same_batches(contexts, model):
    ex = context_aware(contexts, model, train_batch_size=64)
    asked = job(ex, "own", PROPORTIONAL, 0, 0, 2)
    ours, theirs = next(OneByOne().train(ex, [asked])).model, trained_by_recbole(ex, asked)
    start = build_like(ex, asked)
    moved = [(one - two).abs().max() for one, two in zip(ours.parameters(), start, strict=True)]
    assert max(moved) > 1e-3
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-5)


def build_like(ex, asked):
    """Parameters that a job's model starts from."""
    asked = SimpleNamespace(**{**vars(asked), "config": asked.config, "epochs": 0})
    return list(trained_by_recbole(ex, asked).parameters())


# --- scores and metrics -------------------------------------------------------------------------


def recboles_scores(ex, net):
    """Scores of all items by RecBole's full-sort evaluation, those that it masks as -inf."""
    with recbole_compat(), without_folders():
        trainer = Trainer(ex.config, net.eval())
        loader = ex.test_data()
        trainer.item_tensor = loader._dataset.get_item_feature()
        trainer.tot_item_num = ex.shape[1]
        return torch.cat([trainer._full_sort_batch_eval(batch)[1] for batch in loader])


@pytest.mark.contract
@pytest.mark.parametrize("model", ["FM", "DSSM", "EulerNet"])
@pytest.mark.parametrize(
    "pairs_per_call", [2**13, 100, 17]
)  # several users at a time, parts of one
@torch.no_grad()
def test_scores_of_all_items_are_recboles(contexts, monkeypatch, model, pairs_per_call):
    monkeypatch.setattr(inputs, "PAIRS_PER_CALL", pairs_per_call)
    ex = context_aware(contexts, model)
    stock, ours = build(ex, stock_model(model)), build(ex, ex.model_class)
    users = ex.part(0).held_out.users
    theirs, scores = recboles_scores(ex, stock), scores_of_all_items(ours.eval(), users, 41)
    ranked = torch.isfinite(theirs)
    assert ranked.float().mean() > 0.5
    torch.testing.assert_close(scores[ranked], theirs[ranked])
    pairs = scores_of_pairs(ours, users, np.full(len(users), 3))
    np.testing.assert_allclose(pairs, scores[:, 3].numpy(), rtol=1e-5)


@pytest.mark.contract
def test_metrics_are_recboles(contexts):
    ex = context_aware(contexts, "NFM")
    theirs = recboles_metrics(ex.config, ex.test_data(), build(ex, stock_model("NFM")), 1)
    ours = user_metrics(build(ex, ex.model_class), ex.part(0).held_out, TOPK, METRICS)
    for key, values in ours.items():
        assert values.mean() == pytest.approx(theirs[key], abs=1e-9), key


# --- columns --------------------------------------------------------------------------------


def test_a_note_names_the_columns_that_are_read(contexts):
    (note,) = [line for line in context_aware(contexts).notes if line.startswith("FM reads")]
    assert note == (
        "FM reads the ids and group, age of tiny.user, and class of tiny.item (chosen by load_col)"
    )
    alone = experiment(contexts, model="FM", group_by="activity", group_field=None, target="L")
    (note,) = [line for line in alone.notes if line.startswith("FM reads")]
    assert "ids of users and items alone" in note and "--load_col=~" in note


def test_the_size_of_embeddings_is_recboles(contexts):
    own = {"dataset": "tiny", "data_path": str(contexts), "group_field": "group", "target": "A"}
    from recbole_groupmix.settings.merge import merge_settings

    sizes = {m: merge_settings({**own, "model": m}).embedding_size for m in ("FM", "DCNV2", "BPR")}
    assert sizes == {"FM": 10, "DCNV2": 16, "BPR": 64}
    assert merge_settings({**own, "model": "FM", "embedding_size": 5}).embedding_size == 5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"load_col": {**COLUMNS["load_col"], "inter": ["user_id", "item_id", "place"]}},
            r"'place'.*take it out of load_col",
        ),
        ({"load_col": None}, r"'place'.*--unload_col=\"\{'inter':\['place'\]\}\""),
        ({"numerical_features": ["rating"]}, r"'rating'.*take it out of numerical_features"),
        ({"model": "KD_DAGFM", "phase": "distillation"}, "leave phase out"),
        ({"target": "all", "model": "FM"}, "'all' .* is not a group"),
        ({"threshold": {"stars": 3}}, "no file has a column 'stars'"),
        ({"LABEL_FIELD": "clicked"}, "no file has a column 'clicked'"),
        ({"load_col": {**COLUMNS["load_col"], "item": ["item_id", "hue"]}}, "no column 'hue'"),
        ({"numerical_features": ["height"]}, "no file has a column 'height'"),
        ({"valid_metric": "AUC"}, "valid_metric is 'auc'"),
    ],
)
def test_what_a_ranking_cannot_have_is_refused_before_the_data_are_read(contexts, given, message):
    with pytest.raises(ValueError, match=message) as error:
        context_aware(contexts, given.pop("model", "FM"), **given)
    assert "\n" not in str(error.value)


def test_columns_of_a_file_that_is_not_there_are_refused(tiny):
    with pytest.raises(ValueError, match=r"'colour'.*there is no tiny\.item in .*take item out"):
        experiment(tiny, model="FM", load_col={**COLUMNS["load_col"], "item": ["colour"]})


def test_recboles_settings_for_labels_are_not_those_of_a_run(contexts):
    config = context_aware(contexts).config
    assert config["train_neg_sample_args"]["sample_num"] == 1
    assert config["eval_args"]["mode"] == {"valid": "full", "test": "full"}
