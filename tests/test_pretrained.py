"""Models that start from checkpoints: by their weights, and by nothing else that is in them."""

import logging
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from command import call, run_arguments
from helpers import experiment, write_tiny
from recbole.data.utils import data_preparation
from recbole.trainer import Trainer
from recbole.utils import get_model

from recbole_groupmix import load_run
from recbole_groupmix.adapters.checkpoint import Inert, read_checkpoint
from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.dataset import dataset_class
from recbole_groupmix.adapters.seeding import global_seed
from recbole_groupmix.search.identity import run_folder
from recbole_groupmix.training.one_by_one import build_model

SIZES = {"mf_embedding_size": 8, "mlp_embedding_size": 8, "mlp_hidden_size": [16, 8]}
#: What each model starts from: the key, the model that made it, and its options.
PARTS = {
    "mf_pretrain_path": ("NeuMF", {"mlp_train": False}),
    "mlp_pretrain_path": ("NeuMF", {"mf_train": False}),
    "pre_model_path": ("BPR", {"embedding_size": 8}),
    "pretrain_path": ("FISM", {"embedding_size": 8}),
}
STARTS = {
    "NeuMF": ({"use_pretrain": True, **SIZES}, ("mf_pretrain_path", "mlp_pretrain_path")),
    "ConvNCF": (
        {
            "train_method": "after_pretrain",
            "cnn_channels": [1, 4, 4],
            "cnn_kernels": [4, 2],
            "cnn_strides": [4, 2],
        },
        ("pre_model_path",),
    ),
    "NAIS": ({}, ("pretrain_path",)),
}


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Return checkpoints of RecBole's own trainer by key, and the models that they are of."""
    folder = tmp_path_factory.mktemp("parts")
    write_tiny(folder)
    made = {}
    for key, (model, options) in PARTS.items():
        given = {
            "epochs": 1,
            "metrics": ["Recall"],
            "topk": [5],
            "valid_metric": "Recall@5",
            "checkpoint_dir": str(folder / key),
            **SIZES,
            **options,
        }
        with pytest.MonkeyPatch.context() as patch, recbole_compat(), global_seed(len(made)):
            patch.chdir(folder)
            config = GroupMixConfig(model, "tiny", given, folder=folder / "tiny")
            loaders = data_preparation(config, dataset_class(model, config["MODEL_TYPE"])(config))
            net = get_model(model)(config, loaders[0].dataset)
            trainer = Trainer(config, net)
            trainer.fit(loaders[0], loaders[1], verbose=False)
        made[key] = Path(trainer.saved_model_file), net.state_dict()
    return made


def started(folder, parts, model, **changed):
    """Settings of a run whose models start from the parts."""
    options, keys = STARTS[model]
    paths = {key: str(parts[key][0]) for key in keys}
    weighting = "loss" if model == "NeuMF" else "sample"
    return {"model": model, "weighting": weighting, **options, **paths, **changed}


def built(folder, **settings):
    ex = experiment(folder, **settings)
    with global_seed(1), recbole_compat():
        return build_model(ex, ex.part(0), None, (1, 0), ex.config).state_dict()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_recboles_checkpoints_are_what_torch_refuses(parts):
    # trap: they need not be read by a reader of ours where torch's safe one accepts them
    with pytest.raises(pickle.UnpicklingError):
        torch.load(parts["pre_model_path"][0], weights_only=True)


@pytest.mark.parametrize("key", PARTS)
def test_weights_come_out_as_they_went_in(parts, key):
    file, weights = parts[key]
    content = read_checkpoint(file)
    assert content["state_dict"].keys() == weights.keys()
    for name, value in weights.items():
        assert torch.equal(content["state_dict"][name], value)
    assert isinstance(content["config"], Inert)


def test_neumf_starts_from_its_parts(tiny, parts):
    found = built(tiny, **started(tiny, parts, "NeuMF"))
    (_, mf), (_, mlp) = parts["mf_pretrain_path"], parts["mlp_pretrain_path"]
    for name, value in found.items():
        if name == "predict_layer.weight":
            expected = torch.cat([mf[name], mlp[name]], dim=1)
        elif name == "predict_layer.bias":
            expected = (mf[name] + mlp[name]) / 2
        else:
            expected = (mf if "_mf_" in name else mlp)[name]
        assert torch.equal(value, expected), name


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("ConvNCF", ("user_embedding.weight", "item_embedding.weight")),
        ("NAIS", ("item_src_embedding.weight", "item_dst_embedding.weight")),
    ],
)
def test_others_start_from_their_embeddings(tiny, parts, model, names):
    found, (_, weights) = built(tiny, **started(tiny, parts, model)), parts[STARTS[model][1][0]]
    for name in names:
        assert torch.equal(found[name], weights[name])


def test_a_checkpoint_of_a_run_serves_too(tiny, parts):
    _, weights = parts["mf_pretrain_path"]
    torch.save({"state_dict": weights, "other_parameter": {}}, "ours.pth")
    torch.save(weights, "bare.pth")
    expected = built(tiny, **started(tiny, parts, "NeuMF"))
    for path in ("ours.pth", "bare.pth"):
        found = built(tiny, **started(tiny, parts, "NeuMF", mf_pretrain_path=path))
        assert all(torch.equal(found[name], value) for name, value in expected.items())


