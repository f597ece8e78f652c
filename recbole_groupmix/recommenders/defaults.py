"""A model's keys with their defaults; RecBole has files of defaults for its own models only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from recbole.config import Config


class WithDefaults:
    """A configuration in which keys that are absent, or None, have a default.

    Parameters
    ----------
    config : Config
        RecBole's; it stays as it is.
    defaults : mapping of str to any
        Default of each key.
    model : str
        Name of the model, for messages.
    """

    def __init__(self, config: Config, defaults: Mapping[str, Any], model: str) -> None:
        self._config, self._defaults, self._model = config, defaults, model

    def __getitem__(self, key: str) -> Any:
        """Return the value of a key, or its default, or None."""
        value = self._config[key]
        return self._defaults.get(key) if value is None else value

    def one_of(self, key: str, values: Sequence[str]) -> str:
        """Return a word that is one of several.

        Raises
        ------
        ValueError
            If it is another.
        """
        value = self[key]
        if value not in values:
            raise self.wrong(key, f"one of {', '.join(values)}")
        return str(value)

    def whole(self, key: str, least: int) -> int:
        """Return a whole number that is at least ``least``.

        Raises
        ------
        ValueError
            If it is smaller, or no whole number.
        """
        value = self[key]
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.wrong(key, f"a whole number >= {least}")
        return value

    def flag(self, key: str) -> bool:
        """Return True or False.

        Raises
        ------
        ValueError
            If it is neither.
        """
        value = self[key]
        if not isinstance(value, bool):
            raise self.wrong(key, "True or False")
        return value

    def number(self, key: str, above: float | None = None, least: float = -math.inf) -> float:
        """Return a finite number that is above ``above``, if that is given, and at least ``least``.

        Raises
        ------
        ValueError
            If it is not in that range, or no number.
        """
        value = self[key]
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
            or value < least
            or (above is not None and value <= above)
        ):
            raise self.wrong(
                key, f"a number >= {least:g}" if above is None else f"a number above {above:g}"
            )
        return float(value)

    def wrong(self, key: str, wanted: str) -> ValueError:
        """Return the error for a value that is not what it must be."""
        return ValueError(f"{key} is {self[key]!r}; {self._model} needs {wanted}")
