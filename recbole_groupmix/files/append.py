"""Files of lines of JSON that grow: a line is brought to disk, or gone as if it was never written."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

_BLOCK = 2**16


def append_line(path: Path, record: Mapping[str, Any]) -> None:
    """Append one line of JSON and bring it to disk; a last line that was cut short is removed.

    Parameters
    ----------
    path : pathlib.Path
        The file, in an existing folder.
    record : mapping
        What JSON can hold.
    """
    with open(path, "a+b") as file:
        _end_with_a_whole_line(file)
        file.write(json.dumps(record).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _end_with_a_whole_line(file: BinaryIO) -> None:
    size = end = file.seek(0, os.SEEK_END)
    while end:
        start = max(end - _BLOCK, 0)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end < size:
        file.truncate(end)
