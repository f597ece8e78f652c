"""Markets: one data set of several countries' interactions, each with its own users."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shlex import quote

from recbole_groupmix.core.spelling import did_you_mean
from recbole_groupmix.prepare.market_files import (
    LAYOUTS,
    TRAIN,
    VALID,
    Found,
    MarketFile,
    find_markets,
)
from recbole_groupmix.prepare.market_rows import MarketTable, Row, read_market
from recbole_groupmix.prepare.publish import Tables, check_name
from recbole_groupmix.prepare.recipe import Noted, Recipe
from recbole_groupmix.prepare.sources import Source
from recbole_groupmix.text.numbers import count
from recbole_groupmix.text.untrusted import short_repr

NAME = "markets"
"""Name of the data set where no other is given."""

OPTIONS = ("layout", "name", "user_column", "item_column", "rating_column", "time_column")
"""The options of this recipe."""

_VALUES = {"rating": "rating:float", "time": "timestamp:float"}


@dataclass(frozen=True)
class _Market:
    """What is kept of a market, by part, and the repeats that were dropped."""

    rows: dict[str, list[Row]]
    repeats: int


def tables(
    source: Path | None,
    name: str = NAME,
    layout: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> Noted:
    """Read the markets of a folder.

    A user is known by ``MARKET:USER``, since ids of two markets may be equal. Of a repeated pair
    of user and item the earliest stays, and without times the first.

    Parameters
    ----------
    source : pathlib.Path
        Folder or zip archive.
    name : str
        Name of the data set, for the notes.
    layout : str, optional
        Key of `LAYOUTS`; found by itself where not given.
    columns : mapping from str to str, optional
        What a column holds -> its name, for headers without the usual names.

    Returns
    -------
    Noted
        With ``"train.inter"`` and ``"valid.inter"`` beside ``"inter"``, which holds the rows of
        train, where the source has a split of its own; with ``"item"`` and the column ``category``
        where files are of several categories.

    Raises
    ------
    ValueError
        If the source is missing or damaged, holds no or one market, a market without users or two
        files for one, or a row is malformed.
    """
    found = find_markets(Source(source), layout, columns)
    how = LAYOUTS[found.layout]
    category: dict[str, str] = {}
    read: dict[MarketFile, MarketTable] = {}
    for file in found.files:
        read[file] = read_market(file.file, how.separator, how.columns, columns)
        if file.category:
            for row in read[file].rows:
                category.setdefault(row.item, file.category)
    has = frozenset.intersection(*(table.has for table in read.values()))
    markets = {}
    for market in dict.fromkeys(file.market for file in found.files):
        of_market = {file: table for file, table in read.items() if file.market == market}
        markets[market] = _market(of_market)
    given: dict[str, Mapping[str, Sequence[object]]] = {"inter": _inter(markets, [TRAIN], has)}
    if any(file.part == VALID for file in found.files):
        given |= {f"{part}.inter": _inter(markets, [part], has) for part in (TRAIN, VALID)}
    given["user"] = _users(markets)
    if len(set(category.values())) > 1:
        given["item"] = {
            "item_id:token": list(category),
            "category:token": list(category.values()),
        }
    notes = _notes(found, layout is None, read, markets, has)
    return Noted(given, [*notes, *_next_steps(name, given)])


def _market(of_market: Mapping[MarketFile, MarketTable]) -> _Market:
    rows: dict[str, list[Row]] = {}
    repeats = 0
    trained: set[tuple[str, str]] = set()
    for part in (TRAIN, VALID):
        kept: dict[tuple[str, str], Row] = {}
        for file, table in of_market.items():
            if file.part != part:
                continue
            for row in table.rows:
                pair = (row.user, row.item)
                before = kept.get(pair)
                repeats += pair in trained or before is not None
                if pair not in trained and (before is None or _earlier(row, before)):
                    kept[pair] = row
        trained |= kept.keys()
        rows[part] = list(kept.values())
    return _Market(rows, repeats)


def _earlier(row: Row, other: Row) -> bool:
    return bool(row.time and other.time) and float(row.time) < float(other.time)


def _inter(
    markets: Mapping[str, _Market], parts: Sequence[str], has: frozenset[str]
) -> dict[str, list[str]]:
    rows = [
        (market, row)
        for market, kept in markets.items()
        for part in parts
        for row in kept.rows[part]
    ]
    columns = {
        "user_id:token": [f"{market}:{row.user}" for market, row in rows],
        "item_id:token": [row.item for _, row in rows],
    }
    for what, column in _VALUES.items():
        if what in has:
            columns[column] = [getattr(row, what) for _, row in rows]
    return columns


def _users(markets: Mapping[str, _Market]) -> dict[str, list[str]]:
    market_of = {
        f"{market}:{row.user}": market
        for market, kept in markets.items()
        for part in (TRAIN, VALID)
        for row in kept.rows[part]
    }
    return {"user_id:token": list(market_of), "market:token": list(market_of.values())}


def _notes(
    found: Found,
    by_itself: bool,
    read: Mapping[MarketFile, MarketTable],
    markets: Mapping[str, _Market],
    has: frozenset[str],
) -> list[str]:
    how = " (found from the names of the files)" if by_itself else ""
    categories = sorted({file.category for file in found.files} - {""})
    notes = [
        f"Layout: {found.layout}{how}, {count(len(found.files), 'file')} of "
        f"{count(len(markets), 'market')}"
        f"{f', categories {_some(categories)}' if categories else ''}."
    ]
    repeats = {market: kept.repeats for market, kept in markets.items() if kept.repeats}
    listed = ", ".join(f"{market} {n:,}" for market, n in repeats.items())
    notes.append(
        f"Repeats dropped: {sum(repeats.values()):,}{f' ({listed})' if repeats else ''}; of a user "
        f"and an item the {'earliest' if 'time' in has else 'first'} row stays."
    )
    partly = [
        column
        for what, column in _VALUES.items()
        if what not in has and any(what in table.has for table in read.values())
    ]
    if partly:
        notes.append(f"Left out, since not all files have it: {', '.join(partly)}.")
    if found.left_alone:
        names = _some([file.member for file in found.left_alone])
        notes.append(f"Files left alone: {names}.")
    return notes


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _next_steps(name: str, given: Tables) -> list[str]:
    """Return what to type next."""
    sizes = Counter(str(market) for market in given["user"]["market:token"])
    target = min(sizes, key=lambda market: sizes[market])
    steps = [f"groupmix run --dataset={quote(name)} --group_field=market --target={target}"]
    if "valid.inter" in given:
        steps.append(
            f"A given split: {name}.train.inter and {name}.valid.inter, used by "
            f"--benchmark_filename=\"['train','valid']\"; {name}.inter holds the rows of train."
        )
    return steps


def source_text() -> str:
    """Return the text of SOURCE.md."""
    return """\
