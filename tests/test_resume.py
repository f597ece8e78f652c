"""A run goes on where it was stopped, a larger one continues a smaller, and seeds decide results."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from command import REPOSITORY, call, run_arguments, run_folder
from finished_runs import timeless
from killing import cut

SEARCH = {"trials": 4, "folds": 2, "repeats": 2, "target": "A"}
N_FOLD_MODELS = (3 + 4) * 2  # three baselines and four trials on two folds
N_FINAL_MODELS = 4 * 2  # three baselines and the data mix with two repeats


def finished(*arguments, folder):
    """Run the command to its end in this process; return the result and its folder."""
    status, _, err = call(*arguments, f"--output_dir={folder}")
    assert status == 0, err
    place = run_folder(folder)
    return json.loads((place / "result.json").read_text()), place


def close(one, other, tolerance=0.0):
    """Return whether two results are equal, numbers within a tolerance."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(close(one[k], other[k], tolerance) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        pairs = zip(one, other, strict=True)
        return len(one) == len(other) and all(close(a, b, tolerance) for a, b in pairs)
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)
    return one == other


def lines(place, name="trials.jsonl"):
    return (place / name).read_text().splitlines()


def check_each_model_once(place, before, n_models=N_FOLD_MODELS):
    """No (mix, fold) stands twice in the records, and those of before stand there unchanged.

    Curves do, where a model was trained again for longer.
    """
    after = lines(place)
    assert after[: len(before)] == before
    pairs = [(r["name"], r["fold"]) for r in map(json.loads, after)]
    assert len(pairs) == len(set(pairs)) == n_models
    curves = [
        (r["name"], r["fold"], len(r["curve"]))
        for r in map(json.loads, lines(place, "curves.jsonl"))
    ]
    assert len(curves) == len(set(curves)) and len({c[:2] for c in curves}) == n_models


def check_same_users(place, other, tolerance=0.0):
    one = pd.read_parquet(place / "metrics.parquet")
    two = pd.read_parquet(other / "metrics.parquet")
    pd.testing.assert_frame_equal(one, two, rtol=tolerance, atol=tolerance)


# --- killed --------------------------------------------------------------------------------------


def test_killed_at_any_moment_of_the_search(tiny):
    """SIGKILL from outside as soon as two models are on record."""
    arguments = run_arguments(tiny, **{**SEARCH, "trials": 9, "folds": 3, "epochs": 20})
    run = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "run_groupmix.py"), *arguments[1:], "--output_dir=cut"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 300
    while not any(f.read_text().count("\n") >= 2 for f in Path("cut").glob("*/trials.jsonl")):
        assert run.poll() is None, run.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    run.stderr.close()
    place = run_folder("cut")
    content = (place / "trials.jsonl").read_text()
    before = content[: content.rfind("\n")].splitlines()
    assert 2 <= len(before) < 36  # three baselines and nine trials on three folds
    result, _ = finished(*arguments, folder="cut")
    check_each_model_once(place, before, 36)
    whole, other = finished(*arguments, folder="whole")
    assert timeless(result) == timeless(whole)
    check_same_users(place, other)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("options", "tolerance"),
    [
        ({"model": "LightGCN"}, 1e-6),
        pytest.param({"model": "NeuMF", "backend": "recbole"}, 1e-6, marks=pytest.mark.slow),
    ],
)
def test_killed_in_the_middle_of_a_line(tiny, options, tolerance):
    arguments = run_arguments(tiny, **SEARCH, **options)
    place = cut(*arguments, folder="cut", what="trials.jsonl", after=5)
    *before, torn = lines(place)
    assert len(before) == 5 and torn == '{"name": "proportional", "fo'
    result, _ = finished(*arguments, folder="cut")
    check_each_model_once(place, before)
    whole, other = finished(*arguments, folder="whole")
    assert close(timeless(result), timeless(whole), tolerance)
    check_same_users(place, other, tolerance)


def test_killed_twice_in_the_search_and_in_the_final_training(tiny):
    """Through RecBole's own trainer."""
    arguments = run_arguments(tiny, **{**SEARCH, "trials": 1}, epochs=4, backend="recbole")
    place = cut(*arguments, folder="cut", what="curves.jsonl", after=5)
    before = lines(place)
    assert len(before) == 5
    cut(*arguments, folder="cut", what="repeats", after=3)
    check_each_model_once(place, before, n_models=(3 + 1) * 2)
    tested = {file: file.stat().st_mtime_ns for file in place.glob("repeats/*.parquet")}
    assert len(tested) == 3
    result, _ = finished(*arguments, folder="cut")
    finals = {
        tuple(f.stem.split("-")[i] for i in (0, -1)) for f in place.glob("repeats/*.parquet")
    }
    assert len(finals) == N_FINAL_MODELS
    assert {file: file.stat().st_mtime_ns for file in tested} == tested
    whole, other = finished(*arguments, folder="whole")
    assert timeless(result) == timeless(whole)
    check_same_users(place, other)


