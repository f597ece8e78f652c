"""Users and items with several lines in their file, of which RecBole takes the first."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

_NAMED = 3


def conflicting_ids(frame: pd.DataFrame, field: str) -> dict[str, list[str]]:
    """Return the ids whose rows differ, each with the columns in which they differ.

    Parameters
    ----------
    frame : pandas.DataFrame
        A table as RecBole has read it; missing ids are left out.
    field : str
        Column of the ids.
    """
    ids = frame[field]
    twice = frame[ids.duplicated(keep=False) & ids.notna()]
    conflicts: dict[str, list[str]] = {}
    if len(twice):
        text = twice.apply(lambda column: column.map(_comparable))
        for name, rows in text.groupby(ids[twice.index], sort=False):
            differing = [column for column in frame.columns if rows[column].nunique() > 1]
            if differing:
                conflicts[str(name)] = differing
    return conflicts


def _comparable(value: Any) -> str:
    return repr(value.tolist()) if isinstance(value, np.ndarray) else repr(value)


def describe_conflicts(
    ids: dict[str, list[str]], path: str | Path, separator: str, encoding: str
) -> str:
    """Return a text with the first of `ids`, their lines and the columns that differ.

    Parameters
    ----------
    ids : dict of str to list of str
        From :func:`conflicting_ids`.
    path, separator, encoding
        The file and its format. The id is looked for in every column.
    """
    named = list(ids)[:_NAMED]
    lines: dict[str, list[str]] = {name: [] for name in named}
    with open(path, encoding=encoding, newline="") as file:
        if len(separator) == 1:
            reader = csv.reader(file, delimiter=separator)
            rows = ((reader.line_num, row) for row in reader)
        else:
            rows = ((n, line.split(separator)) for n, line in enumerate(file, start=1))
        for number, row in rows:
            for name in {*row} & lines.keys():
                lines[name].append(str(number))
    listed = "; ".join(
        f"{name} on lines {' and '.join(lines[name])} with different {', '.join(ids[name])}"
        for name in named
    )
    more = len(ids) - len(named)
    return f"{listed}{f' and {more} more' if more else ''}"
