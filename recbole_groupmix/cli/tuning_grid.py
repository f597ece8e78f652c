"""The grid of ``groupmix tune``: its axes as options, and in RecBole's files of parameters."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from recbole_groupmix.files.bounded import BY_HAND, read_text_bounded
from recbole_groupmix.files.literal import literal
from recbole_groupmix.text.untrusted import error_text, short_repr

#: Options by the key of a run that they vary.
AXES = {"learning_rate": "learning_rates", "reg_weight": "reg_weights"}
_DOES = "tune searches a grid of learning_rate and reg_weight, each as `KEY choice [..., ...]`"


def axis(key: str) -> Callable[[str], list[float]]:
    """Return a reader of the values of an axis, such as ``[0.01,0.03]`` or a single number."""

    def read(text: str) -> list[float]:
        values = literal(text)
        values = values if isinstance(values, (list, tuple)) else [values]
        good = all(type(v) in (int, float) and 0 <= v <= 1e30 for v in values)
        if not good or not values or (key == "learning_rate" and min(values) == 0):
            raise argparse.ArgumentTypeError(
                f"is {short_repr(text)}; give positive numbers such as [0.003, 0.01, 0.03]"
            )
        return sorted({float(value) for value in values})

    return read


def read_params_file(path: str) -> dict[str, list[float]]:
    """Read a grid from a file of parameters as RecBole's ``HyperTuning`` takes it.

    Parameters
    ----------
    path : str
        Its lines are ``learning_rate choice [0.01,0.005]``; empty ones and those that begin with
        ``#`` are skipped.

    Returns
    -------
    dict of str to list of float
        By the options of `AXES`. The list is empty for a key that the file does not name, which
        keeps its setting.

    Raises
    ------
    ValueError
        For a file that cannot be read, and a line that does not describe an axis of the grid.
    """
    option_and_path = f"--params_file {path}"
    try:
        lines = read_text_bounded(path, BY_HAND).splitlines()
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read {option_and_path}: {error_text(error)}") from error
    grid: dict[str, Any] = {}
    for number, line in enumerate(lines, start=1):
        words = line.split(None, 2)
        if not words or words[0].startswith("#"):
            continue
        where = f"{option_and_path}, line {number}, is {short_repr(line.strip())}"
        if len(words) < 3 or words[0] not in AXES or words[1] != "choice":
            raise ValueError(f"{where}; {_DOES}")
        option = AXES[words[0]]
        if option in grid:
            raise ValueError(
                f"{where}; {words[0]} stands in an earlier line too, keep one of them"
            )
        try:
            grid[option] = axis(words[0])(words[2])
        except argparse.ArgumentTypeError as error:
            raise ValueError(f"{where}; its list {error}") from error
    if not grid:
        raise ValueError(f"{option_and_path} is empty; {_DOES}")
    return {option: grid.get(option, []) for option in AXES.values()}
