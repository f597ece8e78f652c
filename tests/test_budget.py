"""The baseline ``budget``: its candidates, the models that serve them, and the row."""

import math

import pytest
from helpers import experiment

from recbole_groupmix.core.budget_curve import BUDGETS
from recbole_groupmix.core.mix import baselines, group_weights
from recbole_groupmix.core.names import BUDGET, is_reserved
from recbole_groupmix.mixes.budget import budget_candidates, chosen_budget
from recbole_groupmix.mixes.candidates import fixed_candidates
from recbole_groupmix.mixes.duplicates import find_duplicates, without_duplicates

N_USERS = {"A": 10, "B": 14, "C": 8}


def test_candidates_have_the_shares_of_proportional_and_the_budgets_of_the_curve():
    found = budget_candidates(N_USERS, "A")
    assert [c.mix.alpha_aug for c in found] == list(BUDGETS)
    names = [
        "budget-0",
        "budget-0.05",
        "budget-0.1",
        "budget-0.2",
        "budget-0.3",
        "budget-0.5",
        "budget-1",
    ]
    assert [c.name for c in found] == [*names, "budget-2", "budget-4"]
    for candidate in found:
        assert candidate.source == BUDGET and not candidate.is_baseline
        assert candidate.mix.alpha == {"B": 14 / 22, "C": 8 / 22}
        weights = candidate.weights_on(N_USERS, "A")
        expected = dict.fromkeys("BC", candidate.mix.alpha_aug)
        assert weights == pytest.approx({"A": 1.0, **expected}, rel=1e-14)


def test_on_a_part_they_follow_its_counts():
    part = {"A": 9, "B": 5, "C": 0}
    for candidate in budget_candidates(N_USERS, "A"):
        budget = candidate.mix.alpha_aug
        assert candidate.follows_counts
        weights = candidate.weights_on(part, "A")
        assert weights == pytest.approx({"A": 1.0, "B": budget, "C": 0.0}, rel=1e-14)
    of = {c.mix.alpha_aug: c.weights_on(part, "A") for c in budget_candidates(N_USERS, "A")}
    assert of[1] == group_weights(baselines(part, "A")["proportional"], part, "A")
    assert of[0] == group_weights(baselines(part, "A")["no_augmentation"], part, "A")


def test_the_budgets_0_and_1_take_no_models_of_their_own(tiny):
    ex = experiment(tiny)
    compared = [*fixed_candidates(ex, {}), *budget_candidates(ex.n_users, "A")]
    duplicates = find_duplicates(ex, compared, 2)
    assert duplicates == {"budget-0": "no_augmentation", "budget-1": "proportional"}
    trained = [c.name for c in without_duplicates(compared, duplicates) if c.source == BUDGET]
    assert len(trained) == len(BUDGETS) - 2


def summary(score):
    return {"options": {}, "score": score, "scores": [score], "epochs": 1}


def test_the_row_is_the_best_on_the_folds_of_whichever_models_serve_it():
    compared = budget_candidates(N_USERS, "A")
    duplicates = {"budget-0": "no_augmentation", "budget-1": "proportional"}
    scores = {"proportional": 0.2, "no_augmentation": 0.1, "trial-0": 0.9}
    cv = {name: summary(score) for name, score in scores.items()}
    cv |= {c.name: summary(0.15) for c in compared if c.name not in duplicates}
    assert chosen_budget(compared, cv, duplicates).name == "budget-1"
    assert chosen_budget(compared, {**cv, "budget-4": summary(0.3)}, duplicates).name == "budget-4"
    with_nan = {**cv, "budget-4": summary(math.nan)}
    assert chosen_budget(compared, with_nan, duplicates).name == "budget-1"
    assert chosen_budget(compared, {}, duplicates) is None
    assert chosen_budget([], cv, duplicates) is None


@pytest.mark.parametrize("name", ["budget", "budget-0.3", "budget-7"])
def test_own_mixes_cannot_have_its_names(name):
    assert is_reserved(name)
    assert not is_reserved("my-budget")