# markets: interactions of several countries, each with its own users

One data set of several markets: `market` in the `.user` file is the group. Markets share items but
not users: a user is `MARKET:USER`. Each interaction of a user and an item stands once.

## Origin and how it is made

    groupmix prepare markets --source FILE_OR_FOLDER [--layout LAYOUT] [--name NAME]

reads, from a folder or a zip archive,

- `official`: XMarket's files `ratings_MARKET_CATEGORY.txt.gz` from https://xmrec.github.io, of one
  category or of several;
- `forec`: `MARKET_5core.txt` or `MARKET.txt` as in FOREC's repository
  (https://github.com/hamedrab/FOREC);
- `cup`: `train.tsv` or `train_5core.tsv` of each market as in the starter kit of the WSDM Cup 2022
  (https://github.com/hamedrab/wsdm22_cup_xmrec), with its `valid_qrel.tsv` as a given split;
- `tables`: a folder of one table for each market, `MARKET.csv` or `MARKET.tsv`, with a header.

Where both are there, the 5-core table is read. Ratings and dates are kept, dates as seconds since
1970. All interactions count as positive, whatever their rating; RecBole's `val_interval` or
`threshold` keep others out. The last section, in the folder of a copy, says what was read.

## Licence

XMarket's page asks for the citation below and states no licence; the abstract of the paper says
that data and code are released "for academic purposes". The reviews come from a shop, whose terms
apply beside it. FOREC's repository states no licence. The repository of the Cup's starter kit is
under the Apache licence 2.0; whether that holds for the data in it is not said. For tables of
your own your own terms hold. The data files are not part of this repository and git ignores them
here.

## Citation

Hamed Bonab, Mohammad Aliannejadi, Ali Vardasbi, Evangelos Kanoulas, and James Allan. 2021.
Cross-Market Product Recommendation. In Proceedings of the 30th ACM International Conference on
Information & Knowledge Management (CIKM '21). https://doi.org/10.1145/3459637.3482493
"""


def with_options(options: Mapping[str, str]) -> Recipe:
    """Return the recipe with options.

    Parameters
    ----------
    options : mapping from str to str
        Some of `OPTIONS`.

    Raises
    ------
    ValueError
        If a value cannot be used.
    """
    layout, name = options.get("layout"), options.get("name", NAME)
    if layout is not None and layout not in LAYOUTS:
        raise ValueError(
            f"layout is {short_repr(layout, 40)}; allowed are {', '.join(LAYOUTS)}"
            f"{did_you_mean(layout, LAYOUTS, ' ({})')}"
        )
    check_name(name)
    columns = {
        key.removesuffix("_column"): value
        for key, value in options.items()
        if key.endswith("_column")
    }
    read = partial(tables, name=name, layout=layout, columns=columns)
    return Recipe(name, "market", read, source_text, NEEDS, with_options)


NEEDS = (
    "XMarket's files ratings_MARKET_CATEGORY.txt.gz from https://xmrec.github.io, those of FOREC or "
    "of the WSDM Cup 2022, or a folder of tables, one for each market"
)
RECIPE = with_options({})
"""Several markets, grouped by market."""
