"""Every model by family: how it can be trained on a mix, and that this is true."""

import importlib
import inspect
import pkgutil
import re
import sys
import tempfile
from contextlib import nullcontext
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import numpy as np
import pytest
import torch
from command import call, run_arguments
from command import run_folder as command_folder
from helpers import SIZES, experiment, job, write_sequences, write_tiny
from linearity import (
    NO_NOISE,
    build,
    difference_to_groupwise_sum,
    stock_model,
    with_squares,
)
from noise_by_user import NoiseByUser
from recbole.data.dataloader import UserDataLoader
from recbole.data.utils import get_dataloader
from recbole.model import (
    context_aware_recommender,
    general_recommender,
    knowledge_aware_recommender,
    sequential_recommender,
)
from recbole.model.abstract_recommender import AbstractRecommender
from recbole.utils import ModelType, get_model

from recbole_groupmix import recommenders
from recbole_groupmix.adapters.batch_format import BatchFormat
from recbole_groupmix.adapters.batch_weights import BatchWeights
from recbole_groupmix.adapters.batches import TrainingBatches
from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.held_out import scores_of_all_items
from recbole_groupmix.adapters.seeding import global_seed
from recbole_groupmix.core.mix import Mix
from recbole_groupmix.core.names import DATA_MIX, REFERENCE
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.models import (
    CLOSED_FORM,
    EXACT,
    NEEDS,
    REFUSED,
    SAMPLED,
    USABLE,
    USER_WISE,
    family_of,
    models_of,
    sequential,
    weighting,
)
from recbole_groupmix.models.weighting import check_weighting
from recbole_groupmix.recommenders.by_name import model_class
from recbole_groupmix.search.identity import run_folder
from recbole_groupmix.search.kept_model import ModelKeeper
from recbole_groupmix.search.load import load_run
from recbole_groupmix.settings import model as settings_of_models
from recbole_groupmix.settings.keys import recbole_folder
from recbole_groupmix.training.one_by_one import OneByOne, build_model, training_batches

torch.autograd.set_detect_anomaly(False)  # RecBole's sequential models switch it on

#: Small layers, so that a model trains in a blink.
LAYERS = {
    "mf_embedding_size": 8,
    "mlp_embedding_size": 8,
    "mlp_hidden_size": [16, 8],
    "ui_embedding_size": 8,
    "neigh_embedding_size": 8,
    "num_conv_kernel": 4,
    "gcn_output_dim": 12,
    "hidden_size_list": [8],
    "encoder_hidden_size": [16],
    "hidden_dimension": 16,
    "latent_dimension": 8,
    "dims_dnn": [16],
    "in_dims": [16],
    "weight_size": 8,
    "kfac": 2,
    "num_clusters": 3,
    "train_batch_size": 32,
}
#: ConvNCF's default kernels fit embeddings of 64 only; these fit 8.
OPTIONS = {
    "ConvNCF": {"cnn_channels": [1, 4, 4], "cnn_kernels": [4, 2], "cnn_strides": [4, 2]},
    "NNCF": {"neigh_num": 10, "neigh_embedding_size": 8, "num_conv_kernel": 8},
    "AMPCF": {"n_personas": 3},
    "LMoE": {"n_experts": 3},
    "UniformEnsemble": {"n_experts": 3},
    "MoE": {"n_experts": 3, "gate_hidden_size": 8},
    "TALL": {"n_experts": 3, "weight_gap": 0, "weight_alpha": 1.0},
}
#: RecBole's folder of each family whose models are listed.
FOLDERS = {
    "general": general_recommender,
    "sequential": sequential_recommender,
    "context-aware": context_aware_recommender,
    "knowledge-based": knowledge_aware_recommender,
    "exlib": None,  # its modules import packages that RecBole does not install
    "of this package": recommenders,
}
#: Classes there that others are made from, and that are no models by themselves.
BASES = {"LocalModels", "MixtureOfExperts"}
#: Models whose loss RecBole adds up over a batch, and options with norms of parameters.
SUMS = {"CDAE", "ConvNCF", "ENMF"}
NORMS = {
    "ConvNCF": {"reg_weights": [0.2, 0.2]},
    "FISM": {"reg_weights": [0.2, 0.2]},
    "NAIS": {"reg_weights": [0.2, 0.2, 0.2]},
}
WEIGHT_OF_GROUP = np.array([1.0, 0.25, 3.0, 0.0])  # A, B, C, padding


