"""One training length for a comparison, the control beside it, and decays that rows choose."""

import json

import pandas as pd
import pytest
from command import call, run_arguments, run_folder

from recbole_groupmix.core.training_length import common_length
from recbole_groupmix.record.finished_run import read_folder
from recbole_groupmix.record.length_rows import (
    control_sentence,
    length_rows,
    length_sentences,
)

LONG = {"epochs": 80, "eval_step": 2, "folds": 2, "repeats": 2, "trials": 3, "learning_rate": 0.03}


def ran(tiny, **options):
    status, out, err = call(*run_arguments(tiny, **{**LONG, **options}))
    assert status == 0, err
    folder = run_folder(options.get("output_dir", "runs"))
    return read_folder(folder), out, err


@pytest.fixture(scope="module")
def run(tiny, tmp_path_factory):
    return ran(tiny, output_dir=tmp_path_factory.mktemp("lengths"))


def test_every_row_is_trained_for_the_length_of_proportional(run):
    finished, out, _ = run
    lengths = finished.result["lengths"]
    curves = [r for r in finished.curves if r["name"] == "proportional"]
    grid = [p["epoch"] for p in max((c["curve"] for c in curves), key=len)]
    wanted = common_length(grid, [c["scores"] for c in curves], 80)
    assert wanted.train_to is None and lengths["common"] == wanted.epochs < 80
    assert lengths["rule"] == "common" and lengths["cap"] == 80
    assert set(lengths["epochs"].values()) == {wanted.epochs}
    assert set(finished.result["search"]["epochs"].values()) == {wanted.epochs}
    for record in finished.trials:  # the score is the value at that length, not a maximum
        curve = next(
            c
            for c in finished.curves
            if (c["name"], c["fold"]) == (record["name"], record["fold"])
        )
        at = [p["epoch"] for p in curve["curve"]].index(wanted.epochs)
        assert record["score"] == curve["scores"][at]
    assert f"trained for {wanted.epochs} epochs" in " ".join(out.split())


def test_trials_end_there_and_rows_go_on_for_the_control(run):
    finished, _, _ = run
    common = finished.result["lengths"]["common"]
    ends = {}
    for record in finished.curves:
        ends.setdefault(record["name"], set()).add(record["curve"][-1]["epoch"])
    rows = ("stratified", "no_augmentation", finished.result["search"]["selected"])
    assert all(ends[name] == {min(2 * common, 80)} for name in rows)
    others = [n for n in ends if n.startswith("trial-") and n not in rows]
    assert others and all(ends[name] == {common} for name in others)


def test_the_control_has_each_row_at_its_own_length(run, tiny):
    finished, out, _ = run
    lengths, control = finished.result["lengths"], finished.result["own_length"]
    assert set(control["test"]) == set(lengths["own"])
    assert control["test"]["proportional"] == finished.result["test"]["proportional"]
    other = [n for n, own in lengths["own"].items() if own != lengths["epochs"][n]]
    assert other, "no row has another length of its own: choose another seed"
    for name in other:
        assert 0 < lengths["own"][name] <= 2 * lengths["common"]
        candidate = finished.candidate(name)
        frames = [
            pd.read_parquet(
                finished.path / "repeats" / f"{candidate}-{lengths['own'][name]}-{r}.parquet"
            )
            for r in range(2)
        ]
        values = pd.concat(frames)
        mine = values[
            (values["group"] == "A") & (values["metric"] == "recall") & (values["k"] == 10)
        ]
        assert control["test"][name]["recall@10"] == pytest.approx(mine["value"].mean())
        assert control["test"][name] != finished.result["test"][name]
    assert "at its own length" in out and "Control: each row trained" in out


def test_without_the_control_there_is_none(tiny):
    finished, out, _ = ran(tiny, own_length=False, trials=1)
    assert finished.result["own_length"] is None and "own length" not in out
    assert finished.result["lengths"]["own"] == finished.result["lengths"]["epochs"]
    assert length_rows(finished.result, "precision@10") == []
    again, _, _ = ran(tiny, trials=1)  # it is no part of a run's name, and comes with a later call
    assert again.path == finished.path and again.result["own_length"] is not None
    assert again.result["test"] == finished.result["test"]


