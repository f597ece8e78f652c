"""Checks of the rows of a knowledge graph and of its links to items."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

_NAMED = 3


def check_triples(file: str, frame: pd.DataFrame, fields: Sequence[str]) -> None:
    """Raise ``ValueError`` if a triple lacks its head, its relation or its tail.

    RecBole takes what is missing for the padding, which no model can draw or learn.

    Parameters
    ----------
    file : str
        Name of the ``.kg`` file.
    frame : pandas.DataFrame
        Its rows as RecBole has read them.
    fields : sequence of str
        Columns of head, relation and tail; others may be empty.
    """
    lacking = frame[[field for field in fields if field in frame]].isna()
    n_rows = int(lacking.any(axis=1).sum())
    if n_rows:
        names = " or ".join(lacking.columns[lacking.any()])
        have = "triple has" if n_rows == 1 else "triples have"
        raise ValueError(
            f"{file}: {n_rows} {have} no {names}; a triple is head, relation and tail: complete "
            "these lines, or remove them"
        )


def checked_links(file: str, frame: pd.DataFrame, item: str, entity: str) -> pd.DataFrame:
    """Return the links of items to entities, those without an item or an entity left out.

    Parameters
    ----------
    file : str
        Name of the ``.link`` file.
    frame : pandas.DataFrame
        Its rows as RecBole has read them.
    item, entity : str
        Columns of the ids.

    Raises
    ------
    ValueError
        If an item has several entities, or an entity several items: RecBole gives both one id.
    """
    if not {item, entity} <= {*frame}:
        return frame
    links = frame.dropna(subset=[item, entity]).drop_duplicates([item, entity])
    for one, other, have in ((entity, item, "entity"), (item, entity, "item")):
        twice = links[links[one].duplicated(keep=False)]
        if len(twice):
            first = twice[one].iloc[0]
            named = list(twice[other][twice[one] == first])
            more = "" if len(named) <= _NAMED else f" and {len(named) - _NAMED} more"
            raise ValueError(
                f"{file} links {have} {first} to {', '.join(map(str, named[:_NAMED]))}{more}; an "
                "item is one entity and an entity one item: keep one of these lines"
            )
    return links
