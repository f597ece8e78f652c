"""RecBole's own split of a data set, as numbers of rows."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from recbole.data.dataset import Dataset
from recbole.data.interaction import Interaction

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.seeding import global_seed

#: A column of the copy that is split; no file can hold it, since a colon ends a column's name.
_ROW = "row:of the data set"


def recbole_split(dataset: Dataset, seed: int) -> list[np.ndarray]:
    """Return the rows of train, validation and test by RecBole's ``Dataset.build``.

    Parameters
    ----------
    dataset : Dataset
        A loaded data set, its features tensors, with a configuration that holds ``eval_args``. It
        is not changed.
    seed : int
        The seed that RecBole's ``init_seed`` would get.

    Returns
    -------
    list of numpy.ndarray of int64
        Rows of `dataset` in each part, in RecBole's order.
    """
    inter = dataset.inter_feat
    twin = dataset.copy(
        Interaction({**inter.interaction, _ROW: torch.arange(len(inter), dtype=torch.int64)})
    )
    twin.config = copy.copy(dataset.config)  # unused columns would be dropped from both
    twin.config.final_config_dict = {**dataset.config.final_config_dict, "unused_col": None}
    twin._change_feat_format = lambda: None  # its features are tensors
    with global_seed(seed), recbole_compat():
        parts: Sequence[Dataset] = twin.build()
    return [part.inter_feat[_ROW].numpy() for part in parts]
