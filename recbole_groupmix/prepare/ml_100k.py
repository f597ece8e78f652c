"""MovieLens-100K from the copy inside the installed RecBole, with MovieLens-1M's age buckets."""

from importlib.util import find_spec
from pathlib import Path

from recbole_groupmix.prepare.movielens import AGE_BUCKETS, TERMS, atomic_tables
from recbole_groupmix.prepare.publish import Tables
from recbole_groupmix.prepare.recipe import Recipe
from recbole_groupmix.prepare.sources import Source

_EXPECTED = "RecBole's atomic files ml-100k.inter, ml-100k.user and ml-100k.item"


def age_bucket(age: int) -> str:
    """Return MovieLens-1M's code of an age in years: ``"1"``, ``"18"``, ..., ``"56"``.

    Raises
    ------
    ValueError
        If the age is below 1.

    Examples
    --------
    >>> age_bucket(17), age_bucket(24), age_bucket(90)
    ('1', '18', '56')
    """
    if age < 1:
        raise ValueError(f"age {age} is not a number of years; it has to be at least 1")
    return str(max(start for start in AGE_BUCKETS if start <= age))


def installed_copy() -> Path:
    """Return the folder of ml-100k inside the installed RecBole, which is not imported.

    Raises
    ------
    ValueError
        If RecBole is not installed.
    """
    spec = find_spec("recbole")
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(
            "ml-100k is made from the copy inside the package recbole, which is not installed; "
            "install recbole==1.2.1, or name a folder with its atomic files as the source"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "dataset_example" / "ml-100k"


def tables(source: Path | None = None) -> Tables:
    """Read ml-100k and add the column ``age_group:token`` to its users.

    Parameters
    ----------
    source : pathlib.Path or None
        Folder or zip archive with RecBole's atomic files; None: `installed_copy`.

    Returns
    -------
    dict from str to dict
        Suffix -> columns.

    Raises
    ------
    ValueError
        If the source is missing, damaged, or an age is not a number of years.
    """
    copied = atomic_tables(Source(source or installed_copy()), "ml-100k", "age", _EXPECTED)
    users, groups = copied["user"], []
    for user, age in zip(users["user_id:token"], users["age:token"], strict=True):
        try:
            groups.append(age_bucket(int(str(age))))
        except ValueError as error:
            raise ValueError(
                f"ml-100k.user: user {user!r} has age {age!r}; expected a number of years"
            ) from error
    return {**copied, "user": {**users, "age_group:token": groups}}


def source_text() -> str:
    """Return the text of SOURCE.md."""
    buckets = "\n".join(f"| {code} | {years} |" for code, years in AGE_BUCKETS.items())
    return f"""\
# ml-100k: MovieLens-100K with age groups

100,000 ratings of 1,682 movies by 943 users of the MovieLens web site, collected by the GroupLens
project at the University of Minnesota from September 1997 to April 1998.

## Origin and how it is made

From the copy in RecBole's atomic format that lies inside the installed package `recbole`
(`dataset_example/ml-100k`); GroupLens' own page is https://grouplens.org/datasets/movielens/100k/.
It is made when it is first used, and by

    groupmix prepare ml-100k

All rows and columns are kept as they are. One column is added to `ml-100k.user`:
`age_group:token`, the user's age in the buckets of MovieLens-1M, so that both data sets have
groups of the same names.

| age_group | age in years |
|---|---|
{buckets}

{TERMS}"""


RECIPE = Recipe("ml-100k", "age_group", tables, source_text)
"""MovieLens-100K, grouped by age."""
