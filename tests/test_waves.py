"""A search in waves: what it tries, in which order, where it ends, and what it then recommends."""

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from command import call, run_arguments, run_folder
from finished_runs import timeless
from helpers import experiment, write_tiny
from killing import cut

from recbole_groupmix.core.mix import group_weights
from recbole_groupmix.core.names import BASELINES
from recbole_groupmix.core.racing import chance_to_lead
from recbole_groupmix.mixes.first_wave import first_wave
from recbole_groupmix.record.finished_run import read_folder
from recbole_groupmix.record.search_sentences import trials_asked
from recbole_groupmix.record.user_parts import UserParts, scored_point
from recbole_groupmix.search import forecast, race, waves, waves_left
from recbole_groupmix.search.history import history_of
from recbole_groupmix.search.proposers import known
from recbole_groupmix.search.workload import planned
from recbole_groupmix.settings.merge import merge_settings

SIZES = {"A": 40, "B": 24, "C": 16}
SEARCH = {"model": "EASE", "lambdas": "[10,100]", "folds": 3, "epochs": None, "eval_step": None}
SEARCH |= {"embedding_size": None, "repeats": None, "trials": 9, "search": "wide"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data set whose target has users enough for a race."""
    return write_tiny(tmp_path_factory.mktemp("larger"), sizes=SIZES)


def wide(history, n, rng):
    """Propose mixes all over the place: what was tried and the generator both count."""
    drawn = rng.uniform(0, 3, (len(history.groups), n)).T  # of more mixes the first are others
    return history.mixes(drawn * (1 + np.nanmean(history.scores)))


def in_fours(patch):
    for module in (waves, waves_left):
        patch.setattr(module, "WAVE", 4)


@pytest.fixture(autouse=True)
def proposer(monkeypatch):
    """A proposer ``wide``, and waves of four."""
    known.register("wide", wide)
    in_fours(monkeypatch)
    yield
    known.unregister("wide")


def believing(monkeypatch, chance=1.0, best=None):
    """Let a search believe in scores, or in the row of a number, and in a chance of more."""

    def belief(history, seed=0):
        mean = np.where(history.is_finite, history.scores, np.nan)
        if best is not None:
            mean[best(history)] = 1.0
        share = np.full(len(history), 1 / len(history))
        return SimpleNamespace(
            **{"mean": mean, "sd": np.zeros(len(history)), "best": share},
            chance_of_more=lambda least_gain: chance,
            **{"rank_correlation": 0.5, "optimism": np.nan},
        )

    monkeypatch.setattr(waves, "belief", belief)


def finished(*arguments, folder="runs"):
    status, out, err = call(*arguments, f"--output_dir={folder}")
    assert status == 0, err
    place = run_folder(folder)
    return json.loads((place / "result.json").read_text()), place, out, err


def lines(place, name="trials.jsonl"):
    return [json.loads(line) for line in (place / name).read_text().splitlines()]


# --- the first wave ------------------------------------------------------------------------------


def test_the_first_wave_repeats_proportional_and_leaves_out_one_group_each(tiny):
    ex = experiment(tiny, target="C", search="gp", trials=75)
    found = first_wave(ex, 75)
    repeats, left_out = found[:2], found[2:]
    assert [(c.source, c.repeat) for c in repeats] == [("repeat", 1), ("repeat", 2)]
    for part in range(3):
        for repeat in repeats:
            assert set(repeat.recipe_on(ex, part, {}).weights.values()) == {1.0}
    assert [c.name for c in left_out] == ["trial-0", "trial-1"]  # the largest group first
    for candidate, out in zip(left_out, "BA", strict=True):
        weights = group_weights(candidate.mix, ex.n_users, "C")
        assert weights == pytest.approx({**dict.fromkeys("ABC", 1.0), out: 0.0})
    assert len(first_wave(ex, 1)) == 3
    solved = first_wave(experiment(tiny, model="EASE", search="gp", trials=75), 75)
    assert [c.source for c in solved] == ["leave_one_out"] * 2


def test_repeats_of_proportional_differ_from_it_and_are_no_rows(tiny):
    arguments = run_arguments(tiny, trials=3, search="wide")
    result, place, _, _ = finished(*arguments)
    scores = {(r["name"], r["fold"]): r["score"] for r in lines(place)}
    of = {n: [scores[n, fold] for fold in range(2)] for n, _ in scores}
    one, two, three = (of[f"proportional{more}"] for more in ("", "#1", "#2"))
    assert one != two != three != one
    assert list(result["mixes"])[:3] == ["proportional", "stratified", "no_augmentation"]
    assert not any("#" in row for row in result["mixes"])
    assert result["trainings"]["mixes"] == len(lines(place)) == 2 * (3 + 2 + 3)


# --- the table of what was tried -----------------------------------------------------------------


@pytest.mark.parametrize(
    "more", [{}, {"model": "BPR", "lambdas": None, "epochs": 4, "eval_step": 2, "decays": "[0,1]"}]
)
def test_the_table_has_the_scores_of_the_folder(data, more, monkeypatch):
    tables = []
    monkeypatch.setattr(
        waves, "history_of", lambda *args: tables.append(history_of(*args)) or tables[-1]
    )
    monkeypatch.setattr(race, "FEW_USERS", 1000)  # nobody leaves
    small = {"embedding_size": 4, "repeats": 1} if more else {}
    result, place, _, _ = finished(
        *run_arguments(data, **{**SEARCH, **more, **small, "trials": 3})
    )
    table, cv = tables[-1], result["search"]["cv"]
    tried = [*dict.fromkeys(r["name"] for r in lines(place))]
    assert len(table) == len(tried) == len(cv)
    assert sorted(table.scores) == pytest.approx(sorted(cv.values()), abs=1e-12)
    gains = table.scores - cv["proportional"]
    assert table.differences.mean(axis=1) == pytest.approx(gains, abs=1e-12)
    assert table.differences.std() > 0 and table.reference.sum() == (3 if more else 1)
    assert (table.weights[table.reference] == 1).all() and table.groups == ("B", "C")


def test_the_values_that_count_are_those_at_the_length_or_of_the_lambda():
    curve = {"name": "a", "fold": 0, "curve": [{"epoch": 2}, {"epoch": 4}, {"epoch": 6}]}
    assert scored_point(curve, {"epochs": 4, "options": {"reg_weight": 0.1}}) == 1
    with pytest.raises(ValueError, match="'a' on fold 0 has no point at 5"):
        scored_point(curve, {"epochs": 5, "options": {}})
    curve["curve"] = [{"epoch": 1, "reg_weight": 10.0}, {"epoch": 1, "reg_weight": 100.0}]
    assert scored_point(curve, {"epochs": 1, "options": {"reg_weight": 100.0}}) == 1
    assert scored_point({**curve, "curve": [{"epoch": 1}]}, {"epochs": 1, "options": {}}) == 0


def test_a_mix_with_few_folds_stands_in_the_table_by_its_difference_on_them(data):
    ex = experiment(data, model="EASE", search="wide", trials=2, folds=3, topk=[10], lambdas=[10])
    users = {
        f: {"fold": f, "users": ["u1", "u2", "u3"][: 3 - f], "n_relevant": [1] * (3 - f)}
        for f in (0, 1)
    }
    hits = {("proportional", 0): [0, 0, 3], ("proportional", 1): [0, 1], ("trial-0", 0): [3, 0, 3]}

    class Parts(UserParts):
        def __init__(self):
            super().__init__({}, users, "recall@10")

        def _values(self, name, summary, fold):
            return np.array(hits[name, fold], float)

    def summary(scores):
        return {"options": {}, "score": float(np.mean(scores)), "scores": scores, "epochs": 1}

    candidates = [c for c in _rows(ex) if c.name == "proportional"] + first_wave(ex, 1)
    cv = {"proportional": summary([1.0, 0.5]), "trial-0": summary([2.0])}
    table = history_of(ex, candidates, cv, Parts())
    assert table.scores.tolist() == [0.75, 1.75]
    assert table.differences[1].tolist() == [3.0, 0.0, 0.0]
    hits["trial-0", 0] = [3, 0, 3]
    users[0]["users"] = ["u1", "u2", "u4"]  # u4 is not measured on fold 1, nor u3 on fold 0
    users[1]["users"] = ["u1", "u3"]
    table = history_of(ex, candidates, cv, Parts())
    assert sorted(table.differences[1].tolist()) == [0.0, 0.0, 1.0, 3.0]  # u3 counts as the mean


def _rows(ex):
    from recbole_groupmix.mixes.candidates import fixed_candidates

    return fixed_candidates(ex, {})


# --- waves, killed and gone on with --------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """Arguments, result and folder of an undisturbed search in which mixes leave."""
    known.register("wide", wide)
    with pytest.MonkeyPatch.context() as patch:
        in_fours(patch)
        raced(patch)
        arguments = run_arguments(data, **SEARCH)
        found = finished(*arguments, folder=tmp_path_factory.mktemp("whole") / "runs")
    known.unregister("wide")
    return arguments, *found


@pytest.fixture
def racing(monkeypatch):
    raced(monkeypatch)


def raced(patch):
    """Let mixes leave, however few the users, and spend no time on belief and forecast."""
    patch.setattr(race, "FEW_USERS", 1)
    patch.setattr(forecast, "_measure", lambda *_: forecast.Costs(0.0, 1.0, 0.0))
    believing(patch)


def test_a_search_in_waves(whole):
    _, result, place, out, err = whole
    sources = {r["name"]: r["source"] for r in lines(place) if r["name"].startswith("trial-")}
    assert list(sources.values()) == ["leave_one_out"] * 2 + ["wide"] * 7
    found = result["search"]["waves"]
    assert (found["proposer"], found["most"], found["ended"]) == ("wide", 9, "trials")
    left = {r["name"]: r["fold"] + 1 for r in lines(place, "races.jsonl")}
    assert left == found["left"] and left and found["saved"] == sum(3 - n for n in left.values())
    folds = [r["name"] for r in lines(place)]
    for name in sources:
        assert folds.count(name) == left.get(name, 3)
        assert (name in result["search"]["cv"]) == (name not in left)
    assert result["trainings"]["mixes"] == 2 * len(folds)  # lambdas
    assert len(folds) == 3 * (3 + 9) - found["saved"]
    assert sum(b["best"] for b in found["belief"].values()) == pytest.approx(1)
    assert len(found["belief"]) == 12 and found["recommended"] not in left
    saved = re.findall(r"^wave \d+: (\d+) of \d mixes fell behind .*, (\d+) of", err, re.M)
    assert [sum(map(int, column)) for column in zip(*saved, strict=True)] == [
        len(left),
        found["saved"],
    ]
    whole = 3 * (3 + 9)
    assert f"which saved {found['saved']} of {whole} models." in " ".join(out.split())


@pytest.mark.parametrize(
    ("what", "after"),
    [
        *(("trials.jsonl", 2), ("trials.jsonl", 17), ("curves.jsonl", 20), ("races.jsonl", 0)),
        *(("races.jsonl", 1), ("curves.jsonl", 22), ("trials.jsonl", 24), ("repeats", 1)),
        *(("races.jsonl", 3), ("fold_users.jsonl", 2)),
    ],
)
def test_a_killed_search_ends_as_if_nothing_had_been(whole, racing, what, after):
    arguments, result, place, _, _ = whole
    here = cut(*arguments, folder="runs", what=what, after=after)
    again, _, _, err = finished(*arguments)
    assert timeless(again) == timeless(result)
    assert sorted(map(_plain, lines(here))) == sorted(map(_plain, lines(place)))
    assert lines(here, "races.jsonl") == lines(place, "races.jsonl")
    _, _, _, err = finished(*arguments)
    assert "nothing left to train" in err


def _plain(record):
    return json.dumps({k: v for k, v in record.items() if k != "seconds"})


def test_more_trials_go_on_and_fewer_go_back(whole, racing, monkeypatch):
    arguments, *_ = whole
    monkeypatch.setattr(race, "FEW_USERS", 1000)  # without races, in which more mixes count
    fewer = [a for a in arguments if not a.startswith("--trials")]
    small, here, _, _ = finished(*fewer, "--trials=7", folder="small")  # amid a wave
    before = lines(here)
    larger, _, _, _ = finished(*fewer, "--trials=9", folder="small")
    assert lines(here)[: len(before)] == before
    fresh, _, _, _ = finished(*fewer, "--trials=9", folder="fresh")
    assert timeless(larger) == timeless(fresh) != timeless(small)
    again, _, _, err = finished(*fewer, "--trials=7", folder="small")
    assert timeless(again) == timeless(small) and "nothing left to train" in err


def test_a_mix_that_the_folder_has_is_taken(whole, racing):
    """As if it had been proposed on another computer, with other rounding."""
    arguments, _, _, _, _ = whole
    here = cut(*arguments, folder="runs", what="trials.jsonl", after=16)
    text = (here / "trials.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in text[:16]]
    assert records[-1]["name"] == "trial-2"
    records[-1]["alpha_aug"] = 0.375
    (here / "trials.jsonl").write_text("".join(f"{json.dumps(r)}\n" for r in records))
    finished(*arguments)
    assert {r["alpha_aug"] for r in lines(here) if r["name"] == "trial-2"} == {0.375}
    records[-1]["alpha"] = {"B": 0.5, "D": 0.5}
    (here / "trials.jsonl").write_text("".join(f"{json.dumps(r)}\n" for r in records))
    status, _, err = call(*arguments, "--output_dir=runs")
    assert status == 2 and "trials.jsonl: trial-2: alpha names the unknown group 'D'" in err


# --- where it ends, and what it recommends -------------------------------------------------------


def test_a_search_ends_where_no_gain_is_likely(data, monkeypatch):
    believing(monkeypatch, chance=0.01)
    arguments = run_arguments(data, **SEARCH)
    result, place, out, err = finished(*arguments)
    assert len({r["name"] for r in lines(place)}) == 3 + 2  # never without the first wave
    found = result["search"]["waves"]
    assert (found["ended"], found["chance_of_more"], found["least_gain"]) == ("gain", 0.01, 0.01)
    assert (result["search"]["trials"], found["most"]) == (2, 9)
    assert "the search ends after 2 of at most 9 mixes" in err
    said = "ended after 2 of at most 9 mixes: that any gains more than 1 % over"
    assert said in " ".join(out.split())
    assert "few gains can be told from luck" in " ".join(out.split())  # not with so few users
    _, _, _, err = finished(*arguments)
    assert "nothing left to train" in err
    result, _, _, err = finished(*arguments, "--least_gain=0")
    assert result["search"]["waves"]["ended"] == "trials" and "the search ends" not in err


def test_proportional_may_be_recommended_and_is_no_data_mix(data, monkeypatch, undrawn):
    believing(monkeypatch, chance=0.0, best=lambda history: history.reference)
    result, place, out, _ = finished(*run_arguments(data, **SEARCH))
    assert result["search"]["selected"] is None and "data_mix" not in result["test"]
    assert result["search"]["waves"]["recommended"] == "proportional"
    assert "There is no data_mix: of 5 mixes that were tried, proportional has" in " ".join(
        out.split()
    )
    status, page, err = call("report", place)
    assert status == 0, err
    run = read_folder(place)
    assert (run.result["search"]["trials"], trials_asked(run.result)) == (2, 9)
    text = Path(page.strip()).read_text()
    assert "recommends to train on everything as it is (proportional), and ended there:" in text
    assert "There is no data_mix: of 5 mixes that were tried" in " ".join(text.split())


@pytest.mark.parametrize("which", ["trial-1", "no_augmentation", "budget-0.3"])
def test_the_mix_that_is_believed_in_is_chosen_and_not_the_luckiest(data, monkeypatch, which):
    rows = {"no_augmentation": 2, "budget-0.3": 6, "trial-1": 11}
    believing(monkeypatch, chance=0.0, best=lambda history: rows[which])
    arguments = run_arguments(data, **SEARCH, budget_curve=True)
    result, _, out, _ = finished(*(a for a in arguments if a != "--budget_curve=False"))
    assert result["search"]["selected"] == which
    assert f"data_mix: {which}, of 12 mixes" in " ".join(out.split())
    same = result["search"]["cv"][which] == result["search"]["best_cv"]
    assert same and result["test"]["data_mix"]
    if which == "no_augmentation":
        assert result["test"][which] == result["test"]["data_mix"]


def test_a_leaver_is_never_chosen(whole, racing, monkeypatch):
    arguments, result, place, _, _ = whole
    shutil.copytree(place, Path("runs") / place.name)
    left = result["search"]["waves"]["left"]
    names = list(result["search"]["waves"]["belief"])
    believing(
        monkeypatch,
        best=lambda history: [names.index(n) for n in left if n in names[: len(history)]],
    )
    again, _, _, _ = finished(*arguments)
    assert again["search"]["waves"]["recommended"] not in left
    assert all(again["search"]["waves"]["belief"][name]["mean"] == 1.0 for name in left)


def test_who_is_behind_by_the_users():
    rng = np.random.default_rng(0)
    leader = rng.normal(size=200)
    parts = np.stack([leader, leader - 1, leader + rng.normal(0, 1, 200), leader])
    chances = chance_to_lead(parts, 0, 3)
    assert chances[[0, 1, 3]].tolist() == [1, 0, 1] and 0.01 < chances[2] < 1
    assert (chances == chance_to_lead(parts, 0, 3)).all()


def test_who_may_leave():
    """Not the leader, and none that an earlier call let go on to the next fold."""
    parts = {"best": 1.0, "bad": 0.2, "went_on": 0.1, "lost": np.nan, "old": 0.5}
    rng = np.random.default_rng(1)
    noise = {name: rng.normal(0, 0.1, 50) for name in parts}

    class Parts:
        def of(self, name, summary, folds):
            return parts[name] + noise[name]

    records = SimpleNamespace(curves={("went_on", 1, ""): {}, ("bad", 0, ""): {}}, users={})
    summaries = {name: {"score": score, "scores": [score]} for name, score in parts.items()}
    old = {"old": {"score": 0.5, "scores": [0.5, 9.0]}}
    racing = {name: summaries[name] for name in parts if name != "old"}
    (left,) = race.Race(records, Parts(), 3).leavers(racing, old, 1)
    assert (left["name"], left["fold"], left["leader"], left["chance"]) == ("bad", 0, "best", 0)
    alone = {"bad": racing["bad"]}
    (left,) = race.Race(records, Parts(), 3).leavers(alone, old, 1)
    assert left["leader"] == "old"
    assert race.Race(records, Parts(), 3).leavers({"lost": racing["lost"]}, {}, 1) == []


def test_neither_repeats_nor_leavers_lead_a_race(tiny):
    ex = experiment(tiny, search="gp", trials=9)
    search = waves.Waves(SimpleNamespace(experiment=ex, trained=[], cv={}))
    search.tried = [*_rows(ex), *first_wave(ex, 9)]
    search.summaries = {candidate.name: {} for candidate in search.tried}
    search.left = {"trial-0": {}}
    assert [*search._may_lead()] == [*BASELINES, "trial-1"]


def test_few_users_race_not(tiny, monkeypatch):
    believing(monkeypatch)
    result, place, _, err = finished(*run_arguments(tiny, **{**SEARCH, "trials": 5}))
    assert result["search"]["waves"]["left"] == {} and not (place / "races.jsonl").exists()
    assert "fold 1 of" not in err


# --- what is said beforehand ---------------------------------------------------------------------


def test_the_forecast_counts_at_most(data, racing):
    arguments = run_arguments(data, **SEARCH)
    here = cut(*arguments, folder="runs", what="trials.jsonl", after=17)
    _, _, _, err = finished(*arguments)
    counted = re.search(
        r"up to (\d+) models on folds \(4 mixes of wave 1, then up to 1 wave of up to 3\)", err
    )
    assert int(counted[1]) == 3 * (3 + 9) - len(lines(here, "curves.jsonl")[:18])
    assert re.search(r"the search may end early, first after \d+ models on folds \(about", err)
    _, _, _, err = finished(*arguments, "--seed=8", folder="fresh")
    assert (
        "up to 36 models on folds (5 mixes of the first wave, then up to 2 waves of up to 4)"
        in err
    )


def test_a_plan_counts_the_same_without_the_data(monkeypatch):
    monkeypatch.setattr(waves_left, "WAVE", 16)
    given = {"dataset": "tiny", "search": "gp", "trials": 40, "folds": 3, "rivals": "none"}
    given |= {"budget_curve": False, "class_field": None}
    solved = planned(merge_settings({**given, "model": "EASE", "lambdas": [10]}), [*BASELINES])
    assert solved.on_folds == 3 * (3 + 40) and solved.at_most
    words = (
        "up to 129 models on folds (first the rows and up to 8 mixes without one group, then up "
    )
    assert f"{words}to 2 waves of up to 16)" in str(solved)
    assert solved.at_least_on_folds == 3 * (3 + 8)
    on = planned(merge_settings({**given, "model": "EASE", "least_gain": 0}), [*BASELINES])
    assert on.at_least_on_folds == 0
    trained = planned(merge_settings({**given, "hours": 2}), [*BASELINES])
    costs = forecast.Costs(0.0, 2.0, 0.0)
    told = forecast.Forecast(solved, 1, 1, 0.0, False, True, costs)
    said = "the search may end early, first after 33 models on folds (about 66 s)"
    assert str(told).endswith(said)
    assert trained.on_folds == 3 * (3 + 2 + 40)
    assert "as many as fit in 2 h)" in str(trained) and "2 repeats of proportional" in str(trained)


def test_a_proposer_that_is_not_known_is_refused_with_those_that_are(data):
    status, out, err = call(*run_arguments(data, **{**SEARCH, "search": "randon"}))
    assert (status, out) == (2, "") and not Path("runs").exists()
    last = err.splitlines()[-1]
    assert "no proposer of that name; did you mean 'random'" in last
    assert re.search(r"proposers are .*gp, .*random", last)


def test_all_targets_are_not_searched_in_waves(data):
    status, _, err = call(*run_arguments(data, **{**SEARCH, "target": "all"}))
    assert status == 2 and "learns from one target's scores" in err.splitlines()[-1]


def test_a_random_search_knows_nothing_of_waves(data):
    result, place, _, err = finished(
        *run_arguments(data, **{**SEARCH, "search": "random", "trials": 1})
    )
    assert "waves" not in result["search"] and "up to" not in err.split("models on folds")[0]
    config = (place / "config.yaml").read_text()
    assert "search" not in config and "least_gain" not in config
    drawn = {**SEARCH, "search": "random"}
    _, same, _, err = finished(*run_arguments(data, **{**drawn, "trials": 1}))
    assert same == place and "nothing left to train" in err
    _, _, _, err = finished(*run_arguments(data, **drawn), "--least_gain=0.1")
    assert "least_gain is 0.1 (on the command line) and has no effect" in err


# --- a limit in time -----------------------------------------------------------------------------


@pytest.fixture
def slow(monkeypatch):
    """Every model takes an hour, as far as the forecast knows; how long is to be set."""
    costs = {"epoch": 3600.0}
    monkeypatch.setattr(forecast, "_measure", lambda *_: forecast.Costs(0.0, costs["epoch"], 0.0))
    return costs


def test_hours_buy_as_many_mixes_as_fit_and_later_calls_as_many(data, slow, monkeypatch):
    believing(monkeypatch)
    arguments = [*run_arguments(data, **{**SEARCH, "lambdas": "[10]"}), "--yes"]
    # 36 models on folds and up to 4 on all of train, each mix 3 of them
    here = cut(*arguments, "--hours=32", folder="runs", what="trials.jsonl", after=16)
    slow["epoch"] = 36000.0
    result, place, _, err = finished(*arguments, "--hours=32")
    assert "32 h (32.0 h) buy 6 of at most 9 mixes" in err and place == here
    assert result["search"]["trials"] == 6 and "then up to 1 wave" not in err
    _, _, _, err = finished(*arguments, "--hours=32")
    assert "nothing left to train" in err
    slow["epoch"] = 3600.0
    result, _, _, err = finished(*arguments, "--hours=32.5")  # another limit, for what is left
    assert result["search"]["trials"] == 9


@pytest.mark.parametrize(("search", "least"), [("wide", 2), ("random", 1)])
def test_hours_buy_a_first_wave_at_least(data, slow, search, least):
    arguments = run_arguments(data, **{**SEARCH, "search": search})
    result, _, _, err = finished(*arguments, "--hours=0.1", "--yes")
    assert result["search"]["trials"] == least
    assert f"buy {least} of at most 9 mixes, which are the fewest, although" in err


def test_hours_are_not_for_all_targets(data):
    status, _, err = call(
        *run_arguments(data, **{**SEARCH, "search": None, "target": "all", "hours": 1})
    )
    assert status == 2 and "targets that share their mixes have no limit in time" in err
