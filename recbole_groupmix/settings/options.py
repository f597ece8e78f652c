"""Numbers and flags that commands take as text beside the settings of a run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from recbole_groupmix.text.untrusted import short

_DIGITS = 40  # more than any bound here has; Python reads no number of thousands of them
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


def whole_number(
    options: Mapping[str, str], key: str, default: int, least: int, most: int, why: str = ""
) -> int:
    """Return the whole number that an option gives.

    Parameters
    ----------
    options : mapping of str to str
        What was given.
    key : str
        Name of the option.
    default : int
        What it is where it was not given.
    least, most : int
        What is allowed.
    why : str
        Why no more is allowed, for a message.

    Raises
    ------
    ValueError
        If it is no whole number, or none from `least` to `most`.
    """
    text = options.get(key)
    if text is None:
        return default
    if not text.isdecimal() or (len(text) <= _DIGITS and int(text) < least):
        raise ValueError(f"--{key} is {short(text)}; it must be a whole number >= {least}")
    if len(text.lstrip("0")) > _DIGITS or int(text) > most:
        because = f": {why}" if why else ""
        raise ValueError(f"--{key} is {short(text)}; it must be at most {most:,}{because}")
    return int(text)


def number(
    options: Mapping[str, str],
    key: str,
    default: float,
    what: str,
    *,
    most: float,
    least: float = 0.0,
    beyond: bool = False,
) -> float:
    """Return the number that an option gives.

    Parameters
    ----------
    options : mapping of str to str
        What was given.
    key : str
        Name of the option.
    default : float
        What it is where it was not given.
    what : str
        What it is in words, for a message.
    least, most : float
        What is allowed; with `beyond` the number must be above `least`.

    Raises
    ------
    ValueError
        If it is no such number.
    """
    text = options.get(key)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (least < value <= most or (value == least and not beyond)):
        sign = ">" if beyond else ">="
        raise ValueError(
            f"--{key} is {short(text)}; {what} is a number {sign} {least:g} and at most {most:g}"
        )
    return value


def flag(key: str, text: str) -> bool:
    """Return whether an option that may stand alone is wanted.

    Raises
    ------
    ValueError
        For a value that is neither true, yes and 1 nor false, no and 0, in any case.
    """
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(
        f"--{key} is {short(text)}; allowed are {', '.join((*_TRUE, *_FALSE))}, or --{key} alone"
    )


@contextmanager
def named(inside: str, option: str) -> Iterator[None]:
    """Call a value as the user did where the maths refuses it under a name of its own.

    Parameters
    ----------
    inside : str
        How a message begins before "is": the name there.
    option : str
        What was given, such as ``--max_d``.
    """
    try:
        yield
    except ValueError as error:
        head, is_, rest = str(error).partition(" is ")
        if head != inside:
            raise
        raise ValueError(f"{option}{is_}{rest}") from error
