"""The part of a run's settings that decides its results, and the hash that names it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from recbole_groupmix.settings.rows import NOT_IDENTITY, in_identity

#: Version of the rules by which mixes are compared: 1 trained each mix for a length of its own and
#: marked changes by the bootstrap alone. Runs of different rules have different names.
RULES = 2
#: Keys of RecBole that may differ between two commands which continue the same run.
_VOLATILE = frozenset(
    {
        *("config_files", "use_gpu", "device", "checkpoint_dir", "local_rank", "single_spec"),
        *("state", "MODEL_TYPE", "MODEL_INPUT_TYPE", "eval_type"),
    }
)
#: All such keys.
VOLATILE = _VOLATILE | NOT_IDENTITY


def configuration(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a resolved configuration that decides results, ready for YAML."""
    kept = {
        key: values[key]
        for key in sorted(values)
        if key not in _VOLATILE and in_identity(key, values[key])
    }
    plain: dict[str, Any] = json.loads(json.dumps({**kept, "rules": RULES}, default=str))
    return plain


def hash8(values: Mapping[str, Any]) -> str:
    """Return eight hexadecimal digits that name a configuration."""
    text = json.dumps(configuration(values), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
