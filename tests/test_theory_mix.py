"""Theory's mix as a candidate of the search and a row of the result."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import experiment

from recbole_groupmix.core.mix import Mix
from recbole_groupmix.core.theory.optimal_mix import optimal_mix
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.mixes.candidates import Candidate, candidates, select
from recbole_groupmix.prepare.blockmix import COUNTS
from recbole_groupmix.record.result_table import result_table
from recbole_groupmix.run import run_groupmix
from recbole_groupmix.search import carry_out
from recbole_groupmix.search.load import load_run

SMALL = {
    "fine_tune": False,
    "trials": 2,
    "folds": 2,
    "repeats": 1,
    "epochs": 2,
    "eval_step": 1,
    "embedding_size": 4,
    "topk": [5],
}


def cv(**scores):
    return {name.replace("_", "-"): {"score": score} for name, score in scores.items()}


def named(*names):
    mix = Mix({"B": 1.0}, 1.0)
    sources = {"proportional": "baseline", "mine": "own", "theory": "theory"}
    return [Candidate(name, mix, sources.get(name, "dirichlet")) for name in names]


def test_theory_can_be_selected_where_there_are_trials():
    found = named("proportional", "mine", "theory", "trial-0")
    scores = cv(proportional=0.9, mine=0.9, theory=0.5, trial_0=0.4)
    assert select(found, scores).name == "theory"
    assert select(found, cv(proportional=0, mine=0, theory=0.3, trial_0=0.4)).name == "trial-0"
    assert select(found, cv(proportional=0, mine=0, theory=np.nan, trial_0=0.4)).name == "trial-0"
    assert select(found[:3], scores) is None
    assert select(found[:2], scores) is None


def test_the_candidate_on_blockmix_and_none_without_classes(tiny, repository):
    shared = experiment(repository / "dataset_atomic", dataset="blockmix", target="A")
    (found,) = [c for c in candidates(shared, {}, 3) if c.source == "theory"]
    counts = np.array(COUNTS)
    shares, sizes = counts / counts.sum(axis=1, keepdims=True), counts.sum(axis=1)
    n_aug = sizes[1:].sum()
    best = optimal_mix(shares[0], shares[1:], sizes[0], n_aug, sizes[1:] / n_aug)
    assert found.name == "theory" and found.mix.alpha_aug == 1.0
    np.testing.assert_allclose([found.mix.alpha[g] for g in "BCD"], best.alpha, atol=1e-9)
    names = [c.name for c in candidates(experiment(tiny), {}, 3)]
    assert names == [
        "proportional",
        "stratified",
        "no_augmentation",
        "trial-0",
        "trial-1",
        "trial-2",
    ]


@pytest.mark.parametrize("selected", ["theory", "trial-1"])
def test_a_row_of_the_result_whether_it_is_the_data_mix_or_not(selected, monkeypatch):
    monkeypatch.setattr(
        carry_out, "select", lambda found, cv: next(c for c in found if c.name == selected)
    )
    result = run_groupmix(dataset="blockmix", target="A", config_dict=SMALL)
    rows = ["proportional", "stratified", "no_augmentation", "theory", "data_mix"]
    assert list(result["mixes"]) == list(result["test"]) == rows
    assert result["search"]["selected"] == selected
    same = result["mixes"]["theory"] == result["mixes"]["data_mix"]
    assert same == (selected == "theory")
    assert (result["test"]["theory"] == result["test"]["data_mix"]) == same
    _, model, _ = load_run(result["run_folder"])
    assert model is not None
    text = " ".join(result_table(result).split())
    assert f"data_mix: {selected}, the best of 2 trials and theory by" in text
    assert "theory: the mix of least recovery bound" in text


def test_without_trials_theory_is_a_row_and_there_is_no_data_mix():
    config = {**SMALL, "trials": 0, "early_stopping": False}
    result = run_groupmix(dataset="blockmix", target="A", config_dict=config)
    assert list(result["mixes"]) == ["proportional", "stratified", "no_augmentation", "theory"]


def test_theory_diverging_takes_both_its_rows_away(monkeypatch):
    monkeypatch.setattr(
        carry_out, "select", lambda found, cv: next(c for c in found if c.name == "theory")
    )
    train = carry_out.FineTuning.train

    def diverging(self, *given):
        for fit in train(self, *given):
            lost = fit.job.name == "theory" and fit.job.part == ALL_OF_TRAIN
            yield replace(fit, diverged=True) if lost else fit

    monkeypatch.setattr(carry_out.FineTuning, "train", diverging)
    result = run_groupmix(dataset="blockmix", target="A", config_dict=SMALL)
    assert list(result["mixes"]) == ["proportional", "stratified", "no_augmentation"]
    assert result["diverged"] == ["theory", "data_mix"]