#: Writes the data set that the models of a family are trained on.
WRITES = {"general": write_tiny, "sequential": write_sequences, "of this package": write_tiny}
#: Few users are enough for models that are slow.
FEW = {"A": 3, "B": 5, "C": 2}


def trained(*tables, but=(), families=tuple(WRITES)):
    """Names of the models of some tables in the families that are trained here."""
    names = dict.fromkeys(name for table in tables for name in table)
    return [name for name in names if family_of(name) in families and name not in but]


@pytest.fixture(scope="module")
def data_of(tmp_path_factory):
    """Return the folder of the data set of a model's family."""
    made = {}

    def folder(model):
        family = family_of(model)
        if family not in made:
            sizes = FEW if family == "sequential" else SIZES
            made[family] = WRITES[family](tmp_path_factory.mktemp(family), sizes=sizes)
        return made[family]

    return folder


def models_in_folder(family):
    """Names of the models in RecBole's folder of a family, or in ours."""
    names, folder = set(), FOLDERS[family]
    if folder is None:
        files = (recbole_folder() / "model" / "exlib_recommender").glob("*.py")
        return {
            name for file in files for name in re.findall(r"^class (\w+)", file.read_text(), re.M)
        }
    for module in pkgutil.iter_modules(folder.__path__):
        with recbole_compat():  # some switch autograd's detection of anomalies on
            loaded = importlib.import_module(f"{folder.__name__}.{module.name}")
        names |= {
            name
            for name, value in vars(loaded).items()
            if inspect.isclass(value)
            and issubclass(value, AbstractRecommender)
            and value.__module__ == loaded.__name__
        }
    return names - BASES


# --- the tables -----------------------------------------------------------------------------


@pytest.mark.parametrize("family", FOLDERS)
def test_every_model_is_listed_by_its_family(family):
    ours = {"WeightedSVD"} if family == "general" else set()
    assert models_of(family) == models_in_folder(family) | ours


def test_every_model_is_in_exactly_one_table():
    names = [*EXACT, *CLOSED_FORM, *SAMPLED, *REFUSED]
    assert len(names) == len(set(names))
    assert USABLE | {*REFUSED} == set(names) == {n for f in FOLDERS for n in models_of(f)}


def test_models_fed_with_users_are_those_that_recbole_feeds_with_users():
    user_wise = {
        name
        for name in models_in_folder("general")
        if get_dataloader({"model": name, "MODEL_TYPE": ModelType.GENERAL}, "train")
        is UserDataLoader
    }
    assert user_wise == USER_WISE - models_of("of this package")


@pytest.mark.parametrize("family", FOLDERS)
def test_the_document_lists_what_the_tables_say(repository, family):
    text = (repository / "docs" / "models.md").read_text(encoding="utf-8")
    (section,) = re.findall(rf"^### {family.capitalize()}\n(.*?)^##", text, re.M | re.S)
    rows = re.findall(r"^\| (\w+) \| (yes|no) \| (yes|no) \| (.+) \|$", section, re.M)
    documented = {name: (exact, sampled, reason) for name, exact, sampled, reason in rows}
    expected = {
        **{name: ("yes", "yes", reason) for name, reason in EXACT.items()},
        **{name: ("yes", "no", reason) for name, reason in CLOSED_FORM.items()},
        **{name: ("no", "yes", reason) for name, reason in SAMPLED.items()},
        **{name: ("no", "no", reason) for name, reason in REFUSED.items()},
    }
    assert len(rows) == len(documented)
    assert documented == {name: expected[name] for name in models_of(family)}


# --- exact ----------------------------------------------------------------------------------


