"""A command for Shapley values that was stopped resumes, with the numbers of one that was not."""

import json

import numpy as np
import pytest
from command import call
from helpers import experiment

from recbole_groupmix.exact.shapley import games
from recbole_groupmix.exact.shapley.games import sharing, with_fraction
from recbole_groupmix.exact.shapley.kept_scores import KeptScores, training_identity

FILES = ("shapley.csv", "shapley.json")
KNOWN = "known from a command that came before"


@pytest.fixture
def command(tiny, tmp_path):
    """Call the command; its files are in a folder of the given name."""

    def called(name, *more, targets="A,C", lambdas="[2,20]"):
        given = ["--dataset=tiny", f"--data_path={tiny}", "--topk=[5]", f"--lambdas={lambdas}"]
        asked = [f"--targets={targets}", "--folds=2", f"--out={tmp_path / name}", *more]
        groups = [] if "--group_by=activity" in more else ["--group_field=group"]
        return call("shapley", *given, *groups, *asked), tmp_path / name

    return called


def stopped_after(monkeypatch, n):
    """Let the process be interrupted once `n` unions are solved, and return a list of all solved."""
    solved = []

    class Stopping(games.ClosedForms):
        def train(self, experiment, jobs, *more):
            for fit in super().train(experiment, jobs, *more):
                if len(solved) == n:
                    raise KeyboardInterrupt
                solved.append((fit.job.part, fit.job.name))
                yield fit

    monkeypatch.setattr(games, "ClosedForms", Stopping)
    return solved


@pytest.mark.parametrize("n", [1, 12, 14])
def test_a_command_that_was_stopped_solves_no_fold_twice(command, monkeypatch, n):
    # 6 unions on 2 folds, then on all of train
    (status, _, err), whole = command("whole")
    assert status == 0 and KNOWN not in err
    with monkeypatch.context() as patch:
        stopped_after(patch, n)
        (status, _, err), folder = command("stopped")
        assert err.endswith("groupmix: interrupted; run the same command again to resume\n")
        assert status == 130 and not (folder / "shapley.csv").exists()
    solved = stopped_after(monkeypatch, -1)
    (status, _, err), _ = command("stopped")
    assert status == 0
    done = min(n, 12)
    assert (f"{2 * done} of the solutions on folds are {KNOWN}" in err) == (done > 0)
    assert sum(part > 0 for part, _ in solved) == 12 - done
    for name in FILES:
        assert (folder / name).read_bytes() == (whole / name).read_bytes()


def test_shares_of_the_target_resume(command, monkeypatch):
    asked = ["--target_fraction=[.5,1]", "--draws=2"]
    _, whole = command("out", *asked)
    before = [(whole / name).read_bytes() for name in FILES]
    solved = stopped_after(monkeypatch, -1)
    (status, _, err), _ = command("out", *asked)
    assert status == 0 and not [part for part, _ in solved if part > 0]
    assert f"{2 * (12 + 2 * 2 * 4 * 2)} of the solutions" in err
    assert [(whole / name).read_bytes() for name in FILES] == before


@pytest.mark.parametrize(
    ("options", "given"),
    [
        (["--seed=5"], {}),
        (["--valid_metric=ndcg@5"], {}),
        ([], {"lambdas": "[2,30]"}),
        (["--group_by=activity", "--bins=2"], {"targets": "Q1"}),
    ],
    ids=["seed", "metric", "lambdas", "groups"],
)
def test_scores_of_other_settings_and_groups_are_not_used(command, options, given):
    command("out")
    (status, _, err), _ = command("out", *options, **given)
    assert status == 0, err
    assert KNOWN not in err


def test_a_damaged_file_is_work_that_is_done_again(command):
    (_, _, _), whole = command("whole")
    lines = (whole / "folds.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines) == 12
    record = json.loads(lines[0])
    short = {**record, "scores": {name: of[:1] for name, of in record["scores"].items()}}
    broken = [
        json.dumps(short).encode() + b"\n",
        lines[1].replace(b"[", b"[NaN, ", 1),
        b"\xff\n",
        b"[1]\n",
        b'{"training": 1}\n',
        b'{"training": [], "fold": 1, "union": 1, "scores": {"A": [1, 2]}}\n',
        b'{"training": "t", "fold": Infinity, "union": 1, "scores": {"A": [1, 2]}}\n',
        lines[4].replace(b'"scores": {', b'"scores": 3, "x": {'),
        b"\n",
        *lines[7:11],
        lines[11][:-9],
    ]
    (_, _, _), folder = command("damaged", lambdas="[3]")
    folder.mkdir(exist_ok=True)
    (folder / "folds.jsonl").write_bytes(b"".join(broken))
    (status, _, err), _ = command("damaged")
    assert status == 0 and f"8 of the solutions on folds are {KNOWN}" in err
    for name in FILES:
        assert (folder / name).read_bytes() == (whole / name).read_bytes()
    (status, _, err), _ = command("damaged")  # what was appended behind the torn line is whole
    assert status == 0 and f"24 of the solutions on folds are {KNOWN}" in err


def test_what_is_no_file_is_refused_in_a_line(command, tmp_path):
    (tmp_path / "out" / "folds.jsonl").mkdir(parents=True)
    (status, shown, err), _ = command("out")
    assert status == 2 and not shown
    assert "folds.jsonl cannot be used: it is a folder, not a regular file; remove it" in err


def test_a_wrong_option_leaves_no_folder(command):
    (status, _, _), folder = command("out", "--permutations=5")
    assert status == 2 and not folder.exists()


def test_the_identity_is_of_what_trains_and_not_of_who_is_measured(tiny):
    ex = experiment(tiny, model="EASE", lambdas=[2.0, 20.0])
    ((first, views),) = sharing(ex, list("ABC"))
    same = {training_identity(view) for view in views.values()}
    assert same == {training_identity(first)}
    halves = {training_identity(with_fraction(views["B"], 0.5, draw)) for draw in (0, 1)}
    assert len(halves | same) == 3


def test_known_scores_serve_some_of_their_targets():
    kept = KeptScores()
    kept.keep(("t", 1, 7), {"A": np.array([0.1, 0.2]), "B": np.array([0.3, 0.4])})
    assert kept.of(("t", 1, 7), ["B"], 2)["B"].tolist() == [0.3, 0.4]
    assert kept.of(("t", 1, 7), ["A", "C"], 2) is None
    assert kept.of(("t", 1, 7), ["A"], 3) is None
    assert kept.of(("t", 2, 7), ["A"], 2) is None and kept.of(("u", 1, 7), ["A"], 2) is None
