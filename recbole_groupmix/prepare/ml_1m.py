"""MovieLens-1M from GroupLens' files, or from a copy in RecBole's atomic format."""

import re
from pathlib import Path

from recbole_groupmix.prepare.movielens import AGE_BUCKETS, TERMS, atomic_tables
from recbole_groupmix.prepare.publish import Tables
from recbole_groupmix.prepare.recipe import Recipe
from recbole_groupmix.prepare.sources import Source, SourceFile

_EXPECTED = (
    "GroupLens' ml-1m.zip or its unpacked folder, with ratings.dat, users.dat and movies.dat, or "
    "RecBole's atomic files ml-1m.inter and ml-1m.user"
)
_RATINGS = "UserID::MovieID::Rating::Timestamp"
_USERS = "UserID::Gender::Age::Occupation::Zip-code"
_MOVIES = "MovieID::Title::Genres"
_TITLE = re.compile(r"(?P<title>.*?)\s*\((?P<year>\d{4})\)\s*")


def tables(source: Path | None) -> Tables:
    """Read MovieLens-1M.

    Parameters
    ----------
    source : pathlib.Path
        Zip archive or folder that holds, at any depth, GroupLens' ``ratings.dat``, ``users.dat``
        and ``movies.dat``, or RecBole's ``ml-1m.inter`` and ``ml-1m.user``.

    Returns
    -------
    dict from str to dict
        Suffix -> columns. Age is MovieLens-1M's code, the column of the groups.

    Raises
    ------
    ValueError
        If the source is missing or damaged, holds neither layout, or a line is malformed.
    """
    files = Source(source)
    if files.find("ratings.dat") is None and files.find("ml-1m.inter") is not None:
        return atomic_tables(files, "ml-1m", "age", _EXPECTED)
    return {"inter": _ratings(files), "user": _users(files), "item": _movies(files)}


def _ratings(files: Source) -> dict[str, list[str]]:
    file = files.require("ratings.dat", _EXPECTED)
    rows = _records(file, _RATINGS)
    for number, (_, _, rating, timestamp) in enumerate(rows, start=1):
        if rating not in {"1", "2", "3", "4", "5"} or not timestamp.isdigit():
            raise ValueError(
                f"line {number} of {file}: rating {rating!r} at {timestamp!r}; expected "
                f"{_RATINGS} with a rating from 1 to 5 and a time in seconds"
            )
    fields = ("user_id:token", "item_id:token", "rating:float", "timestamp:float")
    return _columns(fields, rows)


def _users(files: Source) -> dict[str, list[str]]:
    file = files.require("users.dat", _EXPECTED)
    rows = _records(file, _USERS)
    codes = [str(code) for code in AGE_BUCKETS]
    for number, row in enumerate(rows, start=1):
        if row[2] not in codes:
            raise ValueError(
                f"line {number} of {file}: age {row[2]!r}; expected {_USERS} with an age of "
                f"{', '.join(codes)}"
            )
    fields = ("user_id:token", "age:token", "gender:token", "occupation:token", "zip_code:token")
    order = (0, 2, 1, 3, 4)
    return _columns(fields, [[row[i] for i in order] for row in rows])


def _movies(files: Source) -> dict[str, list[str]]:
    file = files.require("movies.dat", _EXPECTED)
    rows = []
    for movie, titled, genres in _records(file, _MOVIES):
        match = _TITLE.fullmatch(titled)
        title, year = (match["title"], match["year"]) if match else (titled, "")
        # RecBole's reader takes a leading double quote for the start of a quoted field.
        rows.append([movie, title.replace('"', "'"), year, genres.replace("|", " ")])
    fields = ("item_id:token", "movie_title:token_seq", "release_year:token", "genre:token_seq")
    return _columns(fields, rows)


def _records(file: SourceFile, layout: str) -> list[list[str]]:
    n_fields = layout.count("::") + 1
    records = []
    for number, line in enumerate(file.lines("latin-1"), start=1):
        record = line.split("::")
        if len(record) != n_fields or not record[0]:
            raise ValueError(f"line {number} of {file} is {line[:60]!r}; expected {layout}")
        records.append(record)
    return records


def _columns(fields: tuple[str, ...], rows: list[list[str]]) -> dict[str, list[str]]:
    return {
        field: list(values) for field, values in zip(fields, zip(*rows, strict=True), strict=True)
    }


def source_text() -> str:
    """Return the text of SOURCE.md."""
    return f"""\
# ml-1m: MovieLens-1M

1,000,209 ratings of 3,706 movies by 6,040 users who joined MovieLens in 2000, each with an age in
seven buckets, collected by the GroupLens project at the University of Minnesota.

## Origin and how it is made

https://grouplens.org/datasets/movielens/1m/ has the archive `ml-1m.zip`. From it, from its
unpacked folder, or from a folder with the atomic files `ml-1m.inter` and `ml-1m.user`:

    groupmix prepare ml-1m --source FILE_OR_FOLDER

Where there is a network, RecBole downloads its own copy at the first use and this step can be left
out. Ratings, users and movies are all kept. The group column is `age` with GroupLens' codes 1
(under 18), 18, 25, 35, 45, 50 and 56 (each the lowest age of its bucket). The year at the end of a
title becomes `release_year`, double quotes in titles become single ones. Atomic files are copied
with the columns that they have.

{TERMS}"""


RECIPE = Recipe(
    "ml-1m",
    "age",
    tables,
    source_text,
    needs="GroupLens' archive ml-1m.zip from https://grouplens.org/datasets/movielens/1m/, or its "
    "unpacked folder",
)
"""MovieLens-1M, grouped by age."""
