"""What the page of a grid says of one data set."""

from __future__ import annotations

from collections.abc import Sequence

from recbole_groupmix.report import numbers
from recbole_groupmix.report.across import across_section
from recbole_groupmix.report.blocks import Section, Table, number, text
from recbole_groupmix.report.check_file import CheckFile
from recbole_groupmix.report.grid import GridCell, in_order
from recbole_groupmix.report.paper_section import paper_section
from recbole_groupmix.report.survival import AS_IS, survival_section


def grid_lead(cells: Sequence[GridCell], failed: Sequence[str]) -> list[str]:
    """Return sentences about how many runs there are, and which are missing."""
    searched = sorted({cell.run.result["search"]["trials"] for cell in cells})
    lines = [
        f"{numbers.count(len(cells), 'run')} with "
        f"{' or '.join(map(str, searched))} searched mixes each; training took "
        f"{numbers.duration(sum(_seconds(cell) for cell in cells))} in all."
    ]
    if failed:
        lines.append(f"Not here, since they failed: {'; '.join(failed)}.")
    return lines


def grid_sections(cells: Sequence[GridCell], check: CheckFile | None) -> list[Section]:
    """Return the paper's figures, the controls where there are any, and all runs.

    Raises
    ------
    ValueError
        If runs were measured at different cut-offs.
    """
    _check_together(cells)
    cells = in_order(cells)
    main = [cell for cell in cells if not cell.control]
    main = main or [cell for cell in cells if cell.control == AS_IS]
    sections = [paper_section(main, check)]
    if any(cell.control for cell in cells):
        sections.append(survival_section(cells, check))
    if main:
        names = [_short(cell) for cell in main]
        sections.append(across_section([cell.run for cell in main], names))
    sections.append(Section("all-runs", "Run folders", (), (), [_folders(cells)]))
    return sections


def _short(cell: GridCell) -> str:
    size = "" if cell.d is None else f" {cell.d}"
    return f"{cell.target} {cell.model}{size} {cell.protocol}"


def _check_together(cells: Sequence[GridCell]) -> None:
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
