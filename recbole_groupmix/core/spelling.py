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
    near = nearest(name, known)
    return place.format(f"did you mean {near!r}?") if near else ""


def nearest(name: object, known: Iterable[str], cutoff: float = _CUTOFF) -> str | None:
    """Return the known name that `name` comes nearest to, whatever their case, or None.

    Parameters
    ----------
    name : object
        What was given.
    known : iterable of str
        Names that are allowed.
    cutoff : float
        Least ratio of :mod:`difflib`, from 0 to 1.
    """
    by_folded = {each.casefold(): each for each in sorted(known)}
    near = get_close_matches(str(name).casefold(), by_folded, n=1, cutoff=cutoff)
    return by_folded[near[0]] if near else None
