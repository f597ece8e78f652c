"""Quoted cells of tables: those that CSV readers would read differently are refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from recbole_groupmix.files.bytes_of_file import file_contains

#: Longest piece of a cell that a message shows.
_SHOWN = 30


class QuotedCells(NamedTuple):
    """Number of quoted cells of a table, and of the line breaks inside them."""

    cells: int
    line_breaks: int


def check_quotes(path: str | Path, separator: str, encoding: str = "utf-8") -> QuotedCells:
    """Refuse a table in which a cell begins with a quote and is not a quoted cell.

    A quoted cell ends with a quote, doubles quotes inside and may hold separators and line
    breaks. Readers differ about any other cell that begins with a quote: some take all lines up
    to the next quote for a part of it. A file without any quote is not decoded.

    Parameters
    ----------
    path : path
        The file.
    separator : str
        Separator of cells. One of several characters splits cells without regard to quotes, so
        nothing is refused then.
    encoding : str
        Encoding of the file. A wrong one is left to the reader to refuse.

    Returns
    -------
    QuotedCells
        Line breaks inside quoted cells are lines of the file that are not rows.

    Raises
    ------
    ValueError
        With the file and the line, if a cell begins with a quote and does not end with one, or
        has single quotes inside.
    """
    if len(separator) != 1 or not file_contains(path, rb'"'):
        return QuotedCells(0, 0)
    try:
        with open(path, encoding=encoding, newline="") as file:
            text = file.read()
    except (UnicodeError, LookupError):
        return QuotedCells(0, 0)
    ends = rf"[^{re.escape(separator)}\r\n]"
    # from the first quote to the one that ends the cell; the empty group matches if none does
    cell = re.compile(rf'(?<!{ends})"[^"]*(?:""[^"]*)*(?:"(?!{ends})|())')
    cells = breaks = 0
    for match in cell.finditer(text):
        if match.group(1) is not None:
            raise ValueError(_message(Path(path), text, match.start(), ends))
        cells, breaks = cells + 1, breaks + _line_breaks(match.group())
    return QuotedCells(cells, breaks)


def _line_breaks(text: str) -> int:
    return len(re.findall(r"\r\n|\r|\n", text)) if "\n" in text or "\r" in text else 0


def _message(path: Path, text: str, start: int, ends: str) -> str:
    line = _line_breaks(text[:start]) + 1
    cell = re.compile(f"{ends}*").match(text, start)
    shown = cell.group() if cell else ""
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    return (
        f'{path.name}, line {line}: a cell begins with " but is not a quoted cell: {shown}; '
        'remove the quote, or quote the whole cell and double the quotes inside ("" for ")'
    )
