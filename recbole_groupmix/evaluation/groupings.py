"""Groups of the users of a RecBole data set, from columns, dicts, Series or ``Groups``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from recbole.data.dataset import Dataset

from recbole_groupmix.adapters.groups import EMPTY_GROUP, Groups
from recbole_groupmix.core.groups.grouping import Grouping, cross, small_groups
from recbole_groupmix.evaluation.user_columns import tokens

#: Separator of the tokens of crossed columns in the name of a group.
CROSS = " x "
_NAMED = 5


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
        token to group (a dict or a pandas Series), where users who are not in the data set do not
        count and None or NaN means no group.

    Raises
    ------
    ValueError
        If a column is absent, not loaded or not a token column, groups belong to another data set,
        a Series names a user twice, or none of the evaluated users has a group.
    """
    if isinstance(groups, Groups):
        chosen = groups
        if len(chosen.of_user) != dataset.user_num:
            raise ValueError(
                f"the groups of {chosen.field} are of {len(chosen.of_user)} user ids, but data "
                f"set {dataset.dataset_name} has {dataset.user_num}; make them from the same data set"
            )
    elif isinstance(groups, str):
        chosen = _crossed(dataset, [groups])
    elif isinstance(groups, Mapping):
        chosen = of_pairs(dataset, groups.items(), "the given groups")
    elif hasattr(groups, "index") and hasattr(groups, "items"):
        series: Any = groups
        refuse_duplicates([str(user) for user in series.index], "the given groups")
        chosen = of_pairs(dataset, series.items(), "the given groups")
    else:
        chosen = _crossed(dataset, list(groups))
    evaluated = evaluated_users(dataset)
    if (chosen.of_user[evaluated] < 0).all():
        names = dataset.field2id_token[dataset.uid_field][evaluated[:3]]
        raise ValueError(
            f"no evaluated user has a group of {chosen.field}; users are such as "
            f"{', '.join(repr(str(name)) for name in names)}"
        )
    return chosen


def evaluated_users(dataset: Dataset) -> np.ndarray:
    """Return the internal ids, ascending, of the users of an evaluation loader's data set."""
    ids: np.ndarray = np.unique(dataset.inter_feat[dataset.uid_field].numpy())
    return ids


def without_small_groups(groups: Groups, users: np.ndarray, min_users: int, small: str) -> Groups:
    """Refuse or merge groups of fewer than ``min_users`` of the given (evaluated) users.

    Parameters
    ----------
    groups : Groups
        Groups of any users; users that are not given stay in their group, merged or not.
    users : numpy.ndarray of int, shape (n,)
        Internal ids.
    min_users : int
        Fewest users a group may have.
    small : {"refuse", "merge"}
        Refuse small groups, or merge them into the group ``other``.

    Raises
    ------
    ValueError
        As :func:`recbole_groupmix.core.groups.grouping.small_groups`.
    """
    codes = np.full(len(groups.of_user), -1, dtype=np.int64)
    codes[users] = groups.of_user[users]
    try:
        kept = small_groups(Grouping(codes, groups.names), min_users, small)
    except ValueError as error:
        advice = ', and small="merge" merges them' if small == "refuse" else ""
        raise ValueError(
            f"{groups.field}: {str(error).removesuffix('.')} (evaluated users are counted{advice})"
        ) from error
    new_code = np.full(len(groups.names) + 1, -1, dtype=np.int64)  # the last is that of no group
    new_code[groups.of_user[users]] = kept.codes[users]
    new_code[-1] = -1
    return Groups(groups.field, kept.names, new_code[groups.of_user])


def refuse_duplicates(users: Iterable[str], where: str) -> None:
    """Raise ``ValueError`` if a user is named twice."""
    twice = [user for user, times in Counter(users).items() if times > 1]
    if twice:
        raise ValueError(
            f"{len(twice)} users occur in {where} more than once: {first_users(twice)}"
        )


def first_users(users: Sequence[str]) -> str:
    """Return the first few users and the number of the others, for messages."""
    more = len(users) - _NAMED
    return ", ".join(users[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def of_pairs(dataset: Dataset, pairs: Iterable[tuple[Any, Any]], field: str) -> Groups:
    """Return the groups of users by external token, groups without known users included."""
    group_of = {
        str(user): str(group)
        for user, group in pairs
        if group is not None and group == group and str(group) != ""
    }
    names = cross([sorted(set(group_of.values()))]).names
    position = {name: index for index, name in enumerate(names)}
    users = dataset.field2id_token[dataset.uid_field]
    codes = [position.get(group_of.get(str(user), ""), -1) for user in users]
    codes[0] = -1
    return Groups(field, names, np.array(codes, dtype=np.int64))


def _crossed(dataset: Dataset, fields: list[str]) -> Groups:
    """Return the groups of one or more token columns; users without a token are a group."""
    if not fields:
        raise ValueError("no column is named; give at least one column of the .user file")
    columns = [tokens(dataset, field) for field in fields]
    for field, column in zip(fields, columns, strict=True):
        clash = [token for token in column if token is not None and CROSS in token]
        if clash and len(fields) > 1:
            raise ValueError(
                f"the token {clash[0]!r} of column {field!r} contains {CROSS!r}, which "
                "separates crossed columns; give the groups as a dict of user to group"
            )
    grouping = cross(columns, separator=CROSS)
    codes, names = grouping.codes.copy(), grouping.names
    evaluated = evaluated_users(dataset)
    empty = evaluated[codes[evaluated] < 0]
    if len(empty):
        if EMPTY_GROUP in names:
            raise ValueError(
                f"column {fields[0]!r} has the token {EMPTY_GROUP}, which is the name of the group "
                "of users without a token; use another name for it"
            )
        codes[empty], names = len(names), (*names, EMPTY_GROUP)
    return Groups(CROSS.join(fields), names, codes)
