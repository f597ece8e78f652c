"""``groupmix reproduce``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from recbole_groupmix.cli.options import Parser, add_flag, names, place
from recbole_groupmix.cli.settings import add_settings, typed
from recbole_groupmix.cli.streams import answer, asker, saying
from recbole_groupmix.core.spelling import did_you_mean
from recbole_groupmix.text.untrusted import short_repr

SUMMARY = "Run the paper's experiments or a study, beside published figures."
TEXT = (
    "Run the same command again to resume what was interrupted. At d <= 8 fewer than 5 repeats (the "
    "default) establish nothing."
)
EXAMPLES = (
    "groupmix reproduce --quick",
    "groupmix reproduce --datasets=ml-1m --models=EASE --targets=25,56 --plan",
    "groupmix reproduce tall --quick",
    "groupmix reproduce unfairness --plan",
)
RESUMES = True
#: What can be reproduced; the first is the default.
STUDIES = ("mixing", "tall", "unfairness")


def add_options(parser: Parser) -> None:
    """Declare what the help shows."""
    text = (
        "what is reproduced: mixing (the default), tall or unfairness; the others have keys of their "
        "own, and of these options --datasets, --plan, --quick, --out, --force and --yes (tall: --models too)"
    )
    parser.add_argument("STUDY", nargs="*", metavar="[STUDY]", help=text)
    axes = {
        "datasets": "data sets (default ml-1m)",
        "models": "models (default BPR,LightGCN,EASE)",
        "dims": "dimensions of the embeddings (default 4,64)",
        "protocols": "protocols (default paper,converged)",
        "targets": "target groups (default every group)",
    }
    for axis, text in axes.items():
        kind = _sizes if axis == "dims" else names
        parser.add_argument(f"--{axis}", metavar="A,B", type=kind, help=text)
    text = "also change single settings, all of them or the named ones (graph, length, ...)"
    parser.add_argument(
        "--controls", nargs="?", const="all", metavar="A,B", type=_controls, help=text
    )
    add_flag(parser, "--plan", "only list the runs and their cost")
    add_flag(parser, "--quick", "ml-100k and small sizes: the same path in about three minutes")
    text = "folder of the runs and the report (default reproduction)"
    parser.add_argument("--out", metavar="FOLDER", type=place, help=text)
    add_flag(parser, "--force", "replace a report there that was changed by hand")
    add_flag(parser, "--yes", "start work of more than a day without asking first")
    add_settings(
        parser,
        "group_field",
        "group_by",
        "bins",
        "data_path",
        "trials",
        "folds",
        "repeats",
        "topk",
        "seed",
    )


def _sizes(text: str) -> list[int]:
    sizes = names(text)
    if not all(size.isdecimal() and len(size) < 10 and int(size) > 0 for size in sizes):
        raise argparse.ArgumentTypeError(
            f"is {short_repr(text)}; give whole numbers above 0, such as 4,64"
        )
    return [int(size) for size in sizes]


def _controls(text: str) -> list[str]:
    return [] if text in ("true", "all") else names(text)


def call(own: Mapping[str, Any], keys: Mapping[str, str]) -> int:
    """Plan the grid or the study and run it; 1 if a run failed."""
    options = dict(own)
    name = _study(options.pop("STUDY", []))
    if name != STUDIES[0]:
        from recbole_groupmix.reproduce.studies.command import study_command

        with saying() as say:
            return study_command(name, typed(keys), say, answer, asker(), **options)
    from recbole_groupmix.reproduce.command import reproduce_command

    with saying() as say:
        return reproduce_command(typed(keys), say, answer, asker(), **options)


def _study(words: Sequence[str]) -> str:
    """Return the study that is named, or the default."""
    if len(words) > 1 or not set(words) <= set(STUDIES):
        near = did_you_mean(words[0], STUDIES) if len(words) == 1 else "; name one"
        raise ValueError(
            f"unknown study {short_repr(' '.join(words))}{near}; studies are {', '.join(STUDIES)}"
        )
    return words[0] if words else STUDIES[0]
