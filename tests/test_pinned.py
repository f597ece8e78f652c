"""What people have on disk stays theirs: names of run folders, and three runs of an older version.

``old_runs/`` holds folders that version 1 of the format wrote, on its own small data set. They are
never written anew: a change under which one of them cannot be read orphans the folders of every
user. How they stand beside runs of today: ``test_first_rules.py``. In ``model.yaml`` DATA stands
for ``old_runs/data``.
"""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from command import call, tree

from recbole_groupmix import GroupEvaluator, load_run, load_test_data, run_groupmix

OLD = Path(__file__).resolve().parent / "old_runs"
#: How the old runs were started, less --data_path, --output_dir and files.
COMMON = {
    "dataset": "tiny",
    "group_field": "group",
    "class_field": "class",
    "folds": 2,
    "repeats": 1,
    "topk": "[10]",
    "show_progress": False,
}
TRAINED = {"model": "BPR", "epochs": 10, "eval_step": 10}
OPTIONS = {
    "bpr": {
        "target": "A",
        "search": "random",
        "trials": 2,
        **TRAINED,
        "embedding_size": 4,
        "mix": "mine.yaml",
    },
    "ease": {"target": "A", "search": "random", "trials": 2, "model": "EASE", "lambdas": "[1,10]"},
    "all": {"target": "all", "trials": 1, **TRAINED, "embedding_size": 2, "fine_tune": False},
}
#: Old run -> folder that `groupmix run` named.
NAMES = {
    "bpr": "tiny-A-BPR-efe4905e",
    "ease": "tiny-A-EASE-dff644b3",
    "all": "tiny-all-BPR-4b531b33",
}
OF_TARGETS = ["tiny-A-BPR-48ae3074", "tiny-B-BPR-d5f6f2a1", "tiny-C-BPR-6312b0ff"]


# --- names ---------------------------------------------------------------------------------------

RANDOM = ("--search=random",)
BLOCKMIX = ("--dataset=blockmix", "--target=A")
ML_100K = ("--dataset=ml-100k", "--target=25", "--data_path=data")


def name_of(*arguments):
    """Return the name of the run folder of a command, which stops before it makes one.

    It cannot, since a file stands where its output is to go, and says so with the name.
    """
    Path("taken").touch()
    status, out, err = call(*arguments, "--output_dir=taken")
    assert status == 2 and out == "", err
    found = re.search(r"cannot write to run folder taken/(\S+): ", err)
    assert found, err
    return found[1]


@pytest.fixture
def mine():
    Path("mine.yaml").write_text("name: mine\nalpha: {B: 0.7, C: 0.2, D: 0.1}\nalpha_aug: 0.6\n")


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("run", *BLOCKMIX, *RANDOM), "blockmix-A-BPR-4d88feed"),
        (("run", *BLOCKMIX), "blockmix-A-BPR-9ec88210"),
        (("run", *BLOCKMIX, *RANDOM, "--model=EASE"), "blockmix-A-EASE-e0ec602e"),
        (
            ("run", *BLOCKMIX, "--model=LightGCN", "--embedding_size=4", "--protocol=paper"),
            "blockmix-A-LightGCN-de35ec9c",
        ),
        (
            (
                "run",
                *BLOCKMIX,
                *RANDOM,
                "--weighting=sample",
                "--valid_metric=ndcg@10",
                "--seed=7",
            ),
            "blockmix-A-BPR-e85e9e79",
        ),
        (
            ("run", *BLOCKMIX, *RANDOM, "--mix=mine.yaml", "--topk=[1,3]", "--learning_rate=1e-3"),
            "blockmix-A-BPR-b81bfb28",
        ),
        (
            ("run", *BLOCKMIX, *RANDOM, "--model=NeuMF", "--mlp_hidden_size=[8,4]"),
            "blockmix-A-NeuMF-4f39cd0e",
        ),
        (("run", "--dataset=blockmix", "--target=all"), "blockmix-all-BPR-55e17fd3"),
        (("tune", "--dataset=blockmix"), "tune-blockmix-BPR-64-d9018c3c"),
        (
            ("tune", *BLOCKMIX, "--model=LightGCN", "--learning_rates=[0.01]", "--reg_weights=1"),
            "tune-blockmix-A-LightGCN-64-051d5327",
        ),
    ],
    ids=lambda value: "",
)
def test_the_name_of_a_run_folder(arguments, name, mine):
    assert name_of(*arguments) == name


