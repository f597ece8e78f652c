"""The progress of many solutions, a line from time to time."""

from __future__ import annotations

import time
from collections.abc import Callable

from recbole_groupmix.text.numbers import duration

_SECONDS_BETWEEN_LINES = 10.0
_EARLY = 5  # models after the first, when the first line comes


def progress(say: Callable[[str], None]) -> Callable[[int, int], None]:
    """Return a function of the numbers of models solved so far and in all.

    It prints them and the time left: after few models, and then from time to time.

    Parameters
    ----------
    say : callable
        Prints a line for people.
    """
    first: tuple[int, float] | None = None  # it also filled the caches that all share
    last = time.perf_counter()

    def on_model(done: int, whole: int) -> None:
        nonlocal first, last
        now = time.perf_counter()
        if first is None:
            first = done, now
        early = done - first[0] == _EARLY and whole > done
        if done == first[0] or (now - last < _SECONDS_BETWEEN_LINES and not early):
            return
        last = now
        left = (now - first[1]) / (done - first[0]) * (whole - done)
        say(f"{done} of {whole} models, about {duration(left)} left")

    return on_model
