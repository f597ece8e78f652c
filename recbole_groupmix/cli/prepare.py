"""``groupmix prepare``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recbole_groupmix.cli.options import Parser, add_flag, place, source
from recbole_groupmix.cli.streams import answer
from recbole_groupmix.files.output_paths import out_folder

SUMMARY = "Make a data set in RecBole's format from its archive."
EXAMPLES = ("groupmix prepare ml-1m --source ml-1m.zip",)


def add_options(parser: Parser) -> None:
    """Declare what the help shows."""
    parser.add_argument(
        "NAME", metavar="NAME", nargs="*", help="ml-100k, ml-1m, lastfm-asia or blockmix"
    )
    parser.add_argument(
        "--source",
        metavar="PLACE",
        type=source,
        help="zip archive or folder as it was downloaded; ml-100k and blockmix need none",
    )
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        type=place,
        help="folder of data sets (default dataset_atomic)",
    )
    add_flag(parser, "--force", "replace another version of the data set")


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
    )
    answer(made.comparison_text)
    answer(f"\n{made.folder}")
    return 0
