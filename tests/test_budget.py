"""The baseline ``budget``: its candidates, the models that serve them, and the row."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from command import SMALL_RUN, call, run_arguments, run_folder
from helpers import experiment, groups_of_users, interactions, write_data_set, write_tiny

from recbole_groupmix.core.budget_curve import BUDGETS, nearest_to_as_is
from recbole_groupmix.core.mix import baselines, group_weights, mix_from_weights
from recbole_groupmix.core.names import BASELINES, BUDGET, is_reserved
from recbole_groupmix.mixes import budget as module
from recbole_groupmix.mixes.budget import budget_record
from recbole_groupmix.mixes.candidates import budget_candidates, fixed_candidates
from recbole_groupmix.mixes.duplicates import find_duplicates, without_duplicates
from recbole_groupmix.search.workload import planned
from recbole_groupmix.settings.merge import merge_settings

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

    def chosen(**more):
        record = budget_record(compared, {**cv, **more}, duplicates)
        return record["selected"], record["alpha_aug"]

    assert chosen() == ("proportional", 1.0)
    assert chosen(**{"budget-4": summary(0.3)}) == ("budget-4", 4.0)
    assert chosen(**{"budget-4": summary(math.nan)}) == ("proportional", 1.0)
    assert chosen(**{"budget-2": summary(0.3), "budget-0.3": summary(0.3)}) == ("budget-0.3", 0.3)
    assert chosen(no_augmentation=summary(0.3)) == ("no_augmentation", 0.0)
    record = budget_record(compared, {**cv, "budget-4": summary(math.nan)}, duplicates)
    names = [point["candidate"] for point in record["curve"]]
    assert names[0] == "no_augmentation" and names[6] == "proportional" and len(names) == 9
    assert record["curve"][-1] == {"alpha_aug": 4.0, "candidate": "budget-4", "score": None}
    assert budget_record(compared, {}, duplicates) is None
    assert budget_record([], cv, duplicates) is None


@pytest.mark.parametrize("name", ["budget", "budget-0.3", "budget-7"])
def test_own_mixes_cannot_have_its_names(name):
    assert is_reserved(name)
    assert not is_reserved("my-budget")


# --- runs ----------------------------------------------------------------------------------------


def ran(data, place="runs", **options):
    """Carry out a small run with budgets; return its result and its folder."""
    options = {"budget_curve": True, "trials": 0, "output_dir": place, **options}
    status, _, err = call(*run_arguments(data, **options))
    assert status == 0, err
    folder = run_folder(place)
    return json.loads((folder / "result.json").read_text()), folder, err


def names_on_folds(folder):
    lines = (folder / "trials.jsonl").read_text().splitlines()
    return [json.loads(line)["name"] for line in lines]


@pytest.mark.parametrize(
    "options", [{}, {"model": "EASE", "lambdas": "[5,50]", "epochs": None, "repeats": None}]
)
def test_the_row_is_the_best_budget_and_trained_once(tiny, options):
    result, folder, err = ran(tiny, **options)
    record = result["budget"]
    assert [point["alpha_aug"] for point in record["curve"]] == list(BUDGETS)
    scores = {point["alpha_aug"]: point["score"] for point in record["curve"]}
    assert record["alpha_aug"] == nearest_to_as_is(scores)
    cv = result["search"]["cv"]
    assert all(cv[point["candidate"]] == point["score"] for point in record["curve"])
    names = names_on_folds(folder)
    assert len(names) == len(set(names)) * 2 == (3 + 7) * 2  # folds; baselines and new budgets
    assert not {"budget-0", "budget-1"} & set(names)
    assert "14 of them for the budget curve" in err
    assert result["mixes"]["budget"]["alpha_aug"] == record["alpha_aug"]
    assert list(result["test"]) == list(result["mixes"]) == [*BASELINES, "budget"]
    if record["selected"] in BASELINES:
        assert result["same_mix"]["budget"] == record["selected"]
    assert result["search"]["selected"] is None  # it is never the data mix


def test_a_budget_trains_what_an_own_mix_of_its_weights_does(tiny):
    """On all of train and on the folds: there counts are the same, so the mixes are equal."""
    result, _, _ = ran(tiny)
    budget = result["budget"]["curve"][5]
    assert budget["candidate"] == "budget-0.5"
    mix = {"name": "mine", **budget_candidates(N_USERS, "A")[5].mix.to_dict()}
    Path("mine.yaml").write_text(yaml.safe_dump(mix))
    again, _, _ = ran(tiny, "others", mix="mine.yaml", budget_curve=False)
    assert again["search"]["cv"]["mine"] == pytest.approx(budget["score"], abs=1e-12)


def test_budgets_0_and_1_win_by_the_models_of_the_baselines(tiny, monkeypatch):
    monkeypatch.setattr(module, "nearest_to_as_is", lambda scores: 1.0)
    result, folder, _ = ran(tiny)
    assert result["budget"]["selected"] == "proportional"
    assert result["same_mix"]["budget"] == "proportional"
    assert result["test"]["budget"] == result["test"]["proportional"]
    assert {change["p"] for change in result["change"]["budget"].values()} == {None}
    trained = {file.name.partition("-")[0] for file in (folder / "repeats").iterdir()}
    assert trained == set(BASELINES)


def test_left_out_at_first_the_budgets_are_added_by_a_later_run(tiny):
    first, folder, _ = ran(tiny, budget_curve=False)
    assert "budget" not in first and "budget" not in first["mixes"]
    before = names_on_folds(folder)
    result, again, _ = ran(tiny)
    assert again == folder and "budget" in result["mixes"]
    after = names_on_folds(folder)
    assert after[: len(before)] == before and len(after) == len(before) + 7 * 2


def test_without_folds_there_is_no_budget(tiny):
    result, _, err = ran(tiny, early_stopping=False)
    assert "budget" not in result and "budget curve" not in err


def test_every_target_has_its_own_budget(tiny):
    ran_alone = {target: ran(tiny, f"alone-{target}", target=target)[0] for target in "ABC"}
    status, out, err = call(
        *run_arguments(tiny, target="all", trials=0, budget_curve=True, output_dir="all")
    )
    assert status == 0, err
    index = json.loads((run_folder("all") / "index.json").read_text())
    for target, alone in ran_alone.items():
        found = index["targets"][target]["budget"]
        for point, expected in zip(found["curve"], alone["budget"]["curve"], strict=True):
            assert point["score"] == pytest.approx(expected["score"], abs=1e-9)
        assert found["alpha_aug"] in BUDGETS
        assert "budget" in index["targets"][target]["test"]
    assert out.count("\n") > 10 and re.search(r"budget +\d\.\d\d ", out)


def test_with_two_groups_the_curve_is_the_whole_search(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_tiny(tmp_path, sizes={"A": 12, "B": 20})
    status, out, err = call(*run_arguments(tmp_path, budget_curve=True, trials=1))
    assert status == 0, err
    assert "note: with two groups a mix is its budget alone" in err
    assert "With two groups this is the whole search." in out
    result = json.loads((run_folder() / "result.json").read_text())
    assert result["same_mix"]["stratified"] == "proportional"
    status, _, err = call(*run_arguments(tmp_path, budget_curve=True, trials=0))
    assert status == 0 and "two groups" not in err


def test_an_empty_group_on_a_fold_is_no_matter(tmp_path, monkeypatch):
    """A mix of one's own that uses a group which a fold lacks is refused; the budget follows."""
    monkeypatch.chdir(tmp_path)
    users, items = interactions(sizes={"A": 12, "B": 14, "C": 1})
    alone = users == users[-1]
    keep = ~alone | (np.cumsum(alone) <= 2)  # one interaction in train, one in test
    groups = groups_of_users({"A": 12, "B": 14, "C": 1})
    write_data_set(
        tmp_path,
        "tiny",
        {
            "user_id:token": [f"u{user}" for user in users[keep]],
            "item_id:token": [f"i{item}" for item in items[keep]],
        },
        {
            "user_id:token": [f"u{user}" for user in range(1, len(groups) + 1)],
            "group:token": groups,
        },
    )
    result, _, _ = ran(tmp_path)
    assert result["budget"]["alpha_aug"] in BUDGETS


