"""``groupmix influence``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recbole_groupmix.cli.options import Parser, dimension, named, place
from recbole_groupmix.cli.settings import OF_DATA_AND_MODEL, add_settings, ease_settings
from recbole_groupmix.cli.streams import answer, saying

SUMMARY = "Say what a target loses without each other group (EASE)."
EXAMPLES = ("groupmix influence --dataset=ml-100k --metric=ndcg@10 --out=influence.csv",)


def add_options(parser: Parser) -> None:
    """Declare what the help shows."""
    add = parser.add_argument
    add("--metric", metavar="METRIC", help="per-user metric (default precision@20)")
    text = "dimension of Delta_d, with which influence is compared (default 4)"
    add("--d", metavar="N", type=dimension(), help=text)
    add("--out", metavar="FILE", type=place, help="also save as .csv or .json")
    add_settings(
        parser,
        *OF_DATA_AND_MODEL,
        *("reg_weight", "folds", "topk", "seed"),
        target="one target group (default every group)",
        model="EASE, the default and the only one",
        reg_weight="lambda of EASE (default that of least loss of each target)",
    )


def call(own: Mapping[str, Any], keys: Mapping[str, str]) -> int:
    """Measure, print the table and perhaps save it."""
    from recbole_groupmix.exact.influence_command import influence_command

    settings = ease_settings(keys, "groupmix influence", 500)
    with saying() as say, named("d", "--d"):
        answer(influence_command(settings, say, **own))
    return 0
