"""``groupmix compare``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from recbole_groupmix.cli.options import Parser, place, whole_number
from recbole_groupmix.cli.streams import answer

SUMMARY = "Compare per-user values of several runs, user by user."
TEXT = (
    "Tables are run folders, Parquet or CSV files with the columns user_id, metric and value, or "
    "user_id and one column per metric. The mixes of one run folder are compared too."
)
EXAMPLES = ("groupmix compare A.parquet B.csv --metric=recall@20 --group=overall",)
#: Commas, but those inside the brackets of an interval such as ``[25, 35)``.
_BETWEEN_GROUPS = re.compile(r",(?![^\[(]*[\])])")
_NO_FINER = "more do not improve intervals and p-values"


def add_options(parser: Parser) -> None:
    """Declare what the help shows."""
    add = parser.add_argument
    add(
        "TABLE",
        metavar="TABLE ...",
        nargs="*",
        help="a run folder, or a .parquet, .csv or .tsv file",
    )
    add(
        "--reference",
        metavar="NAME",
        help="run that the others are compared with (default the first)",
    )
    add("--metric", metavar="M1,M2", help="metrics, such as recall@20 (default all in common)")
    add(
        "--group",
        metavar="G1,G2",
        help="groups; overall is all users (default overall and every group)",
    )
    add(
        "--how",
        metavar="HOW",
        help="inner: leave out users that are not in every run; refuse (default)",
    )
    add("--out", metavar="FILE", type=place, help="also save as .csv, .md or .parquet")
    seed = whole_number(0, 2**128 - 1, "generators are seeded by 128 bits")
    add("--seed", metavar="N", type=seed, help="seed of the resamples (default 0)")
    draws = whole_number(1, 1_000_000, _NO_FINER)
    add("--n_boot", metavar="N", type=draws, help="resamples for an interval (default 10000)")
    add(
        "--n_permutations",
        metavar="N",
        type=draws,
        help="permutations for a p-value (default 10000)",
    )


def call(own: Mapping[str, Any], keys: Mapping[str, str]) -> int:
    """Compare, print the table and perhaps save it."""
    from recbole_groupmix.compare import check_output, compare, read_runs

    if "TABLE" not in own:
        raise ValueError("name the tables to compare: run folders, .parquet, .csv or .tsv files")
    out = check_output(own["out"]) if "out" in own else None
    draws = {key: own[key] for key in ("seed", "n_boot", "n_permutations") if key in own}
    compared = compare(
        read_runs(own["TABLE"]),
        reference=own.get("reference"),
        metrics=own["metric"].split(",") if "metric" in own else None,
        how=own.get("how", "refuse"),
        groups=_BETWEEN_GROUPS.split(own["group"]) if "group" in own else None,
        **draws,
    )
    answer(compared.to_markdown())
    if out is not None:
        compared.save(out)
        answer(f"\n{out}")
    return 0
