"""The settings of a run: values by key, the origin of each, and notes about them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from recbole_groupmix.core.budget_law import BudgetLaw, parse
from recbole_groupmix.core.spelling import did_you_mean
from recbole_groupmix.models import CLOSED_FORM, USER_WISE
from recbole_groupmix.settings.keys import known_keys
from recbole_groupmix.settings.machine_rows import MachineRows
from recbole_groupmix.settings.our_rows import OurRows
from recbole_groupmix.settings.recbole_rows import RecBoleRows
from recbole_groupmix.settings.rows import ROWS
from recbole_groupmix.settings.search_rows import RANDOM, SearchRows
from recbole_groupmix.text.untrusted import short_repr


@dataclass(frozen=True)
class Settings(OurRows, SearchRows, MachineRows, RecBoleRows):
    """One run's settings, which do not change.

    A key with a row is an attribute: ``settings.folds``. Any key, RecBole's too, is read by
    ``settings["folds"]``.

    Attributes
    ----------
    values : mapping of str to object
        Every key that is set: ours and any RecBole key.
    notes : tuple of str
        One line for each given key that has no effect.
    origin : mapping of str to str
        Where each value came from, such as "on the command line" or "in mine.yaml".
    given : tuple of str
        The keys that the user gave.
    """

    values: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    origin: Mapping[str, str] = field(default_factory=dict)
    given: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Make the mappings read-only."""
        for name in ("values", "origin"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __getitem__(self, key: str) -> Any:
        """Return a value; where it is not set, our default, or None for a key of RecBole.

        Raises
        ------
        KeyError
            For a key that neither this plugin nor RecBole reads, with the nearest that is.
        """
        if key in self.values:
            return self.values[key]
        if key in ROWS:
            return ROWS[key].default
        if key in known_keys():
            return None
        raise KeyError(f"no key {key!r}{did_you_mean(key, known_keys())}")

    def describe(self, key: str) -> str:
        """Return "key is value (origin)", the beginning of a message about a value."""
        return f"{key} is {short_repr(self[key])} ({self.origin.get(key, 'the default')})"

    def with_values(self, **changed: Any) -> Settings:
        """Return the same settings with other values, which are not checked."""
        return replace(self, values={**self.values, **changed})

    def with_notes(self, notes: tuple[str, ...]) -> Settings:
        """Return the same settings with further notes."""
        return replace(self, notes=(*self.notes, *notes))

    @property
    def is_solved(self) -> bool:
        """Whether the model is solved in closed form: without epochs and training seeds."""
        return self.model in CLOSED_FORM

    @property
    def learns_whole_rows(self) -> bool:
        """Whether the model is fed with users, and a loss belongs to a user and to no pair."""
        return self.model in USER_WISE

    @property
    def in_waves(self) -> bool:
        """Whether mixes are proposed wave by wave, from what was tried; else all are drawn at first."""
        return self.search != RANDOM and self.trials > 0

    @property
    def budget_law(self) -> BudgetLaw:
        """From which budgets mixes are drawn; ``ValueError`` for a text that names no law."""
        return parse(str(self.budgets))

    @property
    def standard_deviation(self) -> float | None:
        """Spread of the initial embeddings under ``init: normal(SD)``; None for RecBole's own."""
        match = re.fullmatch(r"normal\(\s*([^\s()]+)\s*\)", str(self.init))
        try:
            return float(match.group(1)) if match else None
        except ValueError:
            return None
