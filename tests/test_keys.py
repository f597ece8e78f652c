"""The table of keys: what follows from a row, and that a further row changes no older run."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command import REPOSITORY, call
from helpers import experiment, write_tiny

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.settings.identity import VOLATILE, hash8
from recbole_groupmix.settings.keys import known_keys
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.settings.rows import NAME_KEYS, NO_COST, OUR_KEYS, ROWS, in_identity
from recbole_groupmix.settings.settings import Settings


def merged(**given):
    return merge_settings({"dataset": "blockmix", **given}, where="here")


def settings_table():
    file = REPOSITORY / "docs" / "settings_table.py"
    spec = importlib.util.spec_from_file_location("settings_table", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- reading -------------------------------------------------------------------------------------


def test_an_attribute_is_the_value_and_of_the_class_the_row():
    settings = merged(folds=3)
    assert (settings.folds, settings.folds, Settings.folds.default) == (3, 3, 5)
    assert settings.lambdas is None and "lambdas" not in settings.values
    assert settings["n_layers"] is None  # a key of RecBole that nobody set


@pytest.mark.parametrize(
    ("key", "near"), [("fold", "folds"), ("learning_rat", "learning_rate"), ("zzzzzz", None)]
)
def test_a_typo_in_code_raises(key, near):
    with pytest.raises(KeyError) as caught:
        merged()[key]
    assert repr(key) in str(caught.value)
    assert (f"did you mean {near!r}" in str(caught.value)) == (near is not None)
    with pytest.raises(AttributeError):
        _ = merged().fold


def test_settings_do_not_change():
    settings = merged()
    with pytest.raises(TypeError):
        settings.values["folds"] = 3
    with pytest.raises(TypeError):
        settings.origin["folds"] = "here"
    with pytest.raises(AttributeError):
        settings.folds = 3
    assert settings.with_values(folds=3).folds == 3 and settings.folds == 5


def test_what_is_merged_is_what_an_experiment_holds(tmp_path):
    given = {"dataset": "tiny", "data_path": str(write_tiny(tmp_path)), "group_field": "group"}
    given |= {"target": "A", "model": "EASE", "epochs": 7, "topk": (10, 5), "reg_weight": 3}
    settings = merge_settings(given, where="here")
    assert (settings["epochs"], settings.lambdas, settings.topk) == (1, [3.0], [5, 10])
    assert [note.split()[0] for note in settings.notes] == ["epochs"]
    held = Experiment(settings)
    assert held.settings is settings and held.notes[: len(settings.notes)] == settings.notes


def test_notes_that_need_the_data_stand_on_the_experiment(tmp_path):
    held = experiment(write_tiny(tmp_path), user_inter_num_interval="[8,inf)")
    assert held.settings.notes == () and "user_inter_num_interval" in " ".join(held.notes)


# --- what follows from rows ----------------------------------------------------------------------


def test_each_row_says_what_it_is():
    for key, row in ROWS.items():
        assert row.says.endswith(".") and row.name == key, key
        assert bool(row.choices) == (row.kind == "choice"), key
        if row.kind == "choice":
            assert row.default in row.choices, key
        if row.kind in ("whole", "number"):
            assert row.why and row.least < row.most < float("inf"), key
        if row.needs or row.once:
            assert row.needs is None or row.needs[0] in ROWS, key


def test_a_row_for_recbole_names_a_key_of_recbole():
    assert set(ROWS) - OUR_KEYS <= known_keys() - OUR_KEYS


def test_what_decides_a_run_and_what_does_not():
    """Written out, since a run folder has its name from it: a row must not move by mistake."""
    assert VOLATILE & set(ROWS) == {
        *("trials", "output_dir", "data_path", "mix", "show_progress", "yes", "log_tensorboard"),
        *(
            "fine_tune",
            "rivals",
            "own_length",
            "budget_curve",
            "group_labels",
            "least_gain",
            "hours",
            "log_wandb",
            "wandb_project",
            "max_memory",
            "workers",
            "gpu_id",
        ),
    }
    assert {
        *("search", "least_gain", "hours"),
        *("target", "trials", "budgets", "folds", "repeats", "seed", "mix", "class_field"),
        *("fine_tune", "rivals", "own_length", "budget_curve", "decays", "group_labels"),
        *("epochs", "eval_step", "stopping_step", "early_stopping", "show_progress"),
        "workers",
    } == NO_COST
    assert set(NAME_KEYS) == {
        *("target", "dataset", "group_field", "class_field", "model", "protocol", "data_path"),
        *("output_dir", "mix", "rivals", "rank_items", "search"),
    }


def test_the_default_of_an_old_key_is_part_of_a_run_s_name():
    for key in ("folds", "weighting", "class_field", "lambdas", "seed", "n_layers"):
        assert in_identity(key, None) and in_identity(key, 5)
    assert hash8({"folds": 5}) != hash8({})


def test_the_page_has_the_table_of_the_rows():
    module = settings_table()
    text = module.PAGE.read_text(encoding="utf-8")
    assert module.page(text) == text, "run `python docs/settings_table.py`"
    assert all(f"| `{key}` |" in text for key in ROWS)


# --- a further key -------------------------------------------------------------------------------

ROW = """
    patience_of_job = Key(
        7,
        "whole",
        "How long it waits.",
        least=2,
        most=9,
        why="nobody waits so long",
        models="trained",
    )
