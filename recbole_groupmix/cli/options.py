"""Options as text: splitting into keys and values, and the types of values."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from recbole_groupmix.core.spelling import nearest
from recbole_groupmix.files.paths import check_can_be_written, user_path
from recbole_groupmix.text.untrusted import short_repr

_DIGITS = 40  # more than any bound here has; Python reads no number of thousands of them
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


def parse_options(arguments: Sequence[str]) -> dict[str, str]:
    """Return the values of ``--key=value`` and ``--key value`` by key; see `split_arguments`."""
    return split_arguments(arguments)[0]


def split_arguments(
    arguments: Sequence[str],
    alone: Mapping[str, str] | None = None,
    letters: Mapping[str, str] | None = None,
    *,
    takes_words: bool = False,
) -> tuple[dict[str, str], list[str]]:
    """Split ``--key=value`` and ``--key value`` into keys and values.

    ``argparse`` cannot do this: it does not know which keys RecBole has, so it cannot tell the
    value of such a key from a word that stands alone.

    Parameters
    ----------
    arguments : sequence of str
        What follows the command.
    alone : mapping of str to str, optional
        Value of each key that may stand without one, such as ``--force``.
    letters : mapping of str to str, optional
        Key of each option of one letter, such as ``m`` for ``model``.
    takes_words : bool
        Whether words that are not options are allowed.

    Returns
    -------
    dict of str to str
        Values by key.
    list of str
        The words that are not options.

    Raises
    ------
    ValueError
        For a word that is not allowed, a key without a value, and a key that is given twice with
        different values.
    """
    options: dict[str, str] = {}
    words: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        key, equals, value = argument[2:].partition("=")
        if letters and argument[:1] == "-" and argument[1:2] in letters:
            value = argument[2:].removeprefix("=")  # -m BPR, -mBPR and -m=BPR
            key, equals = letters[argument[1]], argument[2:]
        elif not argument.startswith("--") or len(argument) == 2:
            if not takes_words or argument == "--":
                raise ValueError(
                    f"unexpected argument {short_repr(argument)}; options are --key=value"
                )
            words.append(argument)
            continue
        if not equals and alone and key in alone:
            value = alone[key]
        elif not equals:
            if not rest or rest[0].startswith("--"):
                raise ValueError(f"option --{key} needs a value; write --{key}=VALUE")
            value = rest.pop(0)
        if options.get(key, value) != value:
            both = f"{short_repr(options[key])} and {short_repr(value)}"
            raise ValueError(f"--{key} is given twice: {both}")
        options[key] = value
    return options, words


def whole_number(least: int, most: int, why: str = "") -> Callable[[str], int]:
    """Return a reader of whole numbers from `least` to `most`; `why` explains the upper bound."""

    def read(text: str) -> int:
        if not text.isdecimal() or (len(text) <= _DIGITS and int(text) < least):
            raise _refused(text, f"it must be a whole number >= {least}")
        if len(text.lstrip("0")) > _DIGITS or int(text) > most:
            raise _refused(text, f"it must be at most {most:,}{f': {why}' if why else ''}")
        return int(text)

    return read


def number(
    what: str, *, most: float, least: float = 0.0, beyond: bool = False
) -> Callable[[str], float]:
    """Return a reader of numbers from `least` to `most`; with `beyond` they are above `least`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (least < value <= most or (value == least and not beyond)):
            sign = ">" if beyond else ">="
            raise _refused(text, f"{what} is a number {sign} {least:g} and at most {most:g}")
        return value

    return read


def flag(text: str) -> bool:
    """Return whether an option that may stand alone is wanted."""
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    allowed = ", ".join((*_TRUE, *_FALSE))
    raise _refused(text, f"allowed are {allowed}, or the option alone")


def one_of(*allowed: str) -> Callable[[str], str]:
    """Return a reader of a choice among words."""

    def read(text: str) -> str:
        if text not in allowed:
            raise _refused(text, f"allowed are {', '.join(allowed)}")
        return text

    return read


def dimension(least: int = 1) -> Callable[[str], int]:
    """Return a reader of the dimension of a space of items."""
    return whole_number(least, 100_000, "the matrix of a group never has a higher rank")


