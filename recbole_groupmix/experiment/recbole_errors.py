"""Errors of RecBole, raised again as a ``ValueError`` of one line that names the keys."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recbole_groupmix.adapters.removed import NothingLeftError
from recbole_groupmix.settings.keys import WITHOUT_EFFECT
from recbole_groupmix.settings.rows import OUR_KEYS
from recbole_groupmix.settings.settings import Settings

#: Keys of RecBole whose values have been checked before.
_CHECKED = frozenset(
    {"epochs", "eval_step", "seed", "show_progress", "stopping_step", "topk", "valid_metric"}
)
_OF_THE_OPTIMISER = ("learner", "learning_rate", "weight_decay")
_SHORTEST = 3
_SHOWN = 300


@contextmanager
def as_value_error(settings: Settings, failure: str) -> Iterator[None]:
    """Turn every error that RecBole raises inside into a ``ValueError`` that names the keys.

    RecBole checks few values; a wrong value ends in some error deep inside it. The message names a
    given key if the error, or a line of RecBole's that it came through, mentions the key or a word
    of its value. Messages of this package pass unchanged.

    Parameters
    ----------
    settings : Settings
        The run's settings.
    failure : str
        The failure in words, the beginning of the message.

    Raises
    ------
    ValueError
        In place of every error except ``MemoryError``.
    """
    try:
        yield
    except MemoryError:
        raise
    except NothingLeftError as error:
        keys = [key for key in settings.given if key in str(error)]
        given = f"; {', '.join(map(settings.describe, keys))}" if keys else ""
        raise ValueError(f"{error}{given}") from error
    except Exception as error:
        if isinstance(error, ValueError) and _raised_by_us(error):
            raise
        mentioned = _mentioned(settings, error)
        about = f"; look at {', '.join(map(settings.describe, mentioned))}" if mentioned else ""
        words = " ".join(str(error).split())
        shown = words if len(words) <= _SHOWN else f"{words[:_SHOWN]}..."
        raise ValueError(f"{failure}: {type(error).__name__}: {shown}{about}") from error


def _mentioned(settings: Settings, error: Exception) -> list[str]:
    """Return the given keys that an error mentions; else those of the lines it came through."""
    idle = OUR_KEYS | _CHECKED | set(WITHOUT_EFFECT)
    keys = [key for key in settings.given if key not in idle]
    message = _words(str(error))
    named = [key for key in keys if message & {*_words(key), *_words_of_value(settings[key])}]
    if named:
        return named
    frames = traceback.extract_tb(error.__traceback__)
    if any("/torch/optim/" in Path(frame.filename).as_posix() for frame in frames):
        return [key for key in keys if key in _OF_THE_OPTIMISER]
    lines = _words(" ".join(frame.line or "" for frame in frames if "recbole" in frame.filename))
    return [key for key in keys if any({word, f"{word}s"} & lines for word in _words(key))]


def _words(text: str) -> set[str]:
    """Return the words of a text in one form: ``SparseAdam`` and ``sparse_adam`` are one."""
    words = (word.replace("_", "").lower() for word in re.findall(r"\w+", text))
    return {word for word in words if len(word) >= _SHORTEST}


def _words_of_value(value: Any) -> set[str]:
    if isinstance(value, str):
        return _words(value)
    if isinstance(value, Mapping):
        value = [*value, *value.values()]
    if isinstance(value, (list, tuple)):
        return {word for entry in value for word in _words_of_value(entry)}
    return set()


def _raised_by_us(error: Exception) -> bool:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = "" if trace is None else trace.tb_frame.f_globals.get("__name__", "")
    return bool(module.startswith("recbole_groupmix."))