"""
ASK = """
import json, sys, traceback
sys.path.insert(0, "docs")
import settings_table
from recbole_groupmix.settings.identity import hash8
from recbole_groupmix.settings.keys import known_keys
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.settings.rows import NO_COST

KEY = "patience_of_job"

def merged(**given):
    return merge_settings({"dataset": "blockmix", "target": "A", **given}, where="here")

def refused(**given):
    try:
        merged(**given)
    except ValueError as error:
        return str(error)

print(json.dumps({
    "known": KEY in known_keys(),
    "value": [merged().patience_of_job, merged(patience_of_job=4)[KEY]],
    "written": KEY in merged().values,
    "refused": [refused(patience_of_job=1), refused(patience_of_job=10)],
    "typo": refused(patience_of_jo=3),
    "notes": [merged(patience_of_job=4).notes, merged(model="EASE", patience_of_job=4).notes],
    "costs": KEY not in NO_COST,
    "table": [line for line in settings_table.tables().splitlines() if KEY in line],
    "names": [
        hash8(merged(**given).values)
        for given in ({}, {KEY: 7}, {KEY: 4}, {"folds": 4}, {"model": "EASE"})
    ],
}))
"""


def test_a_further_key_is_one_row(tmp_path):
    """A copy of the package with one more row, and nothing else that differs."""
    for folder in ("recbole_groupmix", "properties", "docs"):
        ignored = shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc")
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=ignored)
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    file = tmp_path / "recbole_groupmix" / "settings" / "search_rows.py"
    above = "    # --- search and evaluation\n"
    text = file.read_text(encoding="utf-8")
    assert text.count(above) == 1
    file.write_text(text.replace(above, f"{ROW}{above}"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["known"] and found["costs"]
    assert found["value"] == [7, 4] and not found["written"]
    assert found["refused"] == [
        "patience_of_job is 1 (here); it must be a whole number >= 2",
        "patience_of_job is 10 (here); it must be at most 9: nobody waits so long",
    ]
    assert "did you mean 'patience_of_job'?" in found["typo"]
    assert found["notes"] == [
        [],
        [
            "patience_of_job is 4 (here) and has no effect: EASE is solved in closed form, "
            "without training seeds and epochs"
        ],
    ]
    assert found["table"] == [
        "| `patience_of_job` | How long it waits. Only for models that are trained. | `7` | "
        "a whole number from 2 to 9 |"
    ]
    plain, at_default, other, folds, ease = found["names"]
    assert plain == at_default == hash8(merged(target="A").values)
    assert folds == hash8(merged(target="A", folds=4).values)
    assert ease == hash8(merged(target="A", model="EASE").values)
    assert other not in (plain, folds, ease)


# --- commands ------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["tune", "check"])
@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("n_layers", 3, "BPR does not read it"),
        ("worker", 2, "batches are drawn in the training process"),
        ("stopping_step", 3, "early_stopping is off"),
    ],
)
def test_commands_say_what_has_no_effect(undrawn, command, key, value, why, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {
        "tune": ["--learning_rates=[0.01]", "--reg_weights=[0.01]", "--folds=2"],
        "check": ["--relabellings=1", "--influence=false", "--max_d=2"],
    }
    given = ["--dataset=tiny", f"--data_path={write_tiny(Path('data'))}", "--group_field=group"]
    given += ["--target=A", "--topk=[5]", "--epochs=1", "--embedding_size=2", f"--{key}={value}"]
    status, _, err = call(command, *given, "--early_stopping=false", *options[command])
    assert status == 0, err
    notes = [line for line in err.splitlines() if line.startswith("note: ")]
    assert len([note for note in notes if key in note and why in note]) == 1, err
