"""Notes about given keys that change nothing; no note about keys that do."""

import inspect

import pytest

from recbole_groupmix.adapters.context import LooksUpFeatures
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.models import CLOSED_FORM, EXACT, NEEDS, SAMPLED
from recbole_groupmix.recommenders.by_name import model_class
from recbole_groupmix.settings.keys import recbole_folder
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.settings.model import model_sources, reads_features
from recbole_groupmix.settings.yaml_files import read_settings_file

#: RecBole's YAML of the model has the key, but neither model nor trainer reads it.
DEAD = {"DMF": {"embedding_size"}, "RepeatNet": {"loss_type"}, "KD_DAGFM": {"t_cin", "t_depth"}}


def notes(model, **given):
    return merge_settings({"dataset": "blockmix", "model": model, **given}, where="here").notes


@pytest.mark.parametrize("model", sorted({*EXACT, *SAMPLED, *CLOSED_FORM} - set(NEEDS)))
def test_every_key_of_a_model_s_own_yaml_has_an_effect(model):
    file = recbole_folder() / "properties" / "model" / f"{model}.yaml"
    if not file.is_file():
        pytest.skip("no model of RecBole's")
    keys = read_settings_file(file)
    weighting = "sample" if model in SAMPLED else "loss"
    found = notes(model, **keys, weighting=weighting)
    assert {note.split()[0] for note in found} == DEAD.get(model, set())


@pytest.mark.parametrize("model", sorted({*EXACT, *SAMPLED, *CLOSED_FORM} - set(NEEDS)))
def test_source_of_a_model_is_that_of_its_classes(model):
    """Read from files by name; here of the classes that are imported."""
    packages = ("recbole.", "recbole_groupmix.")
    classes = [c for c in model_class(model).__mro__ if c.__module__.startswith(packages)]
    if LooksUpFeatures in classes:  # made from it and RecBole's class, neither of which reads keys
        classes = [c for c in classes if c is not LooksUpFeatures][1:]
    assert set(model_sources(model)) == {inspect.getsource(c).strip() for c in classes}


def test_keys_of_other_models_are_named():
    assert notes("BPR", n_layers=3, embedding_size=8, reg_weight=0.1) == (
        "n_layers is 3 (here) and has no effect: BPR does not read it",
    )
    assert notes("LightGCN", n_layers=3) == ()
    assert notes("NeuMF", reg_weight=0.1) == (
        "reg_weight is 0.1 (here) and has no effect: NeuMF does not read it",
    )
    assert notes("EASE", reg_weight=500) == ()
    assert [note.split()[0] for note in notes("EASE", embedding_size=8)] == ["embedding_size"]


def test_keys_of_recbole_and_of_this_plugin_have_none():
    given = {"learning_rate": 0.1, "train_batch_size": 64, "user_inter_num_interval": "[0,inf)"}
    assert notes("BPR", **given, threshold={"rating": 3}, seed=1, fine_tune=False) == ()


def test_features_that_the_model_does_not_read():
    given = {
        "preload_weight": {"uid": "vector"},
        "additional_feat_suffix": ["vectors"],
        "normalize_field": ["age"],
        "numerical_features": [],
    }
    named = ["preload_weight", "additional_feat_suffix", "normalize_field"]
    for model in ("BPR", "EASE"):
        found = notes(model, **given)
        assert [note.split()[0] for note in found] == named
        assert f"{model} reads no features of users or items" in found[0]
    ranked = notes("BPR", additional_feat_suffix=["next"], alias_of_item_id=["next_item"])
    assert ranked == ()  # the items of that file are ranked
    assert reads_features("GRU4RecKG")  # vectors of items; no model that is trained here does


def test_the_weighted_loss_s_keys_under_the_sampler():
    why = "weighting sample leaves the model's loss as it is"
    assert notes("BPR", weighting="sample", loss_norm="weight", regularizer="rows") == (
        f"regularizer is 'rows' (here) and has no effect: {why}",
        f"loss_norm is 'weight' (here) and has no effect: {why}",
    )
    assert notes("BPR", loss_norm="weight", regularizer="rows") == ()


def test_a_run_has_the_notes():
    settings = merge_settings({"dataset": "blockmix", "target": "A", "n_layers": 3}, where="here")
    experiment = Experiment(settings)
    assert experiment.settings is settings
    assert [note.split()[0] for note in settings.notes] == ["n_layers"]
    assert experiment.notes == settings.notes == experiment.for_target("B").notes


def test_keys_made_idle_by_another_key_are_said():
    split = {"benchmark_filename": ["train", "test"]}
    given = {"user_inter_num_interval": "[5,inf)", "rm_dup_inter": "first"}
    said = notes("BPR", **given, **split)
    assert [note.split()[0] for note in said] == list(given)
    assert all("RecBole filters no given split" in note for note in said)
    assert notes("BPR", **given) == ()
    (said,) = notes("BPR", early_stopping=False, stopping_step=3)
    assert said.startswith("stopping_step is 3") and "early_stopping is off" in said
    (said,) = notes("BPR", preload_weight={"uid": "vector"})
    assert "BPR reads no features of users or items" in said
