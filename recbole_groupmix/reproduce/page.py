"""The page of a grid: every finished cell below its folder, read from files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recbole_groupmix.files.whole import PART
from recbole_groupmix.record.read import read_json
from recbole_groupmix.record.versions import FIRST_RULES
from recbole_groupmix.report.page import PAGE, grid_files
from recbole_groupmix.report.paper.check_file import CHECK, CheckFile, read_check
from recbole_groupmix.report.paper.grid import GridCell, read_cell
from recbole_groupmix.report.paper.grid_section import grid_part
from recbole_groupmix.report.write import check_place, write_files
from recbole_groupmix.reproduce.finished_cells import finished
from recbole_groupmix.reproduce.plan import Cell

REPORT = "report"
#: Lists the files that were written with their digests; only these are replaced.
_LIST = "written.json"


def check_folder(out: Path, dataset: str) -> Path:
    """Return where the check of a data set goes."""
    return out / f"check-{dataset}"


def check_page(out: Path, force: bool) -> None:
    """Raise ``ValueError`` if the page would replace files that were not written with one.

    Parameters
    ----------
    out : path
        Folder of the grid.
    force : bool
        Whether they may be replaced.
    """
    place = out / REPORT
    check_place(place, force=True)
    if force or not place.is_dir():
        return
    known = _known(place)
    for file in sorted(place.rglob("*")):
        name = file.relative_to(place).as_posix()
        ours = name == _LIST or file.name.endswith(PART) or not file.is_file()
        if not ours and _digest(file.read_bytes()) not in known.get(name, []):
            raise ValueError(
                f"{file} was not written by this command; choose another place by --out, or "
                "replace the report by --force"
            )


def write_page(out: Path, plan: Sequence[Cell], failed: Sequence[str], force: bool) -> Path | None:
    """Write the page about every finished cell below a folder; None if there is none.

    Runs by the first rules are left out, which the page says by name.

    Parameters
    ----------
    out : path
        Folder of the grid.
    plan : sequence of Cell
        Decides the order.
    failed : sequence of str
        Cells that could not be run, in words.
    force : bool
        As for :func:`check_page`.
    """
    cells: dict[str, list[GridCell]] = {}
    old = []
    for finished_cell in finished(out, plan):
        cell = read_cell(finished_cell.folder, finished_cell.control)
        if cell.run.first_rules:
            old.append(cell.run.name)
        else:
            cells.setdefault(finished_cell.dataset, []).append(cell)
    if not cells:
        return None
    checks = {name: _check(out, name) for name in cells}
    grids = {name: grid_part(mine, failed, checks[name]) for name, mine in cells.items()}
    if old:
        line = f"Left out, {FIRST_RULES}: {', '.join(old)}."
        grids = {name: ([*lead, line], sections) for name, (lead, sections) in grids.items()}
    return write_files_of_page(out, grid_files(grids), force)


def write_files_of_page(out: Path, files: Mapping[str, bytes], force: bool) -> Path:
    """Write the files of a page, and remove those of an earlier one; return the page.

    Parameters
    ----------
    out : path
        Folder of the cells.
    files : mapping of str to bytes
        By path below the report's folder.
    force : bool
        As for :func:`check_page`.
    """
    check_page(out, force)
    place = out / REPORT
    digests = {name: _digest(content) for name, content in files.items()}
    # until all are written, those before them count as ours too: the process may be stopped
    before = _known(place)
    either = {name: [*before.get(name, []), *now] for name, now in _lists(digests).items()}
    write_files(place, {_LIST: _json({**before, **either}), **files})
    for name in set(_old(place)) - set(files) - {_LIST}:
        (place / name).unlink()
    write_files(place, {_LIST: _json(digests)})
    return place / PAGE


def _check(out: Path, dataset: str) -> CheckFile | None:
    folder = check_folder(out, dataset)
    try:
        return read_check(folder) if (folder / CHECK).is_file() else None
    except ValueError:
        return None  # could not be computed, which was reported


def _old(place: Path) -> list[str]:
    return [f.relative_to(place).as_posix() for f in place.rglob("*") if f.is_file()]


def _known(place: Path) -> dict[str, list[str]]:
    """Return the digests that files of ours may have, by name."""
    try:
        known = read_json(place / _LIST, dict[str, Any])
    except ValueError:
        return {}
    return _lists(known)


def _lists(digests: Mapping[str, Any]) -> dict[str, list[str]]:
    return {name: now if isinstance(now, list) else [now] for name, now in digests.items()}


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