def names(text: str) -> list[str]:
    """Return the names between commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def source(text: str) -> str:
    """Return a path that is read, with its ``~`` replaced."""
    if not text:
        raise _refused(text, "give it a value or leave it out")
    try:
        return user_path(text, f"is {short_repr(text)}")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def place(text: str) -> str:
    """Return a path that is written to, with its ``~`` replaced."""
    path = source(text)
    try:
        check_can_be_written(path, f"is {short_repr(text)}")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return path


def _refused(text: str, why: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"is {short_repr(text)}; {why}")


@contextmanager
def named(inside: str, option: str) -> Iterator[None]:
    """Replace the internal name of a refused value in a message by the user's option.

    Parameters
    ----------
    inside : str
        The internal name, with which the message begins before "is".
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


class _Formatter(argparse.HelpFormatter):
    """Help that keeps indented lines, and shows flags without a value."""

    def __init__(self, prog: str, **given: Any) -> None:
        super().__init__(prog, max_help_position=28, **given)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if action.metavar == "" and action.option_strings:
            return ", ".join(action.option_strings)
        return super()._format_action_invocation(action)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        fill = super()._fill_text
        lines = text.splitlines()
        return "\n".join(x if x.startswith(" ") else fill(x, width, indent) for x in lines)


class Parser(argparse.ArgumentParser):
    """A parser of the options of a command, which raises ``ValueError`` with one line.

    Attributes
    ----------
    settings : set of str
        Options of its help that are settings of a run; not empty if the command takes them all.
    """

    def __init__(self, **given: Any) -> None:
        self.settings: set[str] = set()
        super().__init__(
            formatter_class=_Formatter,
            allow_abbrev=False,
            exit_on_error=False,
            argument_default=argparse.SUPPRESS,
            **given,
        )

    def error(self, message: str) -> NoReturn:
        """Raise ``ValueError`` where ``argparse`` would end the process."""
        raise ValueError(message)

    def read(self, arguments: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
        """Read the arguments of a command.

        Parameters
        ----------
        arguments : sequence of str
            What follows the command.

        Returns
        -------
        tuple of dict
            The command's own options that were given, typed; and the settings of a run, as text.

        Raises
        ------
        ValueError
            For what cannot be read, with one line.
        """
        actions = {name: a for a in self._actions for name in a.option_strings if a.dest != "help"}
        options, words = split_arguments(
            arguments,
            {a.dest: str(a.const) for a in self._actions if a.const is not None},
            {name[1]: a.dest for name, a in actions.items() if name[1] != "-"},
            takes_words=any(not a.option_strings for a in self._actions),
        )
        own = {key for key in options if f"--{key}" in actions} - self.settings
        settings = {key: text for key, text in options.items() if key not in own}
        for key in settings:
            self._check_option(key)
        texts = [f"--{key}={options[key]}" for key in options if key in own]
        try:
            read = self.parse_args([*texts, *(["--", *words] if words else [])])
        except argparse.ArgumentError as error:
            name = (error.argument_name or "").rpartition("/")[2]
            raise ValueError(f"{name} {error.message}") from error
        return vars(read), settings

    def _check_option(self, key: str) -> None:
        """Raise ``ValueError`` for a key that is neither an option nor can be a setting."""
        not_own = {"help", *self.settings}
        own = [a.dest for a in self._actions if a.option_strings and a.dest not in not_own]
        near = nearest(key, own, cutoff=0.75 if self.settings else 0.6)
        hint = f"; did you mean --{near}?" if near else ""
        if not self.settings:
            takes = ", ".join(f"--{name}" for name in own)
            raise ValueError(
                f"unknown option --{key}; {self.prog.split()[-1]} takes {takes}{hint}"
            )
        if near:
            from recbole_groupmix.settings.keys import known_keys

            if key not in known_keys():
                raise ValueError(f"unknown key {short_repr(key)} on the command line{hint}")


def add_flag(options: argparse._ActionsContainer, name: str, text: str) -> None:
    """Add an option that may stand alone and is then true."""
    options.add_argument(name, nargs="?", const="true", type=flag, metavar="", help=text)
