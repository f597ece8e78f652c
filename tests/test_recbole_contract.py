"""What this package relies on in RecBole 1.2.1, one test for each trap and each seam.

When one of these fails after an upgrade, its message says what changed and which module of ours
stands on it.
"""

import inspect
import os
import random
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from helpers import experiment, job, write_data_set
from recbole.config import Config
from recbole.data.dataset import Dataset
from recbole.data.interaction import Interaction
from recbole.data.utils import data_preparation
from recbole.model import general_recommender
from recbole.model.loss import BPRLoss, EmbLoss
from recbole.sampler import Sampler
from recbole.trainer import Trainer, trainer
from recbole.utils import InputType, ModelType, early_stopping, get_trainer
from scipy.sparse import coo_matrix, dok_matrix

from recbole_groupmix.adapters.batch_format import BatchFormat
from recbole_groupmix.adapters.batches import TrainingBatches
from recbole_groupmix.adapters.bpr import BPR
from recbole_groupmix.adapters.compat import recbole_compat, without_folders
from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.dataset import dataset_class, load_dataset
from recbole_groupmix.adapters.held_out import scores_of_all_items
from recbole_groupmix.adapters.lightgcn import LightGCN
from recbole_groupmix.adapters.read_table import read_table
from recbole_groupmix.adapters.seeding import global_seed
from recbole_groupmix.adapters.trainer import GroupMixTrainer, trainer_class
from recbole_groupmix.core.mix import Mix
from recbole_groupmix.models import general
from recbole_groupmix.prepare.atomic import write_atomic
from recbole_groupmix.training.one_by_one import OneByOne

pytestmark = pytest.mark.contract


def changed(what, module):
    return f"RecBole changed: {what}. {module} relies on the former behaviour."


def config_of(folder, model="BPR", **values):
    return GroupMixConfig(model, "tiny", values, folder=folder / "tiny", user_columns=("group",))


# --- Config ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hook",
    [
        "_load_cmd_line",
        "compatibility_settings",
        "_convert_config_dict",
        "_set_default_parameters",
        "_init_device",
    ],
)
def test_config_calls_the_methods_that_ours_overrides(tiny, monkeypatch, hook):
    called, method = [], getattr(GroupMixConfig, hook)
    monkeypatch.setattr(
        GroupMixConfig, hook, lambda *args: called.append(hook) or method(*args), raising=True
    )
    config_of(tiny, learning_rate=0.1)
    assert hook in vars(Config), changed(f"Config has no {hook}", "adapters/config.py")
    assert called, changed(f"Config.__init__ does not call {hook}", "adapters/config.py")


def test_the_command_line_of_the_process_is_not_read(tiny, monkeypatch):
    # trap: RecBole's Config takes --seed=7 from whatever program imports it, and any other key
    monkeypatch.setattr(sys, "argv", ["pytest", "--seed=7", "--cov=recbole_groupmix"])
    config = config_of(tiny, seed=3)
    message = changed("Config reads sys.argv by another way", "adapters/config.py")
    assert config["seed"] == 3 and "cov" not in config, message


def test_only_our_three_habits_tell_our_config_from_recboles(tiny, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["pytest"])
    monkeypatch.setattr(Config, "compatibility_settings", lambda self: None)  # fails on numpy 2
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    values = {"learning_rate": "0.5", "topk": "[5, 10]", "data_path": str(tiny), "gpu_id": ""}
    for model in ("BPR", "NeuMF", "MultiVAE"):
        theirs = Config(model, "tiny", config_dict=dict(values)).final_config_dict
        ours = GroupMixConfig(model, "tiny", values).final_config_dict
        assert ours == theirs, changed("what Config makes of its arguments", "adapters/config.py")
        assert ours["learning_rate"] == 0.5


