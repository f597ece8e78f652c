"""``groupmix report``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recbole_groupmix.cli.options import Parser, add_flag, place
from recbole_groupmix.cli.streams import answer, saying

SUMMARY = "Write a page about finished runs, with figures and tables."
TEXT = (
    "Several runs beside a folder of groupmix check also make the figures of the paper. Runs that "
    "differ in --seed alone are pooled over their splits."
)
EXAMPLES = ("groupmix report runs/ml-100k-56-* --out=my-report",)


def add_options(parser: Parser) -> None:
    """Declare what the help shows."""
    parser.add_argument(
        "FOLDER",
        metavar="FOLDER ...",
        nargs="*",
        help="run folders, and folders of groupmix check",
    )
    text = "where to (default report in the run folder; groupmix-report for several)"
    parser.add_argument("--out", metavar="FOLDER", type=place, help=text)
    add_flag(parser, "--force", "replace an earlier report")


def call(own: Mapping[str, Any], keys: Mapping[str, str]) -> int:
    """Write the report and print where the page is."""
    from recbole_groupmix.report.write import write_report

    with saying():
        page = write_report(
            own.get("FOLDER", []), own.get("out"), force=own.get("force", False), show=answer
        )
    answer(page)
    return 0
