"""The items of each group: those that its users train on, or that an item column offers to them."""

from __future__ import annotations

import numpy as np
from recbole.data.dataset import Dataset

from recbole_groupmix.adapters.groups import Groups
from recbole_groupmix.adapters.item_classes import read_item_classes
from recbole_groupmix.core.spelling import did_you_mean

#: Values of ``rank_items``; any other is an item column.
ALL, OF_GROUP = "all", "target"


def trained_items(
    groups: Groups, users: np.ndarray, items: np.ndarray, n_items: int
) -> np.ndarray:
    """Return the items that some user of each group has an interaction with.

    Parameters
    ----------
    groups : Groups
        Groups of the users.
    users, items : numpy.ndarray of int64, shape (n_train,)
        Internal ids of training rows.
    n_items : int
        Items of RecBole, padding included.

    Returns
    -------
    numpy.ndarray of bool, shape (n_groups, n_items)
    """
    trained = np.zeros((len(groups.names), n_items), dtype=bool)
    mine = groups.of_user[users] >= 0
    trained[groups.of_user[users[mine]], items[mine]] = True
    return trained


def offered_items(dataset: Dataset, groups: Groups, field: str, described: str) -> np.ndarray:
    """Return the items that a column of the ``.item`` file offers to the users of each group.

    Parameters
    ----------
    dataset : Dataset
        A loaded data set.
    groups : Groups
        Groups of the users.
    field : str
        Column of type ``token`` or ``token_seq`` that holds names of groups.
    described : str
        Beginning of a message about the setting that names the column.

    Returns
    -------
    numpy.ndarray of bool, shape (n_groups, n_items)

    Raises
    ------
    ValueError
        If there is no such column, or no group's name in it.
    """
    try:
        names = read_item_classes(dataset, field, "rank_items")
    except ValueError as error:
        near = did_you_mean(field, (ALL, OF_GROUP))
        raise ValueError(f"{described}, neither all nor target{near}; {error}") from error
    offered = np.zeros((len(groups.names), len(names)), dtype=bool)
    place = {name: index for index, name in enumerate(groups.names)}
    for item, of_item in enumerate(names):
        for name in of_item:
            if name in place:
                offered[place[name], item] = True
    if not offered.any():
        found = sorted({name for of_item in names for name in of_item})
        shown = f"such as {', '.join(map(repr, found[:3]))}" if found else "all empty"
        raise ValueError(
            f"{described}, and that item column holds the name of no group of {groups.source}: its "
            f"tokens are {shown}, groups are {', '.join(groups.names)}"
        )
    return offered
