"""``groupmix reproduce``: the plan, its cost, resumed runs, the page."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from browser import CHROMIUM, seen_in_browser
from command import call
from helpers import write_tiny
from pages import Page

from recbole_groupmix.core.statistics.resampling import MIN_REPEATS
from recbole_groupmix.record.established import LOW
from recbole_groupmix.reproduce import command
from recbole_groupmix.reproduce.controls import CONTROLS, chosen_controls, labelled
from recbole_groupmix.reproduce.finished_cells import finished, is_finished, record
from recbole_groupmix.reproduce.page import write_page
from recbole_groupmix.reproduce.plan import Cell, Grid, cells_of, targets_of
from recbole_groupmix.rivals.candidate import named_rivals
from recbole_groupmix.settings.merge import merge_settings

AXES = {
    "datasets": ["blockmix"],
    "models": ["BPR", "EASE"],
    "dims": [4, 16],
    "targets": ["A"],
    "protocols": ["paper", "converged"],
}
#: The smallest grid that goes through every stage.
TINY = [
    "--datasets=blockmix",
    "--models=BPR,EASE",
    "--dims=4,16",
    "--protocols=converged",
    "--trials=2",
    "--folds=2",
    "--repeats=2",
    "--epochs=2",
    "--eval_step=1",
    "--rivals=none",
]


def grid(**changes):
    return Grid(**{**AXES, **changes})


# --- the plan


def test_models_without_a_size_have_one_cell_for_all():
    cells = cells_of(grid(), {"blockmix": ["A", "B"]})
    places = [
        (c.given["model"], c.given.get("embedding_size"), c.given["protocol"], c.given["target"])
        for c in cells
    ]
    assert len(places) == len(set(places)) == 2 * 2 * (2 + 1)  # targets x protocols x sizes
    assert {size for model, size, *_ in places if model == "EASE"} == {None}
    assert {size for model, size, *_ in places if model == "BPR"} == {4, 16}
    assert len({cell.name for cell in cells}) == len(cells)


def test_names_and_words_say_the_place():
    given = {"dataset": "d", "target": "18-24", "model": "BPR", "embedding_size": 4}
    cell = Cell({**given, "protocol": "paper", "graph": "all"}, "graph=all", {"graph": "all"})
    assert cell.name == "d-18-24-BPR-4-paper-graph=all"
    assert cell.words == "d, target 18-24, BPR d=4, paper, graph=all"
    assert cell.base == {**given, "protocol": "paper"}
    assert "/" not in Cell({**given, "target": "a/b", "protocol": "paper"}, "x y").name


def test_targets_are_groups_of_their_own_data_set():
    groups = {"one": {"A": 3, "B": 4}, "two": {"B": 5, "C": 6}}
    everyone = {"one": ["A", "B"], "two": ["B", "C"]}
    assert targets_of(grid(targets=[]), groups) == everyone
    assert targets_of(grid(targets=["C", "A"]), groups) == {"one": ["A"], "two": ["C"]}
    with pytest.raises(ValueError, match=r"'D', which is not a group of one or two"):
        targets_of(grid(targets=["A", "D"]), groups)
    with pytest.raises(ValueError, match=r"--targets names no group of two"):
        targets_of(grid(targets=["A"]), groups)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--dims=4,x", "--dims is '4,x'"),
        ("--dims=4,4", "--dims names a value twice"),
        ("--models=", "--models is empty"),
        ("--models=Nonsense", "--models names 'Nonsense'"),
        ("--protocols=papre", "protocol is 'papre'"),
        ("--trails=3", "did you mean 'trials'"),
        ("--target=A", "--target is decided by the grid; use --targets"),
        ("--output_dir=x", "--output_dir is decided by the grid; use --out"),
        ("--controls=grph", "--controls names 'grph'"),
        ("--datasets=nothing", "no nothing.inter"),
    ],
)
def test_what_cannot_be_planned(option, message):
    axis = option.partition("=")[0]
    others = [o for o in ("--datasets=blockmix", "--models=EASE") if not o.startswith(axis)]
    status, _, err = call("reproduce", *others, option, "--plan")
    assert (status, err.count("\n")) in {(2, 1), (2, 2)}  # a line of progress may come first
    assert message in err
    assert not Path("reproduction", "runs").exists()


def test_a_model_that_stops_by_recbole_s_default_is_planned(tmp_path):
    """No protocol sets the epochs of NeuMF."""
    axes = ["--datasets=tiny", "--models=NeuMF", "--targets=A", "--protocols=converged"]
    keys = {"data_path": write_tiny(tmp_path), "group_field": "group", "topk": [5], "trials": 0}
    given = [f"--{key}={value}" for key, value in {**keys, "folds": 2, "repeats": 1}.items()]
    status, out, err = call("reproduce", *axes, *given, "--plan")
    assert status == 0 and "NeuMF, converged: " in out, err


# --- controls


def labels(model, protocol, **more):
    given = {"dataset": "ml-1m", "target": "25", "model": model, "protocol": protocol, **more}
    return labelled(merge_settings(given), CONTROLS)


def test_every_control_toggles_what_the_protocol_says():
    assert dict(labels("LightGCN", "paper")) == {
        "as it is": {},
        "regularizer=weighted": {"regularizer": "weighted"},
        "loss_norm=weight": {"loss_norm": "weight"},
        "graph=positive": {"graph": "positive"},
        "user_loss=sum": {"user_loss": "sum"},
        "until converged": {
            "early_stopping": True,
            "epochs": 2000,
            "eval_step": 5,
            "stopping_step": 10,
        },
        "lr and decay as printed": {"learning_rate": 0.001, "reg_weight": 0.1},
    }
    assert dict(labels("LightGCN", "converged")) == {
        "as it is": {},
        "regularizer=unweighted": {"regularizer": "unweighted"},
        "graph=all": {"graph": "all"},
        "user_loss=mean": {"user_loss": "mean"},
        "40 updates": {"early_stopping": False, "epochs": 40},
    }


@pytest.mark.parametrize(
    ("dataset", "model", "decay"),
    [("ml-1m", "BPR", 0.01), ("ml-1m", "LightGCN", 0.001), ("lastfm-asia", "LightGCN", 0.01)],
)
def test_learning_rate_and_decay_as_printed_are_those_of_the_data_set_swapped(
    dataset, model, decay
):
    given = {"dataset": dataset, "target": "0", "model": model, "protocol": "paper"}
    settings = merge_settings({**given, "reg_weight": 7, "embedding_size": 4})
    (printed,) = (of for name, of in labelled(settings, CONTROLS) if "printed" in name)
    assert printed == {"learning_rate": decay, "reg_weight": 0.1}
    of_protocol = merge_settings(given)
    assert (of_protocol["learning_rate"], of_protocol["reg_weight"]) == (0.1, decay)


def test_controls_that_mean_nothing_to_a_model_are_left_out():
    assert [label for label, _ in labels("BPR", "paper")] == [
        "as it is",
        "regularizer=weighted",
        "loss_norm=weight",
        "user_loss=sum",
        "until converged",
        "lr and decay as printed",
    ]
    for protocol in ("paper", "converged"):
        assert [label for label, _ in labels("EASE", protocol)] == ["as it is", "user_loss=mean"]


def test_controls_share_mixes_folds_and_seeds():
    chosen = chosen_controls(["regularizer", "length"])
    keys = {"trials": 15, "folds": 2, "repeats": 3}
    cells = cells_of(grid(models=["BPR"], controls=chosen, keys=keys), {"blockmix": ["A"]})
    assert [cell.control for cell in cells[:3]] == [
        "as it is",
        "regularizer=weighted",
        "until converged",
    ]
    for cell in cells:
        assert {key: cell.given[key] for key in keys} == keys
        assert "seed" not in cell.given
        assert cell.given["class_field"] is None  # theory's mix is no shared mix


@pytest.mark.parametrize("controls", [None, []])
def test_a_grid_has_as_many_seeds_as_a_statement_needs(controls):
    """By default, and with --controls: fewer establish nothing at d <= 8."""
    given = command._grid({}, controls, False, {})
    assert given.dims[0] <= LOW
    cells = cells_of(given, {"ml-1m": ["25"]})
    settings = [cell.settings("x") for cell in cells]
    assert {each.repeats for each in settings if not each.is_solved} == {MIN_REPEATS}


@pytest.mark.parametrize(
    ("options", "keys", "names"),
    [
        ((None, False), {}, {"": True}),
        (([], False), {}, {"as it is": True, "other": False}),
        ((None, True), {}, {"": False}),
        (([], True), {}, {"as it is": False, "other": False}),
        (([], False), {"rivals": "focused"}, {"as it is": True, "other": True}),
        ((None, True), {"rivals": ["focused"]}, {"": True}),
        (([], False), {"fine_tune": False}, {"as it is": False, "other": False}),
    ],
)
def test_the_grid_itself_has_rivals_and_controls_have_none(options, keys, names):
    """ "as it is" shares the run of a grid as short, which keeps what it tells of rivals."""
    given = command._grid({}, *options, keys)
    dataset = given.datasets[0]
    found = {
        (cell.control if cell.control in ("", "as it is") else "other", bool(named))
        for cell in cells_of(given, {dataset: ["25"]})
        for named in [named_rivals(cell.settings("x"))]
    }
    assert found == set(names.items())


# --- which cells are finished


@pytest.mark.parametrize(
    ("keys", "search"), [({}, "random"), ({"trials": 0}, None), ({"search": "gp"}, "gp")]
)
def test_a_grid_has_the_paper_s_search_where_it_searches(keys, search):
    assert command._grid({}, None, False, keys).keys.get("search") == search


def test_a_cell_is_finished_with_its_own_settings_only(tmp_path, monkeypatch):
    given = {"dataset": "d", "target": "A", "model": "BPR", "protocol": "paper", "trials": 2}
    cell, folder = Cell(given), tmp_path / "runs" / "x"
    assert not is_finished(tmp_path, cell, print)
    record(tmp_path, cell, str(folder))
    assert not is_finished(tmp_path, cell, print)  # no result
    folder.mkdir(parents=True)
    (folder / "result.json").touch()
    said = []
    assert not is_finished(tmp_path, cell, said.append)  # a result that cannot be read
    assert len(said) == 1 and f"note: {folder} is not a run folder" in said[0]
    monkeypatch.setattr(
        "recbole_groupmix.reproduce.finished_cells.read_folder",
        lambda *a, **k: SimpleNamespace(first_rules=False),
    )
    assert is_finished(tmp_path, cell, print)
    assert not is_finished(tmp_path, Cell({**given, "trials": 3}), print)
    assert [found.folder for found in finished(tmp_path)] == [folder]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema_version": 2}', r"schema_version 2; this version .* reads 1"),
        ("{", "cannot be read"),
        ('{"schema_version": 1}', "cannot be read"),
        ("[]", "cannot be read"),
    ],
)
def test_records_that_cannot_be_read(tmp_path, text, message):
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "a.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        finished(tmp_path)


# --- the whole way


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory):
    """A tiny grid that was interrupted in its second cell and went on."""
    out = tmp_path_factory.mktemp("grid") / "out"
    arguments = ["reproduce", *TINY, "--targets=A", f"--out={out}"]
    planned = call(*arguments, "--plan")
    assert not (out / "runs").exists() and not (out / "report").exists()
    made, original = [], command.run

    def interrupted(settings, say):
        if made:
            raise KeyboardInterrupt
        made.append(original(settings, say))
        return made[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recbole_groupmix.check.command.draw", lambda *given: [])
        patch.setattr(command, "run", interrupted)
        first = call(*arguments)
        patch.setattr(command, "run", original)
        second = call(*arguments)
    return out, arguments, planned, first, second


def test_the_plan_says_what_it_costs(reproduced):
    _, _, (status, text, err), _, _ = reproduced
    assert status == 0
    lines = text.splitlines()
    # (3 baselines + 2 mixes + 7 budgets) x 2 folds; 3 baselines, data_mix and budget, once for EASE
    # and twice for BPR, whose two chosen mixes may be trained for longer on both folds
    on_folds = "24 models on folds (14 of them for the budget curve)"
    assert lines[2].startswith(
        f"blockmix, target A, EASE, converged: {on_folds} and up to 5 on all of train, about "
    )
    trained = f"{on_folds}, up to 4 again for longer and up to 10 on all of train, at most about"
    assert f"BPR d=16, converged: {trained}" in text
    assert lines[3].startswith("3 of 3 cells to run, at most about ")
    assert err.count("timing blockmix") == 3  # not per target or cell


def test_a_grid_goes_on_after_a_kill(reproduced):
    out, _, _, (status, _, err), second = reproduced
    assert status == 130 and "interrupted; run the same command again to resume" in err
    assert "timing" not in err  # the plan's are kept
    status, text, err = second
    assert status == 0
    assert text.count(": finished") == 1 and "2 of 3 cells to run" in text
    assert "[2/2]" in err and "timing" not in err
    assert text.splitlines()[-1] == str(out / "report" / "index.html")
    assert len(list((out / "runs").iterdir())) == 3


def test_the_page_of_a_grid(reproduced):
    out = reproduced[0]
    page = Page((out / "report" / "index.html").read_text())
    assert len(page.ids) == len(set(page.ids))
    assert len(page.tables["folders"]) == 1 + 3
    rows = page.tables["published"][1:]
    assert len(rows) == 3 * 4 and {row[6][0] for row in rows} == {"not published"}
    names = {path.stem for path in (out / "report" / "figures").glob("*.svg")}
    assert names == {
        "figure3-converged",
        "figure4",
        "figure5-converged",
        "figure6-converged",
        "figure7a-converged",
        "figure7b-converged",
        *(f"result-{name}" for name in ("1a", "1b", "2", "3")),
        "runs",
    }


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_the_page_in_a_browser(reproduced, tmp_path):
    page = (reproduced[0] / "report" / "index.html").read_text(encoding="utf-8")
    seen = seen_in_browser(page, tmp_path, "folders", 3)
    assert seen["errors"] == []
    assert seen["width"] == 390
    runs = ["BPR, d = 4", "BPR, d = 16", "EASE"]
    assert seen["column"] == [runs, runs, runs[::-1]]  # 4 before 16
    assert len(seen["figures"]) == 7 + 4 and min(seen["figures"]) > 100


def test_a_finished_grid_is_not_run_again(undrawn, reproduced, tmp_path, monkeypatch):
    out = tmp_path / "out"
    shutil.copytree(reproduced[0], out)
    arguments = [*reproduced[1][:-1], f"--out={out}"]
    monkeypatch.setattr(command, "run", None)
    before = (out / "report" / "tables.md").read_bytes()
    status, text, _ = call(*arguments)
    assert status == 0 and "0 of 3 cells to run" in text
    assert (out / "report" / "tables.md").read_bytes() == before


def test_files_of_others_in_the_report_are_kept(undrawn, reproduced, tmp_path, monkeypatch):
    out = tmp_path / "out"
    shutil.copytree(reproduced[0], out)
    monkeypatch.setattr(command, "run", None)
    arguments = [*reproduced[1][:-1], f"--out={out}"]
    mine = out / "report" / "tables.md"
    mine.write_text("my notes")
    status, _, err = call(*arguments)
    assert status == 2 and "tables.md was not written by this command" in err
    assert mine.read_text() == "my notes"
    assert call(*arguments, "--force")[0] == 0
    assert mine.read_text() != "my notes"


def test_a_cell_that_fails_is_named_and_the_others_are_run(
    undrawn, reproduced, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    shutil.copytree(reproduced[0], out)
    for file in (out / "cells").glob("*BPR-4*"):
        file.unlink()

    def fails(settings, say):
        raise ValueError("nothing can be learned")

    monkeypatch.setattr(command, "run", fails)
    arguments = [*reproduced[1][:-1], f"--out={out}"]
    status, text, _ = call(*arguments)
    assert status == 1
    lines = text.splitlines()
    assert lines[-3] == "failed: blockmix, target A, BPR d=4, converged: nothing can be learned"
    assert lines[-2] == "1 of 3 cells failed; run the same command again to retry them"
    page = (out / "report" / "tables.md").read_text()
    assert "Missing because they failed: blockmix, target A, BPR d=4, converged." in page


def test_a_run_folder_that_is_half_gone_is_an_error(reproduced, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(reproduced[0], out)
    folder = next((out / "runs").glob("*EASE*"))
    (folder / "metrics.parquet").unlink()
    with pytest.raises(ValueError, match=r"metrics.parquet is missing"):
        write_page(out, [], [], force=False)


def test_controls_go_the_same_way(undrawn, reproduced, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(reproduced[0], out)
    for file in (out / "cells").glob("*BPR-16*"):  # one size is enough
        file.unlink()
    options = ["--models=BPR", "--dims=4", "--targets=A", "--controls=length", f"--out={out}"]
    others = [option for option in TINY if "models" not in option and "dims" not in option]
    status, text, _ = call("reproduce", *others, *options)
    assert status == 0
    assert "2 of 2 cells to run" in text  # as it is and with 40 updates
    tables = (out / "report" / "tables.md").read_text()
    assert "Which of the paper's results survive which control" in tables
    assert "| converged | 40 updates | BPR |" in tables
    assert "| converged | as it is | BPR |" in tables
    # the grid's own search was as long, so that it is the one "as it is": only 40 updates are new
    assert "| converged | own search | BPR |" not in tables
    assert len(list((out / "runs").iterdir())) == 3 + 1
    given = [json.loads(file.read_text())["given"] for file in (out / "cells").glob("*40*.json")]
    assert [g["epochs"] for g in given] == [40]


def test_the_check_of_a_grid_is_of_all_interactions_and_another_is_made_again(tmp_path, undrawn):
    said = []
    for _ in range(2):
        command._check_data_set("blockmix", grid(), tmp_path, said.append)
        file = tmp_path / "check-blockmix" / "check.json"
        content = json.loads(file.read_text(encoding="utf-8"))
        assert content["interactions"] == "all"
    assert [line for line in said if "discrepancies" in line] == [
        "discrepancies of the groups of blockmix"
    ]
    file.write_text(json.dumps({**content, "interactions": "train"}), encoding="utf-8")
    command._check_data_set("blockmix", grid(), tmp_path, said.append)
    assert "not of all interactions; it is made again" in said[-2]
    assert json.loads(file.read_text(encoding="utf-8")) == content
