"""YAML files of settings and mixes, in which tokens stay the text that was written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from recbole_groupmix.core.mix import Mix

#: Keys whose values are names, never numbers: ``target: 007`` is the token "007".
TOKEN_KEYS = ("target", "dataset", "group_field", "mix")


class _Loader(yaml.SafeLoader):
    """YAML as RecBole reads it: ``1e-3`` is a number."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"""^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+]?[0-9]+)?
        |[-+]?(?:[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)
        |\.[0-9_]+(?:[eE][-+][0-9]+)?
        |[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$""",
        re.X,
    ),
    list("-+0123456789."),
)


def read_settings_file(path: str | Path) -> dict[str, Any]:
    """Read a YAML mapping of settings; values of :data:`TOKEN_KEYS` come as written.

    Raises
    ------
    ValueError
        If the file cannot be read, is no YAML or no mapping.
    """
    node = _root(path)
    values: dict[str, Any] = {}
    loader = _Loader("")
    for key_node, value_node in node.value if node is not None else ():
        key = str(key_node.value)
        raw = key in TOKEN_KEYS and isinstance(value_node, yaml.ScalarNode)
        null = raw and value_node.tag == "tag:yaml.org,2002:null"
        values[key] = (
            value_node.value if raw and not null else loader.construct_object(value_node, deep=True)
        )
    return values


def read_mix_file(path: str | Path) -> tuple[str, Mix]:
    """Read a mix of the user's own: ``name``, ``alpha`` by group token, ``alpha_aug``.

    Raises
    ------
    ValueError
        If a key is missing or unknown, or the numbers are no mix.
    """
    node = _root(path)
    fields = {} if node is None else {str(k.value): v for k, v in node.value}
    if set(fields) != {"name", "alpha", "alpha_aug"}:
        raise ValueError(
            f"mix file {path}: keys are {', '.join(fields) or 'none'}; "
            "it needs exactly name, alpha and alpha_aug"
        )
    alpha_node = fields["alpha"]
    if not isinstance(alpha_node, yaml.MappingNode):
        raise ValueError(f"mix file {path}: alpha must be a mapping of group to share")
    loader = _Loader("")
    alpha = {str(k.value): loader.construct_object(v) for k, v in alpha_node.value}
    try:
        mix = Mix(alpha=alpha, alpha_aug=loader.construct_object(fields["alpha_aug"]))
    except (ValueError, TypeError) as error:
        raise ValueError(f"mix file {path}: {error}") from error
    return str(fields["name"].value), mix


def _root(path: str | Path) -> yaml.MappingNode | None:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read {path}: {error}") from error
    try:
        node = yaml.compose(text, _Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if node is not None and not isinstance(node, yaml.MappingNode):
        raise ValueError(f"{path} must hold `key: value` lines")
    return node
