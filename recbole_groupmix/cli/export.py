"""``groupmix export``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recbole_groupmix.cli.options import Parser, place
from recbole_groupmix.cli.streams import answer

SUMMARY = "Write the mixes that a run has tried for Optuna, or as a table."
TEXT = (
    "Nothing but trials.jsonl of the run folder is read, so that a run may still go on. A file .log is a "
    "journal storage of Optuna, which optuna-dashboard opens (pip install 'recbole-groupmix[optuna]'): "
    "its parameters log_w[GROUP] are logarithms of the weight of a user of a group. A file .csv is a "
    "table that groupmix fit reads."
)
EXAMPLES = (
    "groupmix export runs/ml-100k-56-BPR-0123abcd --to=optuna.log",
    "groupmix export runs/ml-100k-56-BPR-0123abcd --to=trials.csv",
)


def add_options(parser: Parser) -> None:
    """Declare what the help shows."""
    parser.add_argument("FOLDER", metavar="FOLDER", nargs="*", help="a run folder")
    text = "file to write, .log or .csv (default optuna.log)"
    parser.add_argument("--to", metavar="FILE", type=place, help=text)


def call(own: Mapping[str, Any], keys: Mapping[str, str]) -> int:
    """Write the file and print where it is."""
    from recbole_groupmix.exchange.export import export

    folders = own.get("FOLDER", [])
    if len(folders) != 1:
        raise ValueError(f"name one run folder to export; {len(folders)} are named")
    answer(str(export(folders[0], own.get("to", "optuna.log"))))
    return 0
