"""RecBole's tables, read by pandas' compiled parser where its result is the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recbole_groupmix.files.bytes_of_file import file_contains
from recbole_groupmix.files.quoted_cells import check_quotes


def read_table(
    read_csv: Callable[..., pd.DataFrame],
    path: Any,
    say: Callable[[str], None] | None = None,
    **given: Any,
) -> pd.DataFrame:
    """Read a table so that a token is missing only if it is empty (``NA`` is a token).

    RecBole uses pandas' Python parser, which takes ten times as long as the compiled one. The
    compiled one reads all columns here, since it accepts rows that are too long if columns are
    left out. A table that it cannot read is read, or refused, by the Python parser. A cell that
    begins with a quote but is not a quoted cell is refused first: the compiled parser takes the
    lines up to the next quote as one cell, and RecBole's stops.

    Parameters
    ----------
    read_csv : callable
        ``pandas.read_csv``.
    path : path-like
        The file.
    say : callable, optional
        Called with a note if quoted cells hold line breaks: then there are fewer rows than lines.
    **given
        RecBole's arguments of ``read_csv``: delimiter, usecols, dtype (float64 or str by column),
        encoding and engine.

    Returns
    -------
    pandas.DataFrame
        The columns of `usecols`, in the order of the file: float64, or object with str and NaN
        (sequences: "" where missing).

    Raises
    ------
    ValueError
        If a cell begins with a quote but is not a quoted cell, or the file cannot be read.
    """
    quoted = check_quotes(path, given["delimiter"], given["encoding"])
    if quoted.line_breaks and say:
        say(f"{Path(path).name}: cells in quotes hold {quoted.line_breaks} line breaks")
    types = given["dtype"]
    frame = _fast(read_csv, path, given)
    if frame is None or (quoted.cells and _has_short_row(frame)):
        missing = {name: [""] for name in types}
        frame = read_csv(path, **given, keep_default_na=False, na_values=missing)
    for name in types:
        if name.endswith("_seq"):  # pandas 3 ignores RecBole's fillna(inplace=True) on these
            frame[name] = frame[name].fillna("").astype(object)
        elif types[name] is str:  # object arrays on every pandas, as RecBole expects
            frame[name] = frame[name].astype(object).where(frame[name].notna(), np.nan)
    return frame


def _has_short_row(frame: pd.DataFrame) -> bool:
    """Whether a row may have one cell only: RecBole's parser drops a single quoted blank."""
    return bool((frame.isna().sum(axis=1) >= frame.shape[1] - 1).any())


def _fast(
    read_csv: Callable[..., pd.DataFrame], path: Any, given: dict[str, Any]
) -> pd.DataFrame | None:
    """Return the table; None for one that the compiled parser cannot read or reads otherwise."""
    columns = given["usecols"]
    if len(given["delimiter"]) != 1 or len(set(columns)) < len(columns):
        return None
    if file_contains(path, rb"\r(?!\n)"):
        return None  # after one and a blank the compiled parser makes up rows without end
    options = {**given, "engine": "c", "usecols": None, "dtype": object}
    try:
        frame = read_csv(path, **options, keep_default_na=False, na_values=[""])
        if not isinstance(frame.index, pd.RangeIndex):  # rows longer than the header
            return None
        frame = frame[columns].copy()
        for name in columns:
            if given["dtype"][name] is not str:
                numbers = pd.to_numeric(frame[name])
                if numbers.dtype == object:  # integers beyond 64 bits beside an empty cell
                    return None
                frame[name] = numbers.astype(np.float64)
    except (ValueError, KeyError):
        return None
    return frame
