"""By which rules a run was made: the versions of ``result.json`` and ``index.json`` that are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

#: The first version: each mix had a length of training of its own, and one test made a mark.
FIRST = 1
#: All versions that are read; the newest is written.
READ = (FIRST, 2)
#: What is true of a run of the first version, in words.
FIRST_RULES = (
    "made by the first rules (each mix trained for the median of its own best lengths, marks by the "
    "bootstrap alone)"
)
#: How to have the run by the rules of today.
MAKE_AGAIN = "run its command again, which makes a new folder"


class Versioned(Protocol):
    """A run that says by which rules it was made."""

    @property
    def path(self) -> Path: ...  # noqa: D102
    @property
    def first_rules(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True)
class Made:
    """A run of which nothing else is known, as :class:`Versioned`."""

    path: Path
    first_rules: bool


def check_one_rule(runs: Sequence[Versioned]) -> None:
    """Raise ``ValueError`` if some runs were made by the first rules and others were not.

    Their lengths of training and marks mean different things, so that no table holds both.
    """
    old = [run for run in runs if run.first_rules]
    if 0 < len(old) < len(runs):
        new = next(run for run in runs if not run.first_rules)
        more = f" and {len(old) - 1} more" if len(old) > 1 else ""
        raise ValueError(
            f"{old[0].path}{more} {'were' if more else 'was'} {FIRST_RULES} and {new.path} was not, "
            f"so that one table cannot hold both; leave one kind out, or {MAKE_AGAIN}"
        )
