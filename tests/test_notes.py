"""Notes about keys without effect, and where a value came from: the same words in every command."""

import numpy as np
import pytest
from command import SMALL_RUN, call
from helpers import experiment, write_tiny
from hypothesis import given
from hypothesis import strategies as st

from recbole_groupmix import load_run, run_groupmix
from recbole_groupmix.experiment.repeats import repeats_note

NOTE = "note: n_layers is 3 (on the command line) and has no effect: {} does not read it"
#: The least that makes each command end, and the model that it names.
COMMANDS = {
    "run": ({"search": None, "trials": 0, "epochs": 1}, "BPR"),
    "tune": ({"learning_rates": "[0.01]", "reg_weights": "[0.01]", "epochs": 1}, "BPR"),
    "check": ({"relabellings": 1, "influence": "false"}, "BPR"),
    "influence": ({"metric": "precision@5", "target": None}, "EASE"),
    "shapley": ({"reg_weight": 20}, "EASE"),
    "gradient": ({"most": 1}, "EASE"),
    "profile": ({"points": 3}, "EASE"),
}
#: Options of a small run that mean nothing to some command, which would say so.
NOT_OF_ALL = ("trials", "epochs", "eval_step", "repeats", "fine_tune", "embedding_size")


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_tiny(tmp_path / "data")


def arguments(command, data_path, **options):
    small = {k: v for k, v in SMALL_RUN.items() if command == "run" or k not in NOT_OF_ALL}
    given = {"dataset": "tiny", "data_path": data_path, **small, **options}
    return [command, *(f"--{key}={value}" for key, value in given.items() if value is not None)]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_every_note_once(tiny, command):
    options, model = COMMANDS[command]
    status, _, err = call(*arguments(command, tiny, n_layers=3, **options))
    assert status == 0, err
    notes = [line for line in err.splitlines() if line.startswith("note: ")]
    assert notes == [NOTE.format(model)]


def test_a_grid_says_the_notes_of_its_runs(tiny):
    axes = ["--datasets=tiny", "--models=BPR", "--dims=4", "--targets=A", "--protocols=converged"]
    keys = {"data_path": tiny, "group_field": "group", "epochs": 1, "trials": 0, "repeats": 1}
    given = [f"--{key}={value}" for key, value in {**keys, "folds": 2, "n_layers": 3}.items()]
    status, _, err = call("reproduce", *axes, *given, "--topk=[5]", "--out=grid", "--plan")
    assert status == 0 and "note: n_layers is 3" in err, err


# --- where a value came from


@pytest.mark.parametrize("command", ["gradient", "influence", "profile"])
def test_a_default_of_a_command_is_not_the_user_s(tiny, command, tmp_path):
    """It lies below YAML files as every default does, and messages call it what it is."""
    file = tmp_path / "mine.yaml"
    file.write_text("reg_weight: 0\n")
    status, _, err = call(*arguments(command, tiny, config_files=file))
    assert status == 2 and f"reg_weight is 0 (in {file})" in err
    status, _, err = call(*arguments(command, tiny, lambdas="[1,0]"))
    assert status == 2 and "lambdas is [1, 0] (on the command line)" in err
    assert "reg_weight is" not in err


@pytest.mark.parametrize("command", ["gradient", "influence"])
def test_a_command_of_one_lambda_says_so(tiny, command):
    status, _, err = call(*arguments(command, tiny, lambdas="[1,2]"))
    assert status == 2 and f"groupmix {command} takes one lambda; give it by --reg_weight" in err


def test_profile_chooses_among_lambdas_of_a_file(tiny, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("lambdas: [5, 50]\n")
    status, _, err = call(*arguments("profile", tiny, config_files=file, points=3))
    assert status == 0, err


def test_arguments_of_python_are_told_from_config_dict(tiny):
    with pytest.raises(ValueError, match=r"model is 'bpr' \(argument model\)"):
        run_groupmix(model="bpr", config_dict={"dataset": "tiny", "data_path": str(tiny)})
    with pytest.raises(ValueError, match=r"model is 'bpr' \(in config_dict\)"):
        run_groupmix(dataset="tiny", config_dict={"model": "bpr", "data_path": str(tiny)})


def test_settings_of_a_finished_run_are_its_files(tiny):
    status, out, err = call(*arguments("run", tiny, **COMMANDS["run"][0]))
    assert status == 0, err
    folder = out.splitlines()[-1]
    (tiny / "tiny" / "tiny.user").write_text("user_id:token\tgroup:token\nu1\tB\n")
    with pytest.raises(ValueError, match=rf"\(in {folder}/model.yaml\)"):
        load_run(folder)


def test_a_value_of_a_closed_form_is_not_called_the_user_s(tiny):
    settings = experiment(tiny, model="EASE", epochs=7).settings
    assert settings.describe("epochs") == "epochs is 1 (since EASE is solved in closed form)"


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4))))
def test_interactions_that_repeat_a_user_and_an_item_are_counted(pairs):
    """Two users and items are the same pair only if both are; the ids of users may be larger."""
    users, items = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    n_repeats = len(pairs) - len(set(pairs))
    note = repeats_note(users, items)
    assert len(note) == (n_repeats > 0)
    if n_repeats:
        assert note[0].startswith(
            f"{n_repeats} of {len(pairs)} interactions repeat a user and an item"
        )


def test_a_run_says_that_interactions_repeat_before_it_trains(tmp_path):
    file = write_tiny(tmp_path) / "tiny" / "tiny.inter"
    rows = file.read_text().splitlines(keepends=True)
    file.write_text("".join([*rows, *rows[1:4]]))
    notes = experiment(tmp_path).notes
    assert any(note.startswith("3 of ") and "--rm_dup_inter=first" in note for note in notes)
    once = experiment(tmp_path, rm_dup_inter="first").notes
    assert not any("repeat a user" in note for note in once)
