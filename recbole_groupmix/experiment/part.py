"""A part of the data that trains, and what it is evaluated on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recbole_groupmix.adapters.held_out import HeldOut
from recbole_groupmix.core.negatives import UniformNegatives

#: Part 0 trains on all of train and is evaluated on test; part f + 1 leaves fold f out.
ALL_OF_TRAIN = 0


@dataclass(frozen=True)
class Part:
    """One training part and what it is evaluated on.

    Attributes
    ----------
    rows : numpy.ndarray of int64, shape (n_train,)
        Rows of the data set that train.
    users, items : numpy.ndarray of int64, shape (n_train,)
        Internal ids of those rows.
    n_users : dict of str to int
        Users with at least one training interaction, by group: the ``n_j`` of Eq. 8.
    negatives : UniformNegatives
        Draws items that are not positives of a user in this part.
    held_out : HeldOut
        Users of all groups with their held-out items; training items are masked.
    """

    index: int
    rows: np.ndarray
    users: np.ndarray
    items: np.ndarray
    n_users: dict[str, int]
    negatives: UniformNegatives
    held_out: HeldOut
