"""``groupmix shapley``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from recbole_groupmix.cli.options import Parser, named, names, place, whole_number
from recbole_groupmix.cli.settings import OF_DATA_AND_MODEL, add_settings, settings_of
from recbole_groupmix.cli.streams import answer, saying
from recbole_groupmix.files.literal import literal
from recbole_groupmix.text.untrusted import short_repr

SUMMARY = "Say who pays for whom: Shapley values of groups for each target."
TEXT = (
    "A model is solved for every union of groups; a target's own data are in all of its unions. A "
    "sample of orders of groups takes their place beyond 8 groups."
)
RESUMES = True
EXAMPLES = (
    "groupmix shapley --dataset=ml-100k --folds=3",
    "groupmix shapley -d ml-100k --targets=18,56 --target_fraction=[.1,.3,1]",
)


def add_options(parser: Parser) -> None:
    """Declare what the help shows."""
    add = parser.add_argument
    text = "target groups, with commas between them (default every group)"
    add("--targets", metavar="GROUPS", type=names, help=text)
    text = "shares of a target's users who train, such as [.1,.3,1]: how help fades"
    add("--target_fraction", metavar="LIST", type=_numbers, help=text)
    draws = whole_number(1, 100, "each solves all unions again")
    text = "how often each smaller share is drawn (default 1); 5 or more enter intervals"
    add("--draws", metavar="N", type=draws, help=text)
    orders = whole_number(1, 100_000, "each takes a union for every group")
    text = "orders of groups to sample, in place of all unions (default beyond 8 groups: 32)"
    add("--permutations", metavar="N", type=orders, help=text)
    text = "folder of shapley.json, .csv and .png (default in output_dir)"
    add("--out", metavar="FOLDER", type=place, help=text)
    add_settings(
        parser,
        *OF_DATA_AND_MODEL,
        *("reg_weight", "lambdas", "folds", "topk", "seed", "output_dir"),
        target="one target group, in place of --targets",
        model="EASE (default) or WeightedSVD",
        reg_weight="lambda of EASE for all sets, in place of lambdas",
        lambdas="lambdas of EASE of which every set chooses (default [10,30,100,300,1000])",
    )


def call(own: Mapping[str, Any], keys: Mapping[str, str]) -> int:
    """Compute the values, print the tables and where the files are."""
    from recbole_groupmix.exact.shapley.command import shapley_command

    settings = settings_of(keys, {"model": "EASE"}, "groupmix shapley")
    fractions, orders = (
        named("target_fraction", "--target_fraction"),
        named("permutations", "--permutations"),
    )
    with saying() as say, fractions, orders:
        text, folder = shapley_command(settings, say, **own)
    answer(text)
    answer(f"\n{folder}")
    return 0


def _numbers(text: str) -> list[float]:
    """Return the numbers of a list, or a single one."""
    values = literal(text)
    values = values if isinstance(values, (list, tuple)) else [values]
    if not values or not all(type(value) in (int, float) for value in values):
        raise argparse.ArgumentTypeError(f"is {short_repr(text)}; give numbers such as [.1,.3,1]")
    return sorted({float(value) for value in values})
