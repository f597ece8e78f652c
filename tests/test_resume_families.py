"""Runs of models of all families go on where they were stopped."""

import json

import pandas as pd
import pytest
from command import call, run_arguments, run_folder
from finished_runs import timeless
from helpers import write_contexts, write_graph, write_timed, write_tiny
from killing import cut
from test_resume import close

#: Of each family a model, its data set and what keeps it small.
FAMILIES = {
    "sequential": (
        write_timed,
        {"model": "SASRec", "hidden_size": 8, "inner_size": 8, "n_layers": 1, "n_heads": 1},
    ),
    "sequential, with negatives": (
        write_timed,
        {"model": "GRU4Rec", "hidden_size": 8, "loss_type": "BPR", "MAX_ITEM_LIST_LENGTH": 5},
    ),
    "context-aware": (
        write_contexts,
        {"model": "FM", "load_col": "{'inter':['user_id','item_id'],'user':['user_id','age']}"},
    ),
    "knowledge-based": (write_graph, {"model": "CKE", "kg_embedding_size": 4}),
    "of this package": (
        write_tiny,
        {"model": "TALL", "n_experts": 2, "latent_dimension": 4, "weight_gap": 0},
    ),
}


def finished(arguments, folder):
    """Run the command to its end; return result, folder and what it said."""
    status, _, err = call(*arguments, f"--output_dir={folder}")
    assert status == 0, err
    place = run_folder(folder)
    return json.loads((place / "result.json").read_text()), place, err


@pytest.mark.parametrize("family", FAMILIES)
def test_a_killed_run_ends_as_if_nothing_had_been(tmp_path, family):
    write, options = FAMILIES[family]
    arguments = run_arguments(write(tmp_path / "data"), epochs=2, eval_step=1, trials=1, **options)
    n_before = 3 + 1 + 1  # three baselines and the trial on the first fold, and one on the second
    here = cut(*arguments, folder="cut", what="trials.jsonl", after=n_before)
    before = (here / "trials.jsonl").read_text().splitlines()[:n_before]
    assert "trial-0" in [json.loads(line)["name"] for line in before]
    again, place, _ = finished(arguments, "cut")
    assert (place / "trials.jsonl").read_text().splitlines()[:n_before] == before
    whole, other, _ = finished(arguments, "whole")
    assert close(timeless(again), timeless(whole), 1e-6)
    pd.testing.assert_frame_equal(
        *(pd.read_parquet(folder / "metrics.parquet") for folder in (place, other))
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_finished_run_is_not_trained_again(tmp_path, family):
    write, options = FAMILIES[family]
    arguments = run_arguments(write(tmp_path / "data"), epochs=1, eval_step=1, trials=1, **options)
    result, place, _ = finished(arguments, "runs")
    trained = {file: file.stat().st_mtime_ns for file in place.glob("repeats/*")}
    again, _, err = finished(arguments, "runs")
    assert "nothing left to train" in err and timeless(again) == timeless(result)
    assert {file: file.stat().st_mtime_ns for file in place.glob("repeats/*")} == trained
