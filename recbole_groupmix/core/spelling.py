"""Suggestions for mistyped names."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_CUTOFF = 0.7  # ratio of difflib; at its default 0.6 short model names match nearly anything


def did_you_mean(name: object, known: Iterable[str], place: str = "; {}") -> str:
    """Return a question that suggests the known name nearest to `name`, ignoring case.

    Parameters
    ----------
    name : object
        The name that was given.
    known : iterable of str
        Allowed names.
    place : str
        Text around the question, with ``{}`` in its place.

    Returns
    -------
    str
        For example ``"; did you mean 'ndcg'?"``; empty if no name is near.
    """
    near = nearest(name, known)
    return place.format(f"did you mean {near!r}?") if near else ""


def nearest(name: object, known: Iterable[str], cutoff: float = _CUTOFF) -> str | None:
    """Return the known name nearest to `name`, ignoring case, or None.

    Parameters
    ----------
    name : object
        The name that was given.
    known : iterable of str
        Allowed names.
    cutoff : float
        Least ratio of :mod:`difflib`, from 0 to 1.
    """
    by_folded = {each.casefold(): each for each in sorted(known)}
    near = get_close_matches(str(name).casefold(), by_folded, n=1, cutoff=cutoff)
    return by_folded[near[0]] if near else None
