"""Asks the user before a run that may take more than a day."""

from __future__ import annotations

from collections.abc import Callable

#: Seconds of a run above which the user is asked.
DAY = 86_400.0

#: Asks a question and returns whether the answer was yes.
Ask = Callable[[str], bool]


def confirm_long_run(
    seconds: float, yes: bool, say: Callable[[str], None], ask: Ask | None
) -> None:
    """Ask the user to confirm a run that may take more than a day; return if it may start.

    Parameters
    ----------
    seconds : float
        Forecast of the longest time that the run takes.
    yes : bool
        Whether the user has agreed beforehand (``--yes``).
    say : callable
        Prints a line for people.
    ask : callable or None
        Asks the user at a terminal; None without a terminal, so that scripts are not held up.

    Raises
    ------
    ValueError
        If the answer is no.
    """
    if seconds <= DAY or yes:
        return
    if ask is None:
        say("this may take more than a day")
    elif not ask("this may take more than a day; continue? [y/N] "):
        raise ValueError(
            "not started; use fewer --trials, --folds, --repeats or --epochs, or add --yes to "
            "start without a question"
        )
