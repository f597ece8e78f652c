"""``groupmix gradient``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recbole_groupmix.cli.options import Parser, place, whole_number
from recbole_groupmix.cli.settings import OF_DATA_AND_MODEL, add_settings, ease_settings
from recbole_groupmix.cli.streams import answer, saying

SUMMARY = "Find a mix by the exact gradient of EASE's held-out loss."
TEXT = "The mix is written as a file for groupmix run --mix."
EXAMPLES = ("groupmix gradient --dataset=ml-100k --target=56 --out=gradient.yaml",)


def add_options(parser: Parser) -> None:
    """Declare what the help shows."""
    add = parser.add_argument
    most = whole_number(1, 10_000, "a start converges after a few dozen")
    text = "largest number of evaluations of the gradient per start (default 8)"
    add("--most", metavar="N", type=most, help=text)
    follow = whole_number(1, 3, "that is the number of baselines")
    text = "number of baselines to start from, those of the least loss (default 1)"
    add("--follow", metavar="N", type=follow, help=text)
    text = "file of the mix (default gradient.yaml)"
    add("--out", metavar="FILE", type=place, help=text)
    add_settings(
        parser,
        *OF_DATA_AND_MODEL,
        *("reg_weight", "folds", "seed"),
        model="EASE, the default and the only one",
        reg_weight="lambda of EASE to start from (default 300)",
    )


def call(own: Mapping[str, Any], keys: Mapping[str, str]) -> int:
    """Optimise, print where each start led and the command that measures the mix."""
    from recbole_groupmix.exact.gradient_command import gradient_command

    settings = ease_settings(keys, "groupmix gradient", 300)
    with saying() as say:
        text, file = gradient_command(settings, say, **own)
    answer(text)
    answer(f"\n{file}")
    return 0
