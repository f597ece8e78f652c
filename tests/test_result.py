"""What a run leaves: ``result.json``, ``metrics.parquet``, the records, and the printed table."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import recbole
import torch
import yaml
from command import call, run_arguments, run_folder

from recbole_groupmix import __version__, run_groupmix
from recbole_groupmix.core.mix import Mix
from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.record.phrases import ends, interval_note
from recbole_groupmix.record.result import build_result, versions
from recbole_groupmix.record.result_table import result_table

METRICS = ("precision", "recall", "ndcg", "hit", "mrr", "map")
KEYS = [f"{metric}@{k}" for metric in METRICS for k in (5, 10)]
BASELINES = ["proportional", "stratified", "no_augmentation"]
OWN = "name: mine\nalpha: {B: 0.25, C: 0.75}\nalpha_aug: 1.5\n"


class Run:
    """A finished run: its folder, ``result.json``, the parquet file and what was printed."""

    def __init__(self, *arguments, folder):
        status, self.out, err = call(*arguments, f"--output_dir={folder}")
        assert status == 0, err
        self.folder = run_folder(folder)
        self.result = json.loads((self.folder / "result.json").read_text())
        self.metrics = pd.read_parquet(self.folder / "metrics.parquet")


@pytest.fixture(scope="module")
def run(tiny, tmp_path_factory):
    """A run with trials, repeats and a mix of the user's own."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "mine.yaml").write_text(OWN)
    arguments = run_arguments(tiny, trials=3, repeats=2, epochs=8, mix=folder / "mine.yaml")
    return Run(*arguments, folder=folder / "runs")


@pytest.fixture(scope="module")
def plain(tiny, tmp_path_factory):
    """A run of the baselines alone."""
    folder = tmp_path_factory.mktemp("plain")
    return Run(*run_arguments(tiny, trials=0), folder=folder / "runs")


# --- result.json ---------------------------------------------------------------------------------


def test_top_level(run):
    result = run.result
    expected = {
        "schema_version": 2,
        "dataset": "tiny",
        "group_field": "group",
        "target": "A",
        "model": "BPR",
        "embedding_size": 4,
        "protocol": "converged",
        "topk": [5, 10],
        "seed": 2020,
    }
    assert {key: result[key] for key in expected} == expected
    assert set(result) == {
        *expected,
        *("groups", "mixes", "search", "test", "test_by_group", "change", "seconds", "versions"),
        *("weighting", "repeats", "valid_metric", "intervals", "closed_form", "diverged"),
        *("data", "same_mix", "lengths", "own_length"),
        *("rows", "rivals", "trainings", "against_rival"),
    }
    assert result["data"] == {"removed": []}


