"""Checks of interactions before RecBole makes sequences of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from recbole_groupmix.adapters.removed import NothingLeftError

#: RecBole's key of the longest history.
LONGEST = "MAX_ITEM_LIST_LENGTH"


def check_sequences(dataset: Any) -> None:
    """Note users of whom no sequence can be made.

    Parameters
    ----------
    dataset : Dataset
        RecBole's data set, its features tensors, before its sequences are made.

    Raises
    ------
    ValueError
        If the longest history is not a whole number above 0, or no user has two interactions.
    """
    longest = dataset.config[LONGEST]
    if not isinstance(longest, int) or isinstance(longest, bool) or longest < 1:
        raise ValueError(
            f"{LONGEST} is {longest!r}; it is the number of items of a history that a model reads, "
            "a whole number above 0 such as 50"
        )
    users = dataset.inter_feat[dataset.uid_field].numpy()
    counts = np.bincount(users)
    n_single = int((counts == 1).sum())
    if n_single == len(np.unique(users)):
        raise NothingLeftError(
            f"no user of {dataset.dataset_name} has two interactions, so there are no sequences "
            "to learn; general recommenders such as BPR need none"
        )
    if n_single:
        have = "user has" if n_single == 1 else "users have"
        dataset.note(f"{n_single} {have} a single interaction, and so no sequence to learn")
