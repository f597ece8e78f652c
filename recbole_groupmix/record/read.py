"""Reading one file of a run: every way in which it can be damaged is one ``ValueError``."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from recbole_groupmix.files.bounded import check_regular, read_bytes_bounded, read_text_bounded
from recbole_groupmix.files.parse import parse_json_bounded, parse_yaml_bounded
from recbole_groupmix.record.field_checks import check_of
from recbole_groupmix.record.fold_lines import key_of, n_points
from recbole_groupmix.text.untrusted import error_text

#: Bytes of one line: the curve of one model on one fold, of hundreds of groups and evaluations.
_LONGEST = 2**26
_LINE = "remove the line; the work that it records is then done again"
_LINES = "remove it; the work that it records is then done again"
#: What to do about a damaged file of a finished run.
AGAIN = "run the command that made the run again to write it anew"

T = TypeVar("T")


def read_version(
    file: Path,
    shape: type[T],
    versions: Collection[int],
    way_out: str = AGAIN,
    other: type[ValueError] = ValueError,
) -> T:
    """Read a file of JSON whose ``schema_version`` must be one of a few; see :func:`read_json`.

    Raises
    ------
    ValueError
        As :func:`read_json`. If the version is another one, the error is an `other`, and nothing
        else is said of the file.
    """
    given = read_json(file, dict[str, Any], way_out).get("schema_version")
    if type(given) is not int or given not in versions:
        known = " and ".join(map(str, sorted(versions)))
        raise other(
            f"{file} has schema_version {given!r}; this version of recbole-groupmix reads {known}"
        )
    return read_json(file, shape, way_out)


def read_json(file: Path, shape: type[T], way_out: str = AGAIN) -> T:
    """Read a file of JSON.

    Parameters
    ----------
    file : pathlib.Path
        The file.
    shape : type
        What it must hold, such as a record of :mod:`~recbole_groupmix.record.schema`.
    way_out : str
        What to do about a file that is damaged.

    Raises
    ------
    ValueError
        If it is missing, cannot be read, or lacks a field.
    """
    try:
        content: T = parse_json_bounded(read_bytes_bounded(file))
        check_of(shape)(content, "it")
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} cannot be read: {error_text(error)}; {way_out}") from error
    return content


def read_yaml(file: Path, shape: type[T], way_out: str = AGAIN) -> T:
    """Read a file of YAML; see :func:`read_json`."""
    try:
        content: T = parse_yaml_bounded(read_text_bounded(file))
        check_of(shape)(content, "it")
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{file} cannot be read: {error_text(error)}; {way_out}") from error
    return content


def read_frame(
    file: Path, columns: set[str], way_out: str = AGAIN, **options: Any
) -> pd.DataFrame:
    """Read a Parquet file that has certain columns; `options` are those of ``pandas.read_parquet``.

    Raises
    ------
    ValueError
        As :func:`read_json`.
    """
    try:
        check_regular(file)
        # of another path pandas would read a ~ as the home folder
        frame = pd.read_parquet(file.absolute(), partitioning=None, **options)
    except Exception as error:  # pyarrow has a class of errors for every kind of damage
        raise ValueError(f"{file} cannot be read: {error_text(error)}; {way_out}") from error
    if not set(frame.columns) >= columns:
        lacks = ", ".join(sorted(columns - set(frame.columns)))
        raise ValueError(f"{file} lacks the column {lacks}; {way_out}")
    return frame


def read_lines(file: Path, shape: type[T], folds: int | None = None) -> list[T]:
    """Read lines of JSON, each the record of a mix on a fold; nothing is written.

    A last line that was cut short (the process was stopped) is left out. Of equal records only
    the first is read. Curves of different lengths may belong to the same mix and fold.

    Parameters
    ----------
    file : pathlib.Path
        The file; a missing file counts as empty.
    shape : type
        What a line must hold, ``fold`` among it.
    folds : int, optional
        Number of folds.

    Raises
    ------
    ValueError
        With the number of the line, if any other line is not such a record, or differs from
        another record of the same mix and fold.
    """
    records: dict[tuple[Any, ...], Any] = {}
    options: int | None = None
    try:
        lines = _whole_lines(file)
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} cannot be read: {error_text(error)}; {_LINES}") from error
    for at, line in enumerate(lines, start=1):
        where = f"{file}, line {at}"
        try:
            record = parse_json_bounded(line)
            check_of(shape)(record, "it")
            if folds is not None and record["fold"] >= folds:
                raise ValueError(f"its fold is {record['fold']}, but there are {folds} folds")
            tried = record.get("tried")
            if tried and options not in (None, len(tried)):
                raise ValueError(f"it tried {len(tried)} options, those before it {options}")
        except ValueError as error:
            raise ValueError(
                f"{where} is not the record of a fold ({error_text(error)}); {_LINE}"
            ) from error
        options = len(tried) if tried else options
        key = (*key_of(record), n_points(record))
        if key in records and _said(records[key]) != _said(record):
            raise ValueError(
                f"{where} is a second record of {key[0]!r} on fold {key[1]} and differs from the "
                f"first; remove one of the two lines, or both, and the model is trained again"
            )
        records.setdefault(key, record)
    return list(records.values())


def _whole_lines(file: Path) -> list[bytes]:
    check_regular(file)
    if not file.exists():
        return []
    lines: list[bytes] = []
    with open(file, "rb") as stream:
        while line := stream.readline(_LONGEST):
            if not line.endswith(b"\n"):
                if len(line) == _LONGEST:
                    raise ValueError(f"line {len(lines) + 1} has more than {_LONGEST:,} bytes")
                break
            lines.append(line[:-1])
    return lines


def _said(record: dict[str, Any]) -> str:
    return json.dumps({k: v for k, v in record.items() if k != "seconds"}, sort_keys=True)
