"""Models that learn labels: their rows, batches, losses and training are RecBole's own."""

import numpy as np
import pytest
import torch
from helpers import SMALL, experiment, job, write_contexts
from linearity import NO_NOISE, check_weighted_gradient, stock_model
from recbole.data import create_dataset
from recbole.data.dataloader import TrainDataLoader
from recbole.data.utils import data_preparation
from recbole.trainer import Trainer
from recbole.utils import init_seed
from test_context_models import COLUMNS, LAYERS, PROPORTIONAL, WEIGHT_OF_GROUP

from recbole_groupmix.adapters.compat import recbole_compat, without_folders
from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.seeding import (
    MODEL_NOISE,
    SHUFFLE,
    global_seed,
    stream,
    torch_seed,
)
from recbole_groupmix.core.mix import Mix
from recbole_groupmix.experiment.labels import labels_of, liked_pairs
from recbole_groupmix.mixes.theory import class_shares
from recbole_groupmix.search.identity import fingerprint
from recbole_groupmix.training.one_by_one import (
    OneByOne,
    batch_format,
    build_model,
    stream_key,
    training_batches,
)

#: RecBole's quick start for context-aware models, but for the metrics.
LABELS = {"threshold": {"rating": 3}, "train_neg_sample_args": None}


@pytest.fixture(scope="module")
def contexts(tmp_path_factory):
    return write_contexts(tmp_path_factory.mktemp("contexts"))


def labelled(folder, model="FM", **more):
    values = {**COLUMNS, **LAYERS, **LABELS, **more}
    return experiment(folder, model=model, gpu_id="", **values)


# --- rows ---------------------------------------------------------------------------------------


def test_all_labelled_rows_train_and_held_out_positives_are_looked_for(contexts):
    ex = labelled(contexts)
    positive = experiment(contexts, model="FM", gpu_id="", **COLUMNS, threshold={"rating": 3})
    ratings = experiment(contexts, model="FM", gpu_id="", **COLUMNS).dataset.inter_feat["rating"]
    labels, ratings = labels_of(ex), ratings.numpy()
    assert np.array_equal(labels, ratings >= 3) and 0 < labels.mean() < 1
    assert len(positive.users) == labels.sum() < len(ex.users)
    assert labels_of(positive) is None
    for part in (ex.part(0), ex.part(1)):
        train, held = ex.split.rows_of(part.index)
        assert np.array_equal(np.sort(part.rows), np.flatnonzero(train))
        known = {*zip(ex.users[train], ex.items[train], strict=True)}
        wanted = held & (labels > 0)
        pairs = {*zip(ex.users[wanted], ex.items[wanted], strict=True)} - known
        found = part.held_out.relevant.tocoo()
        ours = zip(part.held_out.users[found.row], found.col, strict=True)
        assert pairs == set(ours)
        masked = part.held_out.masked.tocoo()
        assert {*zip(part.held_out.users[masked.row], masked.col, strict=True)} <= known


def test_what_groups_like_is_counted_from_positives(contexts):
    ex = labelled(contexts, class_field="class")
    part, liked = ex.part(0), liked_pairs(ex, ex.part(0))
    rows = part.rows[labels_of(ex)[part.rows] > 0]
    assert {*map(tuple, liked)} == {*zip(ex.users[rows], ex.items[rows], strict=True)}
    assert len(liked) < len(part.rows)
    other = labelled(contexts, class_field="class", threshold={"rating": 2})
    assert not np.allclose(class_shares(ex).shares, class_shares(other).shares)


def test_the_rows_of_recboles_split_keep_their_labels(contexts):
    args = {"split": {"RS": [0.6, 0, 0.4]}, "order": "RO"}
    _, (train, _, test) = of_recbole(contexts, args)
    ex = labelled(contexts, eval_args=args)
    ours = ex.dataset.inter_feat
    for theirs, rows in ((train, ex.split.train), (test, ex.split.test)):
        inter = theirs._dataset.inter_feat
        columns = ("user_id", "item_id", "label")
        listed = [
            sorted(zip(*(feat[name].tolist() for name in columns), strict=True))
            for feat in (inter, {name: ours[name][rows] for name in columns})
        ]
        assert listed[0] == listed[1]


