"""``groupmix export``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recbole_groupmix.cli.options import Parser, place
from recbole_groupmix.cli.streams import answer, saying

SUMMARY = "Write a run's chosen mix for use elsewhere, or all mixes it tried."
TEXT = (
    "By default the searched mix goes to RUN_FOLDER/export: mix.yaml for --mix, the weight of every user as CSV and "
    "parquet, and train.py, a RecBole script that trains on them. With --to=FILE.log or FILE.csv nothing but "
    "trials.jsonl is read, so that a run may still go on: .log is a journal storage of Optuna, which optuna-dashboard "
    "opens (pip install 'recbole-groupmix[optuna]'; its parameters log_w[GROUP] are logarithms of the weight of a user of a "
    "group), .csv a table that groupmix fit reads."
)
EXAMPLES = (
    "groupmix export runs/ml-100k-56-BPR-0123abcd",
    "groupmix export runs/ml-100k-56-BPR-0123abcd --row=budget --to=my-mix",
    "groupmix export runs/ml-100k-56-BPR-0123abcd --to=optuna.log",
    "groupmix export runs/ml-100k-56-BPR-0123abcd --to=trials.csv",
)


def add_options(parser: Parser) -> None:
    """Declare what the help shows."""
    parser.add_argument("FOLDER", metavar="FOLDER", nargs="*", help="a run folder")
    text = "folder for the mix (default RUN_FOLDER/export), or a file .log or .csv for all mixes tried"
    parser.add_argument("--to", metavar="PLACE", type=place, help=text)
    text = "mix of the run's table (default data_mix, or proportional where there is none)"
    parser.add_argument("--row", metavar="NAME", help=text)


def call(own: Mapping[str, Any], keys: Mapping[str, str]) -> int:
    """Write the files and print where they are."""
    folders, to, row = own.get("FOLDER", []), own.get("to"), own.get("row")
    if len(folders) != 1:
        raise ValueError(f"name one run folder to export; {len(folders)} are named")
    if to is not None and Path(to).suffix:
        from recbole_groupmix.exchange.export import export

        if row is not None:
            raise ValueError("--row names a mix; a file by --to holds all mixes that were tried")
        answer(str(export(folders[0], to)))
        return 0
    from recbole_groupmix.exchange.mix_files import mix_files, write_mix_files
    from recbole_groupmix.search.load_weights import load_weights  # torch takes seconds to load

    with saying():
        files = mix_files(load_weights(folders[0], row))
    written = write_mix_files(files, Path(folders[0]) / "export" if to is None else to)
    for name in files:
        answer(str(written / name))
    return 0