def test_strings_are_not_evaluated(tiny):
    # trap: RecBole's Config turns 1-5 into -4
    config = config_of(tiny, output_dir="1-5", target="__import__('os')", wandb_project="07")
    assert [config[key] for key in ("output_dir", "target", "wandb_project")] == [
        "1-5",
        "__import__('os')",
        "07",
    ], changed("Config evaluates strings by another way", "adapters/config.py")


def test_unknown_keys_are_none(tiny):
    # trap, and we use it: keys that are not set fall back to our defaults
    assert config_of(tiny)["reg_wieght"] is None, changed(
        "an unknown key of Config is no longer None", "adapters/bpr.py and trainer.py"
    )


def test_a_class_of_ours_gets_the_properties_of_its_name(tiny):
    config = config_of(tiny, LightGCN)
    assert (config["model"], config["n_layers"]) == ("LightGCN", 2), changed(
        "Config no longer finds a model's YAML file by its class name", "recommenders/by_name.py"
    )
    assert config["MODEL_INPUT_TYPE"] == InputType.PAIRWISE, changed(
        "MODEL_INPUT_TYPE", "adapters/batches.py"
    )


def test_the_folder_of_the_data_is_ours_to_choose(tiny):
    # trap: RecBole pins ml-100k to the copy inside its package
    write_data_set(tiny, "ml-100k", {"user_id:token": ["a", "b"], "item_id:token": ["x", "x"]})
    config = GroupMixConfig("BPR", "ml-100k", folder=tiny / "ml-100k")
    assert load_dataset(config).inter_num == 2, changed(
        "the data set is not read from config['data_path']", "adapters/config.py"
    )


@pytest.mark.parametrize(
    ("given", "expected"), [({}, "3,4"), ({"gpu_id": ""}, ""), ({"gpu_id": "4"}, "4")]
)
def test_the_visible_gpus_stay_visible(tiny, monkeypatch, given, expected):
    # trap: RecBole overwrites CUDA_VISIBLE_DEVICES by gpu_id, by default "0"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4")
    config_of(tiny, **given)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == expected, changed(
        "where Config takes CUDA_VISIBLE_DEVICES from", "adapters/config.py"
    )


# --- numpy and scipy ------------------------------------------------------------------------


def test_names_are_lent_and_taken_back():
    # numpy 1 and 2 both have bool only as np.bool (2) or not at all (1): what was there stays
    names = ("float", "int", "object", "long", "unicode", "bool", "str")
    before = {name: vars(np).get(name) for name in names}
    had_update = hasattr(dok_matrix, "_update")
    with recbole_compat():
        with recbole_compat():
            assert vars(np)["float"] is np.float64 and vars(np)["object"] is np.object_
        assert vars(np)["float"] is np.float64, "an inner block took back what the outer had lent"
        matrix = dok_matrix((2, 3))
        matrix._update({(0, 1): 2.0, (1, 2): 3.0})
        assert matrix.toarray().tolist() == [[0, 2, 0], [0, 0, 3]]
    assert {name: vars(np).get(name) for name in names} == before
    assert hasattr(dok_matrix, "_update") == had_update


def test_names_are_taken_back_after_an_error():
    with pytest.raises(ValueError, match="inside"), recbole_compat():
        raise ValueError("inside")
    assert "float" not in vars(np)


def test_escapes_that_python_does_not_know_are_silent():
    # trap: docstrings of DIEN, a SyntaxWarning from Python 3.12 on where they are not yet compiled
    from_314_on = r'"\p" is an invalid escape sequence. Such sequences will not work in future'
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with recbole_compat():
            compile(r'"\p"', "/lib/recbole/dien.py", "exec")
            warnings.warn_explicit(from_314_on, SyntaxWarning, "/lib/recbole/dien.py", 1)
    assert not heard


def test_nothing_of_ours_sets_names_on_numpy(tiny):
    # trap: RecBole's Config sets np.float and others for good, which fails on numpy 2
    experiment(tiny)
    assert "float" not in vars(np) and "object" not in vars(np), changed(
        "np aliases are set outside Config.compatibility_settings", "adapters/config.py"
    )


