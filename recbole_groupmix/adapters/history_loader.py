"""RecBole's loader for ranking all items by sequential models, with one row for each user."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from recbole.data.dataloader import FullSortEvalDataLoader

from recbole_groupmix.adapters.held_out import HeldOut


class HistoryLoader(FullSortEvalDataLoader):
    """A full-sort loader that scores each user once, whatever number of items is held out.

    Parameters
    ----------
    config, dataset, sampler
        As for RecBole's loader; the data set has one row for each user, ordered by user.
    held_out : HeldOut
        The same users, their held-out items, and the items that are ranked.
    """

    def __init__(self, config: Any, dataset: Any, sampler: Any, held_out: HeldOut) -> None:
        self.held_out = held_out
        super().__init__(config, dataset, sampler)

    def collate_fn(self, index: Any) -> Any:
        """Return a batch of histories with held-out items and those that are not ranked."""
        index = np.asarray(index)
        histories, *_ = super().collate_fn(index)
        positive = self.held_out.relevant[index].nonzero()
        left_out = np.nonzero(self.held_out.left_out(index))
        return histories, _tensors(left_out), *_tensors(positive)


def _tensors(pairs: tuple[np.ndarray, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    rows, items = (torch.from_numpy(ids.astype(np.int64)) for ids in pairs)
    return rows, items