def difference_of(folder, model, n_negatives=1, **options):
    """What :func:`difference_to_groupwise_sum` finds for a general recommender."""
    whole_rows = model in USER_WISE
    given = {
        "model": model,
        "weighting": "loss" if model in EXACT else "sample",
        "learner": "sgd",
        "learning_rate": 1.0,
        "reg_weight": 0.3,
        "train_neg_sample_args": {"distribution": "uniform", "sample_num": n_negatives},
        **LAYERS,
        **({} if whole_rows else NO_NOISE),
        "train_batch_size": 4096,
        **options,
    }
    ex = experiment(folder, **given)
    part, form = ex.part(0), BatchFormat.of_config(ex.config, whole_rows)
    batch = next(iter(TrainingBatches(part.users, part.items, part.negatives, form, (1, 0))))
    return difference_to_groupwise_sum(
        ex,
        with_squares(stock_model(model)),
        lambda rows: batch if rows is None else batch[rows],
        WEIGHT_OF_GROUP,
        count=(lambda rows: 1) if model in SUMS else len,
        noise=lambda rows: (
            NoiseByUser(rows["user_id"], ex.shape[0]) if whole_rows else nullcontext()
        ),
    )


@pytest.mark.parametrize("n_negatives", [1, 3])
@pytest.mark.parametrize(
    "model", trained(EXACT, but={"BPR", *USER_WISE}, families=["general", "of this package"])
)
def test_the_weighted_gradient_is_the_weighted_sum_of_the_groups_gradients(
    tiny, model, n_negatives
):
    largest, difference = difference_of(
        tiny, model, n_negatives, **OPTIONS.get(model, {}), **NORMS.get(model, {})
    )
    assert largest > 0.003  # FISM averages over a history
    assert difference < 1e-5 * max(largest, 1.0)


#: Options of models that are fed with users, in which every part of their losses counts.
WHOLE_ROWS = [
    ("CDAE", {"reg_weight_1": 0.1, "reg_weight_2": 0.2}),
    ("CDAE", {"reg_weight_1": 0.1, "reg_weight_2": 0.2, "loss_type": "MSE"}),
    ("DiffRec", {}),
    ("DiffRec", {"mean_type": "eps", "noise_scale": 0.1}),
    ("DiffRec", {"noise_scale": 0.0}),
    ("ENMF", {}),
    ("LDiffRec", {"vae_anneal_steps": 0, "anneal_steps": 1, "anneal_cap": 0.02}),
    ("LDiffRec", {"mean_type": "eps", "vae_anneal_steps": 2}),
    ("MacridVAE", {"total_anneal_steps": 2, "anneal_cap": 1.0, "reg_weights": [0.2, 0.3]}),
    ("MultiDAE", {}),
    ("MultiVAE", {"total_anneal_steps": 2, "anneal_cap": 1.0}),
    ("RecVAE", {"n_enc_epochs": 1, "n_dec_epochs": 0}),
    ("RecVAE", {"n_enc_epochs": 0, "n_dec_epochs": 1, "gamma": 0.0}),
]


#: The same of our own; users of WL and TALL have weights besides those of Eq. 8, not all 1.
OWN_WHOLE_ROWS = [
    ("LMoE", {"guide_ratio": 0.3, "gate_temperature": 0.05}),
    ("MoE", {}),
    ("MultVAE", {"total_anneal_steps": 2, "anneal_cap": 1.0}),
    ("TALL", {}),
    ("UniformEnsemble", {}),
    ("WL", {"mainstream_power": 3.0}),
]


@pytest.mark.parametrize(("model", "options"), [*WHOLE_ROWS, *OWN_WHOLE_ROWS])
def test_whole_rows_are_weighted_with_every_term_of_a_user_and_none_of_parameters(
    tiny, model, options
):
    largest, difference = difference_of(tiny, model, **OPTIONS.get(model, {}), **options)
    assert largest > 0.01
    assert difference < 1e-5 * max(largest, 1.0)


def test_every_model_that_is_fed_with_users_is_in_the_check_above():
    assert {model for model, _ in [*WHOLE_ROWS, *OWN_WHOLE_ROWS]} == USER_WISE & set(EXACT)


OF_FEATURES = {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "class"]}
#: What makes sequential models small.
OF_SEQUENCES = {
    **dict.fromkeys(("hidden_size", "inner_size", "embedding_size"), 8),
    **dict.fromkeys(("n_heads", "num_layers", "step", "block_num", "nv", "nh"), 1),
    "n_layers": 2,  # FEARec's least
    "mlp_hidden_size": [8],
    "MAX_ITEM_LIST_LENGTH": 5,
    "reranker_CAN_NUM": 10,
    "load_col": OF_FEATURES,
}


