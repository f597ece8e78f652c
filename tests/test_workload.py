"""One count of what is left to train: in the plan of a grid, in a run's forecast and in its bars."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from command import call, run_folder
from helpers import write_data_set

from recbole_groupmix.core.mix import proportional
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import candidates
from recbole_groupmix.mixes.duplicates import find_duplicates, without_duplicates
from recbole_groupmix.mixes.own import own_mixes
from recbole_groupmix.record.folder import RunFolder
from recbole_groupmix.search import confirm
from recbole_groupmix.search import forecast as calibrate
from recbole_groupmix.search.choice import Chosen
from recbole_groupmix.search.kept_model import ModelKeeper
from recbole_groupmix.search.target_run import target_run
from recbole_groupmix.search.test_stage import TestStage
from recbole_groupmix.search.workload import Workload, left_to_train
from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.training.joint import Joint

KEYS = {"folds": 2, "repeats": 2, "epochs": 4, "eval_step": 2, "topk": "[5,10]"}
COUNTS = re.compile(
    r"(\d+) models on folds(?: \(\d+ of them for the budget curve\))?(?:, (\d+) more for rivals \([a-z_, ]+\))?"
    r"(?:, up to \d+ again for longer)? and "
    r"(up to )?(\d+) on all of train"
)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def counts(text):
    """On folds, of rivals there, whether the last is a bound, on all of train."""
    ((folds, rivals, most, final),) = COUNTS.findall(text)
    return int(folds), int(rivals or 0), bool(most), int(final)


def bars(err):
    """The models of the bars by title: n of n."""
    titles = "folds, proportional|folds, rivals|folds, own length, \\w+|folds|test"
    found = re.findall(rf"^({titles}): (\d+) of (\d+) models", err, re.M)
    assert all(done == whole for _, done, whole in found)
    shown = {}
    for title, _, whole in found:
        if "own length" not in title:  # rivals have two bars: with a length of their own, and not
            shown[title] = shown.get(title, 0) + int(whole)
    first = shown.pop("folds, proportional", 0)
    return {**shown, "folds": shown.get("folds", 0) + first}


def options(**given):
    return [f"--{key}={value}" for key, value in {**KEYS, **given}.items()]


def small(tiny, **given):
    """Options of runs whose data do not matter, on a data set without classes of items."""
    data = {"dataset": "tiny", "data_path": tiny, "group_field": "group", "embedding_size": 4}
    return options(**{**data, "target": "A", **given})


def mix_file(name):
    Path(f"{name}.yaml").write_text(
        f"name: {name}\nalpha: {{B: 0.5, C: 0.3, D: 0.2}}\nalpha_aug: {len(name)}\n"
    )
    return f"{name}.yaml"


CASES = {
    "theory and rivals": {"class_field": "class", "trials": 2},
    "own mixes": {"trials": 0, "mix": "mine.yaml mine-2.yaml"},
    "no rival": {"trials": 3, "fine_tune": False},
    "closed form": {"model": "EASE", "trials": 2, "class_field": "class"},
    "no folds": {"protocol": "paper", "trials": 0, "class_field": "class"},
}


@pytest.mark.parametrize("case", CASES)
def test_plan_forecast_and_bars_agree(here, case):
    given = {"model": "BPR", "protocol": "converged", **CASES[case]}
    mix_file("mine"), mix_file("mine-2")
    axes = {f"{key}s": given.pop(key) for key in ("model", "protocol")}
    axes |= {"datasets": "blockmix", "dims": 4, "targets": "A"}
    status, plan, err = call("reproduce", "--plan", *options(**axes, **given))
    assert status == 0, err
    alone = {
        "dataset": "blockmix",
        "target": "A",
        "embedding_size": 4,
        "config_files": "none.yaml",
    }
    Path("none.yaml").write_text("class_field: null\n")  # a grid has none by default
    alone |= {"model": axes["models"], "protocol": axes["protocols"], "search": "random"}
    status, _, err = call("run", *options(**{**alone, **given}))
    assert status == 0, err
    assert counts(plan.splitlines()[0]) == counts(err)
    folds, rivals, most, final = counts(err)
    shown = bars(err)
    assert (folds, rivals) == (shown.get("folds", 0), shown.get("folds, rivals", 0))
    saved = final - shown["test"]  # searched mix and budget may be rows that are trained anyway
    # ... and a rival may turn out to be Proportional
    assert saved == 0 or (most and 0 < saved <= 4 * KEYS["repeats"])
    if case == "closed form":
        assert "with 3 lambdas on each fold" in err


def test_all_targets_count_what_their_bars_show(here):
    given = {"dataset": "blockmix", "target": "all", "embedding_size": 4, "trials": 2}
    status, _, err = call("run", *options(**given, epochs=4))
    assert status == 0, err
    folds, rivals, most, final = counts(err)
    shown = bars(err)
    assert (folds, rivals) == (shown["folds"], shown["folds, rivals"])
    assert most and shown["test"] <= final


# --- what is done


def test_files_of_another_mix_are_not_counted(here):
    """``mine-2`` has the file repeats/mine-2-4-0.parquet, which is none of ``mine``."""
    given = {"dataset": "blockmix", "target": "A", "embedding_size": 4, "protocol": "paper"}
    given |= {**KEYS, "topk": [5, 10], "trials": 0, "fine_tune": False, "class_field": None}
    given |= {"mix": f"{mix_file('mine')} {mix_file('mine-2')}"}
    experiment = Experiment(merge_settings(given))
    found = candidates(experiment, own_mixes(experiment, ["mine.yaml", "mine-2.yaml"]), 0)
    found = [c for c in found if c.name != "mine-2"]
    folder = RunFolder(here / "run")
    run = replace(target_run(experiment, found), folder=folder)
    assert left_to_train(run) == Workload(0, 8)
    (here / "run" / "repeats").mkdir(parents=True)
    for name in ("mine-2-4-0", "mine-2-4-1"):
        (here / "run" / "repeats" / f"{name}.parquet").touch()
    assert left_to_train(run) == Workload(0, 8)
    chosen = Chosen({"mine": found[-1]}, {"mine": 4}, {"mine": 4}, {}, ())
    stage = TestStage(experiment, folder, chosen, ModelKeeper(folder))
    assert stage.n_left == 2


def test_a_run_that_went_on_counts_what_is_left(here):
    given = {"dataset": "blockmix", "target": "A", "embedding_size": 4, "trials": 2}
    assert call("run", *options(**given))[0] == 0
    folder = run_folder()
    records = (folder / "curves.jsonl").read_text().splitlines(keepends=True)
    lost = [r for r in records if not ('"fine_tuned"' in r and '"fold": 1' in r)]
    assert len(lost) == len(records) - 3  # learning rates
    (folder / "curves.jsonl").write_text("".join(lost))
    next(folder.glob("repeats/fine_tuned-*-1.parquet")).unlink()
    next(folder.glob("repeats/stratified-*-0.parquet")).unlink()
    status, _, err = call("run", *options(**given))
    assert status == 0 and counts(err)[:2] == (0, 3)
    # until that fold is done, what fine_tuned chooses is not known
    assert counts(err)[2:] == (True, 3)
    status, _, err = call("run", *options(**given))
    assert "nothing left to train" in err and "measuring" not in err


# --- what is said before the silence


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({}, "an epoch"),
        ({"target": "all"}, "an epoch"),
        ({"model": "EASE"}, "the solution of a model"),
    ],
)
def test_a_rehearsal_is_announced_before_it_begins(here, tiny, monkeypatch, given, what):
    def stop(*_):
        raise ValueError("measuring begins")

    monkeypatch.setattr(calibrate, "_measure", stop)
    status, _, err = call("run", *small(tiny, **given))
    assert status == 2
    lines = [line for line in err.splitlines() if not line.startswith("note: ")]
    assert lines == [f"measuring how long {what} takes", "groupmix: measuring begins"]


def test_an_unset_learning_rate_is_recbole_s(here):
    given = {"dataset": "blockmix", "target": "A", "model": "NeuMF"}
    experiment = Experiment(merge_settings(given))
    assert calibrate._learning_rate(experiment) == "learning_rate is 0.001 (RecBole's default)"


# --- more than a day


@pytest.fixture
def long_run(here, monkeypatch):
    """A run of which nothing is trained, and that would take very long."""
    costs = calibrate.Costs(0.0, 1e6, 0.0)
    monkeypatch.setattr(calibrate, "_measure", lambda *_: costs)
    monkeypatch.setattr("recbole_groupmix.run.back_end", lambda _: Stops())
    monkeypatch.setattr("recbole_groupmix.all_targets.run.back_end", lambda _: Stops())


def _stop(*_):
    raise ValueError("training begins")


class Stops(Joint):
    """A back end that trains nothing."""

    def train(self, *_):
        """Raise an error."""
        _stop()


def answering(monkeypatch, answer):
    class Terminal:
        asked = 0

        def isatty(self):
            return True

        def readline(self):
            self.asked += 1
            return answer

    terminal = Terminal()
    monkeypatch.setattr("sys.stdin", terminal)
    return terminal


@pytest.mark.parametrize("target", ["A", "all"])
@pytest.mark.parametrize("answer", ["\n", "n\n", "", "maybe\n"])
def test_more_than_a_day_is_not_started_without_a_yes(long_run, tiny, monkeypatch, target, answer):
    terminal = answering(monkeypatch, answer)
    status, _, err = call("run", *small(tiny, target=target))
    assert status == 2 and terminal.asked == 1 and not Path("runs").exists()
    assert "this may take more than a day; continue? [y/N] " in err
    assert "or add --yes" in err and "training begins" not in err


@pytest.mark.parametrize("target", ["A", "all"])
@pytest.mark.parametrize("how", ["answer", "flag", "key", "file", "no terminal"])
def test_more_than_a_day_is_started(long_run, tiny, monkeypatch, target, how):
    Path("yes.yaml").write_text("yes: true\n")
    more = {"flag": ["--yes"], "key": ["--yes=true"], "file": ["--config_files=yes.yaml"]}
    if how != "no terminal":
        terminal = answering(monkeypatch, "y\n")
    status, _, err = call("run", *small(tiny, target=target), *more.get(how, []))
    assert status == 2 and "training begins" in err
    if how != "no terminal":
        assert terminal.asked == (how == "answer")
    assert ("this may take more than a day" in err) == (how in ("answer", "no terminal"))


def test_a_short_run_is_not_asked_about(here):
    def asked(_):
        raise AssertionError

    confirm.confirm_long_run(confirm.DAY, False, asked, asked)


def test_yes_is_no_part_of_a_run(here, tiny):
    given = small(tiny, trials=0, rivals="none", budget_curve=False)
    assert call("run", *given, "--yes")[0] == 0
    status, _, err = call("run", *given)
    assert status == 0 and "nothing left to train" in err
    assert "yes" not in (run_folder() / "config.yaml").read_text()
    status, _, err = call("run", *given, "--yes=maybe")
    assert status == 2 and "--yes is 'maybe'; allowed are true" in err


def test_a_grid_of_more_than_a_day_is_asked_about_once(here, monkeypatch):
    monkeypatch.setattr(calibrate, "_measure", lambda *_: calibrate.Costs(0.0, 1e6, 0.0))
    axes = {"datasets": "blockmix", "models": "BPR", "dims": "4,8", "targets": "A"}
    axes |= {"protocols": "converged", "trials": 1}
    ran = []
    monkeypatch.setattr(
        "recbole_groupmix.reproduce.command.run",
        lambda settings, say: ran.append(settings) or _stop(),
    )
    monkeypatch.setattr("recbole_groupmix.reproduce.command._check_data_set", lambda *_: None)
    terminal = answering(monkeypatch, "n\n")
    status, _, err = call("reproduce", *options(**axes))
    assert status == 2 and "add --yes" in err and not ran
    assert call("reproduce", "--plan", *options(**axes))[0] == 0 and terminal.asked == 1
    terminal = answering(monkeypatch, "y\n")
    call("reproduce", *options(**axes))
    assert terminal.asked == 1 and len(ran) == 2 and all(settings.yes for settings in ran)
    call("reproduce", "--yes", *options(**axes))
    assert terminal.asked == 1 and len(ran) == 4


# --- mixes that are one mix


def two_groups(folder, sizes=(("A", 12), ("B", 20)), lonely=False):
    """A data set whose stratified mix is proportional; ``lonely`` users drop out of a fold."""
    groups = [name for name, size in sizes for _ in range(size)]
    pairs = [(n, (3 * n + 5 * k) % 30) for n in range(len(groups)) for k in range(8)]
    inter = {
        "user_id:token": [f"u{u}" for u, _ in pairs],
        "item_id:token": [f"i{i}" for _, i in pairs],
    }
    users = {"user_id:token": [f"u{n}" for n in range(len(groups))], "group:token": groups}
    if lonely:  # one training interaction: without it there is no such user in one fold
        inter["user_id:token"] += ["lonely", "lonely"]
        inter["item_id:token"] += ["i1", "i2"]
        users["user_id:token"].append("lonely"), users["group:token"].append("C")
    write_data_set(folder, "made", inter, users)


SMALL_MADE = {"dataset": "made", "data_path": "data", "group_field": "group", "embedding_size": 4}
SMALL_MADE |= {"target": "A", "trials": 2}


SMALL_MADE["rivals"] = "none"


def same_of(**given):
    settings = merge_settings({**SMALL_MADE, **KEYS, "topk": [5], "trials": 0, **given})
    experiment = Experiment(settings)
    own = own_mixes(experiment, settings.mix)
    found = candidates(experiment, own, settings.trials)
    same = find_duplicates(experiment, found, settings.folds)
    return same, [c.name for c in without_duplicates(found, same)]


def test_which_mixes_are_one(here):
    two_groups(here / "data")
    Path("mine.yaml").write_text("name: mine\nalpha: {B: 1}\nalpha_aug: 0\n")
    Path("other.yaml").write_text("name: other\nalpha: {B: 1}\nalpha_aug: 0.5\n")
    same, trained = same_of(mix="mine.yaml other.yaml")
    assert same == {"stratified": "proportional", "mine": "no_augmentation"}
    assert trained == ["proportional", "no_augmentation", "other"]


def test_a_mix_that_differs_on_one_fold_is_its_own(here):
    """Of 19 and 19 + 1 users one is absent from a fold: equal there, not on all of train."""
    two_groups(here / "data", (("A", 12), ("B", 20), ("C", 20)))
    assert same_of()[0] == {"stratified": "proportional"}
    two_groups(here / "data", (("A", 12), ("B", 20), ("C", 19)), lonely=True)
    experiment = Experiment(merge_settings({**SMALL_MADE, **KEYS, "topk": [5]}))
    sizes = [experiment.part(part).n_users for part in range(3)]
    assert sizes[0]["B"] == sizes[0]["C"] != min(size["C"] for size in sizes)
    assert same_of()[0] == {}
    assert proportional(sizes[0], "A").alpha == {"B": 0.5, "C": 0.5}


@pytest.mark.parametrize("target", ["A", "all"])
def test_one_mix_is_trained_once_and_shown_twice(here, undrawn, target):
    two_groups(here / "data")
    status, out, err = call("run", *options(**{**SMALL_MADE, "target": target}))
    assert status == 0, err
    folder = run_folder() if target == "A" else next(run_folder().glob("made-A-*"))
    result = json.loads((folder / "result.json").read_text())
    assert result["same_mix"] == {"stratified": "proportional"}
    assert list(result["mixes"])[:3] == ["proportional", "stratified", "no_augmentation"]
    assert result["test"]["stratified"] == result["test"]["proportional"]
    assert result["search"]["cv"]["stratified"] == result["search"]["cv"]["proportional"]
    lines = (folder / "trials.jsonl").read_text().splitlines()
    names = {json.loads(line)["name"] for line in lines}
    assert "stratified" not in names and not list(folder.glob("repeats/stratified-*"))
    change = result["change"]
    for key in change["stratified"]:
        assert change["stratified"][key]["p"] is None
        assert change["stratified"][key]["p_holm"] is None
        # with one comparison less the others are corrected for three and not for four
        ps = sorted(
            (row[key]["p"], row[key]["p_holm"]) for m, row in change.items() if m != "stratified"
        )
        assert ps[0][1] == pytest.approx(min(1, 3 * ps[0][0]))
    assert "same mix as proportional" in out
    status, page, err = call("report", folder)
    assert status == 0, err
    text = Path(page.strip()).read_text()
    assert "stratified is the same mix as proportional" in text


def test_a_run_with_different_mixes_names_none(here, tiny):
    given = small(tiny, trials=0, rivals="none", budget_curve=False)
    status, out, _ = call("run", *given)
    assert status == 0 and "same mix" not in out
