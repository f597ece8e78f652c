"""A run folder in which one file is damaged: one line from every reader, and a way back."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from command import call, one_line, raises_one_line, run_arguments, run_folder, tree
from helpers import write_tiny

from recbole_groupmix import load_run, load_test_data
from recbole_groupmix.record.finished_run import read_folder

SMALL = {"trials": 1, "folds": 2, "repeats": 1, "epochs": 2, "eval_step": 1}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_tiny(folder)
    return folder


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    """Arguments and folder of an undisturbed run; only to be read."""
    arguments = run_arguments(tiny, **SMALL)
    place = tmp_path_factory.mktemp("whole") / "runs"
    status, _, err = call(*arguments, f"--output_dir={place}")
    assert status == 0, err
    return arguments, run_folder(place)


# --- ways to damage a file


def cut(file):
    os.truncate(file, file.stat().st_size // 2)


def empty(file):
    os.truncate(file, 0)


def remove(file):
    file.unlink()


def folder(file):
    file.unlink()
    file.mkdir()


def noise(file):
    file.write_bytes(bytes(range(256)) * 8)


def deep(file):
    file.write_text("[" * 50_000 + "]" * 50_000 + "\n")


def other(file):
    """Content that is well formed and belongs to something else."""
    content = {".parquet": None, ".pth": None}.get(file.suffix, '{"a": [1, null]}\n')
    if file.suffix == ".parquet":
        pd.DataFrame({"a": [1]}).to_parquet(file)
    elif file.suffix == ".pth":
        torch.save({"state_dict": {"x": torch.zeros(3)}, "other_parameter": None}, file)
    else:
        file.write_text(content)


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 255
    file.write_bytes(bytes(content))


def in_result(**changed):
    """Return what puts other values into ``result.json``; None takes a key out."""

    def damage(file):
        content = json.loads(file.read_text())
        for key, value in changed.items():
            content[key] = value
            if value is None:
                del content[key]
        file.write_text(json.dumps(content))

    return damage


def in_last_line(**changed):
    """Return what puts other values into the last record."""

    def damage(file):
        *before, last = file.read_text().splitlines()
        record = {**json.loads(last), **changed}
        record = {key: value for key, value in record.items() if value != "gone"}
        file.write_text("\n".join([*before, json.dumps(record)]) + "\n")

    return damage


def conflicting(file):
    last = json.loads(file.read_text().splitlines()[-1])
    with file.open("a") as stream:
        stream.write(json.dumps({**last, "score": 0.987}) + "\n")


def in_yaml(**changed):
    def damage(file):
        file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **changed}))

    return damage


def in_frame(change):
    def damage(file):
        change(pd.read_parquet(file)).to_parquet(file, index=False)

    return damage


GENERAL = (cut, remove, folder, noise, deep, other)
#: Which files the readers read.
BY_REPORT = ("config.yaml", "trials.jsonl", "curves.jsonl", "result.json", "metrics.parquet")
BY_LOADING = ("config.yaml", "model-*.pth", "model-*.sha256", "model.yaml")
BY_RUN = ("config.yaml", "trials.jsonl", "curves.jsonl", "repeats/proportional-*.parquet")
FILES = {
    "config.yaml": (*GENERAL, in_yaml(configuration=[1]), in_yaml(data="x")),
    "trials.jsonl": (
        *(cut, empty, remove, folder, noise, deep, other, conflicting),
        *(in_last_line(**{key: "gone"}) for key in ("score", "epochs", "seconds", "fold")),
        *(in_last_line(score=value) for value in ("x", float("nan"), [1], True)),
        *(in_last_line(epochs=value) for value in ("x", -1, 1.5, 2**70)),
        *(in_last_line(fold=value) for value in ("0", 2, -1)),
        *(in_last_line(name=["x"]), in_last_line(alpha={"B": "x"}), in_last_line(tried=[1])),
    ),
    "curves.jsonl": (
        *GENERAL,
        in_last_line(curve="gone"),
        in_last_line(curve=[{"epoch": 1}]),
        in_last_line(curve={"x": 1}),
    ),
    "result.json": (
        *GENERAL,
        *(in_result(**{key: None}) for key in ("topk", "change", "groups", "mixes", "search")),
        *(in_result(groups="x"), in_result(target="ZZ"), in_result(schema_version=2)),
        *(in_result(topk=[]), in_result(change={"x": {}}), in_result(test={})),
        *(in_result(seconds={"test": float("inf")}), in_result(embedding_size="four")),
    ),
    "metrics.parquet": (
        *GENERAL,
        in_frame(lambda frame: frame.iloc[:0]),
        in_frame(lambda frame: frame.iloc[1:]),
        in_frame(lambda frame: pd.concat([frame, frame])),
        in_frame(lambda frame: frame[frame["mix"] != "proportional"]),
        in_frame(lambda frame: frame.assign(value="abc")),
        in_frame(lambda frame: frame.assign(value=np.nan)),
        in_frame(lambda frame: frame.assign(group="ZZ")),
    ),
    "repeats/proportional-*.parquet": (
        *(cut, empty, remove, noise, other, flip),
        in_frame(lambda frame: frame.iloc[:-1]),
        in_frame(lambda frame: frame.assign(mix="x")),
        in_frame(lambda frame: frame.assign(k=7)),
        in_frame(lambda frame: frame.drop(columns="seconds")),
    ),
    "model-*.pth": (cut, empty, remove, noise, other, flip),
    "model-*.sha256": (cut, empty, remove, noise),
    "model.yaml": (
        *GENERAL,
        in_yaml(file="none.pth"),
        in_yaml(file=[1]),
        in_yaml(mix={"name": "x"}),
        in_yaml(mix={"name": "x", "alpha": {"ZZ": 1.0}, "alpha_aug": 1.0}),
        in_yaml(settings={"dataset": "tiny"}),
        in_yaml(settings=1),
        in_yaml(folder=3),
    ),
}
CASES = [(name, damage) for name, damages in FILES.items() for damage in damages]


def damaged(whole, pattern, damage):
    """Return a copy of the undisturbed run with one file damaged."""
    _, place = whole
    copy = Path("runs") / place.name
    shutil.copytree(place, copy)
    (file,) = [f for f in copy.glob(pattern) if "proportional" in f.name or "*" in pattern][
        :1
    ] or [copy / pattern]
    damage(file)
    return copy


@pytest.mark.parametrize(("pattern", "damage"), CASES)
def test_every_reader_says_one_line_and_the_same_command_repairs(whole, pattern, damage):
    arguments, _ = whole
    copy = damaged(whole, pattern, damage)
    before = tree(copy)
    if pattern in BY_REPORT:
        raises_one_line(read_folder, copy)
    if pattern in BY_LOADING:
        raises_one_line(load_run, copy)
    if pattern == "model.yaml":
        raises_one_line(load_test_data, copy)
    assert tree(copy) == before  # who reads writes nothing
    if pattern not in (*BY_RUN, *BY_LOADING) and damage not in (cut, folder):
        return  # written anew whatever is there
    again = one_line(*call(*arguments, "--output_dir=runs"))
    if again:
        assert raises_one_line(load_run, copy)
        # what was measured while training is not made again for its own sake
        assert raises_one_line(read_folder, copy) or (pattern, damage) == ("curves.jsonl", remove)
    else:  # what was asked is lost, or a record may be the only one of its model
        assert damage is folder or pattern in BY_RUN[:3]


@pytest.mark.parametrize("name", ["result.json", "metrics.parquet"])
@pytest.mark.parametrize("damage", [cut, deep])
def test_the_commands_say_one_line(whole, name, damage):
    copy = damaged(whole, name, damage)
    assert not one_line(*call("report", copy))
    one_line(*call("compare", copy, "--n_boot=100", "--n_permutations=100"))


def test_only_the_damaged_model_is_trained_again(whole):
    arguments, place = whole
    copy = damaged(whole, "model-*.pth", cut)
    kept = {file: file.stat().st_mtime_ns for file in copy.glob("repeats/*")}
    (model,) = [f for f in copy.glob("model-*.pth") if yaml_file(copy) == f.name]
    cut(model)
    status, _, err = call(*arguments, "--output_dir=runs")
    assert status == 0 and "0 models on folds and 1 on all of train" in err
    assert {file: file.stat().st_mtime_ns for file in copy.glob("repeats/*")} == kept
    same = [torch.load(f / model.name, weights_only=True)["state_dict"] for f in (copy, place)]
    assert all(torch.allclose(a, b) for a, b in zip(*map(dict.values, same), strict=True))
    assert "nothing left to train" in call(*arguments, "--output_dir=runs")[2]


def yaml_file(place):
    """Return the name of the checkpoint that is loaded."""
    return yaml.safe_load((place / "model.yaml").read_text())["file"]


def test_a_checkpoint_without_a_digest_is_one_of_an_older_version(whole):
    arguments, _ = whole
    copy = damaged(whole, "model-*.sha256", remove)
    for file in copy.glob("model-*.sha256"):
        file.unlink()
    assert "nothing left to train" in call(*arguments, "--output_dir=runs")[2]
    load_run(copy)
    cut(copy / yaml_file(copy))
    with pytest.raises(ValueError, match=r"model-.*\.pth cannot be loaded: "):
        load_run(copy)


_OPEN = """
import sys, time
from recbole_groupmix.record.lock import keep_others_out
from pathlib import Path
keep_others_out(Path(sys.argv[1]), time)
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_process_changes_nothing_in_a_folder_at_work(whole):
    """Not even the line that the first one is just writing."""
    arguments, place = whole
    copy = Path("runs") / place.name
    shutil.copytree(place, copy)
    with (copy / "trials.jsonl").open("a") as stream:
        stream.write('{"name": "propor')
    before = tree(copy)
    with subprocess.Popen([sys.executable, "-c", _OPEN, copy], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        status, _, err = call(*arguments, "--output_dir=runs")
        holder.kill()
    assert status == 2 and "another process is at work" in err
    assert tree(copy) == before
