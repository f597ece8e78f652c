"""Groups of the users of a RecBole data set, from whatever there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from recbole.data.dataset import Dataset

from recbole_groupmix.adapters.groups import Groups, read_groups


def user_groups(
    dataset: Dataset, groups: str | Sequence[str] | Groups | Mapping[str, str]
) -> Groups:
    """Return groups by internal user id.

    Parameters
    ----------
    dataset : Dataset
        The data set of an evaluation loader.
    groups : str, sequence of str, Groups or mapping
        A token column of the ``.user`` file; several columns, crossed; groups; or external user
        token to group (a dict or a pandas Series).

    Raises
    ------
    ValueError
        If a column is absent or not loaded, or none of the evaluated users has a group.
    """
    if isinstance(groups, Groups):
        found = groups
    elif isinstance(groups, str):
        found = read_groups(dataset, groups, "keep")
    elif isinstance(groups, Mapping) or hasattr(groups, "to_dict"):
        mapping = groups if isinstance(groups, Mapping) else groups.to_dict()
        found = _of_mapping(dataset, {str(k): str(v) for k, v in mapping.items()})
    else:
        found = _crossed(dataset, list(groups))
    evaluated = np.unique(dataset.inter_feat[dataset.uid_field].numpy())
    if (found.of_user[evaluated] < 0).all():
        raise ValueError(f"no evaluated user has a group of {found.field}")
    return found


def _of_mapping(dataset: Dataset, mapping: Mapping[str, str]) -> Groups:
    names = tuple(sorted(set(mapping.values())))
    position = {name: index for index, name in enumerate(names)}
    tokens = dataset.field2id_token[dataset.uid_field]
    codes = [position.get(mapping.get(str(token), ""), -1) for token in tokens]
    codes[0] = -1
    return Groups("the given groups", names, np.array(codes, dtype=np.int64))


def _crossed(dataset: Dataset, fields: list[str]) -> Groups:
    parts = [read_groups(dataset, field, "keep") for field in fields]
    labels = [
        " x ".join(part.names[part.of_user[user]] for part in parts)
        if all(part.of_user[user] >= 0 for part in parts)
        else None
        for user in range(dataset.user_num)
    ]
    names = tuple(sorted({label for label in labels if label is not None}))
    position = {name: index for index, name in enumerate(names)}
    codes = np.array([-1 if label is None else position[label] for label in labels])
    return Groups(" x ".join(fields), names, codes)
