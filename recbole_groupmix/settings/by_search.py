"""Settings that depend on who proposes the mixes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from recbole_groupmix.settings.search_rows import RANDOM
from recbole_groupmix.settings.settings import Settings

#: Mixes of a search that learns, where the user gives no number (docs/learned_search.md).
TRIALS_OF_LEARNING = 16


def for_search(settings: Settings) -> Settings:
    """Return the settings with the number of mixes that a search has where none is given."""
    if not settings.in_waves or "trials" in settings.origin:
        return settings
    values = {**settings.values, "trials": TRIALS_OF_LEARNING}
    origin = {**settings.origin, "trials": f"since search is {settings.search}"}
    return replace(settings, values=values, origin=origin)


def for_all_targets(settings: Settings) -> Settings:
    """Return the settings of a run of all targets, which share mixes that no scores propose.

    A search that the user gave stays, and is refused later.
    """
    if "search" in settings.given:
        return settings
    changed: dict[str, Any] = {"search": RANDOM}
    if "trials" not in settings.given:
        changed["trials"] = Settings.trials.default
    origin = {**settings.origin, **dict.fromkeys(changed, "since target is all")}
    return replace(settings, values={**settings.values, **changed}, origin=origin)
