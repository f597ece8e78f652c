"""RecBole's loader for ranking all items, with a catalogue for every user."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from recbole.data.dataloader import FullSortEvalDataLoader

from recbole_groupmix.core.catalogues import Catalogues


class CatalogueLoader(FullSortEvalDataLoader):
    """A full-sort loader whose users are ranked over catalogues.

    Items outside a user's catalogue are left out of the ranking as RecBole leaves out a user's
    training items, so any trainer and model of RecBole obeys.

    Parameters
    ----------
    config, dataset, sampler
        As for RecBole's loader; the rows of ``dataset`` are in the users' catalogues.
    catalogues : Catalogues
        Of every internal user id.
    """

    def __init__(self, config: Any, dataset: Any, sampler: Any, catalogues: Catalogues) -> None:
        self.catalogues = catalogues
        super().__init__(config, dataset, sampler)

    def collate_fn(self, index: Any) -> Any:
        """Return a batch of users with their held-out items and those that are not ranked."""
        users, history, positive_u, positive_i = super().collate_fn(index)
        left_out = self.catalogues.left_out(users[self.uid_field].numpy())
        rows, items = (torch.from_numpy(ids) for ids in np.nonzero(left_out))
        history = torch.cat([history[0], rows]), torch.cat([history[1], items])
        return users, history, positive_u, positive_i


def with_catalogues(loader: FullSortEvalDataLoader, catalogues: Catalogues) -> CatalogueLoader:
    """Return a loader whose users are ranked over catalogues.

    Held-out items outside a user's catalogue are left out, and users without another.

    Parameters
    ----------
    loader : FullSortEvalDataLoader
        RecBole's loader of a data set that is not sequential; it stays as it is.
    catalogues : Catalogues
        Of every internal user id.

    Raises
    ------
    ValueError
        If no held-out item is in its user's catalogue.
    """
    dataset = loader._dataset
    rows = dataset.inter_feat
    users, items = (rows[field].numpy() for field in (dataset.uid_field, dataset.iid_field))
    inside = np.flatnonzero(catalogues.ranked[catalogues.of_row[users], items])
    if not len(inside):
        raise ValueError(
            f"none of the {len(users)} held-out items of {dataset.dataset_name} is in the catalogue "
            "of its user, so nothing can be measured"
        )
    held_out = dataset.copy(rows[inside])
    return CatalogueLoader(loader.config, held_out, loader._sampler, catalogues)