def of_recbole(folder, eval_args, model="FM", **more):
    """Configuration and loaders of RecBole's own run on labels."""
    values = {
        **SMALL,
        **COLUMNS,
        **LAYERS,
        **LABELS,
        "eval_args": {**eval_args, "mode": "labeled"},
        "metrics": ["AUC", "LogLoss", "RMSE", "MAE"],
        "valid_metric": "AUC",
        "gpu_id": "",
        "seed": 2020,
        **more,
    }
    config = GroupMixConfig(model, "tiny", values, folder=folder / "tiny")
    with recbole_compat():
        init_seed(config["seed"], config["reproducibility"])
        return config, data_preparation(config, create_dataset(config))


def test_labels_are_part_of_what_a_run_is_recognised_by(contexts):
    prints = [
        fingerprint(labelled(contexts, threshold={"rating": least}))["sha256"] for least in (3, 4)
    ]
    assert prints[0] != prints[1]


def test_a_note_counts_the_labels(contexts):
    ex = labelled(contexts)
    (note,) = [line for line in ex.notes if "learns labels" in line]
    n = int(labels_of(ex).sum())
    assert (
        f"by threshold {{'rating': 3}}: {n} of {len(ex.users)} interactions are positive" in note
    )


# --- training -----------------------------------------------------------------------------------


#: Linear in rows, with a term on parameters, with batch norm, and a general model; the batches of
#: all others have the same columns as those of sampled negatives, which test_context_models.py has.
@pytest.mark.parametrize("model", ["FM", "DCN", "DSSM", "NeuMF"])
def test_the_weighted_gradient_is_the_weighted_sum_of_the_groups_gradients(contexts, model):
    ex = labelled(contexts, model, learner="sgd", learning_rate=1.0, **NO_NOISE)
    part = ex.part(0)
    columns, none = (
        ex.tensors.columns(batch_format(ex)).of_rows(part.rows),
        np.empty((0, 0), dtype=int),
    )
    batch = columns.batch(np.arange(len(part.rows)), none)
    assert 0 < batch["label"].mean() < 1
    check_weighted_gradient(
        ex,
        stock_model(model),
        lambda rows: batch if rows is None else batch[rows],
        WEIGHT_OF_GROUP,
    )


@pytest.mark.contract
@pytest.mark.parametrize("model", ["FM", "NeuMF"])
def test_a_batch_is_that_of_recboles_loader(contexts, model):
    ex = labelled(contexts, model, train_batch_size=7)
    part, rows = ex.part(0), np.arange(7)
    batch = next(iter(training_batches(ex, job(ex, "own", PROPORTIONAL, 0, 0, 1), part)))
    order = stream(SHUFFLE, *stream_key(ex, job(ex, "own", PROPORTIONAL, 0)), 0)
    theirs = loader_of(ex, part).collate_fn(order.permutation(len(part.rows))[rows])
    assert set(batch.interaction) == set(theirs.interaction) >= {"user_id", "item_id", "label"}
    for name, column in theirs.interaction.items():
        torch.testing.assert_close(batch[name], column)


def loader_of(ex, part):
    """RecBole's own training loader of a part, which has no negatives to draw."""
    return TrainDataLoader(ex.config, ex.dataset_of(part), None)


