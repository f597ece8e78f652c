"""Runs by the first rules: read by them, by name, and in no table with runs of today.

The folders of ``old_runs`` are of the first version of ``result.json``; see ``test_pinned``.
"""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from command import call, run_folder, tree
from made_runs import write_run

from recbole_groupmix.compare import compare, read_runs
from recbole_groupmix.record.finished_run import read_folder, read_folders
from recbole_groupmix.record.read import read_version
from recbole_groupmix.record.result_schema import Index
from recbole_groupmix.record.schema import SCHEMA_VERSION
from recbole_groupmix.record.versions import FIRST, FIRST_RULES, READ
from recbole_groupmix.report.paper.grid import read_cell
from recbole_groupmix.report.paper.grid_section import grid_part
from recbole_groupmix.reproduce.finished_cells import is_finished, record
from recbole_groupmix.reproduce.page import write_page
from recbole_groupmix.reproduce.plan import Cell

OLD = Path(__file__).resolve().parent / "old_runs"
BPR, EASE = OLD / "bpr/tiny-A-BPR-efe4905e", OLD / "ease/tiny-A-EASE-dff644b3"
ALL = OLD / "all/tiny-all-BPR-4b531b33"
SINGLE = [BPR, EASE, ALL / "tiny-A-BPR-48ae3074", ALL / "tiny-C-BPR-6312b0ff"]


def of_today(folder, **options):
    """Write a run that no training made, at the cut-off of the old ones."""
    write_run(folder, **options)
    assert json.loads((folder / "result.json").read_text())["schema_version"] > FIRST
    return folder


def edited(folder, to, version):
    """Copy a run with another version in its result."""
    shutil.copytree(folder, to)
    result = json.loads((to / "result.json").read_text(encoding="utf-8"))
    (to / "result.json").write_text(json.dumps({**result, "schema_version": version}))
    return to


def test_what_is_written_is_read():
    assert SCHEMA_VERSION in READ and FIRST in READ
    assert max(READ) == SCHEMA_VERSION


@pytest.mark.parametrize("folder", SINGLE, ids=lambda folder: folder.name)
def test_an_old_run_says_so_and_keeps_its_numbers(folder):
    run = read_folder(folder)
    assert run.first_rules
    assert run.result["change"] == json.loads((folder / "result.json").read_text())["change"]
    assert "lengths" not in run.result and "own_length" not in run.result


def test_a_run_of_today_does_not(tmp_path):
    assert not read_folder(of_today(tmp_path / "new")).first_rules


@pytest.mark.parametrize("version", [0, 3, "1", 1.0, True, None, [1]])
def test_other_versions_are_refused(tmp_path, version):
    folder = edited(EASE, tmp_path / "run", version)
    with pytest.raises(ValueError, match=r"schema_version .*; this version .* reads 1 and 2$"):
        read_folder(folder)


def test_the_index_of_an_old_run_is_read_like_its_results(tmp_path):
    index = read_version(ALL / "index.json", Index, READ)
    assert index["schema_version"] == FIRST and len(index["targets"]) == 3
    (tmp_path / "index.json").write_text(json.dumps({**index, "schema_version": 3}))
    with pytest.raises(ValueError, match="reads 1 and 2"):
        read_version(tmp_path / "index.json", Index, READ)


def test_the_page_of_an_old_run_begins_with_its_rules(undrawn):
    status, _, err = call("report", BPR, "--out=page")
    assert status == 0, err
    lines = Path("page/tables.md").read_text(encoding="utf-8").splitlines()
    assert lines[4].startswith(
        "Made by the first rules (each mix trained for the median of its own"
    )
    assert "marks by the bootstrap alone" in lines[4] and "makes a new folder" in lines[4]
    assert "Made by the first rules" in Path("page/index.html").read_text(encoding="utf-8")


def test_the_page_of_a_run_of_today_does_not(undrawn, tmp_path):
    assert call("report", of_today(tmp_path / "new"), "--out=page")[0] == 0
    assert "first rules" not in Path("page/index.html").read_text(encoding="utf-8")


def test_a_page_of_several_old_runs_begins_with_their_rules(undrawn):
    status, _, err = call("report", BPR, EASE, "--out=page")
    assert status == 0, err
    page = Path("page/index.html").read_text(encoding="utf-8")
    assert page.count("Made by the first rules") == 3  # for all, and for each
    assert page.index("Made by the first rules") < page.index("<table")