# --- cut by hand ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    """Arguments, result and folder of an undisturbed run; only to be read."""
    arguments = run_arguments(tiny, **SEARCH)
    folder = tmp_path_factory.mktemp("whole") / "runs"
    return arguments, *finished(*arguments, folder=folder)


@pytest.fixture
def copy(whole):
    """A copy of the undisturbed run's folder, to be damaged."""
    _, _, place = whole
    shutil.copytree(place, Path("runs") / place.name)
    return Path("runs") / place.name


@pytest.mark.parametrize("name", ["trials.jsonl", "curves.jsonl"])
@pytest.mark.parametrize("keep", [1, 0.5, -2])
def test_last_line_cut_short(whole, copy, name, keep):
    arguments, result, _ = whole
    content = (copy / name).read_bytes()
    start = content[:-1].rfind(b"\n") + 1
    length = len(content) - start
    size = start + (int(keep * length) if keep == 0.5 else keep if keep > 0 else length + keep)
    os.truncate(copy / name, size)
    (copy / "result.json").unlink()
    before = lines(copy)[:-1]
    again, _ = finished(*arguments, folder="runs")
    assert timeless(again) == timeless(result)
    if name == "trials.jsonl":
        check_each_model_once(copy, before)


def test_a_lost_repeat_is_trained_again(whole, copy):
    arguments, result, place = whole
    lost = sorted(copy.glob("repeats/*.parquet"))[2]
    lost.unlink()
    before = {file: file.stat().st_mtime_ns for file in copy.glob("repeats/*.parquet")}
    again, _ = finished(*arguments, folder="runs")
    assert timeless(again) == timeless(result)
    assert {file: file.stat().st_mtime_ns for file in before} == before
    check_same_users(copy, place)


def test_a_folder_may_be_moved(whole, copy, tiny, tmp_path, monkeypatch):
    """What a run is does not depend on where its data and its output lie."""
    arguments, result, _ = whole
    (tmp_path / "x").mkdir()
    shutil.move("runs", "x/elsewhere")
    shutil.copytree(tiny, "x/data")
    monkeypatch.chdir("x")
    moved = [a for a in arguments if not a.startswith("--data_path")]
    status, _, err = call(*moved, "--data_path=data", "--output_dir=elsewhere")
    assert status == 0 and "nothing left to train" in err
    again = json.loads((run_folder("elsewhere") / "result.json").read_text())
    assert timeless(again) == timeless(result)


# --- seeds and numbers of trials -----------------------------------------------------------------


@pytest.mark.parametrize("backend", ["cpu", "recbole"])
def test_the_same_seed_gives_the_same_result_and_another_does_not(tiny, backend):
    arguments = run_arguments(tiny, trials=1, backend=backend)
    one, place = finished(*arguments, "--seed=5", folder="one")
    two, other = finished(*arguments, "--seed=5", folder="two")
    three, _ = finished(*arguments, "--seed=6", folder="three")
    assert place.name == other.name
    assert timeless(one) == timeless(two)
    check_same_users(place, other)
    assert one["mixes"]["data_mix"] != three["mixes"]["data_mix"]
    assert one["search"]["cv"] != three["search"]["cv"]
    assert one["test"] != three["test"]


def test_more_trials_continue_a_run_and_fewer_go_back(whole, copy):
    arguments, small, _ = whole
    before, first = lines(copy), dict(small)
    tested = {file: file.stat().st_mtime_ns for file in copy.glob("repeats/*.parquet")}
    more = [a for a in arguments if not a.startswith("--trials")] + ["--trials=9"]
    larger, place = finished(*more, folder="runs")
    assert place == copy
    check_each_model_once(copy, before, (3 + 9) * 2)
    assert {file: file.stat().st_mtime_ns for file in tested} == tested
    fresh, other = finished(*more, folder="fresh")
    assert timeless(larger) == timeless(fresh)
    check_same_users(copy, other)
    assert list(larger["search"]["cv"])[:7] == list(first["search"]["cv"])
    fewer, _ = finished(*arguments, folder="runs")
    assert timeless(fewer) == timeless(first)
