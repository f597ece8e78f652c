"""What a study is: cells that are measured one by one, and keys that the user may give."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from recbole_groupmix.core.spelling import did_you_mean

#: Keys that may be 0.
_FROM_0 = ("seed", "weight_gap")


@dataclass(frozen=True)
class StudyCell:
    """One training, or one reading of a data set.

    Parameters
    ----------
    given : mapping
        Its settings; a finished cell counts where they are the same.
    parts : tuple of str
        What names its file.
    """

    given: Mapping[str, Any]
    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of its file, without the ending."""
        return re.sub(r"[^\w.=+-]+", "_", "-".join(self.parts))

    @property
    def words(self) -> str:
        """The cell for people."""
        return ", ".join(self.parts)


class Study(Protocol):
    """A study with its settings."""

    def cells(self) -> list[StudyCell]:
        """Return all cells, in the order in which they are made."""
        ...

    def seconds(self, cells: Sequence[StudyCell]) -> Mapping[str, float]:
        """Return the most seconds of a core that each cell takes, by name, from short timings."""
        ...

    def measured(self, cell: StudyCell, say: Callable[[str], None]) -> Mapping[str, Any]:
        """Return what is measured of a cell, a record of :mod:`~recbole_groupmix.record.study_cell`."""
        ...


def settings_of(
    study: str, given: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the keys of a study, those that were given above its defaults.

    Parameters
    ----------
    study : str
        Its name.
    given : mapping
        Keys that the user gave.
    defaults : mapping
        All keys that the study takes. The type of the default is the type of the key: a whole
        number, a number above 0, or text.

    Raises
    ------
    ValueError
        For an unknown key, and a value of another type or out of range.
    """
    for key, value in given.items():
        if key not in defaults:
            raise ValueError(
                f"groupmix reproduce {study} does not take --{key}{did_you_mean(key, defaults)}; "
                f"its keys are {', '.join(defaults)}"
            )
        _check(key, value, defaults[key])
    numbers = {key: float(v) for key, v in given.items() if isinstance(defaults[key], float)}
    return {**defaults, **given, **numbers}


def _check(key: str, value: Any, default: Any) -> None:
    least = 2 if key == "repeats" else 0 if key in _FROM_0 else 1
    if isinstance(default, str):
        if not isinstance(value, str):
            raise ValueError(f"--{key} is {value!r}; give text")
    elif isinstance(default, int):
        if type(value) is not int or value < least:
            why = "; an interval over seeds needs two" if key == "repeats" else ""
            raise ValueError(f"--{key} is {value!r}; give a whole number >= {least}{why}")
    elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"--{key} is {value!r}; give a number > 0")


def chosen(option: str, names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return names that an option gives, all of which must be known.

    Raises
    ------
    ValueError
        For an unknown name, a name that is given twice, and none.
    """
    found, all_names = list(names), list(known)
    for name in found:
        if name not in all_names:
            raise ValueError(
                f"--{option} names {name!r}{did_you_mean(name, all_names)}; {option} are "
                f"{', '.join(all_names)}"
            )
    if not found or len(set(found)) < len(found):
        raise ValueError(f"--{option} is {', '.join(found) or 'empty'}; name each of them once")
    return found
