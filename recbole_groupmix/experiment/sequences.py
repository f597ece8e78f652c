"""The histories from which the users of a part are scored by a sequential model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from recbole.data.dataset import Dataset, SequentialDataset

from recbole_groupmix.adapters.inputs import Inputs
from recbole_groupmix.experiment.part import Part


def with_inputs(dataset: Dataset, part: Part, held_out: np.ndarray) -> Part:
    """Return a part whose users are scored from the history that their training rows end with.

    A user is scored once, whatever number of items is held out: from the lists of the first row
    that is held out, whose items all come before it. Under LS it is the only one, and the row by
    which RecBole scores the user.

    Parameters
    ----------
    dataset : Dataset
        RecBole's data set; one that is not sequential leaves the part as it is.
    part : Part
        A part of it.
    held_out : numpy.ndarray of bool, shape (n_interactions,)
        Rows that the part holds out, those of a user in the order of time.
    """
    if not isinstance(dataset, SequentialDataset):
        return part
    rows = np.flatnonzero(held_out)
    users, first = np.unique(
        dataset.inter_feat[dataset.uid_field].numpy()[rows], return_index=True
    )
    rows = rows[first[np.searchsorted(users, part.held_out.users)]]
    inputs = Inputs(dataset.inter_feat[rows], dataset.get_item_feature())
    return replace(part, held_out=replace(part.held_out, inputs=inputs))
