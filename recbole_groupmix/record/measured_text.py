"""How many users of a group a run measured, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HAVE = {True: "has", False: "have"}


def measured_text(group: Mapping[str, Any]) -> str:
    """Return "16 of the target's 20 users", or without numbers for results of older versions.

    Parameters
    ----------
    group : mapping
        An entry of ``groups`` in ``result.json``.
    """
    if "n_measured" not in group:
        return "the target's users"
    return f"{group['n_measured']:,} of the target's {group['n_in_data']:,} users"


def unmeasured_note(group: Mapping[str, Any]) -> str | None:
    """Return the sentence on users who are not measured, or None if all are."""
    why = group.get("not_measured")
    if not why:
        return None
    left = sum(why.values())
    listed = ", ".join(f"{n} {_HAVE[n == 1]} {reason}" for reason, n in why.items())
    return f"{left} of {group['n_in_data']} users of {group['name']} are not measured: {listed}."
