"""Errors of RecBole about what a user asked for, told in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from recbole_groupmix.pipeline.known_keys import OUR_KEYS
from recbole_groupmix.pipeline.settings import Settings

#: Keys of RecBole whose values have been checked before.
_CHECKED = frozenset(
    {
        "data_path",
        "benchmark_filename",
        "epochs",
        "eval_step",
        "seed",
        "show_progress",
        "stopping_step",
        "topk",
        "train_batch_size",
        "valid_metric",
    }
)


@contextmanager
def blame(settings: Settings, what: str) -> Iterator[None]:
    """Turn whatever RecBole raises inside into a ``ValueError`` that names the keys given.

    RecBole checks few values; a wrong one ends in a ``KeyError`` or worse somewhere inside.
    Messages of this package pass unchanged.

    Parameters
    ----------
    settings : Settings
        The run's settings.
    what : str
        What failed, the beginning of the message.

    Raises
    ------
    ValueError
        In the place of every error but ``MemoryError``.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, ValueError) and _raised_by_us(error):
            raise
        keys = [key for key in settings.given if key not in OUR_KEYS | _CHECKED]
        advice = (
            f"look at what you gave: {', '.join(settings.describe(key) for key in keys)}"
            if keys
            else "look at the data: the files, their columns and their headers"
        )
        raise ValueError(f"{what}: {type(error).__name__}: {error}; {advice}") from error


def _raised_by_us(error: Exception) -> bool:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = "" if trace is None else trace.tb_frame.f_globals.get("__name__", "")
    return bool(module.startswith("recbole_groupmix."))
