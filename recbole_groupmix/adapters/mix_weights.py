"""A mix as weights of users, for training in any RecBole script (Eq. 8)."""

from __future__ import annotations

from typing import Any

import numpy as np
from recbole.data.dataset import Dataset

from recbole_groupmix.adapters.groups import Groups, read_groups
from recbole_groupmix.core.mix import Mix, group_weights


def mix_weights(train_data: Any, groups: str | Groups, target: str, mix: Mix) -> np.ndarray:
    """Return the weight of every user under a mix (Eq. 8), for :class:`~.trainer.GroupMixTrainer`.

    Parameters
    ----------
    train_data : RecBole's training loader, or Dataset
        The training part, as RecBole's ``data_preparation`` returns it: users without a row in it
        do not count.
    groups : str or Groups
        A token column of the ``.user`` file, which ``load_col`` must name, or groups.
    target : str
        Name of the target group.
    mix : Mix
        Shares of all other groups, and the budget.

    Returns
    -------
    numpy.ndarray of float64, shape (n_users,)
        By internal user id: 1 for the target's users, ``alpha_j alpha_aug (n - n_0) / n_j`` for
        those of group j, 0 for the padding and for users without a group.

    Raises
    ------
    ValueError
        If the column is absent or holds users without a group, ``target`` is no group, or the mix
        does not share out the other groups.
    """
    dataset, read = groups_in(train_data, groups)
    users = dataset.inter_feat[dataset.uid_field].numpy()
    return read.weights_of_users(group_weights(mix, read.n_users(users), target))


def groups_in(train_data: Any, groups: str | Groups) -> tuple[Dataset, Groups]:
    """Return the data set of a training loader and the groups of its users."""
    dataset = train_data if isinstance(train_data, Dataset) else train_data._dataset
    return dataset, groups if isinstance(groups, Groups) else read_groups(dataset, groups)
