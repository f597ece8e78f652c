"""Theory's mix as a candidate of the search and a row of the result."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import N_ITEMS, experiment, write_data_set, write_tiny

from recbole_groupmix.adapters.item_classes import read_item_classes
from recbole_groupmix.core.mix import Mix
from recbole_groupmix.core.theory.optimal_mix import optimal_mix
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.mixes import theory
from recbole_groupmix.mixes.candidates import Candidate, candidates, fixed_candidates, select
from recbole_groupmix.mixes.theory import SharesOfParts, class_shares
from recbole_groupmix.prepare.blockmix import COUNTS
from recbole_groupmix.record.result_table import result_table
from recbole_groupmix.run import run_groupmix
from recbole_groupmix.search import choice
from recbole_groupmix.search.jobs import job_of
from recbole_groupmix.search.load import load_run
from recbole_groupmix.training import any_recipe

SMALL = {
    "fine_tune": False,
    "budget_curve": False,
    "search": "random",
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


def test_on_a_fold_theory_sees_the_training_part_of_the_fold_alone(tmp_path):
    write_tiny(tmp_path)
    numbers = range(1, N_ITEMS + 1)
    shelves = {
        "item_id:token": [f"i{n}" for n in numbers],
        "shelf:token": [n % 3 for n in numbers],
    }
    write_data_set(tmp_path, "tiny", None, item=shelves)
    shared = experiment(tmp_path, class_field="shelf")
    (found,) = [c for c in candidates(shared, {}, 0) if c.source == "theory"]
    assert job_of(shared, found, ALL_OF_TRAIN).weights == found.weights_on(shared.n_users, "A")
    labels = read_item_classes(shared.dataset, "shelf")
    class_of = np.array([int(label[0]) if label else 0 for label in labels])
    group, weights = shared.groups.of_user, []
    for index in (0, 1, 2):  # all of train and two folds, each by hand
        part = shared.part(index)
        liked = np.zeros((shared.shape[0], 3))
        np.add.at(liked, (part.users, class_of[part.items]), 1.0)
        mine = [liked[(group == g) & (liked.sum(axis=1) > 0)] for g in range(3)]
        shares = np.array([(rows / rows.sum(axis=1, keepdims=True)).mean(axis=0) for rows in mine])
        sizes = np.array([part.n_users[name] for name in "ABC"], dtype=float)
        n_aug = sizes[1:].sum()
        best = optimal_mix(shares[0], shares[1:], sizes[0], n_aug, sizes[1:] / n_aug)
        of_part = job_of(shared, found, index).weights
        weights.append([of_part[name] for name in "BC"])
        np.testing.assert_allclose(weights[-1], best.alpha * n_aug / sizes[1:], atol=1e-9)
    assert np.abs(np.diff(weights, axis=0)).max(axis=1).min() > 0.01


def test_a_fold_without_classes_of_a_group_has_proportional(repository, monkeypatch):
    def of_all_of_train(ex, part):
        if part:
            raise ValueError("group 'D' likes no item with a class")
        return class_shares(ex, part=part)

    monkeypatch.setattr(theory, "class_shares", of_all_of_train)
    shared = experiment(repository / "dataset_atomic", dataset="blockmix", target="A")
    (found,) = [c for c in candidates(shared, {}, 0) if c.source == "theory"]
    assert set(job_of(shared, found, 1).weights.values()) == {1.0}
    assert set(job_of(shared, found, 0).weights.values()) != {1.0}


@pytest.mark.parametrize("train_items", ["all", "target"])
def test_targets_share_what_theory_counts_unless_each_trains_on_other_rows(
    repository, monkeypatch, train_items
):
    counted = []
    monkeypatch.setattr(
        theory,
        "class_shares",
        lambda ex, part: counted.append((ex.target, part)) or class_shares(ex, part=part),
    )
    given = {"dataset": "blockmix", "rank_items": "target", "train_items": train_items}
    shared = experiment(repository / "dataset_atomic", **given)
    views = {name: shared.for_target(name) for name in "AB"}

    def weights(*shares):
        found = {name: fixed_candidates(view, {}, *shares)[-1] for name, view in views.items()}
        assert {candidate.source for candidate in found.values()} == {"theory"}
        return {
            (name, part): found[name].weights_on(view.part(part).n_users, name, part)
            for name, view in views.items()
            for part in range(3)
        }

    together = weights(SharesOfParts(shared))
    targets = "A" if train_items == "all" else "AB"
    assert sorted(counted) == [(name, part) for name in targets for part in range(3)]
    assert together == weights()


@pytest.mark.parametrize("selected", ["theory", "trial-1"])
def test_a_row_of_the_result_whether_it_is_the_data_mix_or_not(selected, monkeypatch):
    monkeypatch.setattr(
        choice, "select", lambda found, cv: next(c for c in found if c.name == selected)
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
        choice, "select", lambda found, cv: next(c for c in found if c.name == "theory")
    )
    train = any_recipe.FineTuning.train

    def diverging(self, *given):
        for fit in train(self, *given):
            lost = fit.job.name == "theory" and fit.job.part == ALL_OF_TRAIN
            yield replace(fit, diverged=True) if lost else fit

    monkeypatch.setattr(any_recipe.FineTuning, "train", diverging)
    result = run_groupmix(dataset="blockmix", target="A", config_dict=SMALL)
    assert list(result["mixes"]) == ["proportional", "stratified", "no_augmentation"]
    assert result["diverged"] == ["theory", "data_mix"]