def test_no_page_holds_both(tmp_path):
    new = of_today(tmp_path / "new")
    for folders in ([BPR, new], [new, BPR], [new, EASE, BPR]):
        status, out, err = call("report", *folders, "--out=page")
        assert (status, out) == (2, "") and err.count("\n") == 1
        old = next(folder for folder in folders if folder != new)
        assert f"{old} " in err and FIRST_RULES in err and f"and {new} was not" in err
        assert "leave one kind out, or run its command again" in err
    assert not Path("page").exists()
    assert len(read_folders([BPR, EASE])) == 2


def test_no_comparison_holds_both(tmp_path):
    new = of_today(tmp_path / "new")
    for tables in ([BPR, new], [new, BPR / "metrics.parquet"], [new / "metrics.parquet", BPR]):
        status, out, err = call("compare", *tables, "--how=inner")
        assert (status, out) == (2, "") and err.count("\n") == 1
        assert f"{BPR} was {FIRST_RULES} and {new} was not" in err
    with pytest.raises(ValueError, match="one table cannot hold both"):
        read_runs([new, BPR])


def test_old_runs_are_compared_with_each_other_and_with_other_programs(tmp_path):
    frame = pd.read_parquet(BPR / "metrics.parquet")
    of_another_program = frame[frame["mix"] == "stratified"].drop(columns="mix")
    of_another_program.to_csv(tmp_path / "other.csv", index=False)
    for other in (EASE, tmp_path / "other.csv"):
        rows = compare(read_runs([BPR, other]), metrics=["recall@10"]).to_frame()
        assert len(rows)
    bare = tmp_path / "bare"  # a table without its result: nothing is known of its rules
    bare.mkdir()
    shutil.copy(BPR / "metrics.parquet", bare)
    assert len(read_runs([bare, of_today(tmp_path / "new")])) == 2


# --- groupmix reproduce


GIVEN = {"dataset": "tiny", "target": "A", "model": "BPR", "protocol": "converged"}


@pytest.fixture
def grid(tmp_path):
    """A folder with two finished cells, of which one was run by the first rules."""
    out = tmp_path / "out"
    old, new = out / "runs" / BPR.name, out / "runs" / "new"
    shutil.copytree(BPR, old)
    of_today(new, trials=9)
    cells = [Cell({**GIVEN, "embedding_size": 4}), Cell({**GIVEN, "dataset": "made"})]
    for cell, folder in zip(cells, (old, new), strict=True):
        record(out, cell, str(folder))
    return out, cells


def test_a_finished_cell_by_the_first_rules_is_run_again(grid):
    out, (old, new) = grid
    said = []
    assert not is_finished(out, old, said.append)
    assert said == [
        f"note: {out / 'runs' / BPR.name} was {FIRST_RULES}; the cell is run again, in a new folder"
    ]
    assert is_finished(out, new, said.append) and len(said) == 1


def test_the_page_of_a_grid_leaves_them_out_by_name(undrawn, grid):
    out, cells = grid
    before = tree(out / "runs")
    assert write_page(out, cells, [], force=False) is not None
    page = (out / "report" / "tables.md").read_text(encoding="utf-8")
    assert f"Left out, {FIRST_RULES}: {BPR.name}." in page.replace("\\", "")
    assert "tiny: reproduction" not in page
    assert tree(out / "runs") == before
    shutil.rmtree(out / "runs" / "new")
    (out / "cells" / f"{cells[1].name}.json").unlink()
    assert write_page(out, cells, [], force=True) is None  # no run of today is left


def test_no_part_of_a_grid_holds_both(tmp_path):
    cells = [read_cell(BPR), read_cell(of_today(tmp_path / "new"))]
    with pytest.raises(ValueError, match="one table cannot hold both"):
        grid_part(cells, [], None)


def test_an_old_grid_is_run_again_by_its_command(undrawn, tmp_path):
    """Over the same folder, where a cell of the plan is of the first version."""
    grid = ["--datasets=blockmix", "--models=EASE", "--protocols=converged", "--targets=A"]
    keys = ["--trials=0", "--folds=2", "--lambdas=[10]"]
    command = ["reproduce", *grid, *keys, f"--out={tmp_path / 'out'}"]
    assert call(*command)[0] == 0
    folder = run_folder(tmp_path / "out" / "runs")
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    (folder / "result.json").write_text(json.dumps({**result, "schema_version": FIRST}))
    status, out, err = call(*command, "--plan")
    assert status == 0 and "1 of 1 cells to run" in out
    assert f"{folder} was {FIRST_RULES}; the cell is run again" in err.replace("\n", " ")