def squared_norms(stock):
    """RecBole's model, but half the squared norm of each row where it has that of the batch."""

    class Squared(stock):
        def reg_loss(self, *rows):
            factor = self.reg_weight[-1] if isinstance(self.reg_weight, list) else self.reg_weight
            of_rows = sum(each.flatten(1).square().sum() for each in rows) / len(rows[0]) / 2
            return super().reg_loss(*map(torch.zeros_like, rows)) + factor * of_rows

    return Squared


@pytest.mark.parametrize(
    ("model", "loss_type"),
    [
        (model, loss_type)
        for model in trained(EXACT, SAMPLED, families=["sequential"])
        for loss_type in sequential.LOSS_TYPES.get(model, ("CE", "BPR"))
        if loss_type == "CE" or model not in ("DIEN", "DIN", "TransRec")  # which have one
    ],
)
def test_sequential_losses_are_weighted_with_every_term_of_a_row_and_none_of_parameters(
    data_of, model, loss_type
):
    more = {**OF_SEQUENCES, **NO_NOISE, "reg_weight": 0.3, "loss_type": loss_type}
    if model in ("HGN", "SHAN"):
        more["reg_weight"] = [0.3, 0.5]
    if model in ("DIN", "DIEN", "TransRec"):
        del more["loss_type"]
    with patch.object(settings_of_models, "check_weighting"):  # DIEN's is weighted in part
        ex = experiment(
            data_of(model), model=model, learner="sgd", learning_rate=1.0, **more,
            train_batch_size=4096, sess_dropout=0.0, item_dropout=0.0, dropout_probs=[0.0, 0.0],
        )  # fmt: skip
    with recbole_compat(), global_seed(1):
        asked = job(ex, "own", Mix({"B": 0.5, "C": 0.5}, 1.0), 0, 0, 1)
        batch = next(iter(training_batches(ex, asked, ex.part(0))))
        stock = get_model(model)
    if model in ("FOSSIL", "HGN", "SHAN"):
        stock = squared_norms(stock)

    def masked_items(rows):
        return int((rows["MASK_INDEX"] > 0).sum())

    moved, difference = difference_to_groupwise_sum(
        ex,
        stock,
        lambda rows: batch if rows is None else batch[rows],
        WEIGHT_OF_GROUP,
        masked_items if model == "BERT4Rec" else len,
    )
    assert moved > 0.01
    if model in SAMPLED:
        assert difference > 0.01
    else:
        assert difference < 1e-5 * max(moved, 1.0)


def test_the_check_above_finds_a_loss_that_is_weighted_in_part(tiny):
    def unweighted(weights, per_row, tile=1):
        return per_row.mean()

    with patch.object(BatchWeights, "mean_regularizer", unweighted):
        largest, difference = difference_of(tiny, "NGCF")
    assert difference > 1e-2 * largest


def check_reloaded(ex, fit, mix):
    """A model that a run keeps scores all users as before when ``load_run`` has loaded it."""
    with tempfile.TemporaryDirectory() as parent:
        folder, config = run_folder(ex, {}, inside=Path(parent))
        folder.open(config)
        keeper = ModelKeeper(folder)
        keeper(DATA_MIX, fit)  # nothing has been scored yet, so no scores are kept with it
        kept = Candidate(fit.job.name, mix, "own")
        keeper.describe(ex, {DATA_MIX: kept, REFERENCE: kept}, {kept.name: fit.job.epochs})
        _, loaded, _ = load_run(folder.path)
    assert loaded is not fit.model and not loaded.training
    torch.testing.assert_close(scores_of(loaded, ex), scores_of(fit.model, ex), equal_nan=True)


def scores_of(model, ex):
    """Scores of all users and items, without what the model keeps of earlier calls."""
    model.eval()
    with torch.no_grad(), global_seed(5):
        return scores_of_all_items(model, ex.part(0).held_out.read(slice(None)), ex.shape[1])


