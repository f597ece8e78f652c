"""The part of the page of a grid about one data set."""

from __future__ import annotations

from collections.abc import Sequence

from recbole_groupmix.record.versions import check_one_rule
from recbole_groupmix.report.frame.blocks import Section, Table, number, text
from recbole_groupmix.report.paper.check_file import CheckFile
from recbole_groupmix.report.paper.findings import findings
from recbole_groupmix.report.paper.grid import GridCell, in_order
from recbole_groupmix.report.paper.paper_section import paper_section
from recbole_groupmix.report.paper.survival import AS_IS, survival, survival_section
from recbole_groupmix.report.run.several_runs import several_runs_section
from recbole_groupmix.text import numbers


def grid_part(
    cells: Sequence[GridCell], failed: Sequence[str], check: CheckFile | None
) -> tuple[list[str], list[Section]]:
    """Return the lead and the sections about one data set.

    The lead gives the number of runs, their verdicts on the paper's results, and the runs that
    are missing; the sections are the paper's figures, its results by control, and all runs.

    Parameters
    ----------
    cells : sequence of GridCell
        Runs on the data set.
    failed : sequence of str
        Cells that could not be run, in words.
    check : CheckFile or None
        Discrepancies of its groups.

    Raises
    ------
    ValueError
        If runs were measured at different cut-offs or made by different rules.
    """
    _check_together(cells)
    cells = in_order(cells)
    main = [cell for cell in cells if not cell.control]
    main = main or [cell for cell in cells if cell.control == AS_IS]
    results = survival(cells, check)
    sections = [paper_section(main, check), survival_section(cells, results)]
    if main:
        names = [_short(cell) for cell in main]
        sections.append(several_runs_section([cell.run for cell in main], names))
    sections.append(Section("all-runs", "Run folders", (), (), [_folders(cells)]))
    return [_extent(cells), *findings(results), *_missing(failed)], sections


def _extent(cells: Sequence[GridCell]) -> str:
    folders = {cell.run.path: cell for cell in cells}  # a run may be a control as well
    searched = sorted({cell.run.result["search"]["trials"] for cell in cells})
    return (
        f"{numbers.count(len(folders), 'run')} with "
        f"{' or '.join(map(str, searched))} searched mixes each; training took "
        f"{numbers.duration(sum(map(_seconds, folders.values())))} in all."
    )


def _missing(failed: Sequence[str]) -> list[str]:
    return [f"Missing because they failed: {'; '.join(failed)}."] if failed else []


def _short(cell: GridCell) -> str:
    size = "" if cell.d is None else f" {cell.d}"
    return f"{cell.target} {cell.model}{size} {cell.protocol}"


def _check_together(cells: Sequence[GridCell]) -> None:
    check_one_rule([cell.run for cell in cells])
    first = cells[0].run
    for cell in cells[1:]:
        if cell.run.result["topk"][-1] != first.result["topk"][-1]:
            raise ValueError(
                f"{cell.run.path} was measured at topk {cell.run.result['topk'][-1]} and "
                f"{first.path} at {first.result['topk'][-1]}, so that one table cannot hold both; "
                "choose another --out for one of them"
            )


def _folders(cells: Sequence[GridCell]) -> Table:
    rows = []
    for cell in cells:
        result = cell.run.result
        rows.append(
            [
                *(text(word) for word in (cell.run.name, cell.protocol, cell.control or "-")),
                text(cell.model_and_size),
                text(cell.target),
                number(result["search"]["trials"], "d"),
                number(result["search"]["folds"], "d"),
                number(result["repeats"], "d"),
                number(_seconds(cell), shown=numbers.duration(_seconds(cell))),
            ]
        )
    header = (
        "folder",
        "protocol",
        "control",
        "run",
        "target",
        "mixes",
        "folds",
        "repeats",
        "time",
    )
    return Table("folders", "Run folders, what they searched, and training time", header, rows)


def _seconds(cell: GridCell) -> float:
    seconds = cell.run.result["seconds"]
    return float(sum(seconds.get(stage) or 0.0 for stage in ("search", "test")))