@pytest.mark.smoke
def test_a_run_from_parts_is_loaded_without_them(tiny, parts, monkeypatch):
    """Relative paths and ``~``; what is loaded needs no part, and a changed part is another run."""
    Path("home").mkdir()
    monkeypatch.setenv("HOME", str(Path("home").resolve()))
    Path("mf.pth").write_bytes(parts["mf_pretrain_path"][0].read_bytes())
    Path("home/mlp.pth").write_bytes(parts["mlp_pretrain_path"][0].read_bytes())
    options = {**STARTS["NeuMF"][0], "mf_pretrain_path": "mf.pth"}
    options |= {"mlp_pretrain_path": "~/mlp.pth", "model": "NeuMF", "trials": 0, "epochs": 1}
    options |= {"early_stopping": False, "embedding_size": None}
    command = run_arguments(tiny, **options)
    status, _, err = call(*command)
    assert status == 0, err
    assert "note: models start from mf_pretrain_path, mlp_pretrain_path: if these have seen" in err
    ex = experiment(tiny, **{k: v for k, v in options.items() if v is not None})
    folders = list(Path("runs").iterdir())
    assert len(folders) == 1
    first = run_folder(ex, {})[0].path.name
    content = torch.load("mf.pth", weights_only=False)
    content["state_dict"]["predict_layer.bias"] += 1
    torch.save(content, "mf.pth")
    ex = experiment(tiny, **{k: v for k, v in options.items() if v is not None})
    assert run_folder(ex, {})[0].path.name != first
    Path("mf.pth").unlink()
    _, model, _ = load_run(folders[0])
    (saved,) = folders[0].glob("model-*.pth")
    state = torch.load(saved, weights_only=True)["state_dict"]
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


# --- what a checkpoint may not do ------------------------------------------------------------


class Malicious:
    """Makes a folder when it is unpickled, in several ways."""

    def __init__(self, how, *arguments):
        self.how, self.arguments = how, arguments

    def __reduce__(self):
        return self.how, self.arguments


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize(
    "call_of",
    [
        (os.mkdir, "ran"),
        (os.system, "mkdir ran"),
        (eval, "__import__('os').mkdir('ran')"),
        (torch.hub.load, "ran", "ran"),
    ],
    ids=lambda call_of: call_of[0].__name__,
)
def test_nothing_in_a_checkpoint_runs(tiny, parts, call_of, protocol):
    weights = parts["mf_pretrain_path"][1]
    content = {"config": Malicious(*call_of), "state_dict": weights}
    torch.save(content, "bad.pth", pickle_protocol=protocol)
    found = built(tiny, **started(tiny, parts, "NeuMF", mf_pretrain_path="bad.pth"))
    name = "user_mf_embedding.weight"
    assert torch.equal(found[name], weights[name]) and not Path("ran").exists()
    if call_of[0] is not torch.hub.load:  # what would have happened
        torch.load("bad.pth", weights_only=False)
        assert Path("ran").exists()


def test_nothing_in_an_array_beside_the_data_runs(tmp_path):
    write_tiny(tmp_path)
    array = np.array([Malicious(os.mkdir, "ran")], dtype=object)
    np.save(tmp_path / "tiny" / "item_emb.npy", array)
    settings = {"model": "LDiffRec", "weighting": "sample", "n_cate": 2}
    with pytest.raises(ValueError, match="allow_pickle"):
        built(tmp_path, **settings)
    assert not Path("ran").exists()


# --- refused ---------------------------------------------------------------------------------


def refused(tiny, parts, *says, model="NeuMF", **changed):
    settings = started(tiny, parts, model, **changed)
    command = run_arguments(tiny, **{"trials": 0, "embedding_size": None, **settings})
    logging.getLogger().handlers.clear()
    status, out, err = call(*command)
    line = err.splitlines()[-1]
    assert (status, out, line[:10]) == (2, "", "groupmix: "), err
    assert [part for part in says if part not in line] == [], err
    assert not Path("runs").exists()


def test_a_file_that_is_not_there(tiny, parts):
    refused(
        tiny,
        parts,
        "mf_pretrain_path is 'gone.pth' (on the command line), and that file does not exist",
        str(Path.cwd()),
        mf_pretrain_path="gone.pth",
    )


def test_a_key_that_was_forgotten(tiny, parts):
    refused(
        tiny,
        parts,
        "use_pretrain is True (on the command line), but mlp_pretrain_path names no checkpoint",
        mlp_pretrain_path=None,
    )


@pytest.mark.parametrize(
    "content", [b"", b"no checkpoint", pickle.dumps({"state_dict": {}}), b"PK\x03\x04 cut off"]
)
def test_a_file_that_is_no_checkpoint(tiny, parts, content):
    Path("bad.pth").write_bytes(content)
    refused(
        tiny,
        parts,
        "mf_pretrain_path is 'bad.pth', which does not hold",
        mf_pretrain_path="bad.pth",
    )


def test_a_checkpoint_without_weights(tiny, parts):
    torch.save({"state_dict": {}}, "empty.pth")
    refused(tiny, parts, "'empty.pth', a checkpoint without weights", mf_pretrain_path="empty.pth")


@pytest.mark.parametrize(
    "changed", [{"mf_embedding_size": 4}, {"mlp_hidden_size": "[8,4]"}, {"mlp_train": False}]
)
def test_a_checkpoint_of_another_size(tiny, parts, changed):
    says = ("NeuMF cannot start from mf_pretrain_path", "32 users and 40 items")
    refused(tiny, parts, *says, **changed)


def test_a_checkpoint_of_another_model(tiny, parts):
    other = str(parts["pre_model_path"][0])
    refused(tiny, parts, "NeuMF cannot start from", "KeyError", mf_pretrain_path=other)


def test_initial_values_that_would_overwrite_it(tiny, parts):
    refused(tiny, parts, "init is 'normal(0.1)'", "mf_pretrain_path", init="normal(0.1)")


def test_a_fault_of_the_model_is_not_the_checkpoints(tiny, parts):
    settings = started(tiny, parts, "NeuMF", mlp_hidden_size=[-1])
    with pytest.raises(Exception, match=r"^(?!.*pretrain)"):
        built(tiny, **settings)