def test_the_names_of_run_folders_on_another_data_set():
    """Of the copy of ml-100k that ships with RecBole; none depends on where it lies."""
    status, _, err = call("prepare", "ml-100k", "--out=data")
    assert status == 0, err
    names = [
        name_of("run", *ML_100K, *RANDOM),
        name_of(
            *("run", *ML_100K, *RANDOM, "--model=LightGCN", "--threshold={'rating': 4}"),
            "--reg_weight=0.001",  # the value of properties/ when the name was pinned
        ),
    ]
    assert names == ["ml-100k-25-BPR-2b8fe281", "ml-100k-25-LightGCN-6eaaa56a"]


def test_python_names_a_run_folder_as_the_command_does():
    Path("taken").touch()
    given = {"output_dir": "taken", "search": "random", "topk": [1, 3], "learning_rate": 1e-3}
    by_command = name_of("run", *BLOCKMIX, *RANDOM, "--topk=[1,3]", "--learning_rate=1e-3")
    assert by_command == "blockmix-A-BPR-dec6b404"
    with pytest.raises(ValueError, match=f"run folder taken/{by_command}: "):
        run_groupmix("BPR", "blockmix", "A", config_dict=given)


# --- old runs ------------------------------------------------------------------------------------


def arguments_of(name):
    """Return the command that made an old run, for the copy that :func:`old_run` makes."""
    options = {**COMMON, **OPTIONS[name]}
    if "mix" in options:
        options["mix"] = OLD / "data" / options["mix"]
    given = [f"--{key}={value}" for key, value in options.items()]
    return ["run", *given, f"--data_path={OLD / 'data'}", "--output_dir=runs"]


def old_run(name):
    """Copy an old run to ``runs``, as if it had been made here; return its folder."""
    shutil.copytree(OLD / name, "runs")
    for file in Path("runs").rglob("model.yaml"):
        text = file.read_text(encoding="utf-8").replace("DATA", (OLD / "data").as_posix())
        file.write_text(text, encoding="utf-8")
    return Path("runs") / NAMES[name]


def single_runs(folder, name):
    """Return the folders with one target's run each."""
    return [folder / each for each in OF_TARGETS] if name == "all" else [folder]


def read(file):
    return json.loads(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_the_command_of_an_old_run_makes_a_folder_beside_it(name):
    """It was made by the first rules of training length, with which nothing of today is mixed."""
    folder = old_run(name)
    before = tree(folder)
    status, _, err = call(*arguments_of(name))
    assert status == 0 and "nothing left to train" not in err, err
    assert tree(folder) == before
    (new,) = (path for path in Path("runs").iterdir() if path.name != NAMES[name])
    assert new.name.rpartition("-")[0] == NAMES[name].rpartition("-")[0]
    for each in new.rglob("result.json"):
        assert read(each)["schema_version"] == 2
    for each in folder.rglob("result.json"):
        assert read(each)["schema_version"] == 1


@pytest.mark.parametrize("name", NAMES)
def test_the_model_of_an_old_run_is_loaded(name):
    for folder in single_runs(old_run(name), name):
        result = read(folder / "result.json")
        saved = yaml.safe_load((folder / "model.yaml").read_text(encoding="utf-8"))
        config, model, _ = load_run(folder)
        assert config["model"] == OPTIONS[name]["model"]
        stored = torch.load(folder / saved["file"], weights_only=True)
        state = model.state_dict()
        assert state.keys() == stored["state_dict"].keys()
        assert all(torch.equal(state[key], value) for key, value in stored["state_dict"].items())
        report = GroupEvaluator(config, load_test_data(folder), "group").evaluate(model)
        measured = result["test"]["data_mix"]["recall@10"]
        assert report.by_group.loc[result["target"], "recall@10"] == pytest.approx(measured)


@pytest.mark.parametrize("name", NAMES)
def test_an_old_run_has_its_page(name, undrawn):
    folder = single_runs(old_run(name), name)[-1]
    status, out, err = call("report", folder, "--out=page")
    assert status == 0, err
    page = Path(out.strip()).read_text(encoding="utf-8")
    tables = Path("page/tables.md").read_text(encoding="utf-8")
    result = read(folder / "result.json")
    assert result["change"]
    for mix, change in result["change"].items():
        assert mix in page and mix in tables
        if None not in change["precision@10"].values():
            mean = f"{change['precision@10']['mean']:+.1%}"
            assert mean in page and mean in tables, (mix, mean)
    for group in result["groups"]:
        assert f" {group['n_users']} | {group['n_interactions']} |" in tables


def test_old_runs_name_no_place_of_the_machine_that_made_them():
    texts = [f for f in OLD.rglob("*") if f.suffix in (".yaml", ".json", ".jsonl", ".sha256")]
    assert len(texts) > 20
    for file in texts:
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"[:\s\"'](/[a-z]+){2}", text), file
