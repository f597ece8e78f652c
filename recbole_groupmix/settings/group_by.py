"""Settings of groups that are made from the interactions and not read from a column."""

from __future__ import annotations

from dataclasses import replace

from recbole_groupmix.settings.settings import Settings


def for_group_by(settings: Settings) -> Settings:
    """Return the settings with the name of groups by ``group_by`` in place of a column's.

    ``group_field`` becomes that name, which files and tables then show. Without ``group_by`` the
    settings are left alone; a second call changes no value.

    Raises
    ------
    ValueError
        If the user gave a column as well.
    """
    how = settings.group_by
    if how is None:
        return settings
    if "group_field" in settings.given and settings.group_field is not None:
        raise ValueError(
            f"{settings.describe('group_field')} and {settings.describe('group_by')}; give one: "
            "group_field reads groups from a column, group_by makes them from the interactions"
        )
    notes = settings.notes
    if "empty_group" in settings.given:
        notes += (
            f"{settings.describe('empty_group')} and has no effect: group_by reads no column",
        )
    values = {**settings.values, "group_field": how}
    origin = {**settings.origin, "group_field": f"since group_by is {how}"}
    return replace(settings, values=values, notes=notes, origin=origin)
