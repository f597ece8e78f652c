"""What may take more than a day starts only if its user agrees."""

from __future__ import annotations

from collections.abc import Callable

#: Seconds from which on a user is asked.
DAY = 86_400.0

#: Asks a question and returns whether the answer was yes.
Ask = Callable[[str], bool]


def agree(seconds: float, yes: bool, say: Callable[[str], None], ask: Ask | None) -> None:
    """Return if a run may start.

    Parameters
    ----------
    seconds : float
        Forecast of what it takes at most.
    yes : bool
        Whether the user has agreed beforehand (``--yes``).
    say : callable
        Prints a line for people.
    ask : callable or None
        Asks the user at a terminal; None where nobody can be asked, so that scripts go on.

    Raises
    ------
    ValueError
        If the user does not agree.
    """
    if seconds <= DAY or yes:
        return
    if ask is None:
        say("this may take more than a day")
    elif not ask("this may take more than a day; continue? [y/N] "):
        raise ValueError(
            "not started; use fewer --trials, --folds, --repeats or --epochs, or add --yes to "
            "start without being asked"
        )
