"""Settings: how the layers merge, what is checked, and that text stays text."""

from pathlib import Path

import pytest
import yaml
from command import call
from recbole.utils import get_model

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.bundled import bundled
from recbole_groupmix.prepare import DATA_SETS
from recbole_groupmix.settings.by_search import for_all_targets
from recbole_groupmix.settings.keys import (
    WITHOUT_EFFECT,
    check_key,
    keys_read_by,
    known_keys,
)
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.settings.rows import OUR_KEYS, ROWS
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.settings.yaml_files import read_mix_file, read_settings_file

TUNED = bundled("properties")


def merged(*files, **given):
    return merge_settings({"dataset": "blockmix", **given}, files, where="here")


def layer(name):
    return yaml.safe_load(bundled(f"properties/{name}").read_text())


# --- layers --------------------------------------------------------------------------------------


def test_defaults():
    settings = merged()
    assert (settings.model, settings.protocol) == ("BPR", "converged")
    assert (settings.embedding_size, settings.topk) == (64, [5, 10, 20])
    assert [settings[key] for key in ("search", "trials", "folds")] == ["gp", 16, 5]
    assert settings.repeats == 5
    assert settings.valid_metric == "recall@20"  # at the largest cut-off
    assert settings.group_field == "group"  # of properties/dataset/blockmix.yaml
    assert settings.target is None


@pytest.mark.parametrize(
    ("given", "search", "trials"),
    [
        ({"search": "random"}, "random", 75),
        ({"protocol": "paper"}, "random", 75),
        ({"protocol": "paper", "search": "law"}, "law", 16),
        ({"search": "law"}, "law", 16),
        ({"trials": 75}, "gp", 75),
        ({"search": "random", "trials": 20}, "random", 20),
        ({"trials": 0}, "gp", 0),
    ],
    ids=str,
)
def test_a_search_that_learns_has_fewer_mixes_where_no_number_is_given(given, search, trials):
    settings = merged(**given)
    assert (settings.search, settings.trials) == (search, trials)


@pytest.mark.parametrize(
    ("given", "search", "trials"),
    [
        ({}, "random", 75),
        ({"trials": 4}, "random", 4),
        ({"trials": 0}, "random", 0),
        ({"search": "random"}, "random", 75),
        ({"search": "law"}, "law", 16),  # refused with its origin
        ({"protocol": "paper"}, "random", 75),
    ],
    ids=str,
)
def test_targets_that_share_their_mixes_draw_them_beforehand(given, search, trials):
    settings = for_all_targets(merged(**given))
    assert (settings.search, settings.trials) == (search, trials)


def test_data_set_and_model_over_protocol_over_defaults():
    assert merged()["init"] == layer("converged/BPR.yaml")["init"] == "normal(0.1)"
    assert ROWS["init"].default == "recbole"
    assert merged(model="NeuMF")["init"] == "recbole"  # which has no file of its own
    assert merged(dataset="lastfm-asia")["topk"] == layer("dataset/lastfm-asia.yaml")["topk"]


def test_tuned_values_hold_for_their_data_set_model_and_size_alone():
    tuned = layer("converged/ml-100k/BPR-4.yaml")
    usual = layer("converged/BPR.yaml")
    assert tuned["learning_rate"] != usual["learning_rate"]
    given = {"dataset": "ml-100k", "model": "BPR", "embedding_size": 4}
    assert merged(**given)["learning_rate"] == tuned["learning_rate"]
    for other in ({"embedding_size": 5}, {"model": "LightGCN"}, {"dataset": "blockmix"}):
        assert merged(**{**given, **other})["learning_rate"] != tuned["learning_rate"]
    assert merged(**given, protocol="paper")["learning_rate"] == 0.1 != usual["learning_rate"]
    assert merged(**given, learning_rate=0.5)["learning_rate"] == 0.5


@pytest.mark.parametrize(
    "file", [str(f.relative_to(TUNED)) for f in sorted(TUNED.glob("*/*/*.yaml"))]
)
def test_every_file_of_a_data_set_is_read_by_the_run_that_it_names(file):
    protocol, dataset, name = Path(file).with_suffix("").parts
    model, _, size = name.partition("-")
    with recbole_compat():
        assert get_model(model).__name__ == model
    sizes = [int(size)] if size else [4, 64]  # without a size it is for all of them
    values = layer(file)
    assert {"learning_rate", "reg_weight"} <= set(values) or not size
    for size in sizes:
        settings = merged(dataset=dataset, protocol=protocol, model=model, embedding_size=size)
        assert {key: settings[key] for key in values} == values
        assert {settings.origin[key] for key in values} == {f"in properties/{file}"}