def check_training(folder, model, **settings):
    """Train through the pipeline: to the end, to an early stop, and without augmentation.

    Two mixes start from the same values and see the same negatives; if nothing of a mix reached
    the model, they would end alike.
    """
    small = OF_SEQUENCES if family_of(model) == "sequential" else {}
    options = {**LAYERS, **small, "stopping_step": 1, **OPTIONS.get(model, {}), **settings}
    ex = experiment(folder, model=model, **options)
    mix, other = Mix({"B": 0.3, "C": 0.7}, 0.8), Mix({"B": 0.7, "C": 0.3}, 0.8)
    epochs = 1 if family_of(model) == "sequential" else 2
    fits = list(
        OneByOne().train(
            ex,
            [
                job(ex, "own", mix, 0, 0, epochs),
                job(ex, "other", other, 0, 0, epochs),
                job(ex, "no_augmentation", Mix(mix.alpha, 0.0), 0, 0, 1),
                job(ex, "own", mix, 1, eval_step=1),
            ],
        )
    )
    check_reloaded(ex, fits[2], Mix(mix.alpha, 0.0))  # users who take no part are left out of it
    assert [fit.epochs for fit in fits] == [epochs, epochs, 1, 1]
    assert 0 <= fits[3].curve.means(ex.target)[0] <= 1
    for fit in fits:
        scores = scores_of(fit.model, ex)
        assert scores.shape == (ex.shape[0] - 1, 41) and torch.isfinite(scores).all()
    parameters = [list(fit.model.parameters()) for fit in fits]
    assert not all(map(torch.equal, parameters[0], parameters[1]))


@pytest.mark.parametrize("model", trained(EXACT))
def test_exact_models_train_with_weights(data_of, model):
    check_training(data_of(model), model, weighting="loss")


@pytest.mark.parametrize("model", trained(EXACT, families=["of this package"]))
def test_a_run_takes_our_own_recommenders_by_name(tiny, tmp_path, model):
    options = {**LAYERS, **OPTIONS.get(model, {}), "model": model, "trials": 1}
    status, _, err = call(*run_arguments(tiny, **options, output_dir=tmp_path))
    assert status == 0, err
    _, loaded, _ = load_run(command_folder(tmp_path))
    assert type(loaded) is model_class(model)


# --- by sampling ----------------------------------------------------------------------------


@pytest.mark.parametrize("model", trained(EXACT, SAMPLED, but=NEEDS))
def test_models_train_on_a_drawn_multiset(data_of, model):
    check_training(data_of(model), model, weighting="sample")


@pytest.mark.parametrize("model", ["SimpleX", "GCMC", "LINE", "MultiVAE"])
def test_models_train_on_sampled_triplets_of_a_drawn_multiset(tiny, model):
    check_training(tiny, model, weighting="sample", triplets="sampled", user_loss="mean")


class Kmeans:
    """Stands for faiss's class of that name, with the few calls that NCL makes."""

    def __init__(self, d, k, gpu=False):
        self.k, self.index = k, self

    def train(self, x):
        self.centroids = x[: self.k].copy()

    def search(self, x, n):
        return None, np.argmax(x @ self.centroids.T, axis=1)[:, None]


def test_ncl_trains_where_its_clustering_package_is_there(tiny, monkeypatch):
    faiss = ModuleType("faiss")
    faiss.__spec__, faiss.Kmeans = ModuleSpec("faiss", None), Kmeans
    monkeypatch.setitem(sys.modules, "faiss", faiss)
    check_training(tiny, "NCL", weighting="sample")


def test_models_whose_package_is_absent_are_refused_before_they_start(monkeypatch):
    monkeypatch.setattr(weighting, "find_spec", lambda module: None)
    assert set(NEEDS) == {"NCL", "KGIN", "MCCLK"}
    with pytest.raises(ValueError, match=r"NCL imports faiss.* install faiss-cpu or faiss-gpu"):
        check_weighting("NCL", "sample")
    check_weighting("SGL", "sample")


