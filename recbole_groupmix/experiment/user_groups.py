"""The groups of a run: read from a column, or made from the training part."""

from __future__ import annotations

import numpy as np
from recbole.data.dataset import Dataset

from recbole_groupmix.adapters.groups import Groups, read_groups
from recbole_groupmix.core.groups.binning import activity, quantile_groups
from recbole_groupmix.core.groups.mainstream import mainstream_scores
from recbole_groupmix.settings.settings import Settings


def group_columns(settings: Settings) -> tuple[str, ...]:
    """Return the columns of the ``.user`` file that the groups need; none under ``group_by``.

    Raises
    ------
    ValueError
        If neither a column nor ``group_by`` says what the groups are.
    """
    if settings.group_by is not None:
        return ()
    if not settings.group_field:
        name = settings.dataset
        raise ValueError(
            f"no group column known for data set {name!r}; name a column of {name}.user by "
            "--group_field, or make groups from the interactions by --group_by"
        )
    return (settings.group_field,)


def groups_of(settings: Settings, dataset: Dataset, train: np.ndarray) -> Groups:
    """Return the group of every user.

    Parameters
    ----------
    settings : Settings
        The run's settings: ``group_by`` with ``bins``, or ``group_field`` with ``empty_group``.
    dataset : Dataset
        A loaded data set.
    train : numpy.ndarray of bool, shape (n_interactions,)
        Rows of all of train, from which ``group_by`` makes groups: no test row has part in them.
        Parts that leave a fold out have the same groups, so that the rows of that fold have.

    Raises
    ------
    ValueError
        For a column that cannot hold groups, or more bins than users in train.
    """
    if settings.group_by is None:
        try:
            return read_groups(dataset, str(settings.group_field), settings.empty_group)
        except ValueError as error:
            raise ValueError(f"{settings.describe('group_field')}: {error}") from error
    users = dataset.inter_feat[dataset.uid_field].numpy()[train]
    items = dataset.inter_feat[dataset.iid_field].numpy()[train]
    n_users, n_items = int(dataset.user_num), int(dataset.item_num)
    n_in_train = len(np.unique(users))
    if settings.bins > n_in_train:
        raise ValueError(
            f"{settings.describe('bins')}, but {n_in_train} users of {settings.dataset!r} have an "
            "interaction in train; it must be at most their number"
        )
    if settings.group_by == "activity":
        scores = activity(users, n_users)
    else:
        scores = mainstream_scores(users, items, n_users, n_items)
    grouping = quantile_groups(scores, settings.bins)
    return Groups(settings.group_by, grouping.names, grouping.codes, from_column=False)


def without_group_note(groups: Groups, users: np.ndarray) -> tuple[str, ...]:
    """Return a note if users of some rows have no group, since they have no row in train."""
    n = int((groups.of_user[np.unique(users)] < 0).sum())
    if not n:
        return ()
    have = "user has" if n == 1 else "users have"
    return (f"{n} {have} no interaction in train, and so no group by {groups.field}",)