def test_protocol_of_a_file_brings_its_layers():
    Path("p.yaml").write_text("protocol: paper\nmodel: LightGCN\n")
    settings = merged("p.yaml")
    assert settings["epochs"] == layer("paper.yaml")["epochs"] == 40
    assert settings["n_layers"] == layer("paper/LightGCN.yaml")["n_layers"] == 1
    assert merged("p.yaml", protocol="converged")["epochs"] == 2000


def test_given_over_files_and_later_files_over_earlier():
    Path("a.yaml").write_text("seed: 1\nfolds: 4\nrepeats: 7\n")
    Path("b.yaml").write_text("seed: 2\nfolds: 5\n")
    settings = merged("a.yaml", "b.yaml", seed=3)
    assert (settings.seed, settings.folds, settings.repeats) == (3, 5, 7)
    assert settings.describe("seed") == "seed is 3 (here)"
    assert settings.describe("folds") == "folds is 5 (in b.yaml)"
    assert settings.describe("repeats") == "repeats is 7 (in a.yaml)"
    assert settings.describe("weighting") == "weighting is 'loss' (the default)"
    assert settings.describe("epochs") == "epochs is 2000 (in properties/converged/BPR.yaml)"
    assert settings.describe("n_layers") == "n_layers is None (the default)"
    assert settings.given == ("seed", "folds", "repeats", "dataset")


@pytest.mark.parametrize(
    ("first", "second"), [("converged", "paper"), ("converged/BPR", "paper/BPR")]
)
def test_protocols_differ_in_keys_that_can_be_set_alone(first, second):
    assert set(layer(f"{first}.yaml")) | set(layer(f"{second}.yaml")) <= known_keys()
    for key, value in layer(f"{second}.yaml").items():
        assert merged(**{key: value})[key] == value


def test_every_bundled_layer_passes_the_checks():
    for protocol in ("converged", "paper"):
        for model in ("BPR", "LightGCN", "NeuMF"):
            for dataset in DATA_SETS:
                merged(protocol=protocol, model=model, dataset=dataset)


# --- values --------------------------------------------------------------------------------------


def test_cut_offs_become_a_sorted_list_without_repetition():
    assert merged(topk=7)["topk"] == [7]
    assert merged(topk=(20, 5, 20))["topk"] == [5, 20]


def test_valid_metric_is_taken_in_any_case():
    assert merged(topk=[5, 10], valid_metric="NDCG@5")["valid_metric"] == "ndcg@5"


@pytest.mark.parametrize(
    ("init", "spread"), [("normal(0.1)", 0.1), ("normal( 1e-2 )", 0.01), ("recbole", None)]
)
def test_spread_of_initial_values(init, spread):
    assert merged(init=init).standard_deviation == spread
    assert Settings({"init": "normal()"}).standard_deviation is None


@pytest.mark.parametrize(
    ("protocol", "law"), [("converged", "log_uniform(0.05, 4)"), ("paper", "uniform(0.5, 2)")]
)
def test_a_protocol_names_the_budgets_of_its_mixes(protocol, law):
    assert str(merged(protocol=protocol).budget_law) == law
    assert str(merged(protocol=protocol, budgets="uniform(1,1)").budget_law) == "uniform(1, 1)"


def test_lastfm_asia_has_the_four_folds_of_the_paper():
    assert merged(dataset="lastfm-asia").folds == 4
    assert merged(dataset="lastfm-asia", folds=5).folds == 5 == merged(dataset="ml-1m").folds


@pytest.mark.parametrize("value", [25, "25", "007", 1.5])
def test_a_target_from_python_becomes_text(value):
    assert merged(target=value)["target"] == str(value)


@pytest.mark.parametrize("value", [True, ["25"], {"a": 1}])
def test_a_target_that_is_no_name(value):
    with pytest.raises(ValueError, match=r"target is .* \(here\); it must be one name"):
        merged(target=value)


def test_mix_files_in_every_form():
    assert merged()["mix"] == []
    assert merged(mix="a.yaml b.yaml")["mix"] == ["a.yaml", "b.yaml"]
    assert merged(mix=["a b.yaml"])["mix"] == ["a b.yaml"]
    assert merged(mix=Path("a b.yaml"))["mix"] == ["a b.yaml"]
    Path("s.yaml").write_text("mix: [a.yaml, b.yaml]\n")
    assert merged("s.yaml")["mix"] == ["a.yaml", "b.yaml"]
    for wrong in (3, {"name": "x"}, [{"name": "x"}], []):
        with pytest.raises(ValueError, match=r"mix is .* \(here\)"):
            merged(mix=wrong)


# --- keys ----------------------------------------------------------------------------------------


def test_notes_name_given_keys_without_effect():
    Path("r.yaml").write_text("worker: 4\nepochs: 3\n")
    notes = merged("r.yaml", metrics=["Recall"]).notes
    assert notes == (
        f"worker (in r.yaml) has no effect: {WITHOUT_EFFECT['worker']}",
        f"metrics (here) has no effect: {WITHOUT_EFFECT['metrics']}",
    )
    assert merged().notes == ()


