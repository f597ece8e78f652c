"""What a command prints, for people and for programs, and what it asks."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from recbole_groupmix.text.untrusted import escaped


def answer(text: object) -> None:
    """Print a line of the answer."""
    print(escaped(str(text)))


@contextmanager
def saying() -> Iterator[Callable[[str], None]]:
    """Yield a function that prints a line for people, after the warnings that RecBole gave before.

    RecBole logs to the root logger. Warnings of this package are printed at once.
    """
    warnings: list[str] = []
    seen: set[str] = set()

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = re.sub(r"\x1b\[[0-9;]*m", "", record.getMessage())
            if text in seen:
                return
            seen.add(text)
            line = " ".join(text.split())
            if record.name.startswith("recbole_groupmix"):
                print(f"note: {escaped(line)}", file=sys.stderr)
            else:
                warnings.append(line)

    def say(line: str) -> None:
        while warnings:
            print(f"note from RecBole: {escaped(warnings.pop(0))}", file=sys.stderr)
        print(escaped(line), file=sys.stderr, flush=True)

    handler = Collector(logging.WARNING)
    logging.getLogger().addHandler(handler)
    try:
        yield say
    finally:
        logging.getLogger().removeHandler(handler)


def asker() -> Callable[[str], bool] | None:
    """Return a function that asks the user at a terminal; None without a terminal."""
    if sys.stdin is None or not sys.stdin.isatty():
        return None

    def ask(question: str) -> bool:
        print(question, end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    return ask
