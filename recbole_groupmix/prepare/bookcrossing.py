"""Book-Crossing: who read which book, with country and age of the readers."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from recbole_groupmix.prepare.atomic import Columns
from recbole_groupmix.prepare.ml_100k import age_bucket
from recbole_groupmix.prepare.movielens import AGE_BUCKETS
from recbole_groupmix.prepare.recipe import Noted, Recipe
from recbole_groupmix.prepare.sources import Source, SourceFile
from recbole_groupmix.text.numbers import count
from recbole_groupmix.text.untrusted import short_repr

FEWEST = 100
"""Fewest readers of a country that is a group of its own; the others are ``other``."""

AGES = (5, 100)
"""Ages outside are taken for none given: the source has ages of 0 and of 244."""

_EXPECTED = (
    "BX-CSV-Dump.zip or its unpacked folder, with BX-Users.csv, BX-Book-Ratings.csv and perhaps "
    "BX-Books.csv"
)
_RATINGS = ("User-ID", "ISBN", "Book-Rating")
_USERS = ("User-ID", "Location", "Age")
_BOOKS = ("ISBN", "Book-Title", "Book-Author", "Year-Of-Publication", "Publisher")


def tables(source: Path | None) -> Noted:
    """Read Book-Crossing.

    Parameters
    ----------
    source : pathlib.Path
        Zip archive or folder that holds, at any depth, ``BX-Users.csv``, ``BX-Book-Ratings.csv``
        and perhaps ``BX-Books.csv``.

    Returns
    -------
    Noted
        ISBNs in capital letters and digits alone; those with neither are dropped and counted, as
        are repeats. Users without a rating are left out.

    Raises
    ------
    ValueError
        If the source is missing or damaged, a line is malformed, or a reader is not in
        ``BX-Users.csv``.
    """
    files = Source(source)
    ratings: dict[tuple[str, str], str] = {}
    nameless = repeats = 0
    for number, (user, isbn, rating) in _records(files, "BX-Book-Ratings.csv", _RATINGS):
        if not user.isdigit() or not re.fullmatch("[0-9]|10", rating):
            raise ValueError(
                f"line {number} of BX-Book-Ratings.csv in {files.path}: user {short_repr(user, 30)} "
                f"with rating {short_repr(rating, 30)}; expected whole numbers, the rating from 0 "
                f"to 10"
            )
        pair = (user, _clean(isbn))
        nameless += not pair[1]
        repeats += pair in ratings
        if pair[1]:
            ratings.setdefault(pair, rating)
    readers = dict.fromkeys(user for user, _ in ratings)
    users = _users(files, readers)
    given: dict[str, Columns] = {
        "inter": {
            "user_id:token": [user for user, _ in ratings],
            "item_id:token": [isbn for _, isbn in ratings],
            "rating:float": list(ratings.values()),
        },
        "user": users,
    }
    books = _books(files, {isbn for _, isbn in ratings})
    if books is not None:
        given["item"] = books
    implicit = sum(rating == "0" for rating in ratings.values())
    return Noted(
        given,
        [
            f"Interactions without an opinion (rating 0), which are kept: {implicit:,} of "
            f"{len(ratings):,}.",
            f"Dropped: {count(repeats, 'repeat')} of a user and a book, of which the first row "
            f"stays, and {count(nameless, 'row')} whose ISBN has neither a letter nor a digit.",
        ],
    )


def _users(files: Source, readers: dict[str, None]) -> Columns:
    country, age = {}, {}
    for number, (user, location, years) in _records(files, "BX-Users.csv", _USERS):
        if user not in readers:
            continue
        if years not in ("NULL", "") and not re.fullmatch(r"\d+(\.0*)?", years):
            raise ValueError(
                f"line {number} of BX-Users.csv in {files.path}: age {short_repr(years, 30)} of "
                f"user {user}; expected a number of years or NULL"
            )
        country[user] = _country(location)
        age[user] = _bucket(years)
    strangers = [user for user in readers if user not in country]
    if strangers:
        raise ValueError(
            f"source {files.path}: {len(strangers)} users of BX-Book-Ratings.csv, among them "
            f"{strangers[0]}, are not in BX-Users.csv; the files are incomplete"
        )
    sizes = Counter(country.values())
    return {
        "user_id:token": list(country),
        "country:token": [
            name if not name or sizes[name] >= FEWEST else "other" for name in country.values()
        ],
        "age_group:token": list(age.values()),
    }


def _books(files: Source, read: set[str]) -> Columns | None:
    if files.find("BX-Books.csv") is None:
        return None
    rows: dict[str, tuple[str, ...]] = {}
    for _, (isbn, title, author, year, publisher) in _records(files, "BX-Books.csv", _BOOKS):
        if _clean(isbn) in read:
            rows.setdefault(_clean(isbn), (title, author, year, publisher))
    # RecBole's reader takes a leading double quote for the start of a quoted field
    columns = [
        [" ".join(cell.replace('"', "'").split()) for cell in c]
        for c in zip(*rows.values(), strict=True)
    ]
    fields = ("book_title:token_seq", "book_author:token", "release_year:token", "publisher:token")
    return {
        "item_id:token": list(rows),
        **dict(zip(fields, columns or [[]] * len(fields), strict=True)),
    }


def _clean(isbn: str) -> str:
    return re.sub("[^0-9A-Z]", "", isbn.upper())


def _country(location: str) -> str:
    """Return the last part of a location, which is the country; empty where there is none."""
    name = " ".join(location.rpartition(",")[2].replace('"', "").split()).lower().rstrip(".")
    return "" if name in ("n/a", "null", "-") else name


def _bucket(years: str) -> str:
    """Return MovieLens-1M's code of an age; empty where it is none."""
    if years in ("NULL", ""):
        return ""
    age = int(float(years))
    return age_bucket(age) if AGES[0] <= age <= AGES[1] else ""