@pytest.mark.parametrize(
    "key",
    [
        "learning_rate",  # RecBole's argument lists
        "load_col",  # its YAML of data sets
        "tail_ratio",  # its source alone
        "mf_train",  # the YAML of a model
        "user_inter_num_interval",
    ],
)
def test_keys_of_recbole_are_known(key):
    check_key(key, "here")


def test_names_of_data_sets_are_no_keys():
    assert {"ml-1m", "ml-100k", "amazon-books"} & known_keys() == set()


def test_our_keys_are_known_and_documented_keys_exist():
    assert known_keys() >= OUR_KEYS
    assert set(WITHOUT_EFFECT) <= known_keys()
    assert set(ROWS) <= known_keys()


def test_keys_that_only_the_chosen_models_file_reads():
    source = 'self.a = config["my_width"]\nself.b = config.get("my_depth", 2)\n'
    assert keys_read_by(source) == {"my_width", "my_depth"}
    check_key("my_width", "here", keys_read_by(source))
    with pytest.raises(ValueError, match="unknown key 'my_width' here"):
        check_key("my_width", "here")
    with pytest.raises(ValueError, match="did you mean 'my_width'"):
        check_key("my_widht", "here", keys_read_by(source))


# --- several faults at once ------------------------------------------------------------------------


def refused(**given):
    with pytest.raises(ValueError) as caught:
        merged(**given)
    return str(caught.value).splitlines()


def test_unknown_keys_are_told_together_and_before_values():
    faults = refused(foldz=2, modle="EASE", folds=1, target=["A"])
    starts = ["unknown key 'foldz'", "unknown key 'modle'", "target is ['A']"]
    assert [fault[: len(start)] for fault, start in zip(faults, starts, strict=True)] == starts


def test_bad_values_of_every_kind_of_check_are_told_together():
    bad = {
        "model": "LightGNC",
        "weighting": "foo",
        "folds": 1,
        "init": "normal(-1)",
        "topk": [0],
        "valid_metric": "recall@7",  # cannot be judged without cut-offs
        "decays": [-1],
        "group_labels": 3,
        "budgets": "none",
        "gpu_id": "x",
        "seq_len": 4,
        "user_inter_num_interval": 4,
        "load_col": 4,
        "rm_dup_inter": "x",
        "filter_inter_by_user_or_item": "x",
    }
    faults = refused(**bad)
    assert {fault.split()[0] for fault in faults} == bad.keys() - {"valid_metric"}
    assert len(faults) == len(bad) - 1
    # lambda of a model that nobody knows is no second fault
    assert len(refused(model="LightGNC", decays=[0.1])) == 1


def test_the_only_fault_is_the_error_itself():
    with pytest.raises(ValueError, match="folds is 1") as caught:
        merged(folds=1)
    assert type(caught.value) is ValueError


def test_the_command_prints_a_line_for_each():
    status, out, err = call("run", "--dataset=blockmix", "--folds=1", "--repeats=0", "--topk=x")
    assert (status, out, err.count("\n")) == (2, "", 3)
    assert all(line.startswith("groupmix: ") for line in err.splitlines())


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["target", "dataset", "group_field", "data_path", "output_dir"])
@pytest.mark.parametrize("token", ["25", "007", "no", "1-5", "NA", "1e3", "true", "0x1F", "1_000"])
def test_names_in_files_stay_what_was_written(key, token):
    Path("s.yaml").write_text(f"{key}: {token}\nepochs: 0x1F\n")
    values = read_settings_file("s.yaml")
    assert values == {key: token, "epochs": 31}


def test_numbers_in_files_are_read_as_recbole_does():
    Path("s.yaml").write_text(
        "learning_rate: 1e-3\nreg_weight: .5\nepochs: 20\ntopk: [5, 10]\nearly_stopping: no\n"
        "target: ~\nval_interval: {rating: '[3,inf)'}\nextra: &x [1]\nmore: *x\n"
    )
    assert read_settings_file("s.yaml") == {
        "learning_rate": 0.001,
        "reg_weight": 0.5,
        "epochs": 20,
        "topk": [5, 10],
        "early_stopping": False,
        "target": None,
        "val_interval": {"rating": "[3,inf)"},
        "extra": [1],
        "more": [1],
    }


def test_an_empty_file_sets_nothing():
    Path("s.yaml").write_text("# nothing yet\n")
    assert read_settings_file("s.yaml") == {}


def test_a_mix_file():
    Path("m.yaml").write_text(
        "# half and half\nname: 25+\nalpha:\n  no: 0.5\n  '007': 0.5\nalpha_aug: 1e0\n"
    )
    name, mix = read_mix_file("m.yaml")
    assert name == "25+"
    assert mix.to_dict() == {"alpha": {"no": 0.5, "007": 0.5}, "alpha_aug": 1.0}