def test_the_trainer_looks_up_the_names_that_are_replaced(tiny, tmp_path):
    for name in ("get_tensorboard", "ensure_dir"):
        assert hasattr(trainer, name), changed(
            f"recbole.trainer.trainer has no {name}", "adapters/compat.py"
        )
    config = config_of(tiny)
    with without_folders():
        writer = Trainer(config, BPR(config, load_dataset(config))).tensorboard
    assert type(writer).__name__ == "_SilentWriter", changed(
        "Trainer opens TensorBoard by another name", "adapters/compat.py"
    )
    assert list(tmp_path.iterdir()) == [], changed(
        "Trainer makes its checkpoint folder by another name", "adapters/compat.py"
    )


def test_training_leaves_nothing_in_the_working_folder(tiny, tmp_path):
    # trap: log_tensorboard/ and saved/ appear where a program runs
    assert list(tmp_path.iterdir()) == []
    ex = experiment(tiny)
    jobs = [job(ex, "own", Mix({"B": 0.5, "C": 0.5}, 1.0), part) for part in (1, 2)]
    assert len(list(OneByOne().train(ex, jobs))) == 2
    left = [path.name for path in tmp_path.iterdir()]
    assert left == [], changed(f"Trainer or Dataset makes {left}", "adapters/compat.py")


_FRESH = """
import importlib, pkgutil, sys
import recbole_groupmix
for module in pkgutil.walk_packages(recbole_groupmix.__path__, "recbole_groupmix."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
assert "recbole.trainer" in sys.modules
print(sorted({"ray", "recbole.quick_start", "hyperopt"} & set(sys.modules)))
import torch
from recbole_groupmix import GroupMixConfig
from recbole_groupmix.recommenders.by_name import model_class
model_class("SASRec")
GroupMixConfig("SASRec", "ml-100k", {"train_neg_sample_args": None})
print(torch.is_anomaly_enabled())
import recbole.model.sequential_recommender.sine as sine
importlib.reload(sine)
print(torch.is_anomaly_enabled())
"""


@pytest.fixture(scope="module")
def fresh(repository):
    """What a process says that imports all of ours, and then looks up a sequential model."""
    done = subprocess.run(
        [sys.executable, "-c", _FRESH], cwd=repository, capture_output=True, text=True
    )
    loaded, *anomaly = [*done.stdout.splitlines()[-3:], "", "", ""][:3]
    return loaded, anomaly, done.stderr


def test_nothing_imports_quick_start_or_ray(fresh):
    # trap: recbole.quick_start imports ray, which modern Pythons cannot have
    loaded, _, err = fresh
    assert loaded == "[]", changed(
        f"importing what we import loads {loaded} {err}", "every adapter"
    )


def test_a_sequential_model_does_not_slow_down_all_training_after_it(fresh):
    # trap: recbole's sine.py switches autograd's detection of anomalies on when it is imported, by
    # whoever looks up a model that is no general recommender; NaN then raises in backward
    _, (ours, theirs), err = fresh
    assert ours == "False", err
    assert theirs == "True", changed("SINE leaves autograd alone", "adapters/compat.py")


# --- Dataset --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hook", ["_from_scratch", "_load_feat", "_fill_nan", "_change_feat_format"]
)
def test_dataset_calls_the_methods_that_ours_overrides(tiny, monkeypatch, hook):
    called, method = [], getattr(Dataset, hook)
    monkeypatch.setattr(Dataset, hook, lambda *args: called.append(hook) or method(*args))
    load_dataset(config_of(tiny))
    assert called, changed(f"Dataset does not call {hook}", "adapters/dataset.py")