COUNTS = re.compile(
    r"(\d+) models on folds(?: \((\d+) of them for the budget curve\))?(?:, (\d+) more for "
    r"rivals \([a-z_, ]+\))?(?:, up to (\d+) again for longer)? and (?:up to )?"
    r"(\d+) on all of train"
)


def counted(err):
    """Return what the forecast says and what the bars show: on folds and on all of train."""
    folds, budgets, tuned, control, final = COUNTS.search(err).groups(default="0")
    found = re.findall(r"([\w, ]+): (\d+) of \2 models", err)
    bars = dict(found)
    shown = sum(int(n) for title, n in found if title.strip().startswith("folds"))
    return (
        int(folds) + int(tuned) + int(control),
        int(budgets),
        int(final),
        shown,
        int(bars["test"]),
    )


@pytest.mark.parametrize("model", ["BPR", "EASE"])
def test_plan_forecast_and_bars_count_the_budgets(tiny, model):
    keys = {"trials": 2, "rivals": "fine_tuned", "model": model}
    if model == "EASE":
        keys |= {"epochs": None, "repeats": None, "rivals": None, "lambdas": "[5]"}
    _, _, err = ran(tiny, **keys)
    folds, budgets, final, shown, tested = counted(err)
    assert folds == shown and budgets == 14 and final >= tested >= final - 2 - 2
    given = {key: value for key, value in {**SMALL_RUN, **keys}.items() if value is not None}
    given |= {"dataset": "tiny", "budget_curve": True, "topk": [5, 10], "target": "A"}
    given |= {"lambdas": [5.0]} if model == "EASE" else {}
    plan = planned(merge_settings(given), [*BASELINES])
    n_on_folds = plan.on_folds + plan.rivals_on_folds + plan.control
    assert (n_on_folds, plan.final) == (folds, final)
    assert (plan.budgets_on_folds, plan.at_most) == (14, True)


def test_a_run_that_goes_on_counts_what_is_left(tiny):
    ran(tiny)
    _, _, err = ran(tiny)
    assert "nothing left to train" in err
    _, _, err = ran(tiny, trials=2)
    folds, budgets, final, shown, tested = counted(err)
    assert (folds, budgets) == (2 * 2 + 2, 0)  # two trials on two folds, and one for its length
    # bars of stages with work; the control's counts the budget's two models, which are done
    assert (shown, final, tested) == (18 + 4 + 4, 1, 5)


def test_searched_mixes_draw_from_the_law_of_the_run(tiny):
    keys = {"budgets": "uniform(0.07, 0.07)", "trials": 2}
    status, _, err = call(*run_arguments(tiny, output_dir="one", **keys))
    assert status == 0, err
    text = (run_folder("one") / "trials.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    drawn = {line["alpha_aug"] for line in lines if line["name"].startswith("trial-")}
    assert drawn == {0.07}
    status, _, err = call(*run_arguments(tiny, target="all", output_dir="all", **keys))
    assert status == 0, err
    for trial in json.loads((run_folder("all") / "index.json").read_text())["pool"]:
        mix = mix_from_weights(trial["weights"], N_USERS, trial["drawn_for"])
        assert mix.alpha_aug == pytest.approx(0.07)
