"""The figures that the authors of the studies published, from ``docs/published_studies.csv``."""

from __future__ import annotations

from functools import cache

import pandas as pd

from recbole_groupmix.bundled import bundled

FILE = "docs/published_studies.csv"
_COLUMNS = ["study", "table", "row", "column", "value"]


def published(study: str, row: str, column: str, table: str = "") -> float | None:
    """Return a published figure; None if there is none.

    Parameters
    ----------
    study : str
        ``"tall"`` or ``"unfairness"``.
    row, column : str
        As the tables of the page name them.
    table : str
        Such as ``"Table 3.2"``; may be left out where one table alone has the row.

    Raises
    ------
    ValueError
        If the file that ships with the package is damaged.
    """
    places = _figures()
    return places.get((study, table, row, column), places.get((study, "", row, column)))


def rows_of(study: str) -> list[str]:
    """Return the names of the rows that were published, in the order of the file."""
    return list(dict.fromkeys(row for s, table, row, _ in _figures() if s == study and table))


@cache
def _figures() -> dict[tuple[str, str, str, str], float]:
    table = pd.read_csv(bundled(FILE), dtype=dict.fromkeys(_COLUMNS, str), keep_default_na=False)
    if list(table.columns) != _COLUMNS:
        raise ValueError(f"{FILE} has columns {', '.join(table.columns)}; {_COLUMNS} are needed")
    found: dict[tuple[str, str, str, str], float] = {}
    for row in table.to_dict("records"):
        place = row["study"], row["table"], row["row"], row["column"]
        if place in found:
            raise ValueError(f"{FILE} gives {', '.join(place)} twice")
        found[place] = float(row["value"])
        if row["study"] == "tall":  # its two tables share no row
            found[row["study"], "", row["row"], row["column"]] = float(row["value"])
    return found
