"""The figures that the paper's authors published, from ``docs/published.csv``."""

from __future__ import annotations

from functools import cache

import pandas as pd

from recbole_groupmix.bundled import bundled

FILE = "docs/published.csv"
#: Shown where the paper has no figure.
NOT_PUBLISHED = "not published"
_Place = tuple[str, str, "int | None", str, str, str]
_COLUMNS = ["dataset", "model", "d", "target", "mix", "metric", "value", "source"]


def published(
    dataset: str, model: str, d: int | None, target: str, mix: str, metric: str
) -> float | None:
    """Return a published level, a mean over target users, in [0, 1]; None if there is none.

    Parameters
    ----------
    dataset, model, target, mix : str
        As runs name them; matrix factorisation is BPR.
    d : int or None
        Embedding size.
    metric : str
        Such as ``precision@20``.

    Raises
    ------
    ValueError
        If the file that ships with the package is damaged.
    """
    return _figures().get((dataset, model, d, target, mix, metric))


@cache
def _figures() -> dict[_Place, float]:
    text = dict.fromkeys(_COLUMNS, str)
    table = pd.read_csv(bundled(FILE), dtype=text, keep_default_na=False)
    if list(table.columns) != _COLUMNS:
        raise ValueError(f"{FILE} has columns {', '.join(table.columns)}; {_COLUMNS} are needed")
    published_values: dict[_Place, float] = {}
    for row in table.to_dict("records"):
        d = int(row["d"]) if row["d"] else None
        place = (row["dataset"], row["model"], d, row["target"], row["mix"], row["metric"])
        published_values[place] = float(row["value"])
    if len(published_values) != len(table):
        raise ValueError(f"{FILE} gives {len(table) - len(published_values)} figures twice")
    return published_values