def test_files_are_read_by_the_name_that_is_replaced(tiny, monkeypatch):
    called = []

    def recorded(read_csv, path, say, **given):
        called.append((set(given), given["dtype"]))
        return read_table(read_csv, path, say, **given)

    monkeypatch.setattr("recbole_groupmix.adapters.dataset.read_table", recorded)
    load_dataset(config_of(tiny))
    keys = {"delimiter", "usecols", "dtype", "encoding", "engine"}
    types = [
        {"user_id:token": str, "item_id:token": str},
        {"user_id:token": str, "group:token": str},
    ]
    assert called == [(keys, types[0]), (keys, types[1])], changed(
        "_load_feat calls pd.read_csv in another way", "adapters/read_table.py"
    )


def test_padding_rows_of_token_columns_are_0(tmp_path):
    # trap: fillna(inplace=True) on a column does nothing under pandas 3, and the padding row of
    # the group column then is int64's minimum
    write_data_set(
        tmp_path,
        "tiny",
        {"user_id:token": ["a", "b", "c"], "item_id:token": ["x", "y", "x"]},
        {"user_id:token": ["a", "b", "c"], "group:token": ["G", "", "H"], "age:float": [1, 2, 3]},
    )
    values = {"load_col": {"inter": ["user_id", "item_id"], "user": ["user_id", "age"]}}
    dataset = load_dataset(config_of(tmp_path, **values))
    codes = dataset.user_feat["group"]
    assert codes.dtype == torch.int64 and codes.tolist() == [0, 1, 0, 2], changed(
        "missing tokens are not 0", "adapters/dataset.py"
    )
    # RecBole's rule for floats: the mean of the values that are there, (1 + 2 + 3) / 3
    assert dataset.user_feat["age"].tolist() == [2, 1, 2, 3], changed(
        "missing floats are not the mean", "adapters/dataset.py"
    )


def test_the_padding_id_is_0_and_real_ids_begin_at_1(tiny):
    dataset = load_dataset(config_of(tiny))
    for field in ("user_id", "item_id", "group"):
        assert dataset.field2id_token[field][0] == "[PAD]", changed(
            f"id 0 of {field} is no padding", "adapters/groups.py, core/uniform_negatives.py"
        )
    assert min(dataset.inter_feat["user_id"]) == min(dataset.inter_feat["item_id"]) == 1


def test_copies_share_all_but_the_interactions(tiny):
    ex = experiment(tiny)
    of_b = np.flatnonzero(ex.groups.of_user == ex.groups.index("B"))
    rows = np.flatnonzero(np.isin(ex.users, of_b))
    part = ex.dataset.copy(ex.dataset.inter_feat[rows])
    message = changed("Dataset.copy or indexing of Interaction", "experiment/experiment.py")
    assert (part.user_num, part.item_num) == (33, 41), message
    assert part.inter_num == len(rows) < ex.dataset.inter_num == len(ex.users), message
    history, _, lengths = part.history_item_matrix()
    assert np.flatnonzero(lengths.numpy()).tolist() == of_b.tolist(), changed(
        "histories are not built from inter_feat", "training/job.py (users of weight 0)"
    )
    assert sorted(set(history[of_b[0]].tolist()) - {0}) == sorted(ex.items[ex.users == of_b[0]])
    assert part.inter_matrix("csr").getnnz(axis=1).nonzero()[0].tolist() == of_b.tolist()


def test_a_data_set_that_is_not_there_is_downloaded_by_us(monkeypatch, tmp_path):
    # trap: Dataset._download waits for ever, leaves halves and ends at a barrier that raises
    def arrives(name, folder):
        columns = {"user_id:token": ["a", "b"], "item_id:token": ["x", "y"]}
        folder.mkdir(parents=True)
        write_atomic(folder, name, "inter", columns)

    monkeypatch.setattr("recbole_groupmix.adapters.dataset.download", arrives)
    config = GroupMixConfig("BPR", "ml-1m", folder=tmp_path / "data" / "ml-1m")
    assert load_dataset(config).inter_num == 2, changed("_download", "adapters/dataset.py")


