"""Which cells of a grid are finished: one small file each, which names the run folder."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recbole_groupmix.reproduce.plan import Cell

#: ``schema_version`` of the files.
VERSION = 1
RUNS, CELLS = "runs", "cells"


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
    content = {
        "schema_version": VERSION,
        "control": cell.control,
        "given": _plain(cell.given),
        "run_folder": Path(run_folder).name,
    }
    temporary = file.with_name(f".{file.name}.part")
    temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, file)


def is_finished(out: Path, cell: Cell) -> bool:
    """Whether a cell was run with exactly these settings and its result is still there."""
    file = _file(out, cell.name)
    if not file.is_file():
        return False
    found = _read(out, file)
    return found.given == _plain(cell.given) and (found.folder / "result.json").is_file()


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
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        version = content["schema_version"]
        if version != VERSION:
            raise ValueError(
                f"{file} has schema_version {version!r}; this version of recbole-groupmix reads "
                f"{VERSION}; choose another --out"
            )
        given, folder = content["given"], out / RUNS / content["run_folder"]
        return Finished(file.stem, content["control"], given["dataset"], given, folder)
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{file} cannot be read ({error!r}); remove it, the cell's run then goes on from its "
            "folder"
        ) from error


def _plain(given: Any) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(dict(given), default=str))
    return plain
