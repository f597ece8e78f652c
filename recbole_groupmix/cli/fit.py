"""``groupmix fit``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recbole_groupmix.cli.options import Parser, add_flag, number, place, whole_number
from recbole_groupmix.cli.streams import answer

SUMMARY = "Propose a mix from any table of mixes and scores."
TEXT = (
    "The table is a CSV file with a row for each mix: a column of scores, perhaps name and source, and "
    "every other column a group, with the weight of each of its users (documents, rows) relative to the "
    "target's: 1 as the data are, 0 left out; beside a column alpha_aug, the budget ratio, their shares, "
    "with --sizes. A row with only 1 must be there, more of them with other "
    "seeds show the noise. groupmix export makes such a table of a run."
)
EXAMPLES = (
    "groupmix fit trials.csv --sizes=young:1200,old:300,target:90 --out=next.yaml",
    "groupmix fit swarm.csv --score=loss --lower --n=4",
)
_FEW = "a surface of so many proposals is no better"


def add_options(parser: Parser) -> None:
    """Declare what the help shows."""
    add = parser.add_argument
    add("TABLE", metavar="TABLE", nargs="*", help="a .csv file")
    add("--score", metavar="COLUMN", help="column of the scores (default score)")
    add_flag(parser, "--lower", "lower scores are better, as of losses")
    add(
        "--sizes",
        metavar="G1:N,G2:N",
        help="users of each group, and of the target as target:N (default all equal)",
    )
    add("--n", metavar="N", type=whole_number(1, 1000, _FEW), help="mixes to propose (default 1)")
    add(
        "--least_gain",
        metavar="X",
        type=number("a gain", most=10),
        help="gain whose chance is told (default 0.01)",
    )
    seed = whole_number(0, 2**128 - 1, "generators are seeded by 128 bits")
    add("--seed", metavar="N", type=seed, help="seed of candidates and draws (default 0)")
    add("--out", metavar="FILE", type=place, help="YAML file of the first mix, for run --mix")


def call(own: Mapping[str, Any], keys: Mapping[str, str]) -> int:
    """Fit the table and print what it says."""
    from recbole_groupmix.exchange.fit import fit_command

    tables = own.get("TABLE", [])
    if len(tables) != 1:
        raise ValueError(f"name one table to fit; {len(tables)} are named")
    given = {
        key: own[key] for key in ("score", "lower", "n", "least_gain", "seed", "out") if key in own
    }
    answer(fit_command(tables[0], sizes=_sizes(own.get("sizes", "")), **given))
    return 0


def _sizes(text: str) -> dict[str, int]:
    """Return numbers of users by group, from ``G1:N,G2:N``."""
    sizes = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, colon, digits = part.rpartition(":")
        if not colon or not name or not digits.isdecimal() or len(digits) > 12 or not int(digits):
            raise ValueError(f"--sizes has {part!r}; write GROUP:N, with a whole number N > 0")
        sizes[name] = int(digits)
    return sizes
