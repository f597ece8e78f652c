"""Columns of a table as numbers and as text."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd


def as_numbers(column: pd.Series, name: str, metric: str) -> npt.NDArray[np.float64]:
    """Return a column as float64; text must read as numbers, missing entries are NaN."""
    try:
        numbers: npt.NDArray[np.float64] = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return numbers
    except (ValueError, TypeError):
        pass
    numbers = np.empty(len(column))
    for row, text in enumerate(column):
        try:
            missing = pd.isna(text) or str(text).strip().lower() in ("", "na", "none", "null")
            numbers[row] = np.nan if missing else float(text)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"run {name!r} has {text!r} in column {metric}, which is not a number; name the "
                "metrics to compare, or remove the column"
            ) from error
    return numbers


def as_tokens(
    frame: pd.DataFrame, column: str, name: str, missing: str | None = None
) -> npt.NDArray[np.object_]:
    """Return a column as text: 7 and 7.0 are "7", "007" stays; gaps are ``missing`` or refused."""
    codes, distinct = pd.factorize(frame[column])
    texts = np.array([*map(_token, distinct), missing], dtype=object)  # the code of a gap is -1
    tokens: npt.NDArray[np.object_] = texts[codes]
    gaps = (tokens == missing) | (tokens == "")
    if missing is None and gaps.any():
        raise ValueError(
            f"run {name!r} has no {column} in row {int(np.flatnonzero(gaps)[0]) + 1} of "
            f"{len(frame)}; every row needs one"
        )
    return tokens


def _token(value: Any) -> str:
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def listed(names: Any, most: int = 8) -> str:
    """Return names for a message, the first few and how many there are more."""
    names = [str(name) for name in names]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
