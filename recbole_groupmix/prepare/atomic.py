"""RecBole's atomic files: tab-separated tables whose header names ``field:type``."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.text.untrusted import error_text

Columns = Mapping[str, Sequence[object]]
"""One table: ``"field:type"`` -> the column's values, all columns of one length."""

_HEADER = re.compile(r"[^:\s]+:(token|token_seq|float|float_seq)")
_UNREADABLE = re.compile(r'"|[^\t\n\r]*[\t\n\r]')


def write_atomic(folder: Path, name: str, suffix: str, columns: Columns) -> Path:
    r"""Write one of RecBole's atomic files, completely or not at all.

    Parameters
    ----------
    folder : pathlib.Path
        An existing folder.
    name : str
        Name of the data set.
    suffix : str
        ``"inter"``, ``"user"`` or ``"item"``.
    columns : mapping from str to sequence
        ``"field:type"`` -> values, each of shape (n_rows,); type is token, token_seq, float or
        float_seq. Every value is written as ``str(value)``: tokens stay as they are (``007``,
        ``NA``, ``no``), the parts of a sequence are separated by spaces, an empty string is a
        missing value.

    Returns
    -------
    pathlib.Path
        ``<folder>/<name>.<suffix>``, UTF-8 with ``\n`` at the end of each line.

    Raises
    ------
    ValueError
        If a header is not ``field:type``, the columns differ in length, a value could not be
        read back (a tab, a line break or a leading double quote in it), or the folder cannot be
        written to.
    """
    path = Path(folder) / f"{name}.{suffix}"
    text = _to_text(columns, path.name)
    try:
        write_whole(path, text)
    except OSError as error:
        raise ValueError(
            f"cannot write {path}: {error_text(error)}; choose an existing folder that can be "
            f"written to and has room for {len(text):,} characters"
        ) from error
    return path


def parse_atomic(lines: Iterable[str], label: str) -> dict[str, list[str]]:
    """Parse the lines of an atomic file, every value as a string.

    Parameters
    ----------
    lines : iterable of str
        The lines without their line breaks, the header first. Empty lines are skipped.
    label : str
        Where the lines come from, for error messages.

    Returns
    -------
    dict from str to list of str
        ``"field:type"`` -> values, each of length n_rows.

    Raises
    ------
    ValueError
        If the header is not that of an atomic file, or a line (named by its number) has another
        number of fields than the header.
    """
    numbered = enumerate(lines, start=1)
    _, first = next(numbered, (1, ""))
    header = first.split("\t")
    _check_header(header, f"line 1 of {label}")
    rows = []
    for number, line in numbered:
        if not line:
            continue
        row = line.split("\t")
        if len(row) != len(header):
            raise ValueError(
                f"line {number} of {label} has {len(row)} tab-separated fields, the header has "
                f"{len(header)} ({', '.join(header)}): {line[:60]!r}"
            )
        rows.append(row)
    columns = zip(*rows, strict=True) if rows else ((),) * len(header)
    return {field: list(column) for field, column in zip(header, columns, strict=True)}


def _to_text(columns: Columns, label: str) -> str:
    header = list(columns)
    _check_header(header, f"the columns of {label}")
    lengths = {field: len(values) for field, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"the columns of {label} differ in length: {lengths}")
    texts = [[str(value) for value in values] for values in columns.values()]
    for field, values in zip(header, texts, strict=True):
        bad = next((value for value in values if _UNREADABLE.match(value)), None)
        if bad is not None:
            raise ValueError(
                f"{field} of {label} holds {bad[:60]!r}, which RecBole could not read back: a "
                f"value must not contain a tab or a line break, nor begin with a double quote"
            )
    rows = ["\t".join(row) for row in zip(*texts, strict=True)]
    return "\n".join(["\t".join(header), *rows]) + "\n"


def _check_header(header: Sequence[str], label: str) -> None:
    bad = [field for field in header if not _HEADER.fullmatch(field)]
    if bad or len(set(header)) != len(header):
        raise ValueError(
            f"{label}: {list(header)} is not the header of an atomic file; each column is called "
            f"field:type, such as user_id:token, with type token, token_seq, float or float_seq, "
            f"and all must differ"
        )
