"""Intervals of RecBole's filters: ``[5,inf)``, ``(0,1];[3,4]``."""

from __future__ import annotations

from typing import Any

#: An example for messages.
EXAMPLE = '"[5,inf)"'


def interval_problem(value: Any) -> str | None:
    """Return why RecBole cannot read a value as intervals, or None if it can.

    Parameters
    ----------
    value : object
        Text, or a list: ``[2,5]`` has become one before it gets here.

    Examples
    --------
    >>> interval_problem("[5,inf)"), interval_problem("(0,1];[3,4)"), interval_problem([2, 5])
    (None, None, None)
    >>> interval_problem(12)
    "'12' has no bracket at both ends"
    >>> interval_problem("[5,2]")
    "'[5,2]' begins above its end"
    """
    for part in str(value).split(";"):
        part = part.strip()
        if not (part[:1] in ("(", "[") and part[-1:] in (")", "]") and len(part) > 1):
            return f"{part!r} has no bracket at both ends"
        ends = part[1:-1].split(",")
        if len(ends) != 2:
            return f"{part!r} does not have two ends"
        try:
            low, high = (float(end) for end in ends)
        except ValueError:
            return f"{part!r} has an end that is not a number"
        if not low <= high:
            return f"{part!r} begins above its end"
    return None
