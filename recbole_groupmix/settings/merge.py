"""The settings of a run: merged from properties/, YAML files and the caller, and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recbole_groupmix.bundled import bundled
from recbole_groupmix.files.paths import user_path
from recbole_groupmix.settings.keys import WITHOUT_EFFECT, check_key
from recbole_groupmix.settings.values import check_choice, check_name, check_path, check_values
from recbole_groupmix.settings.yaml_files import NAME_KEYS, read_settings_file
from recbole_groupmix.text.untrusted import short


@dataclass(frozen=True)
class Settings:
    """One run's settings.

    Attributes
    ----------
    values : dict
        Every key after merging: ours and any RecBole key.
    notes : tuple of str
        One line for each given key that has no effect.
    origin : mapping of str to str
        Where each value came from, such as "on the command line" or "in mine.yaml".
    given : tuple of str
        The keys that the user gave.
    """

    values: dict[str, Any]
    notes: tuple[str, ...] = ()
    origin: Mapping[str, str] = field(default_factory=dict)
    given: tuple[str, ...] = ()

    def __getitem__(self, key: str) -> Any:
        """Return a value, or None for a key that nobody set."""
        return self.values.get(key)

    def describe(self, key: str) -> str:
        """Return "key is value (origin)", the beginning of a message about a value."""
        return f"{key} is {short(self[key])} ({self.origin.get(key, 'the default')})"

    @property
    def standard_deviation(self) -> float | None:
        """Spread of the initial embeddings under ``init: normal(SD)``; None for RecBole's own."""
        match = re.fullmatch(r"normal\(\s*([^\s()]+)\s*\)", str(self["init"]))
        try:
            return float(match.group(1)) if match else None
        except ValueError:
            return None


def merge_settings(
    given: Mapping[str, Any],
    config_files: Sequence[str | Path] = (),
    where: str | Mapping[str, str] = "given",
    own: Mapping[str, Any] | None = None,
    whose: str = "",
) -> Settings:
    """Merge the layers and check every value that is ours.

    Precedence: ``given`` over ``config_files`` (later over earlier) over ``own`` over
    ``properties/`` (data set and model over protocol over defaults).

    Parameters
    ----------
    given : mapping
        Typed values by key, from the command line or from Python.
    config_files : sequence of path
        YAML files of settings.
    where : str or mapping of str to str
        How messages name the origin of ``given``, or of each of its keys.
    own : mapping, optional
        Defaults of a command, such as its model; the user has not given them.
    whose : str
        The command, such as "groupmix gradient".

    Raises
    ------
    ValueError
        For an unreadable file, an unknown key (the nearest is named) or a value out of range.
    """
    user: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for given_file in config_files:
        file = user_path(str(given_file), f"cannot read settings file {short(str(given_file))}")
        content = read_settings_file(file)
        user.update(content)
        origin.update(dict.fromkeys(content, f"in {file}"))
    user.update(given)
    origin.update(dict.fromkeys(given, where) if isinstance(where, str) else where)
    for key in user:
        check_key(key, origin[key])
    for key in NAME_KEYS:
        check_name(key, user, origin)
    for key in user:
        check_path(key, user, origin)
    own = {key: value for key, value in (own or {}).items() if key not in user}
    origin.update(dict.fromkeys(own, f"the default of {whose}"))
    values, origin = _with_layers({**own, **user}, origin)
    check_values(Settings(values, origin=origin, given=tuple(user)))
    notes = tuple(
        f"{key} ({origin[key]}) has no effect: {WITHOUT_EFFECT[key]}"
        for key in user
        if key in WITHOUT_EFFECT
    )
    return Settings(values, notes, origin, tuple(user))


def _with_layers(
    user: Mapping[str, Any], origin: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Put the files of properties/ for a protocol, model and data set below the user's values."""
    if not user.get("dataset"):
        raise ValueError("no data set given; name one by --dataset, for example --dataset=ml-100k")
    values = read_settings_file(bundled("properties/groupmix.yaml"))
    origins = dict.fromkeys(values, "in properties/groupmix.yaml")
    choice = Settings({**values, **user}, origin={**origins, **origin})
    check_choice(choice, "protocol")
    protocol = choice["protocol"]
    layers = [
        f"properties/{protocol}.yaml",
        f"properties/{protocol}/{choice['model']}.yaml",
        f"properties/dataset/{choice['dataset']}.yaml",
        f"properties/{protocol}/{choice['dataset']}/{choice['model']}-{choice['embedding_size']}.yaml",
    ]
    for layer in layers:
        try:
            content = read_settings_file(bundled(layer))
        except FileNotFoundError:
            continue
        values.update(content)
        origins.update(dict.fromkeys(content, f"in {layer}"))
    return {"target": None, **values, **user}, {**origins, **origin}
