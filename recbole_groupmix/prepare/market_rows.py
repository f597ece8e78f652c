"""The interactions of one market: a table whose columns are found by their usual names."""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from typing import NamedTuple

from recbole_groupmix.prepare.sources import SourceFile
from recbole_groupmix.text.untrusted import short_repr

USUAL = {
    "user": "user userid uid customer customerid reviewerid household householdid",
    "item": "item itemid iid product productid asin parentasin article articleid movieid isbn sku",
    "rating": "rating rate score stars overall",
    "time": "timestamp time date datetime unixreviewtime",
}
"""What a column holds -> its usual names, in lower case without ``_`` and the like."""

REQUIRED = ("user", "item")
_SEPARATORS = ("\t", ",", ";", "|")


class Row(NamedTuple):
    """One interaction.

    Attributes
    ----------
    user, item : str
        Ids as they are in the file.
    rating, time : str
        A number, and seconds since 1970; empty where the file has no such column.
    """

    user: str
    item: str
    rating: str
    time: str


@dataclass(frozen=True)
class MarketTable:
    """A file's interactions.

    Attributes
    ----------
    rows : tuple of Row
        In the order of the file.
    has : frozenset of str
        Keys of `USUAL` whose column the file has.
    """

    rows: tuple[Row, ...]
    has: frozenset[str]


def read_market(
    file: SourceFile,
    separator: str | None,
    columns: Sequence[str] = (),
    named: Mapping[str, str] | None = None,
) -> MarketTable:
    r"""Read the interactions of a file.

    Parameters
    ----------
    file : SourceFile
        A table in UTF-8.
    separator : str or None
        Between its cells; where None, that of ``\t``, ``,``, ``;`` and ``|`` which the first line
        has most of. Only there may cells be quoted.
    columns : sequence of str
        Names of the columns of a file without a header; a first line with these names is skipped.
    named : mapping from str to str, optional
        Keys of `USUAL` -> name of the column, where it has none of the usual names.

    Raises
    ------
    ValueError
        If it has no column of users or items, holds no row, or a row is malformed; with its line.
    """
    text = file.text("utf-8-sig")
    first = text.partition("\n")[0]
    given = separator or max(_SEPARATORS, key=first.count)
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=given,
        quoting=csv.QUOTE_NONE if separator else csv.QUOTE_MINIMAL,
        skipinitialspace=separator is None,
        strict=True,
    )
    at: dict[str, int] = {}
    rows, width = [], 0
    try:
        for cells in filter(None, reader):
            if not at:
                header = [_bare(name) for name in cells]
                is_row = bool(columns) and header != list(columns)
                header = list(columns) if is_row else header
                at, width = _columns(file, header, named or {}), len(header)
                if not is_row:
                    continue
            try:
                rows.append(_row(cells, width, at))
            except ValueError as error:
                shown = short_repr(given.join(cells), 60)
                raise ValueError(
                    f"line {reader.line_num} of {file} is {shown}: {error}"
                ) from error
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num} of {file} cannot be read: {error}") from error
    if not rows:
        raise ValueError(f"{file} holds no interaction, so its market has no users; remove it")
    return MarketTable(tuple(rows), frozenset(at))


def names_columns(first_line: str, separator: str, named: Mapping[str, str]) -> bool:
    """Whether a line is a header with columns of users and items, as `read_market` finds them."""
    header = [_bare(name) for name in first_line.split(separator)]
    plain = set(map(_plain, header))
    return all(
        bool(plain & set(USUAL[what].split())) or named.get(what) in header for what in REQUIRED
    )


def _bare(name: str) -> str:
    """Return a column's name without RecBole's type."""
    return re.sub(r":(token|float)(_seq)?$", "", name.strip())


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", _bare(name).lower())


def _columns(file: SourceFile, header: Sequence[str], named: Mapping[str, str]) -> dict[str, int]:
    """Return the positions of the columns by what they hold."""
    plain = [_plain(name) for name in header]
    at = {}
    for what, usual in USUAL.items():
        if what in named:
            if named[what] not in header:
                raise ValueError(
                    f"{file} has no column {short_repr(named[what], 40)} (--{what}_column); its "
                    f"first line names {_listed(header)}"
                )
            at[what] = list(header).index(named[what])
        elif known := [name for name in usual.split() if name in plain]:
            at[what] = plain.index(known[0])
        elif what in REQUIRED:
            raise ValueError(
                f"{file} has no column of {what}s under a usual name such as {usual.split()[1]}; "
                f"its first line names {_listed(header)}: name it by --{what}_column"
            )
    return at


def _listed(header: Sequence[str]) -> str:
    return short_repr(", ".join(header), 100)


def _row(cells: Sequence[str], width: int, at: Mapping[str, int]) -> Row:
    if len(cells) != width:
        raise ValueError(f"expected {width} cells, as the header has, and not {len(cells)}")
    user, item = cells[at["user"]], cells[at["item"]]
    if not user or not item:
        raise ValueError(f"the {'item' if user else 'user'} is empty")
    return Row(
        user,
        item,
        _number(cells[at["rating"]]) if "rating" in at else "",
        _seconds(cells[at["time"]]) if "time" in at else "",
    )


@lru_cache(maxsize=1024)
def _number(text: str) -> str:
    try:
        finite = math.isfinite(float(text))
    except ValueError:
        finite = False
    if not finite:
        raise ValueError(f"rating {short_repr(text, 30)} is not a number")
    return text.strip()


@lru_cache(maxsize=2**16)
def _seconds(text: str) -> str:
    """Return a time as seconds since 1970; a number is one already."""
    try:
        if math.isfinite(float(text)):
            return text.strip()
    except ValueError:
        pass
    try:
        # Python 3.10 does not know the Z of ISO 8601
        moment = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text.strip()))
    except ValueError:
        raise ValueError(
            f"time {short_repr(text, 30)} is neither a number of seconds nor a date such as "
            f"2018-01-22"
        ) from None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return f"{zoned.timestamp():.0f}"