def _records(
    files: Source, name: str, header: tuple[str, ...]
) -> Iterator[tuple[int, tuple[str, ...]]]:
    r"""Yield line number and leading cells of each row; ``\`` escapes a quote inside a cell."""
    file: SourceFile = files.require(name, _EXPECTED)
    reader = csv.reader(file.lines("latin-1"), delimiter=";", escapechar="\\")
    width = 0
    try:
        for cells in filter(None, reader):
            if not width:
                if tuple(cells[: len(header)]) != header:
                    raise ValueError(
                        f"line 1 of {file} is {short_repr(';'.join(cells), 60)}; expected "
                        f"{';'.join(header)}"
                    )
                width = len(cells)
            elif len(cells) != width:
                raise ValueError(
                    f"line {reader.line_num} of {file} is {short_repr(';'.join(cells), 60)}; "
                    f"expected {width} cells, not {len(cells)}"
                )
            else:
                yield reader.line_num, tuple(cells[: len(header)])
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num} of {file} cannot be read: {error}") from error


def source_text() -> str:
    """Return the text of SOURCE.md."""
    buckets = ", ".join(map(str, AGE_BUCKETS))
    return f"""\
# bookcrossing: Book-Crossing, books and the countries and ages of their readers

About 1.15 million interactions of readers with books in the community bookcrossing.com, collected
by Cai-Nicolas Ziegler in August and September 2004.

## Origin and how it is made

`BX-CSV-Dump.zip`, once at http://www2.informatik.uni-freiburg.de/~cziegler/BX/ and since then in
many copies. From it, or from its unpacked folder:

    groupmix prepare bookcrossing --source FILE_OR_FOLDER

Group columns in `bookcrossing.user`:

- `country`: the last part of a reader's location; countries of fewer than {FEWEST} readers are
  `other`, and where no country is given the cell is empty. By default here, `empty_group: keep`
  makes those readers a group.
- `age_group`: the age in the buckets of MovieLens-1M, which begin at {buckets};
  empty where no age from {AGES[0]} to {AGES[1]} is given.

A rating of 0 says that somebody read a book without an opinion; these rows are kept, as they are
interactions. These two keys leave them out:

    --val_interval="{{'rating': '[1,inf)'}}"
    --load_col="{{'inter': ['user_id', 'item_id', 'rating'], 'user': ['user_id', 'country']}}"

ISBNs are written in capital letters and digits alone; repeats are dropped. Books without an entry
in `BX-Books.csv` have no row in `bookcrossing.item`, and RecBole leaves their interactions out if
that file is loaded. Most readers have one or two books: `--user_inter_num_interval="[5,inf)"` and
`--item_inter_num_interval="[5,inf)"` keep the denser part.

## Licence

No licence is known. A note that goes with copies of the data calls them freely available for
research use when acknowledged by the citation below; the original page is gone, so this is as
others quote it. The data files are not part of this repository and git ignores them here.

## Citation

Cai-Nicolas Ziegler, Sean M. McNee, Joseph A. Konstan, and Georg Lausen. 2005. Improving
Recommendation Lists Through Topic Diversification. In Proceedings of the 14th International
Conference on World Wide Web (WWW '05), 22-32. https://doi.org/10.1145/1060745.1060754
"""


RECIPE = Recipe(
    "bookcrossing",
    "country",
    tables,
    source_text,
    needs="BX-CSV-Dump.zip of Cai-Nicolas Ziegler's Book-Crossing data, or its unpacked folder",
)
"""Book-Crossing, grouped by country."""
