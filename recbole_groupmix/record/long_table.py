"""The long table of all users' values: joined with texts as categories, written in blocks.

A run of 160,000 users has some 30 million rows here. As objects their four texts take 32 bytes a
row, as categories 7; a file is written from plain texts, a block of rows at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.types import union_categoricals
from pyarrow import parquet

TEXTS = ("user_id", "group", "mix", "metric")
"""Columns of texts of a long table."""
_ROWS_OF_A_BLOCK = 2**20  # those of a row group by default: the file is the same


def joined(frames: Iterable[pd.DataFrame]) -> pd.DataFrame | None:
    """Put long tables below one another, their texts as categories.

    Parameters
    ----------
    frames : iterable of pandas.DataFrame
        Tables of the same columns, :data:`TEXTS` among them; each is made small before the next
        is taken.

    Returns
    -------
    pandas.DataFrame or None
        Rows in order, numbered from 0; categories in the order of their texts. None without tables.
    """
    first: dict[str, pd.CategoricalDtype] = {}
    small: list[dict[str, pd.Categorical | np.ndarray[Any, Any]]] = []
    for frame in frames:
        columns: dict[str, pd.Categorical | np.ndarray[Any, Any]] = {}
        for name in frame.columns:
            if name not in TEXTS:
                columns[name] = frame[name].to_numpy()
                continue
            texts = pd.Categorical(frame[name])
            known = first.setdefault(name, texts.dtype)
            if texts.categories.equals(known.categories):  # most are; the texts are held once
                texts = pd.Categorical.from_codes(texts.codes, dtype=known)
            columns[name] = texts
        small.append(columns)
    if not small:
        return None
    return pd.DataFrame(
        {
            name: union_categoricals([columns[name] for columns in small], sort_categories=True)
            if name in TEXTS
            else np.concatenate([columns[name] for columns in small])
            for name in small[0]
        }
    )


def write_long(frame: pd.DataFrame, file: BinaryIO) -> None:
    """Write a long table as Parquet, byte for byte that of the same table with plain texts.

    Parameters
    ----------
    frame : pandas.DataFrame
        From :func:`joined`.
    file : binary file
        Open for writing.
    """
    first = _plain(frame.iloc[:_ROWS_OF_A_BLOCK])
    with parquet.ParquetWriter(file, first.schema) as writer:
        writer.write_table(first)
        for start in range(_ROWS_OF_A_BLOCK, len(frame), _ROWS_OF_A_BLOCK):
            writer.write_table(_plain(frame.iloc[start : start + _ROWS_OF_A_BLOCK]))


def _plain(block: pd.DataFrame) -> pa.Table:
    texts = {name: block[name].astype(block[name].cat.categories.dtype) for name in TEXTS}
    return pa.Table.from_pandas(block.assign(**texts), preserve_index=False)
