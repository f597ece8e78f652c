"""The limit in time that models which are trained one by one have by default."""

import json

import pytest
import yaml
from command import call, run_arguments, run_folder
from helpers import experiment
from killing import cut

from recbole_groupmix.mixes.candidates import candidates
from recbole_groupmix.reproduce.command import _grid
from recbole_groupmix.search import forecast
from recbole_groupmix.search.target_run import target_run
from recbole_groupmix.search.within_hours import DEFAULT_HOURS, within_hours
from recbole_groupmix.search.workload import left_to_train
from recbole_groupmix.training.back_ends import back_end
from recbole_groupmix.training.joint import Joint

#: Two folds; No Augmentation, Stratified and Proportional are trained on them and on all of train.
FOLDS, ROWS = 2, 3
SHORT = {"trials": None, "folds": FOLDS, "epochs": 1, "eval_step": 1, "rivals": "none"}


def begun(data_path, tmp_path, **keys):
    """Return a run of NeuMF, or what the keys say, that is not open yet, and its back end."""
    given = {"model": "NeuMF", "search": "random", "budget_curve": False, "rivals": "none"}
    given |= {"folds": FOLDS, **keys}
    ex = experiment(data_path, output_dir=str(tmp_path / "runs"), repeats=1, **given)
    run = target_run(ex, candidates(ex, {}, ex.settings.trials, False))
    return run, back_end(ex)


def expected(run, epoch):
    """Return the forecast of a run whose models take so many seconds each."""
    work = left_to_train(run)
    return forecast.Forecast(work, 1, 1, 0.0, False, False, forecast.Costs(0.0, epoch, 0.0))


def told(run, trains, epoch):
    """Return what a run says of its limit, and how many models it has left on folds."""
    lines = []
    left = within_hours(run, expected(run, epoch), trains, lines.append)
    return lines, left.work.on_folds


def test_models_that_are_trained_one_by_one_are_searched_for_an_hour(tiny, tmp_path):
    run, trains = begun(tiny, tmp_path)
    # 75 mixes and 3 rows on 2 folds, the chosen mix on both again for its own length, and that mix
    # and the rows on all of train: 162 models of 60 s
    assert expected(run, 60.0).seconds == 60 * (2 * (75 + ROWS + 1) + ROWS + 1)
    (line,), on_folds = told(run, trains, 60.0)
    # 6120 s too many, and a mix is 120 s: 51 mixes fewer
    assert run.experiment.settings.trials == 24 and on_folds == 2 * (24 + ROWS)
    assert run.config["hours"] == {"hours": DEFAULT_HOURS, "trials": 24}
    assert line == (
        "NeuMF is trained one model at a time, and what is left of 75 mixes would take at most about "
        "2.7 h; by default 1 h (60 min) buy 24 of at most 75 mixes; ask for more with --hours=8 or "
        "--trials=75"
    )


@pytest.mark.parametrize(
    "keys",
    [{"trials": 75}, {"hours": None}, {"model": "BPR"}, {"model": "BPR", "trials": 75}],
    ids=str,
)
def test_what_was_asked_for_and_the_engine_have_no_such_limit(tiny, tmp_path, keys):
    run, trains = begun(tiny, tmp_path, **keys)
    assert isinstance(trains, Joint) == (keys.get("model") == "BPR")
    assert told(run, trains, 60.0) == ([], 2 * (75 + ROWS)) and "hours" not in run.config


def test_a_search_of_an_hour_is_not_limited(tiny, tmp_path):
    run, trains = begun(tiny, tmp_path)
    assert told(run, trains, 3600 / 162) == ([], 2 * (75 + ROWS))
    lines, on_folds = told(run, trains, 3601 / 162)
    assert len(lines) == 1 and on_folds == 2 * (74 + ROWS)


def test_where_the_rows_alone_take_longer_the_plan_says_how_to_ask_for_less(tiny, tmp_path):
    run, trains = begun(tiny, tmp_path)
    (line,), on_folds = told(run, trains, 3600.0)  # the rows on folds are 6 hours
    assert on_folds == 2 * (1 + ROWS) and "buy 1 of at most 75 mixes, which are the fewest" in line
    assert line.endswith("--trials=75, for less with fewer --epochs, --folds or --repeats")


def test_workers_share_the_hour(tiny, tmp_path):
    run, trains = begun(tiny, tmp_path)
    two = forecast.replace(expected(run, 60.0), workers=2)
    within_hours(run, two, trains, lambda line: None)
    assert run.experiment.settings.trials == 24 + 30  # 30 models of 60 s more for each process


def test_a_run_that_goes_on_keeps_what_it_had(tiny, tmp_path):
    run, trains = begun(tiny, tmp_path)
    told(run, trains, 60.0)
    run.open()
    again, trains = begun(tiny, tmp_path)
    assert again.folder.path == run.folder.path
    (line,), on_folds = told(again, trains, 600.0)  # on a computer that is ten times as slow
    assert on_folds == 2 * (24 + ROWS) and "buy 24 of at most 75 mixes" in line
    (line,), on_folds = told(begun(tiny, tmp_path)[0], trains, 1.0)  # or that has less left
    assert on_folds == 2 * (24 + ROWS)


def test_a_run_that_was_begun_without_a_limit_goes_on_without_one(tiny, tmp_path):
    run, trains = begun(tiny, tmp_path, trials=75)
    run.open()
    again, trains = begun(tiny, tmp_path)
    assert again.folder.path == run.folder.path
    assert told(again, trains, 60.0) == ([], 2 * (75 + ROWS))


def test_cells_of_a_reproduction_have_their_trials():
    assert _grid({}, None, False, {}).keys["trials"] == 75
    assert _grid({}, None, False, {"trials": 4}).keys["trials"] == 4


def test_a_run_by_default_ends_and_resumes_and_goes_on_for_more(tiny, monkeypatch):
    costs = {"epoch": 3600 / 16}
    monkeypatch.setattr(forecast, "_measure", lambda *_: forecast.Costs(0.0, costs["epoch"], 0.0))
    arguments = run_arguments(tiny, **SHORT, model="BPR", backend="recbole")
    # an hour is 16 models: 12 as above without mixes, and 2 mixes
    here = cut(*arguments, folder="runs", what="trials.jsonl", after=3)
    costs["epoch"] = 36000.0
    status, _, err = call(*arguments, "--output_dir=runs")
    assert status == 0 and "buy 2 of at most 75 mixes" in err, err
    assert run_folder("runs") == here
    assert trials_of(here) == (2, {"hours": 1.0, "trials": 2})
    status, _, err = call(*arguments, "--output_dir=runs", "--trials=3", "--yes")
    assert status == 0 and "buy" not in err
    assert trials_of(here) == (3, None)


def trials_of(folder):
    """Return how many mixes a run searched, and what a limit in time had bought."""
    result = json.loads((folder / "result.json").read_text())
    config = yaml.safe_load((folder / "config.yaml").read_text())
    return result["search"]["trials"], config.get("hours")
