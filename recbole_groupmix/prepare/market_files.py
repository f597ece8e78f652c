"""Which files of a folder hold which market: the layouts in which markets are published."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from recbole_groupmix.prepare.market_rows import names_columns
from recbole_groupmix.prepare.sources import Source, SourceFile
from recbole_groupmix.text.untrusted import short_repr

TRAIN, VALID = "train", "valid"
"""The parts of a given split."""


@dataclass(frozen=True)
class Layout:
    """One way of laying out markets in files.

    Attributes
    ----------
    names : mapping from str to re.Pattern
        Part -> pattern of a file's name, with the groups ``market``, ``category`` and ``cut``
        where it has them. Without a market in the name it is that of the folder.
    separator : str or None
        Between the cells; None where the header tells.
    says : str
        The layout in words.
    columns : tuple of str
        Header of files that have none; empty where the first line is the header.
    any_name : bool
        Whether texts of other content may have such names, so that only those count whose first
        line is a header.
    """

    names: Mapping[str, re.Pattern[str]]
    separator: str | None
    says: str
    columns: tuple[str, ...] = ()
    any_name: bool = False


LAYOUTS = {
    "official": Layout(
        {TRAIN: re.compile(r"ratings_(?P<market>[^_]+)_(?P<category>.+)\.txt(\.gz)?")},
        " ",
        "XMarket's ratings_MARKET_CATEGORY.txt.gz",
        ("userId", "itemId", "rate", "date"),
    ),
    "cup": Layout(
        {
            TRAIN: re.compile(r"((?P<market>.+)_)?train(?P<cut>_5core)?\.tsv"),
            VALID: re.compile(r"((?P<market>.+)_)?valid_qrel\.tsv"),
        },
        "\t",
        "the WSDM Cup's MARKET/train.tsv or MARKET/train_5core.tsv, with MARKET/valid_qrel.tsv",
    ),
    "forec": Layout(
        {TRAIN: re.compile(r"(?P<market>.+?)(?P<cut>_5core)?\.txt(\.gz)?")},
        " ",
        "FOREC's MARKET_5core.txt or MARKET.txt, with a header",
        any_name=True,
    ),
    "tables": Layout(
        {TRAIN: re.compile(r"(?P<market>.+)\.(csv|tsv)(\.gz)?")},
        None,
        "MARKET.csv or MARKET.tsv with a header",
    ),
}
"""The layouts, in the order in which they are tried."""

_PLAIN = re.compile(r"\w[\w.-]*")


@dataclass(frozen=True)
class MarketFile:
    """A file with interactions of one market.

    Attributes
    ----------
    market : str
        Name of the market.
    part : str
        `TRAIN` or `VALID`.
    category : str
        Category of its items; empty where the layout has none.
    file : SourceFile
        Where it is.
    """

    market: str
    part: str
    category: str
    file: SourceFile


@dataclass(frozen=True)
class Found:
    """The files of a source.

    Attributes
    ----------
    layout : str
        Key of `LAYOUTS`.
    files : tuple of MarketFile
        In the order of markets, parts and categories.
    left_alone : tuple of SourceFile
        The other files.
    """

    layout: str
    files: tuple[MarketFile, ...]
    left_alone: tuple[SourceFile, ...]


def find_markets(
    source: Source, layout: str | None = None, named: Mapping[str, str] | None = None
) -> Found:
    """Return the files of the markets in a folder or archive.

    Parameters
    ----------
    source : Source
        Holds them, at any depth.
    layout : str, optional
        Key of `LAYOUTS`; the first one that fits if it is not given.
    named : mapping from str to str, optional
        As for :func:`~.market_rows.read_market`.

    Raises
    ------
    ValueError
        If there are none, there is one market only, two files hold the same market, a market has
        no training table, or its name has characters that make trouble in commands and tables.
    """
    for name in LAYOUTS if layout is None else (layout,):
        found = [
            match for file in source.files for match in _matches(LAYOUTS[name], file, named or {})
        ]
        if any(file.part == TRAIN for file, _ in found):
            return _checked(source, name, found)
    expected = "; or ".join(LAYOUTS[name].says for name in ([layout] if layout else LAYOUTS))
    there = ", ".join(short_repr(file.name, 40) for file in source.files[:5]) or "nothing"
    raise ValueError(
        f"source {source.path} holds no files of markets{f' in layout {layout}' if layout else ''} "
        f"(it holds {there}{', ...' if len(source.files) > 5 else ''}); expected {expected}"
    )


def _matches(
    layout: Layout, file: SourceFile, named: Mapping[str, str]
) -> Iterable[tuple[MarketFile, bool]]:
    """Yield a file as one of a market, with whether it is the 5-core cut."""
    for part, pattern in layout.names.items():
        match = pattern.fullmatch(file.name)
        if match is None or (layout.any_name and not _has_header(file, layout, named)):
            continue
        groups = match.groupdict()
        market = groups.get("market") or PurePosixPath(file.member).parent.name
        yield (
            MarketFile(market, part, groups.get("category") or "", file),
            bool(groups.get("cut")),
        )


def _has_header(file: SourceFile, layout: Layout, named: Mapping[str, str]) -> bool:
    first = file.text("utf-8-sig").partition("\n")[0]
    return names_columns(first, str(layout.separator), named)


def _checked(source: Source, layout: str, found: Sequence[tuple[MarketFile, bool]]) -> Found:
    of_slot: dict[tuple[str, str, str], list[tuple[MarketFile, bool]]] = defaultdict(list)
    for file, cut in found:
        if not _PLAIN.fullmatch(file.market):
            raise ValueError(
                f"{file.file} is of a market called {short_repr(file.market, 40)}; names of markets "
                f"are made of letters, digits, _ . and -, and begin with a letter or a digit: "
                f"rename the file or its folder"
            )
        of_slot[file.market, file.part, file.category].append((file, cut))
    files = []
    for (market, _, _), candidates in sorted(of_slot.items()):
        cuts = [file for file, cut in candidates if cut]
        # the 5-core cut goes before the whole table that lies beside it
        chosen = cuts if len(cuts) == 1 else [file for file, _ in candidates]
        if len(chosen) > 1:
            raise ValueError(
                f"source {source.path} holds {len(chosen)} files of market {market} "
                f"({', '.join(file.file.member for file in chosen)}); keep one of them there"
            )
        files += chosen
    trained = {file.market for file in files if file.part == TRAIN}
    for file in files:
        if file.market not in trained:
            raise ValueError(
                f"{file.file} is of market {file.market}, which has no training table there; "
                f"expected {LAYOUTS[layout].says}"
            )
    if len(trained) == 1:
        raise ValueError(
            f"source {source.path} holds the single market {files[0].market} in layout {layout} "
            f"({files[0].file.member}); give a folder with the files of two markets or more"
        )
    used = {file.file for file in files}
    return Found(layout, tuple(files), tuple(file for file in source.files if file not in used))
