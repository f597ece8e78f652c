"""What people have on disk stays theirs: names of run folders, and three runs of an older version.

``old_runs/`` holds folders that the version before the modules were re-ordered wrote, on its own
small data set. They are never written anew: a change under which one of them cannot be read or
gone on with orphans the folders of every user. In ``model.yaml`` DATA stands for ``old_runs/data``.
"""

import json
import re
import shutil
from math import isclose
from pathlib import Path

import pandas as pd
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
    "bpr": {"target": "A", "trials": 2, **TRAINED, "embedding_size": 4, "mix": "mine.yaml"},
    "ease": {"target": "A", "trials": 2, "model": "EASE", "lambdas": "[1,10]"},
    "all": {"target": "all", "trials": 1, **TRAINED, "embedding_size": 2, "fine_tune": False},
}
#: Old run -> folder that `groupmix run` named.
NAMES = {
    "bpr": "tiny-A-BPR-efe4905e",
    "ease": "tiny-A-EASE-dff644b3",
    "all": "tiny-all-BPR-4b531b33",
}
OF_TARGETS = ["tiny-A-BPR-48ae3074", "tiny-B-BPR-d5f6f2a1", "tiny-C-BPR-6312b0ff"]
#: Sums of floats differ in their last digits between processors.
ROUNDING = 1e-9
#: A model that is trained again on another processor may rank two items the other way round.
TRAINED_AGAIN = 0.1


# --- names ---------------------------------------------------------------------------------------

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
        (("run", *BLOCKMIX), "blockmix-A-BPR-04994426"),
        (("run", *BLOCKMIX, "--model=EASE"), "blockmix-A-EASE-e16dbef4"),
        (
            ("run", *BLOCKMIX, "--model=LightGCN", "--embedding_size=4", "--protocol=paper"),
            "blockmix-A-LightGCN-8258e109",
        ),
        (
            ("run", *BLOCKMIX, "--weighting=sample", "--valid_metric=ndcg@10", "--seed=7"),
            "blockmix-A-BPR-78c04e1c",
        ),
        (
            ("run", *BLOCKMIX, "--mix=mine.yaml", "--topk=[1,3]", "--learning_rate=1e-3"),
            "blockmix-A-BPR-648405ac",
        ),
        (
            ("run", *BLOCKMIX, "--model=NeuMF", "--mlp_hidden_size=[8,4]"),
            "blockmix-A-NeuMF-7c51a323",
        ),
        (("run", "--dataset=blockmix", "--target=all"), "blockmix-all-BPR-6cfd86ac"),
        (("tune", "--dataset=blockmix"), "tune-blockmix-BPR-64-819ce773"),
        (
            ("tune", *BLOCKMIX, "--model=LightGCN", "--learning_rates=[0.01]", "--reg_weights=1"),
            "tune-blockmix-A-LightGCN-64-bfc26531",
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
        name_of("run", *ML_100K),
        name_of("run", *ML_100K, "--model=LightGCN", "--threshold={'rating': 4}"),
    ]
    assert names == ["ml-100k-25-BPR-a7af46da", "ml-100k-25-LightGCN-d65301f5"]


def test_python_names_a_run_folder_as_the_command_does():
    Path("taken").touch()
    given = {"output_dir": "taken", "topk": [1, 3], "learning_rate": 1e-3}
    by_command = name_of("run", *BLOCKMIX, "--topk=[1,3]", "--learning_rate=1e-3")
    assert by_command == "blockmix-A-BPR-c2692120"
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


def check_same(now, before, place=""):
    """Check that two results are equal but for times, last digits and p-values on an edge."""
    if isinstance(before, dict):
        assert list(now) == list(before), place
        for key in before:
            if key != "seconds":
                check_same(now[key], before[key], f"{place}/{key}")
    elif isinstance(before, list):
        assert len(now) == len(before), place
        for n, (one, other) in enumerate(zip(now, before, strict=True)):
            check_same(one, other, f"{place}[{n}]")
    elif isinstance(before, float):
        loose = place.rpartition("/")[2].startswith("p")
        tolerance = TRAINED_AGAIN if loose else ROUNDING
        assert isclose(now, before, rel_tol=ROUNDING, abs_tol=tolerance), place
    else:
        assert type(now) is type(before) and now == before, place


def gone_on(name):
    """Give the command of an old run again; return what it says."""
    status, _, err = call(*arguments_of(name))
    assert status == 0, err
    assert [path.name for path in Path("runs").iterdir()] == [NAMES[name]]
    return err


@pytest.mark.parametrize("name", NAMES)
def test_an_old_run_is_gone_on_with_and_nothing_is_left_to_train(name):
    folder = old_run(name)
    before = tree(folder)
    assert "nothing left to train" in gone_on(name)
    rewritten = {"result.json", "index.json", "model.yaml", "metrics.parquet", "config.yaml"}
    after = {file: digest for file, digest in tree(folder).items() if Path(file).name != ".lock"}
    assert after.keys() == before.keys()
    changed = {file for file in before if before[file] != after[file]}
    assert {Path(file).name for file in changed} <= rewritten
    for file in [*folder.rglob("result.json"), *folder.rglob("index.json")]:
        check_same(read(file), read(OLD / name / file.relative_to("runs")))
    for file in folder.rglob("metrics.parquet"):
        pd.testing.assert_frame_equal(
            pd.read_parquet(file),
            pd.read_parquet(OLD / name / file.relative_to("runs")),
            check_exact=True,
        )
    for file in [*folder.rglob("config.yaml"), *folder.rglob("model.yaml")]:
        asked = yaml.safe_load(file.read_text(encoding="utf-8"))
        text = (OLD / name / file.relative_to("runs")).read_text(encoding="utf-8")
        old = yaml.safe_load(text.replace("DATA", (OLD / "data").as_posix()))
        if "settings" in old:
            old["settings"]["output_dir"] = "runs"
        assert asked == old, file


@pytest.mark.parametrize("name", ["bpr", "ease"])
def test_only_what_an_old_run_lacks_is_trained(name):
    """A model on a fold, and one on all of train: here the last of each."""
    folder = old_run(name)
    result = read(folder / "result.json")
    records = (folder / "trials.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    of = [(record["name"], record["fold"]) for record in map(json.loads, records)]
    n = of.index(("no_augmentation", 1))
    (folder / "trials.jsonl").write_text("".join(records[:n] + records[n + 1 :]), encoding="utf-8")
    (lost,) = folder.glob("repeats/no_augmentation-*.parquet")
    lost.unlink()
    kept = {file: file.stat().st_mtime_ns for file in folder.glob("repeats/*")}
    said = gone_on(name)
    assert "\n1 models on folds and up to " in said, said
    assert lost.is_file()
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    *before, new = (folder / "trials.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    assert before == records[:n] + records[n + 1 :]
    old, new = json.loads(records[n]), json.loads(new)
    assert new["score"] == pytest.approx(old["score"], abs=TRAINED_AGAIN)
    now = read(folder / "result.json")
    assert now["test"].keys() == result["test"].keys()
    for mix, values in result["test"].items():
        tolerance = TRAINED_AGAIN if mix == "no_augmentation" else ROUNDING
        assert now["test"][mix] == pytest.approx(values, abs=tolerance), mix


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
