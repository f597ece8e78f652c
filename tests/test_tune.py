"""``groupmix tune``: the grid, its scores, what is written, and what is refused."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from recbole.trainer.hyper_tuning import HyperTuning

from recbole_groupmix import run_groupmix
from recbole_groupmix.cli.main import main
from recbole_groupmix.cli.tuning_grid import read_params_file
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.search.fold_stage import FoldStage
from recbole_groupmix.search.tune import (
    LEARNING_RATES,
    REG_WEIGHTS,
    Point,
    Tuned,
    tune,
    tuning_table,
)
from recbole_groupmix.settings.merge import merge_settings

SMALL = {
    "dataset": "blockmix",
    "embedding_size": 4,
    "epochs": 6,
    "eval_step": 2,
    "folds": 2,
    "show_progress": False,
}


def _tune(folder, learning_rates=(0.01, 0.1), reg_weights=(0.001, 0.01), **given):
    settings = merge_settings({**SMALL, "output_dir": str(folder), **given})
    return tune(settings, learning_rates, reg_weights, folder / "tuned.yaml")


@pytest.mark.parametrize("backend", ["cpu", "recbole"])
def test_a_point_scores_what_a_run_with_its_values_scores(tmp_path, backend):
    tuned = _tune(tmp_path, target="A", backend=backend)
    assert [point.options for point in tuned.points] == [
        {"learning_rate": rate, "reg_weight": weight}
        for rate in (0.01, 0.1)
        for weight in (0.001, 0.01)
    ]
    point = tuned.points[2]
    options = {**SMALL, **point.options, "backend": backend, "output_dir": str(tmp_path)}
    result = run_groupmix(target="A", config_dict={**options, "trials": 0, "repeats": 1})
    assert point.score == result["search"]["cv"]["proportional"]
    assert point.epochs == result["search"]["epochs"]["proportional"]
    assert tuned.best.score == max(p.score for p in tuned.points)


def test_without_a_target_all_users_decide(tmp_path):
    experiment = Experiment(merge_settings(SMALL), all_users=True)
    assert experiment.target_users(experiment.part(1).held_out).all()
    of_all = _tune(tmp_path, (0.1,), (0.01,))
    of_group = {name: _tune(tmp_path, (0.1,), (0.01,), target=name) for name in "ABCD"}
    # the mean over all users lies between those of the groups, which are not all equal
    scores = [tuned.best.score for tuned in of_group.values()]
    assert min(scores) < of_all.best.score < max(scores)


def test_it_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    first = _tune(tmp_path)
    (folder,) = tmp_path.glob("tune-*")
    for name, keep in (("curves.jsonl", 5), ("trials.jsonl", 2)):
        lines = (folder / name).read_text().splitlines(keepends=True)
        (folder / name).write_text("".join(lines[:keep]))
    n_lost = len(lines) - 5
    taken = []
    original = FoldStage.take
    monkeypatch.setattr(
        FoldStage, "take", lambda self, fit: taken.append(fit) or original(self, fit)
    )
    assert _tune(tmp_path).points == first.points
    assert len(taken) == n_lost == 3


def test_the_yaml_is_one_that_runs_take(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = [f"--{key}={value}" for key, value in SMALL.items()]
    rates = ["--learning_rates=[0.01, 0.1]", "--reg_weights=0.01"]
    assert main(["tune", *arguments, *rates]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split()[:3] == ["learning_rate", "reg_weight", "recall@20"]
    assert out.splitlines()[-1] == "tuned-blockmix-BPR-4.yaml"
    text = Path("tuned-blockmix-BPR-4.yaml").read_text()
    assert text.startswith("# BPR on blockmix, embedding_size 4, protocol converged:")
    assert "of all users on 2 folds of seed 2020 (" in text
    values = yaml.safe_load(text)
    assert set(values) == {"learning_rate", "reg_weight"} and values["reg_weight"] == 0.01
    settings = merge_settings({"dataset": "blockmix"}, ["tuned-blockmix-BPR-4.yaml"])
    assert settings["learning_rate"] == values["learning_rate"]


def test_models_without_an_l2_term_have_one_axis(tmp_path):
    tuned = _tune(tmp_path, (0.01,), model="NeuMF", epochs=2)
    assert [point.options for point in tuned.points] == [{"learning_rate": 0.01}]


def test_table_marks_the_best_and_says_when_it_lies_on_the_edge(tmp_path):
    points = tuple(
        Point({"learning_rate": rate}, scores, 10)
        for rate, scores in [(0.01, (0.1, 0.2)), (0.02, (0.3, 0.3)), (0.03, (np.nan, 0.9))]
    )
    text = tuning_table(Tuned(points, points[1], "recall@20", tmp_path))
    assert "edge" not in text
    assert text.splitlines()[2].split() == ["0.02", "0.3000", "0.0000", "10", "best"]
    assert text.splitlines()[3].split() == ["0.03", "diverged", "10"]
    text = tuning_table(Tuned(points, points[0], "recall@20", tmp_path))
    assert "The best learning_rate, 0.01, is the least of the grid: add smaller values" in text


@pytest.mark.parametrize(
    ("rate", "decay", "says"),
    [
        (0.03, 0.01, []),
        (0.01, 0.01, ["learning_rate, 0.01, is the least of the grid: add smaller"]),
        (0.1, 0.1, ["learning_rate, 0.1, is the largest", "reg_weight, 0.1, is the largest"]),
        (0.03, 0.001, ["reg_weight, 0.001, is the least of the grid: add smaller"]),
    ],
)
def test_each_key_says_which_way_the_grid_should_grow(rate, decay, says, tmp_path):
    points = tuple(
        Point({"learning_rate": r, "reg_weight": d, "dropout": 0.1}, (0.1, 0.1), 10)
        for r in (0.1, 0.01, 0.03)
        for d in (0.1, 0.01, 0.001)
    )
    (best,) = (p for p in points if list(p.options.values())[:2] == [rate, decay])
    edges = tuning_table(Tuned(points, best, "recall@20", tmp_path)).splitlines()[10:]
    assert len(edges) == len(says)
    for line, said in zip(edges, says, strict=True):
        assert said in line


def test_the_help_has_the_default_grid(capsys):
    for axis in (LEARNING_RATES, REG_WEIGHTS):
        steps = np.diff(np.log10(axis))
        assert steps == pytest.approx(0.5, abs=0.03)
    assert main(["tune", "--help"]) == 0
    shown = "".join(capsys.readouterr().out.split())
    for axis in (LEARNING_RATES, REG_WEIGHTS):
        assert f"(default[{','.join(f'{v:g}' for v in axis)}])" in shown


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--learning_rates=fast"], "--learning_rates is 'fast'"),
        (["--learning_rates=[0, 0.1]"], "--learning_rates is"),
        (["--reg_weights=[]"], "--reg_weights is '[]'"),
        (["--reg_weights=[-1]"], "--reg_weights is '[-1]'"),
        (["--out=nowhere/x.yaml"], "folder nowhere does not exist"),
        (["--target=Z"], "'Z'"),
        (["--folds=1"], "folds"),
        (["--learning_rates=[1e30]", "--epochs=3"], "diverged at every point"),
    ],
)
@pytest.mark.filterwarnings("ignore:(overflow|invalid):RuntimeWarning")
def test_what_is_refused(arguments, says, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {**SMALL, **dict(a[2:].split("=") for a in arguments if "learning" not in a)}
    given = {k: v for k, v in given.items() if k not in ("reg_weights", "out")}
    rest = [a for a in arguments if a[2:].split("=")[0] not in given]
    assert main(["tune", *(f"--{k}={v}" for k, v in given.items()), *rest]) == 2
    assert says in capsys.readouterr().err
    assert not list(tmp_path.glob("*.yaml"))


# --- a file of RecBole's HyperTuning -------------------------------------------------------------

HYPER = """\
# as RecBole's hyper.test
learning_rate choice [0.05, 0.01]

