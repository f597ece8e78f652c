"""Common parts of the two MovieLens data sets: age buckets, terms of use, atomic files."""

from recbole_groupmix.prepare.atomic import parse_atomic
from recbole_groupmix.prepare.publish import Tables
from recbole_groupmix.prepare.sources import Source

AGE_BUCKETS = {
    1: "under 18",
    18: "18 to 24",
    25: "25 to 34",
    35: "35 to 44",
    45: "45 to 49",
    50: "50 to 55",
    56: "56 and over",
}
"""MovieLens-1M's codes of age, each the lowest age of its bucket (1: under 18)."""

TERMS = """\
## Terms of use

GroupLens allows the use of the data for research, and asks that

- nobody states or implies an endorsement by the University of Minnesota or GroupLens,
- publications acknowledge the data set by the citation below,
- the data are not redistributed without separate permission,
- the data are not used for commercial purposes without permission.

Therefore the data files are not part of this repository and git ignores them here. The README
inside GroupLens' archive is what counts.

## Citation

F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context. ACM
Transactions on Interactive Intelligent Systems 5, 4, Article 19. https://doi.org/10.1145/2827872
"""
"""The part of SOURCE.md that all MovieLens data sets have in common."""


def atomic_tables(source: Source, name: str, group_field: str, expected: str) -> Tables:
    """Read a data set from RecBole's atomic files in a source.

    Parameters
    ----------
    source : Source
        Holds ``<name>.inter``, ``<name>.user`` and perhaps ``<name>.item``.
    name : str
        Name of the data set.
    group_field : str
        Token column that ``.user`` must have beside ``user_id``.
    expected : str
        What the source should be, for error messages.

    Returns
    -------
    dict from str to dict
        Suffix -> columns, all of them, unchanged.

    Raises
    ------
    ValueError
        If a file or a column is missing, or a line is malformed.
    """
    needed = {
        "inter": ("user_id:token", "item_id:token"),
        "user": ("user_id:token", f"{group_field}:token"),
    }
    tables = {}
    for suffix, fields in needed.items():
        file = source.require(f"{name}.{suffix}", expected)
        tables[suffix] = parse_atomic(file.lines("utf-8"), str(file))
        missing = [field for field in fields if field not in tables[suffix]]
        if missing:
            raise ValueError(
                f"{file} has no column {' nor '.join(missing)} (it has "
                f"{', '.join(tables[suffix])}); expected {expected}"
            )
    item = source.find(f"{name}.item")
    if item is not None:
        tables["item"] = parse_atomic(item.lines("utf-8"), str(item))
    return tables