# --- losses and models ----------------------------------------------------------------------


def test_bpr_loss_is_the_mean_of_what_its_twin_weights():
    # trap: BPRLoss ends in .mean() and has no reduction=
    module = BPRLoss()
    assert module.gamma == 1e-10, changed("BPRLoss.gamma", "adapters/losses.py")
    pos, neg = torch.tensor([2.0, -1.0]), torch.tensor([0.5, 3.0])
    # -log(sigmoid(1.5)) = log(1 + e^-1.5) = 0.2014, -log(sigmoid(-4)) = log(1 + e^4) = 4.0181
    expected = (np.log1p(np.exp(-1.5)) + np.log1p(np.exp(4.0))) / 2
    assert module(pos, neg).item() == pytest.approx(expected), changed(
        "BPRLoss is no mean of -log sigmoid", "adapters/losses.py"
    )


def test_emb_loss_squared_is_half_the_squared_norms_over_the_rows():
    module = EmbLoss()
    assert module.norm == 2, changed("EmbLoss.norm", "adapters/losses.py")
    a, b = torch.tensor([[3.0, 4.0], [0.0, 1.0]]), torch.tensor([[1.0, 1.0], [2.0, 0.0]])
    # (9 + 16 + 0 + 1 + 1 + 1 + 4 + 0) / 2 rows / 2 = 8
    assert module(a, b, require_pow=True).item() == pytest.approx(8.0), changed(
        "EmbLoss(require_pow=True)", "adapters/losses.py"
    )


def test_the_graph_of_lightgcn_is_recboles_entry_by_entry(tiny):
    ex = experiment(tiny, model="LightGCN")
    dataset = ex.dataset_of(ex.part(0))
    with recbole_compat(), global_seed(0):
        theirs = general_recommender.LightGCN(ex.config, dataset).norm_adj_matrix.to_dense()
        ours = LightGCN(ex.config, dataset).norm_adj_matrix.to_dense()
    assert theirs.count_nonzero() == 2 * dataset.inter_num
    torch.testing.assert_close(
        ours,
        theirs,
        rtol=0,
        atol=1e-6,
        msg=changed("the normalised adjacency of LightGCN", "adapters/lightgcn.py"),
    )


