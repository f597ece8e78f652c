"""The known name that a mistyped one comes nearest to."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_CUTOFF = 0.7  # of difflib's ratio; at its own 0.6 short names of models are near to nearly any


def did_you_mean(name: object, known: Iterable[str], place: str = "; {}") -> str:
    """Return a question after the known name that `name` comes nearest to, whatever their case.

    Parameters
    ----------
    name : object
        What was given.
    known : iterable of str
        Names that are allowed.
    place : str
        Where the question goes: the text around it, with ``{}`` in its place.

    Returns
    -------
    str
        For example ``"; did you mean 'ndcg'?"``; empty where no name is near.
    """
    by_folded = {each.casefold(): each for each in sorted(known)}
    near = get_close_matches(str(name).casefold(), by_folded, n=1, cutoff=_CUTOFF)
    return place.format(f"did you mean {by_folded[near[0]]!r}?") if near else ""
