"""Settings of RecBole that must be a mapping or a list: RecBole itself does not look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recbole_groupmix.settings.settings import Settings

_MAPPINGS = {
    "seq_len": "{'genres': 5}",
    "preload_weight": "{'user_id': 'user_vector'}",
    "discretization": "{'age': {'method': 'ED', 'bucket': 5}}",
    "clip_grad_norm": "{'max_norm': 5}",
    "train_neg_sample_args": "{'distribution': 'uniform', 'sample_num': 1}",
}
_LISTS = {
    "alias_of_user_id": "['friend_id']",
    "alias_of_item_id": "['next_item_id']",
    "normalize_field": "['age']",
    "numerical_features": "['age']",
}
_TEXTS = {
    "field_separator": "a comma",
    "seq_separator": "a space",
    "USER_ID_FIELD": "user_id",
    "ITEM_ID_FIELD": "item_id",
}


def check_kind(settings: Settings, key: str) -> None:
    """Raise ``ValueError`` if a given value must be a mapping, a list or a text and is not.

    ``None``, which stands for RecBole's own rule, passes but for texts.
    """
    value = settings[key]
    if key in _MAPPINGS and not (value is None or isinstance(value, Mapping)):
        raise ValueError(
            f"{settings.describe(key)}; it must be a mapping, for example {_MAPPINGS[key]}"
        )
    if key in _LISTS and not (value is None or isinstance(value, (list, tuple))):
        raise ValueError(f"{settings.describe(key)}; it must be a list, for example {_LISTS[key]}")
    if key in _TEXTS and not (isinstance(value, str) and value):
        raise ValueError(f"{settings.describe(key)}; it must be a text, for example {_TEXTS[key]}")
