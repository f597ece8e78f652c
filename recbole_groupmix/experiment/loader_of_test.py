"""The test part as RecBole's evaluation loader."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from recbole.data.dataloader import FullSortEvalDataLoader
from recbole.sampler import RepeatableSampler, Sampler

from recbole_groupmix.adapters.catalogue_loader import CatalogueLoader
from recbole_groupmix.adapters.columns import rows_of
from recbole_groupmix.adapters.history_loader import HistoryLoader
from recbole_groupmix.experiment.part import ALL_OF_TRAIN

if TYPE_CHECKING:
    from recbole_groupmix.experiment.experiment import Experiment


def loader_of_test(experiment: Experiment) -> FullSortEvalDataLoader:
    """Return a loader of the test part over the items that are ranked, for RecBole's trainers."""
    part, n_items = experiment.part(ALL_OF_TRAIN), experiment.shape[1]
    if part.held_out.inputs is not None:
        histories = experiment.dataset.copy(part.held_out.inputs.users)
        never = RepeatableSampler(["test"], histories).set_phase("test")
        return HistoryLoader(experiment.config, histories, never, part.held_out)
    relevant = part.held_out.relevant.tocoo()
    wanted = part.held_out.users[relevant.row] * n_items + relevant.col
    rows = np.flatnonzero(experiment.is_test)
    pairs, first = np.unique(
        experiment.users[rows] * n_items + experiment.items[rows], return_index=True
    )
    rows = rows[first[np.isin(pairs, wanted)]]
    train, test = (
        experiment.dataset.copy(rows_of(experiment.dataset.inter_feat, torch.from_numpy(r)))
        for r in (part.rows, rows)
    )
    sampler = Sampler(["train", "test"], [train, test]).set_phase("test")
    if part.catalogues is not None:
        return CatalogueLoader(experiment.config, test, sampler, part.catalogues)
    return FullSortEvalDataLoader(experiment.config, test, sampler)