def test_simplex_gets_its_negatives_in_the_order_that_it_expects(tiny, monkeypatch):
    # It folds n_negatives * n rows back into (n, n_negatives), row r with negatives of user r.
    ex = experiment(
        tiny,
        model="SimpleX",
        weighting="sample",
        train_neg_sample_args={"distribution": "uniform", "sample_num": 3},
    )
    part, seen = ex.part(0), {}
    form = BatchFormat.of_config(ex.config, False)
    batches = TrainingBatches(part.users, part.items, part.negatives, form, (1, 0))
    net = build(ex, ex.model_class)
    monkeypatch.setattr(
        net, "forward", lambda *arguments: seen.update(enumerate(arguments)) or torch.zeros(())
    )
    for batch in batches:
        net.calculate_loss(batch)
        users, items, negatives = (seen[k].numpy() for k in (0, 1, 4))
        assert negatives.shape == (len(users), 3) == (len(batch) // 3, 3)
        for user, item, drawn in zip(users, items, negatives, strict=True):
            positives = set(part.items[part.users == user])
            assert item in positives and not positives & set(drawn)


# --- refused --------------------------------------------------------------------------------


@pytest.mark.parametrize("model", SAMPLED)
def test_a_loss_that_cannot_be_weighted_is_refused_with_the_way_out(tiny, model):
    with pytest.raises(ValueError, match=rf"{model}.*{SAMPLED[model][:15]}.*--weighting=sample"):
        experiment(tiny, model=model)


@pytest.mark.parametrize("weighting", ["loss", "sample"])
@pytest.mark.parametrize("model", REFUSED)
def test_models_that_do_not_train_on_interactions_are_refused(tiny, model, weighting):
    with pytest.raises(
        ValueError,
        match=rf"{model} cannot be trained .*models that can: ({family_of(model)}|general): ",
    ) as e:
        experiment(tiny, model=model, weighting=weighting)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("model", ["sasrec", "bpr", "Nonesuch"])
def test_other_models_are_refused(tiny, model):
    with pytest.raises(ValueError, match=f"'{model}'.*not a recommender of.*LightGCN.*SASRec"):
        experiment(tiny, model=model)


def test_every_recommender_of_this_package_is_found_by_its_name():
    names = models_of("of this package")
    assert {model_class(name).__name__ for name in names} == names


@pytest.mark.parametrize(("given", "meant"), [("TALLL", "TALL"), ("ampcf", "AMPCF")])
def test_names_of_our_own_recommenders_are_suggested(tiny, given, meant):
    with pytest.raises(ValueError, match=f"'{given}'.*did you mean '{meant}'.*of this package"):
        experiment(tiny, model=given)


@pytest.mark.parametrize("model", ["EnLFT", "LOCA"])
def test_models_that_start_from_a_trained_one_name_the_study_that_trains_both(tiny, model):
    with pytest.raises(
        ValueError, match=f"{model} cannot .*trained model.*`groupmix reproduce tall`"
    ):
        experiment(tiny, model=model)


def test_weights_of_tall_by_batch_need_the_sampler(tiny):
    with pytest.raises(ValueError, match=r"weight_norm is 'batch'.*TALL.*--weighting=sample"):
        experiment(tiny, model="TALL", weight_norm="batch")
    experiment(tiny, model="TALL", weight_norm="batch", weighting="sample")


@pytest.mark.parametrize("model", CLOSED_FORM)
def test_models_in_closed_form_need_no_sampling(tiny, model):
    with pytest.raises(ValueError, match=rf"{model} is solved exactly.*--weighting=loss"):
        experiment(tiny, model=model, weighting="sample")


def test_our_classes_stand_for_some_models_and_recboles_for_the_others():
    for model in USABLE & models_of("general") - {"WeightedSVD"}:
        ours = model_class(model).__module__.startswith("recbole_groupmix.")
        expected = {"BPR", "LightGCN", "EASE", *(USER_WISE & set(EXACT))}
        assert ours == (model in expected)
        assert issubclass(model_class(model), get_model(model))


def test_initial_values_of_our_own_leave_padding_rows_at_0(tiny):
    # SimpleX averages over histories that are filled up by item 0
    ex = experiment(tiny, model="SimpleX", weighting="sample", init="normal(0.5)")
    with recbole_compat():
        items = build_model(ex, ex.part(0), None, (1, 0), ex.config).item_emb.weight
    assert items[0].abs().max() == 0 and items[1:].std().item() == pytest.approx(0.5, rel=0.2)


def test_ratings_cannot_be_learned(tiny):
    ex = experiment(tiny, model="DMF", inter_matrix_type="rating")
    with pytest.raises(ValueError, match=r"inter_matrix_type is 'rating'.*inter_matrix_type=01"):
        BatchFormat.of_config(ex.config, False)
