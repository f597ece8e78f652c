"""``groupmix profile``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recbole_groupmix.cli.options import Parser, named, number, place, whole_number
from recbole_groupmix.cli.settings import OF_DATA_AND_MODEL, add_settings, settings_of
from recbole_groupmix.cli.streams import answer, saying

SUMMARY = "Show the target's metric against the weight of each other group."
TEXT = "The curves go through a mix and are exact: every model is solved in closed form."
EXAMPLES = ("groupmix profile --dataset=ml-100k --target=56 --points=9",)


def add_options(parser: Parser) -> None:
    """Declare what the help shows."""
    add = parser.add_argument
    points = whole_number(3, 999, "each takes a model on every fold")
    text = "weights per group, an odd number (default 7)"
    add("--points", metavar="N", type=points, help=text)
    reach = number("the largest factor of a weight", least=1, most=1e6, beyond=True)
    text = "they go from 1/X to X times the weight of the mix (default 8)"
    add("--reach", metavar="X", type=reach, help=text)
    text = "folder of profile.json, .csv and .png (default in output_dir)"
    add("--out", metavar="FOLDER", type=place, help=text)
    add_settings(
        parser,
        *OF_DATA_AND_MODEL,
        "mix",
        *("reg_weight", "lambdas", "folds", "topk", "seed", "output_dir"),
        model="EASE (default) or WeightedSVD",
        mix="YAML file of the mix (default proportional)",
        reg_weight="lambda of EASE (default 500)",
        lambdas="lambdas of EASE of which every point chooses, in place of reg_weight",
    )


def call(own: Mapping[str, Any], keys: Mapping[str, str]) -> int:
    """Compute the curves, print them as a table and where the files are."""
    from recbole_groupmix.exact.profile_command import profile_command

    defaults = {"model": "EASE", "lambdas": None, "reg_weight": 500}
    settings = settings_of(keys, defaults, "groupmix profile")
    with saying() as say, named("points", "--points"):
        text, folder = profile_command(settings, say, **own)
    answer(text)
    answer(f"\n{folder}")
    return 0
