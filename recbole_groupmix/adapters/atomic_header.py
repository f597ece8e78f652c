"""The header of an atomic file: its columns and their types."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from recbole.utils import FeatureType

TYPES = tuple(kind.value for kind in FeatureType)
#: Common separators of columns.
_SEPARATORS = {"\t": "a tab", ",": "a comma", ";": "a semicolon", "|": "a bar", " ": "a space"}
_MARKS = {
    codecs.BOM_UTF8: ("", "utf-8-sig"),
    codecs.BOM_UTF16_LE: (" of UTF-16", "utf-16"),
    codecs.BOM_UTF16_BE: (" of UTF-16", "utf-16"),
}
_SEPARATOR_KEY, _ENCODING_KEY = "field_separator", "encoding"
_SHOWN = 60


class FileError(ValueError):
    """An atomic file that cannot be read.

    Attributes
    ----------
    key : str or None
        The setting that may be wrong, if any.
    """

    def __init__(self, message: str, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True)
class Header:
    """The columns of an atomic file.

    Attributes
    ----------
    file : str
        Name of the file.
    columns : tuple of (str, str)
        Name and type of every column, in the order of the file.
    """

    file: str
    columns: tuple[tuple[str, str], ...]

    @property
    def types(self) -> dict[str, str]:
        """Type of every column by its name."""
        return dict(self.columns)

    @property
    def twice(self) -> list[str]:
        """Names that occur more than once."""
        return [name for name, times in Counter(n for n, _ in self.columns).items() if times > 1]


def read_header(path: str | Path, separator: str, encoding: str | None) -> Header:
    """Read the header of an atomic file, and check that a row follows that fits it.

    Only the first lines are read.

    Parameters
    ----------
    path : path
        An existing file.
    separator : str
        RecBole's ``field_separator``.
    encoding : str or None
        RecBole's ``encoding``; None is UTF-8.

    Raises
    ------
    FileError
        If the file is empty, begins with a byte order mark or is in another encoding, if its first
        line has another separator, a column has no type or an unknown one, or if no row follows or
        the first has more cells than there are columns.
    """
    path = Path(path)
    line, number, row = _first_lines(path, encoding or "utf-8")
    if not line.strip():
        raise FileError(
            f"{path.name} begins with an empty line, or is empty; its first line must name the "
            "columns with their types, such as user_id:token"
        )
    if not isinstance(separator, str) or not separator:
        raise FileError("field_separator must be a text of at least one character", _SEPARATOR_KEY)
    if line.startswith("# "):
        raise FileError(
            f"{path.name}, line 1: it begins with '# ', as numpy.savetxt writes a header; give "
            "savetxt comments='' or remove the '# '"
        )
    cells = line.split(separator)
    used = _separator_of(line) if len(cells) == 1 else None
    if used is not None:
        raise FileError(
            f"{path.name}, line 1: split by {_named(separator)} it is the one column "
            f"{_short(line)!r}; {_cure(used)}",
            _SEPARATOR_KEY,
        )
    columns = tuple(_column(path.name, cell) for cell in cells)
    if row is None:
        raise FileError(f"{path.name} has a header and no rows")
    _check_row(f"{path.name}, line {number}", row, separator, len(columns))
    return Header(path.name, columns)


def undecodable(path: Path, encoding: str, error: UnicodeDecodeError) -> FileError:
    """Return the error for a file in another encoding, with the line if it can be determined."""
    where = ""
    with open(path, "rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                raw.decode(encoding)
            except UnicodeDecodeError:
                where = f", line {number}"
                break
    byte = error.object[error.start]
    return FileError(
        f"{path.name}{where} is not written in {encoding}: the byte 0x{byte:02x} "
        "is invalid there; name the encoding of the file by --encoding, for example "
        "--encoding=gbk or --encoding=latin-1",
        _ENCODING_KEY,
    )


def _first_lines(path: Path, encoding: str) -> tuple[str, int, str | None]:
    """Return the first line, and number and text of the next one that is not blank."""
    try:
        known = codecs.lookup(encoding).name
    except (LookupError, TypeError) as error:
        raise FileError(
            f"Python does not know encoding {encoding!r}; write for example --encoding=utf-8",
            _ENCODING_KEY,
        ) from error
    with open(path, "rb") as raw:
        start = raw.read(4)
    for mark, (whose, name) in _MARKS.items():
        if start.startswith(mark) and known not in (name, codecs.lookup(name).name):
            raise FileError(
                f"{path.name} begins with a byte order mark{whose}; write --encoding={name}",
                _ENCODING_KEY,
            )
    try:
        with open(path, encoding=encoding) as file:
            line = file.readline().rstrip("\n")
            rest = ((n, text.rstrip("\n")) for n, text in enumerate(file, 2) if text.strip("\n"))
            number, row = next(rest, (1, None))
    except UnicodeDecodeError as error:
        raise undecodable(path, encoding, error) from error
    return line, number, row


def _column(file: str, cell: str) -> tuple[str, str]:
    """Return name and type of a column as RecBole splits them."""
    name, colon, kind = cell.partition(":")
    if colon and kind in TYPES and name:
        return name, kind
    where, shown = f"{file}, line 1:", _short(cell)
    if not name:
        raise FileError(f"{where} the column {shown!r} has no name; write name:type")
    if not colon or not kind:
        raise FileError(
            f"{where} column {_short(name)!r} has no type; write {_short(name)}:token, or another "
            f"of {', '.join(TYPES)}"
        )
    if ":" in kind:
        raise FileError(
            f"{where} the column {shown!r} has more than one colon; write name:type, the name "
            "without a colon"
        )
    raise FileError(
        f"{where} column {_short(name)!r} has type {kind!r}; types are {', '.join(TYPES)}"
    )


def _check_row(where: str, row: str, separator: str, n_columns: int) -> None:
    if len(separator) > 1 or '"' in row:  # a quoted cell may hold the separator
        return
    cells = row.split(separator)
    if len(cells) > n_columns:
        raise FileError(
            f"{where}: the row has {len(cells)} cells and the header {n_columns} columns; "
            f"name every column, or remove the {_SEPARATORS.get(separator, repr(separator))} "
            "that is too many"
        )
    if len(cells) == 1 < n_columns:
        for other in _SEPARATORS:
            if len(row.split(other)) == n_columns:
                raise FileError(
                    f"{where}: the row is split by {_SEPARATORS[other]}, the header by "
                    f"{_SEPARATORS.get(separator, repr(separator))}; use one of them in the file"
                )


def _separator_of(line: str) -> str | None:
    """Return the separator of a line with several columns, preferably typed ones; None if none."""
    typed = re.compile(rf"[^:]+:({'|'.join(TYPES)})")
    if typed.fullmatch(line):
        return None
    best: tuple[bool, int] = (False, 1)
    likely = None
    for separator in _SEPARATORS:
        cells = line.split(separator)
        score = all(typed.fullmatch(cell) for cell in cells), len(cells)
        if len(cells) > 1 and score > best:
            best, likely = score, separator
    return likely


def _named(separator: str) -> str:
    if separator == "\\t":
        return "the two characters \\ and t of field_separator"
    words = _SEPARATORS.get(separator)
    return f"the {words.split()[-1] if words else repr(separator)} of field_separator"


def _cure(separator: str) -> str:
    if separator == "\t":
        return "a tab is the default: leave field_separator out"
    return f"write --field_separator={separator!r}"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
