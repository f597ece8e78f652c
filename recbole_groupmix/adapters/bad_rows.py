"""Errors for the first row of an atomic file that does not fit its header."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recbole_groupmix.adapters.atomic_header import FileError, undecodable

_SHOWN = 40
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?\b|\d\d?[./]\d\d?[./]\d{4}\b")


def refuse_bad_rows(path: str | Path, given: Mapping[str, Any], sequences: str = " ") -> None:
    """Raise an error with file, line and column for the first row that does not fit the header.

    The whole file is read, so this is for a file that pandas' compiled parser has refused.

    Parameters
    ----------
    path : path
        The file.
    given : mapping
        What RecBole gives ``read_csv``: delimiter, dtype by column, encoding.
    sequences : str
        Separator of the numbers in a ``float_seq`` cell.

    Raises
    ------
    FileError
        For a row with more cells than the header has columns (RecBole's parser would shift or drop
        cells), a cell of a loaded number that holds something else, or a line in another encoding.
    """
    if len(given["delimiter"]) != 1:
        return
    path, encoding = Path(path), given["encoding"] or "utf-8"
    try:
        with open(path, encoding=encoding, newline="") as file:
            rows = csv.reader(file, delimiter=given["delimiter"])
            header = next(rows, [])
            numbers = {
                place: name
                for place, name in enumerate(header)
                if name in given["dtype"] and name.endswith((":float", ":float_seq"))
            }
            for row in rows:
                _check(path.name, rows.line_num, row, header, numbers, sequences)
    except UnicodeDecodeError as error:
        raise undecodable(path, encoding, error) from error
    except csv.Error:
        return  # pandas reports it


def _check(
    file: str,
    line: int,
    row: list[str],
    header: list[str],
    numbers: Mapping[int, str],
    sequences: str,
) -> None:
    extra = [cell for cell in row[len(header) :] if cell]
    if extra:
        raise FileError(
            f"{file}, line {line}: the row has {len(row)} cells and the header {len(header)} "
            f"columns, so {_short(extra[0])!r} belongs to none; quote a cell that holds the "
            "separator, or remove the extra cells"
        )
    for place, column in numbers.items():
        cell = row[place] if place < len(row) else ""
        values = [cell] if column.endswith(":float") else cell.split(sequences)
        for value in values:
            if value and not _is_number(value):
                number = "a number"
                if _DATE.match(value):
                    number += ", of a date its seconds since 1970"
                raise FileError(
                    f"{file}, line {line}: {column} holds {_short(value)!r}; write {number}, leave "
                    "the cell empty, or leave the column out of load_col"
                )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
