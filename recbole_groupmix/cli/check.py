"""``groupmix check``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recbole_groupmix.cli.options import (
    Parser,
    dimension,
    flag,
    named,
    number,
    one_of,
    place,
    whole_number,
)
from recbole_groupmix.cli.settings import add_settings, settings_of
from recbole_groupmix.cli.streams import answer, saying

SUMMARY = "Say before any training whether mixing can matter."
EXAMPLES = (
    "groupmix check --dataset=ml-100k",
    "groupmix check -d mine --group_field=country --class_field=genre",
)


def add_options(parser: Parser) -> None:
    """Declare what the help shows."""
    add = parser.add_argument
    n_relabellings = whole_number(1, 10_000, "each needs all discrepancies again")
    text = "random groups to compare with (default 99; 19 or more for a verdict)"
    add("--relabellings", metavar="N", type=n_relabellings, help=text)
    text = "largest dimension of the curves (default 64, or less in small groups)"
    add("--max_d", metavar="N", type=dimension(), help=text)
    text = "clusters of items that the same users like, in place of the classes of a column"
    add("--item_clusters", metavar="N", type=dimension(2), help=text)
    text = "how the items of a user make the user's class: shares (default) or favourite"
    add("--user_class", metavar="HOW", type=one_of("shares", "favourite"), help=text)
    ratio = number("a budget ratio", most=1e6)
    add("--budget", metavar="X", type=ratio, help="alpha_aug of the theory's mix (default 1)")
    text = "whether to compute who helps whom (default true)"
    add("--influence", metavar="true|false", type=flag, help=text)
    lam = number("EASE's L2 weight", most=1e30, beyond=True)
    text = "L2 weight of EASE for that (default that of least loss of each target)"
    add("--influence_lambda", metavar="LAMBDA", type=lam, help=text)
    text = "folder of check.json and the figures (default in output_dir)"
    add("--out", metavar="FOLDER", type=place, help=text)
    add_settings(
        parser,
        *(
            "dataset",
            "target",
            "group_field",
            "group_by",
            "bins",
            "class_field",
            "data_path",
            "model",
        ),
        *("config_files", "embedding_size", "seed", "output_dir"),
        target="one target group (default every group)",
        embedding_size="dimension of the verdict",
    )


def call(own: Mapping[str, Any], keys: Mapping[str, str]) -> int:
    """Check, print the findings and where the figures are."""
    from recbole_groupmix.check.command import check_command

    settings = settings_of(keys)
    with saying() as say, named("d", "--max_d"), named("n_clusters", "--item_clusters"):
        text, folder = check_command(settings, say, **own)
    answer(text)
    answer(f"\n{folder}")
    return 0