reg_weight choice [0.1]
"""


def test_a_file_of_parameters_is_read_as_recbole_reads_it(tmp_path, monkeypatch):
    """Against RecBole's own reader, whose search spaces are made by hyperopt."""
    hp = SimpleNamespace(choice=lambda name, values: sorted(values))
    monkeypatch.setitem(sys.modules, "hyperopt", SimpleNamespace(hp=hp))
    file = tmp_path / "hyper.test"
    file.write_text(HYPER.partition("\n")[2])  # RecBole takes no comments
    theirs = HyperTuning._build_space_from_file(file)
    ours = read_params_file(str(file))
    assert ours == {f"{key}s": values for key, values in theirs.items()}
    assert ours == {"learning_rates": [0.01, 0.05], "reg_weights": [0.1]}
    file.write_text(HYPER)
    assert read_params_file(str(file)) == ours


def test_a_file_of_parameters_is_the_grid(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("hyper.test").write_text(HYPER)
    arguments = [f"--{key}={value}" for key, value in SMALL.items()]
    assert main(["tune", *arguments, "--params_file=hyper.test", "--out=both.yaml"]) == 0
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()[1:3]]
    assert rows == [["0.01", "0.1"], ["0.05", "0.1"]]
    # a key that the file does not name keeps its setting
    Path("one.test").write_text("learning_rate choice [0.05, 0.01]")
    arguments = [*arguments, "--params_file=one.test", "--reg_weight=0.1", "--out=one.yaml"]
    assert main(["tune", *arguments]) == 0
    assert capsys.readouterr().out.splitlines()[0].split()[:2] == ["learning_rate", "recall@20"]
    both, one = (yaml.safe_load(Path(name).read_text()) for name in ("both.yaml", "one.yaml"))
    assert set(one) == {"learning_rate"} and set(both) == {"learning_rate", "reg_weight"}
    assert one["learning_rate"] == both["learning_rate"]
    scores = [
        [json.loads(line)["score"] for line in (folder / "trials.jsonl").read_text().splitlines()]
        for folder in Path(SMALL.get("output_dir", "runs")).iterdir()
    ]
    assert len(scores) == 2 and sorted(scores[0]) == sorted(scores[1])