@pytest.mark.parametrize("model", ["FM", "DeepFM"])
def test_the_unweighted_run_is_recboles_training_on_its_own_labelled_loader(contexts, model):
    ex = labelled(contexts, model, train_batch_size=64)
    asked, part = job(ex, "own", PROPORTIONAL, 0, 0, 2), ex.part(0)
    ours = next(OneByOne().train(ex, [asked])).model
    key, loader = stream_key(ex, asked), loader_of(ex, part)

    class InOurOrder:
        """RecBole's batches, whose rows come in the order of the run."""

        epoch, dataset, sampler, shuffle = -1, loader.dataset, None, True

        def __len__(self):
            return -(-len(part.rows) // 64)

        def __iter__(self):
            self.epoch += 1
            order = stream(SHUFFLE, *key, self.epoch).permutation(len(part.rows))
            return (loader.collate_fn(order[i : i + 64]) for i in range(0, len(order), 64))

    config = asked.config(ex)
    with global_seed(torch_seed(MODEL_NOISE, *key)), recbole_compat(), without_folders():
        theirs = build_model(ex, part, None, key, config)
        start = [parameter.detach().clone() for parameter in theirs.parameters()]
        trainer = Trainer(config, theirs)
        trainer.epochs = 2
        trainer.fit(InOurOrder(), None, verbose=False, saved=False)
    moved = max(
        (one - two).abs().max().item() for one, two in zip(ours.parameters(), start, strict=True)
    )
    assert moved > 1e-3
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize(
    ("model", "weighting"), [("DSSM", "loss"), ("DeepFM", "sample"), ("NeuMF", "loss")]
)
def test_models_train_with_all_that_a_run_does(contexts, model, weighting):
    ex = labelled(contexts, model, weighting=weighting, stopping_step=1)
    mix, other = Mix({"B": 0.3, "C": 0.7}, 0.8), Mix({"B": 0.7, "C": 0.3}, 0.8)
    jobs = [
        job(ex, "own", mix, 0, 0, 1),
        job(ex, "other", other, 0, 0, 1),
        job(ex, "no_augmentation", Mix(mix.alpha, 0.0), 0, 0, 1),
        job(ex, "own", mix, 1, eval_step=1),
    ]
    fits = list(OneByOne().train(ex, jobs))
    assert 0 <= fits[3].curve.means(ex.target)[0] <= 1
    parameters = [list(fit.model.parameters()) for fit in fits]
    assert all(p.isfinite().all() for of_fit in parameters for p in of_fit)
    assert not all(map(torch.equal, parameters[0], parameters[1]))
    assert not all(map(torch.equal, parameters[0], parameters[2]))


def test_a_column_of_labels_does_as_well(tmp_path):
    folder = write_contexts(tmp_path)
    file = folder / "tiny" / "tiny.inter"
    lines = file.read_text().splitlines()
    at = lines[0].split("\t").index("rating:float")
    cells = [line.split("\t") for line in lines[1:]]
    file.write_text(
        "\n".join(
            [
                f"{lines[0]}\tlabel:float",
                *("\t".join([*row, str(int(float(row[at]) >= 3))]) for row in cells),
            ]
        )
        + "\n"
    )
    by_column = labelled(
        folder,
        threshold=None,
        load_col={**COLUMNS["load_col"], "inter": ["user_id", "item_id", "label"]},
    )
    assert np.array_equal(labels_of(by_column), labels_of(labelled(folder)))
    with pytest.raises(ValueError, match=r"LABEL_FIELD.*not loaded; write --load_col"):
        labelled(folder, threshold=None)


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"threshold": None},
            r"train_neg_sample_args is None .*FM learns labels, .*no column 'label'.*--threshold=",
        ),
        (
            {"threshold": {"rating": 9}},
            r"all \d+ interactions of tiny are labelled 0 by threshold .*choose another",
        ),
        ({"threshold": {"rating": 0}}, r"all \d+ interactions .* are labelled 1 by threshold"),
        ({"threshold": {"stars": 3}}, r"threshold .*'stars'"),
        (
            {
                "threshold": None,
                "LABEL_FIELD": "rating",
            },
            r"rating is the label of tiny .*holds 2, 3, 4, .*--threshold",
        ),
    ],
)
def test_labels_that_are_missing_are_told_before_training(contexts, given, message):
    with pytest.raises(ValueError, match=message) as error:
        labelled(contexts, **given)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("model", ["BPR", "DMF", "GCMC"])
def test_other_models_need_negatives(contexts, model):
    ex = experiment(contexts, model=model, gpu_id="", **COLUMNS, **LABELS)
    with pytest.raises(ValueError, match=r"train_neg_sample_args is None .*draws no negatives"):
        batch_format(ex)