def test_an_interaction_that_occurs_twice_is_one_edge(tiny):
    # recent releases of scipy merge repeated entries at astype(), older ones hand them on
    config = config_of(tiny, "LightGCN", embedding_size=2)
    dataset = load_dataset(config)
    graphs = []
    for cls in (general_recommender.LightGCN, LightGCN):
        with recbole_compat():
            net = cls(config, dataset)
            pairs = (np.ones(3, dtype=np.float32), ([1, 1, 2], [4, 4, 4]))
            net.interaction_matrix = coo_matrix(pairs, shape=(33, 41))
            graphs.append(net.get_norm_adj_mat().to_dense())
    # user 1 has one edge, item 4 two: 1 / sqrt(1 * 2)
    assert graphs[1][1, 33 + 4].item() == pytest.approx(1 / np.sqrt(2))
    torch.testing.assert_close(graphs[1], graphs[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["NeuMF", "NNCF", "ConvNCF"])
def test_models_without_full_sort_predict_say_so(tiny, name):
    cls = getattr(general_recommender, name)
    assert "full_sort_predict" not in vars(cls)
    with pytest.raises(NotImplementedError):
        cls.full_sort_predict(None, None)


def test_the_score_of_a_pair_does_not_depend_on_the_way_it_is_asked_for(tiny):
    # the counterpart: BPR has full_sort_predict, and predict gives the same
    ex = experiment(tiny)
    with recbole_compat(), global_seed(0):
        net = ex.model_class(ex.config, ex.dataset)
    users = np.array([3, 1])
    pairs = Interaction({"user_id": torch.tensor([3, 3, 1]), "item_id": torch.tensor([5, 0, 7])})
    scores = scores_of_all_items(net, users, 41)
    assert scores.shape == (2, 41)
    with torch.no_grad():
        expected = net.predict(pairs)
    found = scores[[0, 0, 1], [5, 0, 7]].tolist()
    assert found == pytest.approx(expected.tolist(), abs=1e-6), changed(
        "full_sort_predict is not ordered by user", "adapters/held_out.py"
    )


# --- Trainer --------------------------------------------------------------------------------

NAMES = [*general.EXACT, *general.SAMPLED]
TRAINERS = sorted({get_trainer(ModelType.GENERAL, name) for name in NAMES}, key=str)


@pytest.mark.parametrize("base", [Trainer, *TRAINERS])
def test_train_epoch_takes_a_loss_function(base):
    parameters = list(inspect.signature(base._train_epoch).parameters)
    assert parameters == ["self", "train_data", "epoch_idx", "loss_func", "show_progress"], (
        changed(f"{base.__name__}._train_epoch has parameters {parameters}", "adapters/trainer.py")
    )
    parameters = inspect.signature(base.fit).parameters
    assert {"valid_data", "verbose", "saved"} <= set(parameters), changed(
        f"{base.__name__}.fit", "training/one_by_one.py"
    )


def test_the_loss_function_is_used_for_every_batch(tiny):
    ex = experiment(tiny, train_batch_size=64)
    with recbole_compat():
        net = ex.model_class(ex.config, ex.dataset)
    batches, seen = [f"batch {k}" for k in range(3)], []

    class Batch(str):
        def to(self, device):
            return self

    def loss(batch):
        seen.append(str(batch))
        return net.user_embedding.weight.sum()

    ours = GroupMixTrainer(ex.config, net)
    Trainer._train_epoch(ours, [Batch(name) for name in batches], 0, loss_func=loss)
    assert seen == batches, changed("_train_epoch does not call loss_func", "adapters/trainer.py")


def test_fit_asks_valid_epoch_when_there_is_valid_data_and_stops_by_it(tiny):
    ex = experiment(tiny, epochs=20, eval_step=2, stopping_step=1)
    part, asked = ex.part(1), []
    with recbole_compat():
        net = ex.model_class(ex.config, ex.dataset)
    scores = iter([0.1, 0.3, 0.2, 0.3, 0.2, 0.2, 0.9])

    def validate(model):
        assert model is net and not model.training and not torch.is_grad_enabled()
        asked.append(next(scores))
        return asked[-1], {"recall": asked[-1]}

    form = BatchFormat.of_config(ex.config, False)
    batches = TrainingBatches(part.users, part.items, part.negatives, form, (1, 0))
    ours = GroupMixTrainer(ex.config, net, np.ones(33), validate=validate)
    score, _ = ours.fit(batches, True, verbose=False, saved=False)
    # patience 1: stops at the second score in a row below the best; an equal score resets it
    assert asked == [0.1, 0.3, 0.2, 0.3, 0.2, 0.2] and score == 0.3, changed(
        "when Trainer.fit evaluates or stops", "adapters/trainer.py, training/joint.py"
    )
    assert batches._epoch == 12, changed("epochs between evaluations", "training/one_by_one.py")


def test_early_stopping_takes_the_last_of_equals():
    assert early_stopping(0.5, 0.5, 3, 4) == (0.5, 0, False, True), changed(
        "early_stopping at an equal score", "training/early_stopping.py"
    )
    assert early_stopping(0.4, 0.5, 4, 4) == (0.5, 5, True, False), changed(
        "early_stopping beyond its patience", "training/joint.py"
    )


def test_most_models_have_the_plain_trainer_and_the_others_a_subclass(tiny):
    own = {name for name in NAMES if get_trainer(ModelType.GENERAL, name) is not Trainer}
    assert own == {"NCL", "RecVAE"}, changed(
        f"models with a trainer of their own are {own}", "adapters/trainer.py"
    )
    for name in own:
        config = experiment_config(tiny, name)
        combined = trainer_class(config)
        base = get_trainer(ModelType.GENERAL, name)
        assert combined.__mro__[1:3] == (GroupMixTrainer, base) and issubclass(base, Trainer)
    assert trainer_class(config_of(tiny)) is GroupMixTrainer


def experiment_config(folder, model):
    return config_of(folder, model, embedding_size=8)


def test_checkpoints_are_read_by_torch_and_by_recbole(tiny, tmp_path):
    # trap: RecBole pickles its Config into them, which torch.load refuses since 2.6
    config = config_of(
        tiny, "LightGCN", embedding_size=8, checkpoint_dir=str(tmp_path / "deep" / "er")
    )
    with global_seed(0), recbole_compat():
        dataset = dataset_class("LightGCN", config["MODEL_TYPE"])(config)
        train_data, valid_data, test_data = data_preparation(config, dataset)
        nets = [LightGCN(config, train_data.dataset) for _ in range(2)]
        first, second = (GroupMixTrainer(config, net, np.ones(33)) for net in nets)
        first.epochs = 2
        first.fit(train_data, valid_data, verbose=False, saved=True)
        file = first.saved_model_file
        expected = first.evaluate(test_data, load_best_model=True)
        message = changed("what Trainer reads from a checkpoint", "adapters/trainer.py")
        assert second.evaluate(test_data, load_best_model=True, model_file=file) == expected, (
            message
        )
        second.resume_checkpoint(file)
    assert second.start_epoch == torch.load(file)["epoch"] + 1 > 0, message
    for ours, theirs in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_checkpoint_of_ours_holds_what_recboles_holds(tiny, tmp_path):
    config = config_of(tiny, checkpoint_dir=str(tmp_path))
    net = BPR(config, load_dataset(config))
    ours = GroupMixTrainer(config, net, np.ones(33))
    ours._save_checkpoint(3, verbose=False, saved_model_file=str(tmp_path / "ours.pth"))
    Trainer._save_checkpoint(ours, 3, verbose=False, saved_model_file=str(tmp_path / "theirs.pth"))
    found = torch.load(tmp_path / "ours.pth")
    expected = torch.load(tmp_path / "theirs.pth", weights_only=False)
    assert found.keys() == expected.keys(), changed(
        f"checkpoints hold {sorted(expected)}", "adapters/trainer.py"
    )


# --- randomness -----------------------------------------------------------------------------


def numpy_state():
    return np.random.get_state()[1].tolist()  # noqa: NPY002 - the one that RecBole reads


def test_recboles_sampler_draws_from_the_global_state_and_our_batches_do_not(tiny):
    # trap, and the reason why models are built and trained inside global_seed
    ex = experiment(tiny, train_batch_size=16)
    part = ex.part(0)
    state = numpy_state()
    form = BatchFormat.of_config(ex.config, False)
    for _ in TrainingBatches(part.users, part.items, part.negatives, form, (1, 0)):
        pass
    assert numpy_state() == state
    sampler = Sampler(["train"], [ex.dataset], "uniform").set_phase("train")
    draws = []
    for seed in (5, 5, 6):
        with global_seed(seed):
            draws.append(sampler.sample_by_user_ids(part.users, part.items, 1).tolist())
    assert draws[0] == draws[1] != draws[2], changed(
        "Sampler does not draw from numpy's global state", "adapters/seeding.py"
    )


def test_global_seeds_are_given_back():
    torch.manual_seed(1)
    random.seed(1)
    before = random.getstate(), numpy_state(), torch.get_rng_state().tolist()
    draws = []
    for _ in range(2):
        with global_seed(2**62 + 5):
            draws.append((random.random(), numpy_state(), torch.rand(1).item()))
    after = random.getstate(), numpy_state(), torch.get_rng_state().tolist()
    assert before == after and draws[0] == draws[1]