DOES = "tune searches a grid of learning_rate and reg_weight"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("learning_rate uniform 0.01,0.1", ["line 1, is 'learning_rate uniform", DOES]),
        ("learning_rate loguniform -8,0", ["line 1", DOES]),
        ("\nembedding_size choice [8,16]", ["line 2, is 'embedding_size choice [8,16]'", DOES]),
        ("learning_rate choice", ["line 1", DOES]),
        ("learning_rate choice [0, 0.1]", ["its list is '[0, 0.1]'; give positive numbers"]),
        ("reg_weight choice __import__('os').getcwd()", ["give positive numbers"]),
        ("reg_weight choice [1]\nreg_weight choice [2]", ["line 2", "earlier line"]),
        ("# nothing\n\n", ["hyper.test is empty", DOES]),
        (None, ["cannot read --params_file hyper.test: No such file"]),
        (b"\xff", ["cannot read --params_file hyper.test: "]),
    ],
)
def test_a_file_of_parameters_that_is_no_grid(content, says, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("hyper.test").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main(["tune", "--dataset=blockmix", "--params_file=hyper.test"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and [part for part in says if part not in err] == [], err


def test_one_grid_is_given_once(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("hyper.test").write_text(HYPER)
    arguments = ["--dataset=blockmix", "--params_file=hyper.test", "--reg_weights=[1]"]
    assert main(["tune", *arguments]) == 2
    assert "--params_file and --reg_weights both give the grid" in capsys.readouterr().err


def test_a_grid_without_any_key_of_the_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="the grid is empty: NeuMF has no reg_weight"):
        _tune(tmp_path, (), model="NeuMF")
