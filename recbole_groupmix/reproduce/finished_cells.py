"""Which cells of a grid are finished: one small file each, which names the run folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from recbole_groupmix.files.paths import file_inside
from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.record.finished_run import read_folder
from recbole_groupmix.record.read import read_version
from recbole_groupmix.record.versions import FIRST_RULES
from recbole_groupmix.reproduce.plan import Cell

#: ``schema_version`` of the files.
VERSION = 1
RUNS, CELLS = "runs", "cells"


class OtherVersion(ValueError):
    """A file of another version of this package: not damaged, so it is not replaced."""


class _Given(TypedDict):
    dataset: str


class CellFile(TypedDict):
    """A file of ``cells``: a finished cell of the grid."""

    schema_version: int
    """Version of the format: 1."""
    control: str
    """What differs from the protocol; empty for nothing."""
    given: _Given
    """Settings of the cell, `dataset` among them."""
    run_folder: str
    """Name of the run folder in ``runs``."""


@dataclass(frozen=True)
class Finished:
    """A cell that was run.

    Parameters
    ----------
    name, control : str
        Of the cell.
    dataset : str
        Data set.
    given : dict
        Settings of the cell.
    folder : pathlib.Path
        Run folder.
    """

    name: str
    control: str
    dataset: str
    given: dict[str, Any]
    folder: Path


def record(out: Path, cell: Cell, run_folder: str) -> None:
    """Write that a cell is finished."""
    file = _file(out, cell.name)
    file.parent.mkdir(parents=True, exist_ok=True)
    given: Any = _plain(cell.given)
    content: CellFile = {
        "schema_version": VERSION,
        "control": cell.control,
        "given": given,
        "run_folder": Path(run_folder).name,
    }
    write_whole(file, json.dumps(content, indent=1) + "\n", durable=True)


def is_finished(out: Path, cell: Cell, say: Callable[[str], None]) -> bool:
    """Whether a cell was run with exactly these settings and its result can still be read.

    `say` tells of a damaged file of ours, and of a run by the first rules; the run that follows
    writes it anew.
    """
    file = _file(out, cell.name)
    if not file.is_file():
        return False
    try:
        cell_run = _read(out, file)
        if cell_run.given != _plain(cell.given) or not (cell_run.folder / "result.json").is_file():
            return False
        run = read_folder(cell_run.folder, only_target=True)
    except OtherVersion:
        raise
    except ValueError as error:
        say(f"note: {error}")
        return False
    if run.first_rules:
        say(f"note: {run.path} was {FIRST_RULES}; the cell is run again, in a new folder")
    return not run.first_rules


def finished(out: Path, first: Sequence[Cell] = ()) -> list[Finished]:
    """Return all finished cells below a folder, those of a plan first and in its order.

    Raises
    ------
    ValueError
        For a file that cannot be read or is of another version.
    """
    files = {file.stem: file for file in sorted((out / CELLS).glob("*.json"))}
    order = [cell.name for cell in first if cell.name in files]
    order += [name for name in files if name not in order]
    return [_read(out, files[name]) for name in order]


def _file(out: Path, name: str) -> Path:
    return out / CELLS / f"{name}.json"


def _read(out: Path, file: Path) -> Finished:
    way_out = "the run is resumed from its folder; or remove the file"
    try:
        content = read_version(file, CellFile, {VERSION}, way_out, OtherVersion)
    except OtherVersion as error:
        raise OtherVersion(f"{error}; choose another --out") from None
    try:
        folder = file_inside(out / RUNS, content["run_folder"])
    except ValueError as error:
        raise ValueError(f"{file} cannot be read: {error}; {way_out}") from error
    given = content["given"]
    return Finished(file.stem, content["control"], given["dataset"], {**given}, folder)


def _plain(given: Any) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(dict(given), default=str))
    return plain
