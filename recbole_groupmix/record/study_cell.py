"""A finished cell of a study: one training with what was measured, in one small file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.record.read import read_version

#: ``schema_version`` of the files.
VERSION = 1
CELLS = "cells"
_AGAIN = "remove the file, and the same command makes it anew"


class StudyCellFile(TypedDict):
    """A file of ``cells``: a finished cell of a study."""

    schema_version: int
    """Version of the format: 1."""
    given: dict[str, Any]
    """Settings of the cell, `dataset` among them; another value of one is another cell."""
    seconds: float
    """Seconds of a core that it took."""
    measured: dict[str, Any]
    """What was measured, by name."""


def write_cell(file: Path, given: Mapping[str, Any], seconds: float, measured: Any) -> None:
    """Write a finished cell, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    content: StudyCellFile = {
        "schema_version": VERSION,
        "given": {**given},
        "seconds": round(seconds, 1),
        "measured": measured,
    }
    write_whole(file, json.dumps(content) + "\n", durable=True)


def read_cell(file: Path) -> StudyCellFile:
    """Read a finished cell.

    Raises
    ------
    ValueError
        If the file is damaged or of another version.
    """
    return read_version(file, StudyCellFile, {VERSION}, _AGAIN)
