"""``groupmix doctor``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from recbole_groupmix.cli.options import Parser, add_flag
from recbole_groupmix.cli.streams import answer, saying

SUMMARY = "Show what a bug report needs: versions, CPU, threads, GPUs."
TEXT = (
    "Packages that are missing, cannot be imported or are outside the supported versions are marked "
    "by !, and the exit status is then 1."
)
EXAMPLES = ("groupmix doctor",)


def add_options(parser: Parser) -> None:
    """Declare what the help shows."""
    add_flag(parser, "--json", "print JSON")


def call(own: Mapping[str, Any], keys: Mapping[str, str]) -> int:
    """Print the facts; 1 if any is a problem."""
    from recbole_groupmix.doctor import examine, to_text

    with saying():
        facts = examine()
    if own.get("json", False):
        answer(json.dumps([asdict(fact) for fact in facts], indent=1))
    else:
        answer(to_text(facts))
    return 1 if any(fact.problem for fact in facts) else 0