def test_groups(run, tiny):
    # counts are of all of train: of a user's c items max(1, floor(0.2 c)) are tested
    inter = pd.read_csv(tiny / "tiny" / "tiny.inter", sep="\t")
    counts = inter.groupby("user_id:token").size()
    train = counts - np.maximum(1, counts // 5)
    numbers = train.index.str[1:].astype(int)
    bounds = {"A": (1, 10), "B": (11, 24), "C": (25, 32)}
    assert run.result["groups"] == [
        {
            "name": name,
            "n_users": last - first + 1,
            "n_interactions": int(train[(numbers >= first) & (numbers <= last)].sum()),
            "n_in_data": last - first + 1,
            "n_measured": last - first + 1,
            "not_measured": {},
        }
        for name, (first, last) in bounds.items()
    ]


def test_rows_are_baselines_own_mixes_and_the_data_mix(run, plain):
    names = [*BASELINES, "mine", "data_mix"]
    assert list(run.result["mixes"]) == list(run.result["test"]) == names
    assert list(plain.result["mixes"]) == list(plain.result["test"]) == BASELINES
    for result in (run.result, plain.result):
        names = list(result["mixes"])
        assert all(list(rows) == names for rows in result["test_by_group"].values())
        assert list(result["change"]) == names[1:]
        for mix in result["mixes"].values():
            assert set(mix) == {"alpha", "alpha_aug"}
            Mix(**mix)
    # B has 14 and C has 8 of the 22 users outside the target
    assert run.result["mixes"]["proportional"] == {
        "alpha": {"B": 14 / 22, "C": 8 / 22},
        "alpha_aug": 1.0,
    }
    assert run.result["mixes"]["stratified"] == {"alpha": {"B": 0.5, "C": 0.5}, "alpha_aug": 1.0}
    assert run.result["mixes"]["no_augmentation"]["alpha_aug"] == 0.0
    assert run.result["mixes"]["mine"] == {"alpha": {"B": 0.25, "C": 0.75}, "alpha_aug": 1.5}
    assert 0.5 <= run.result["mixes"]["data_mix"]["alpha_aug"] <= 2.0


def test_search(run, plain):
    search = run.result["search"]
    names = [*BASELINES, "mine", "trial-0", "trial-1", "trial-2"]
    assert (search["trials"], search["folds"]) == (3, 2)
    assert list(search["cv"]) == list(search["epochs"]) == names
    # the data mix is the best trial; baselines and own mixes are not in the running
    best = max(names[4:], key=lambda name: search["cv"][name])
    assert (search["selected"], search["best_cv"]) == (best, search["cv"][best])
    records = [json.loads(line) for line in (run.folder / "trials.jsonl").read_text().splitlines()]
    for name in names:
        scores = [r["score"] for r in records if r["name"] == name]
        assert len(scores) == 2 and search["cv"][name] == pytest.approx(sum(scores) / 2, abs=1e-15)
    assert plain.result["search"]["best_cv"] is None
    assert plain.result["search"]["selected"] is None
    assert list(plain.result["search"]["cv"]) == BASELINES


def test_the_selected_mix_is_the_trial_of_that_name(run):
    records = [json.loads(line) for line in (run.folder / "trials.jsonl").read_text().splitlines()]
    trial = next(r for r in records if r["name"] == run.result["search"]["selected"])
    assert run.result["mixes"]["data_mix"] == {k: trial[k] for k in ("alpha", "alpha_aug")}


def test_numbers_are_finite_numbers_or_null(run):
    def leaves(value):
        if isinstance(value, dict):
            return [leaf for item in value.values() for leaf in leaves(item)]
        if isinstance(value, list):
            return [leaf for item in value for leaf in leaves(item)]
        return [value]

    text = (run.folder / "result.json").read_text()
    assert "NaN" not in text and "Infinity" not in text
    for table in (run.result["test"], *run.result["test_by_group"].values()):
        for row in table.values():
            assert list(row) == KEYS
            assert all(isinstance(leaf, float) and 0 <= leaf <= 1 for leaf in leaves(row))
    for row in run.result["change"].values():
        assert list(row) == KEYS
        for change in row.values():
            assert set(change) == {"mean", "ci_low", "ci_high", "p", "p_holm"}
            assert all(leaf is None or math.isfinite(leaf) for leaf in leaves(change))
    seconds = run.result["seconds"]
    assert set(seconds) >= {"search", "test"}
    assert all(isinstance(value, float) and value >= 0 for value in seconds.values())


def test_the_target_rows_are_those_of_its_group(run):
    assert run.result["test"] == run.result["test_by_group"]["A"]
    assert set(run.result["test_by_group"]) == {"A", "B", "C"}


# --- metrics.parquet -------------------------------------------------------------------------------


def test_columns_and_rows_of_the_parquet_file(run):
    frame = run.metrics
    assert list(frame.columns) == ["user_id", "group", "mix", "repeat", "metric", "k", "value"]
    for column in ("user_id", "group", "mix", "metric"):
        assert all(isinstance(value, str) for value in frame[column])
    assert frame["value"].dtype == np.float64 and frame["value"].between(0, 1).all()
    # every user of every group once for each of 5 mixes, 2 repeats, 6 metrics and 2 cut-offs
    assert len(frame) == 32 * 5 * 2 * 6 * 2
    assert not frame.duplicated(["user_id", "mix", "repeat", "metric", "k"]).any()
    assert sorted(frame["user_id"].unique(), key=lambda u: int(u[1:])) == [
        f"u{number}" for number in range(1, 33)
    ]
    groups = frame.drop_duplicates("user_id").set_index("user_id")["group"]
    assert groups["u10"] == "A" and groups["u11"] == "B" and groups["u25"] == "C"
    assert (set(frame["repeat"]), set(frame["k"])) == ({0, 1}, {5, 10})


@pytest.mark.smoke
def test_means_of_the_result_are_those_of_the_parquet_file(run):
    for group, rows in run.result["test_by_group"].items():
        for mix, row in rows.items():
            for key, mean in row.items():
                metric, k = key.split("@")
                chosen = run.metrics.query(
                    "group == @group and mix == @mix and metric == @metric and k == @k",
                    local_dict={"group": group, "mix": mix, "metric": metric, "k": int(k)},
                )
                assert mean == pytest.approx(chosen["value"].mean(), abs=1e-15)


def test_changes_are_ratios_of_means(run):
    for mix, row in run.result["change"].items():
        for key, change in row.items():
            mean, reference = run.result["test"][mix][key], run.result["test"][REFERENCE][key]
            assert change["mean"] == pytest.approx(mean / reference - 1, abs=1e-12)
            low, high = ends(change)
            assert low <= change["mean"] <= high
            if change["p"] is not None:
                assert 0 <= change["p"] <= change["p_holm"] <= 1


# --- the other files -----------------------------------------------------------------------------


def test_curves(run):
    curves = [json.loads(line) for line in (run.folder / "curves.jsonl").read_text().splitlines()]
    assert len({(entry["name"], entry["fold"]) for entry in curves}) == (3 + 1 + 3) * 2
    common, chosen = run.result["lengths"]["common"], run.result["search"]["selected"]
    for entry in curves:
        more = {"scores", "seconds", "diverged", "type", "packed"}
        assert set(entry) == {"name", "fold", "curve", *more}
        # evaluated every 2 updates of at most 8, all groups for baselines, else the target; trials
        # until the common length, rows and what becomes one up to twice as long
        groups = {"A", "B", "C"} if entry["name"] in BASELINES else {"A"}
        epochs = [point["epoch"] for point in entry["curve"]]
        assert epochs == [2, 4, 6, 8][: len(epochs)] and epochs[-1] >= common
        if entry["name"].startswith("trial-") and entry["name"] != chosen:
            assert epochs[-1] == common
        assert all(set(point["by_group"]) == groups for point in entry["curve"])


def test_records_agree_with_the_curves(run):
    """The score of a fold is the value of its curve at the common length."""
    curves = {
        (entry["name"], entry["fold"]): entry["curve"]
        for entry in map(json.loads, (run.folder / "curves.jsonl").read_text().splitlines())
    }
    for record in map(json.loads, (run.folder / "trials.jsonl").read_text().splitlines()):
        curve = {p["epoch"]: p["by_group"]["A"] for p in curves[record["name"], record["fold"]]}
        assert record["score"] == curve[record["epochs"]]
        assert record["epochs"] == run.result["lengths"]["common"]


def test_configuration_is_resolved(run):
    written = yaml.safe_load((run.folder / "config.yaml").read_text())
    options = written["configuration"]
    assert (options["learning_rate"], options["init"]) == (0.03, "normal(0.1)")  # of properties/
    assert options["train_neg_sample_args"]["distribution"] == "uniform"  # of RecBole
    assert options["own_mixes"] == {"mine": {"alpha": {"B": 0.25, "C": 0.75}, "alpha_aug": 1.5}}
    assert written["data"]["n_users"] == 32 and written["data"]["n_items"] == 40
    assert run.folder.name.startswith("tiny-A-BPR-")


def test_paper_protocol_without_trials_needs_no_folds(tiny):
    arguments = run_arguments(tiny, trials=0, protocol="paper", epochs=3, train_batch_size=200)
    run = Run(*arguments, folder="runs")
    assert run.result["search"]["cv"] == {} and run.result["search"]["best_cv"] is None
    assert list(run.result["mixes"]) == BASELINES
    assert not (run.folder / "trials.jsonl").exists()


def test_a_model_without_an_embedding_size(tiny):
    arguments = run_arguments(tiny, trials=0, model="DMF", epochs=1, eval_step=1)
    assert Run(*arguments, folder="runs").result["embedding_size"] is None


# --- Python --------------------------------------------------------------------------------------


def test_the_python_call_is_the_command(run, capsys):
    settings = yaml.safe_load((run.folder / "model.yaml").read_text())["settings"]
    chosen = ("group_field", "trials", "folds", "repeats", "epochs", "eval_step", "topk", "mix")
    chosen += ("fine_tune", "budget_curve", "search")
    result = run_groupmix(
        model="BPR",
        dataset="tiny",
        target="A",
        config_dict={
            **{key: settings[key] for key in chosen},
            "embedding_size": 4,
            "data_path": settings["data_path"],
            "output_dir": "from_python",
        },
    )
    place = Path(result.pop("run_folder"))
    assert place == run_folder("from_python") and place.name == run.folder.name
    assert capsys.readouterr().out == ""
    del result["seconds"]
    assert result == {key: value for key, value in run.result.items() if key != "seconds"}
    pd.testing.assert_frame_equal(pd.read_parquet(place / "metrics.parquet"), run.metrics)


# --- the table -----------------------------------------------------------------------------------


def test_table_of_a_run(run):
    lines = run.out.splitlines()
    assert lines[0] == (
        "tiny, target A of group, BPR: means over the test items of 10 of the target's 10 users and "
        "2 repeats"
    )
    assert lines[2].split() == [
        *("mix", "alpha_aug", "precision@10", "recall@10", "ndcg@10", "epochs"),
        *("change", "recall@10", "at", "its", "own", "length"),
    ]
    for line, (name, mix) in zip(lines[4:9], run.result["mixes"].items(), strict=True):
        test = run.result["test"][name]
        values = [f"{test[f'{metric}@10']:.4f}" for metric in ("precision", "recall", "ndcg")]
        epochs = str(run.result["lengths"]["common"])
        assert line.split()[:6] == [name, f"{mix['alpha_aug']:.2f}", *values, epochs]
    for line, group in zip(lines[12:14], "BC", strict=True):  # alpha, with groups in rows
        shares = [f"{mix['alpha'][group]:.2f}" for mix in run.result["mixes"].values()]
        assert line.split() == [group, *shares]
    assert lines[4].endswith("reference")
    text = " ".join(run.out.split())
    search = run.result["search"]
    assert "over users only (2 repeats; from 5 on, over users and repeats)" in text
    assert f"data_mix: {search['selected']}, the best of 3 trials by recall@10" in text
    cv, test = search["best_cv"], run.result["test"]["data_mix"]["recall@10"]
    assert f"data_mix {cv:.4f} and {test:.4f}" in text
    assert lines[-1] == str(run.folder)
    assert all(len(line) < 100 for line in lines[9:-1])


def test_table_of_the_baselines_alone(plain):
    assert "data_mix" not in plain.out
    assert "1 repeat\n" in plain.out


def frame(values):
    """Per-user values of one metric by mix, users u0, u1, ... of group A, one repeat."""
    rows = [
        ("A", f"u{user}", mix, 0, metric, 1, value)
        for metric in ("precision", "recall", "ndcg")
        for mix, of_users in values.items()
        for user, value in enumerate(of_users)
    ]
    columns = ["group", "user_id", "mix", "repeat", "metric", "k", "value"]
    return pd.DataFrame(rows, columns=columns)


def made(values, cv=None, selected=None):
    mixes = {name: Mix({"B": 1.0}, 1.0) for name in values}
    cv = {name: {"score": score, "epochs": 1, "options": {}} for name, score in (cv or {}).items()}
    return build_result(
        settings=SimpleNamespace(
            group_labels=None,
            **dict.fromkeys(("dataset", "group_field", "model", "protocol", "weighting"), "x"),
            **{"target": "A", "topk": [1], "seed": 1, "repeats": 1, "trials": 1, "folds": 2},
            **{"valid_metric": "recall@1", "lambdas": None, "is_solved": False},
        ),
        embedding_size=None,
        groups=[{"name": n, "n_users": 1, "n_interactions": 1} for n in "AB"],
        mixes=mixes,
        cv=cv,
        selected=selected,
        diverged=[],
        metrics=frame(values),
        seconds={},
    )


def test_a_change_by_hand():
    # 20 users with 0.5 under the reference and 0.6 under the other mix: +20 % for every resample
    result = made({"proportional": [0.5] * 20, "mine": [0.6] * 20})
    change = result["change"]["mine"]["recall@1"]
    assert change["mean"] == pytest.approx(0.2)
    assert change["ci_low"] == pytest.approx(0.2) and change["ci_high"] == pytest.approx(0.2)
    assert change["p"] < 0.05
    assert "+20.0% [+20.0%, +20.0%]~ *" in result_table(result)


@pytest.mark.parametrize(
    ("chosen", "grid", "says"),
    [
        ([1000, 1000, 300], [100, 300, 1000], "2 of 3 mixes chose 1000, the greatest of lambdas,"),
        ([1000, 1000, 300], [100, 300, 1000], "--lambdas=[100,300,1000,3000,9000] looks further"),
        ([100, 100, 300], [100, 300, 1000], "--lambdas=[11.1,33.3,100,300,1000] looks further"),
        ([1000, 300, 300], [100, 300, 1000], "1 of 3 mixes chose 1000,"),  # Proportional
        ([300, 1000, 1000, 100], [100, 300, 1000], None),  # half is not most
        ([500, 500, 500], [500], None),  # nothing to choose from
        ([300, 300, 1000], [100, 300, 1000], None),
    ],
)
def test_lambdas_at_the_end_of_their_grid_are_pointed_out(chosen, grid, says):
    names = ["proportional", *(f"m{n}" for n in range(1, len(chosen)))]
    result = made({name: [0.5] * 5 for name in names})
    options = {name: {"reg_weight": value} for name, value in zip(names, chosen, strict=True)}
    result["search"] |= {"options": options, "lambdas": grid}
    text = " ".join(result_table(result).split())
    if says:
        assert says in text
    else:
        assert "of lambdas" not in text


def test_intervals_of_fewer_than_five_repeats_are_marked():
    result = made({"proportional": [0.5] * 20, "mine": [0.6] * 20})
    for repeats, mark in [(1, "~"), (4, "~"), (5, "")]:
        few = result | {"repeats": repeats, "intervals": interval_note(repeats)}
        text = " ".join(result_table(few).split())
        assert f"+20.0% [+20.0%, +20.0%]{mark} *" in text
        assert ("~ covers sampling of users only" in text) == (mark > "")


def test_intervals_of_a_closed_form_leave_out_no_seeds():
    result = made({"proportional": [0.5] * 20, "mine": [0.6] * 20})
    result |= {"closed_form": True, "intervals": interval_note(1, closed_form=True)}
    text = " ".join(result_table(result).split())
    assert "+20.0% [+20.0%, +20.0%] *" in text and "~" not in text
    assert "there are no seeds to repeat" in text


def test_a_change_against_nothing_is_undefined():
    result = made({"proportional": [0.0] * 5, "mine": [0.5] * 5})
    assert result["change"]["mine"]["recall@1"]["mean"] is None
    assert "undefined" in result_table(result)


def test_the_table_says_when_no_trial_was_best_on_the_folds():
    values = {"proportional": [0.5] * 5, "mine": [0.5] * 5, "data_mix": [0.5] * 5}
    cv = {"proportional": 0.4, "mine": 0.2, "trial-0": 0.3}
    text = " ".join(result_table(made(values, cv, "trial-0")).split())
    assert "data_mix: trial-0, the best of 1 trial by recall@1" in text
    assert "No trial beat proportional on the folds." in text
    cv["trial-0"] = 0.5
    assert "No trial beat" not in result_table(made(values, cv, "trial-0"))


def test_interval_note():
    assert interval_note(1).startswith("intervals over users only (1 repeat; from 5 on")
    assert interval_note(5) == "intervals over users and 5 repeats"


def test_versions_are_those_that_are_installed():
    found = versions()
    assert found["recbole"] == recbole.__version__ and found["numpy"] == np.__version__
    assert found["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert found["recbole-groupmix"] == __version__ and found["python"].startswith("3.")


def test_groups_are_shown_as_people_call_them(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"model": "EASE", "epochs": None, "eval_step": None, "embedding_size": None}
    labels = "{'group': {'A': 'the first', 'Z': 'nobody'}, 'age': {'B': 'another column'}}"
    status, out, err = call(*run_arguments(tiny, **given, group_labels=labels))
    assert status == 0, err
    assert "target A (the first) of group" in out
    result = json.loads((run_folder() / "result.json").read_text())
    assert result["group_labels"] == {"A": "the first"}  # of groups of this column alone

    status, again, _ = call(*run_arguments(tiny, **given))  # no part of the run's name
    assert status == 0 and again.splitlines()[-1] == out.splitlines()[-1]
    for wrong in ("7", "{'group': 'x'}", "[1]"):
        status, _, err = call(*run_arguments(tiny, **given, group_labels=wrong))
        assert status == 2 and "group_labels" in err and "mapping" in err