def test_a_cap_that_binds_is_said(tiny):
    finished, out, _ = ran(tiny, epochs=4, learning_rate=0.1, trials=0)
    assert finished.result["lengths"]["at_cap"] == ["proportional"]
    assert "still rising after 4, the most epochs" in " ".join(out.split())


def test_a_fixed_length_is_measured_once(tiny):
    finished, out, _ = ran(tiny, early_stopping=False, epochs=6, trials=2)
    assert finished.result["lengths"]["rule"] == "fixed" and finished.result["own_length"] is None
    assert all([p["epoch"] for p in c["curve"]] == [6] for c in finished.curves)
    assert "epochs: 6, as the settings say" in out


def test_every_target_has_its_own_length(tiny):
    status, _, err = call(*run_arguments(tiny, **{**LONG, "target": "all", "trials": 2}))
    assert status == 0, err
    index = json.loads(next(run_folder().glob("index.json")).read_text())
    common = {t: e["lengths"]["common"] for t, e in index["targets"].items()}
    assert len(set(common.values())) > 1, "targets agree by chance: choose another seed"
    for target, entry in index["targets"].items():
        finished = read_folder(run_folder() / entry["folder"])
        assert set(finished.result["lengths"]["epochs"].values()) == {common[target]}


def test_each_row_chooses_its_decay_on_the_folds(tiny):
    finished, out, _ = ran(tiny, decays="[0.3,0.001,0.01]", trials=2)
    search, decays = finished.result["search"], (0.001, 0.01, 0.3)
    lines = [json.loads(x) for x in (finished.path / "trials.jsonl").read_text().splitlines()]
    for name, chosen in search["options"].items():
        means = {}
        for line in lines:
            if line["name"] == name:
                means.setdefault(line["options"]["reg_weight"], []).append(line["score"])
        assert set(means) == set(decays) and all(len(scores) == 2 for scores in means.values())
        best = max(means, key=lambda decay: sum(means[decay]))
        assert chosen == {"reg_weight": best}
        assert search["cv"][name] == pytest.approx(sum(means[best]) / 2)
    assert "Chosen on the folds: proportional reg_weight" in " ".join(out.split())
    status, _, err = call(
        *run_arguments(tiny, **{**LONG, "decays": "[0.3,0.001,0.01]", "trials": 2})
    )
    assert status == 0 and "nothing left to train" in err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"decays": "[]"}, "it must be a list of numbers >= 0"),
        ({"decays": "[-1]"}, "it must be a list of numbers >= 0"),
        ({"decays": "[x]"}, "it must be a list of numbers >= 0"),
        ({"decays": "[0.1]", "model": "NeuMF"}, "NeuMF has no reg_weight"),
        ({"decays": "[0.1,1]", "early_stopping": False, "trials": 0}, "no folds to choose it on"),
    ],
)
def test_decays_that_cannot_be_used(tiny, options, says):
    status, _, err = call(*run_arguments(tiny, **options))
    assert status == 2 and says in err and "decays is" in err


def test_a_verdict_that_differs_at_the_own_length_is_said():
    marked = {"mean": -0.2, "ci_low": -0.3, "ci_high": -0.1, "p": 0.001, "p_holm": 0.002}
    alike = {"mean": -0.02, "ci_low": -0.1, "ci_high": 0.06, "p": 0.6, "p_holm": 0.6}
    result = {
        "mixes": dict.fromkeys(("proportional", "stratified", "mine")),
        "change": {"stratified": {"precision@20": marked}, "mine": {"precision@20": alike}},
        "lengths": {
            "rule": "common",
            "common": 100,
            "cap": 500,
            "at_cap": [],
            "epochs": {"proportional": 100, "stratified": 100, "mine": 100},
            "own": {"proportional": 100, "stratified": 150, "mine": 110},
        },
        "own_length": {
            "test": {},
            "change": {"stratified": {"precision@20": alike}, "mine": {"precision@20": alike}},
        },
    }
    assert [row.differs for row in length_rows(result, "precision@20")] == [False, True, False]
    said = control_sentence(result, "precision@20")
    assert "(more than 20% off: stratified 150)" in said
    assert said.endswith("The verdict differs for stratified: it is not established.")
    assert "trained for 100 epochs" in length_sentences(result)[0]
