"""YAML files of settings and mixes, in which tokens stay the text that was written."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from recbole_groupmix.core.mix import Mix
from recbole_groupmix.files.bounded import BY_HAND, read_text_bounded
from recbole_groupmix.files.parse import BoundedLoader
from recbole_groupmix.settings.rows import NAME_KEYS
from recbole_groupmix.text.untrusted import error_text, short_repr

#: Largest budget ratio; the target's users count for nothing long before.
MOST_BUDGET = 1e6


class _Loader(BoundedLoader):
    """YAML as RecBole reads it: ``1e-3`` is a number."""


# of PyYAML's own, an exponent has a sign and comes after a dot
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9][0-9_]*\.?[0-9_]*[eE][-+]?[0-9]+$"),
    list("-+0123456789."),
)


def read_settings_file(path: str | Path) -> Mapping[str, Any]:
    """Read a YAML mapping of settings; values of :data:`NAME_KEYS` come as written.

    Raises
    ------
    ValueError
        If the file cannot be read, is not a YAML mapping, or gives a key twice.
    """
    place = f"settings file {path}"
    values: dict[str, Any] = {}
    for key, node in _fields(_root(path, place), place).items():
        raw = key in NAME_KEYS and isinstance(node, yaml.ScalarNode)
        null = raw and node.tag == "tag:yaml.org,2002:null"
        values[key] = node.value if raw and not null else _value(node, f"{place}, key {key}")
    return values


def read_mix_file(path: str | Path) -> tuple[str, Mix]:
    """Read a mix of the user's own: ``name``, ``alpha`` by group token, ``alpha_aug``.

    Raises
    ------
    ValueError
        If a key is missing or unknown, or the numbers are not those of a mix.
    """
    place = f"mix file {path}"
    fields = _fields(_root(path, place), place)
    if set(fields) != {"name", "alpha", "alpha_aug"}:
        raise ValueError(
            f"{place}: keys are {', '.join(fields) or 'none'}; "
            "it needs exactly name, alpha and alpha_aug"
        )
    if not isinstance(fields["name"], yaml.ScalarNode):
        raise ValueError(f"{place}: name must be a text")
    shares = _fields(fields["alpha"], f"{place}, alpha")
    alpha = {group: _value(node, f"{place}, alpha of {group}") for group, node in shares.items()}
    budget = _value(fields["alpha_aug"], f"{place}, alpha_aug")
    if isinstance(budget, (int, float)) and MOST_BUDGET < budget < math.inf:
        raise ValueError(
            f"{place}: alpha_aug is {short_repr(budget)}; it must be at most {MOST_BUDGET:g}: 1 gives the "
            "other groups as much weight as they have users"
        )
    try:
        mix = Mix(alpha=alpha, alpha_aug=budget)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{place}: {error}") from error
    return fields["name"].value, mix


def _root(path: str | Path, place: str) -> yaml.Node | None:
    try:
        text = read_text_bounded(path, BY_HAND)
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read {place}: {error_text(error)}; name a YAML file") from error
    try:
        return yaml.compose(text, _Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"{place} is not valid YAML: {error_text(error)}") from error


def _fields(node: yaml.Node | None, place: str) -> dict[str, yaml.Node]:
    """Return the values of a mapping by the text of their keys."""
    if node is None:
        return {}
    pairs = node.value if isinstance(node, yaml.MappingNode) else None
    if pairs is None or not all(isinstance(key, yaml.ScalarNode) for key, _ in pairs):
        raise ValueError(f"{place} must hold lines of the form `key: value`")
    fields: dict[str, yaml.Node] = {}
    for key, value in pairs:
        if key.value in fields:
            raise ValueError(f"{place} gives {short_repr(key.value)} twice; keep one of the lines")
        fields[key.value] = value
    return fields


def _value(node: yaml.Node, place: str) -> Any:
    try:
        return _Loader("").construct_object(node, deep=True)
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(
            f"{place} has a value that cannot be read: {error_text(error)}"
        ) from error
