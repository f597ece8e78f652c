"""An evaluation loader whose users are ranked over the catalogue of their group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from recbole.data.dataloader import FullSortEvalDataLoader

from recbole_groupmix.adapters.catalogue_loader import CatalogueLoader, with_catalogues
from recbole_groupmix.adapters.group_items import ALL, OF_GROUP, offered_items, trained_items
from recbole_groupmix.adapters.groups import Groups
from recbole_groupmix.core.catalogues import group_catalogues
from recbole_groupmix.evaluation.user_columns import dataset_of


def ranked_over(
    data: Any, groups: Groups, rank_items: str, topk: Sequence[int], train_data: Any
) -> Any:
    """Return an evaluation loader whose users are ranked over some items; itself for ``all``.

    Parameters
    ----------
    data : AbstractDataLoader
        RecBole's evaluation loader.
    groups : Groups
        Groups of the users.
    rank_items : str
        ``all``; ``target`` for the items that the user's own group has a training interaction
        with; or a column of the ``.item`` file with the names of the groups an item is offered to.
    topk : sequence of int
        Cut-offs.
    train_data : AbstractDataLoader or None
        Needed for ``target``.

    Raises
    ------
    ValueError
        For a loader that does not rank all items, ``target`` without training data, a column that
        cannot be used, a cut-off beyond the items of a group, or no held-out item among them.
    """
    described = f"rank_items is {rank_items!r}"
    if rank_items == ALL:
        return data
    if not isinstance(data, FullSortEvalDataLoader) or data.is_sequential:
        raise ValueError(
            f"{described}, but a {type(data).__name__} of {dataset_of(data).dataset_name} does not "
            "rank all items for users; leave rank_items out, or set mode: full in eval_args of a "
            "general model"
        )
    if isinstance(data, CatalogueLoader):
        raise ValueError(f"{described}, but the data have catalogues already; leave it out")
    dataset = dataset_of(data)
    if rank_items == OF_GROUP:
        if train_data is None:
            raise ValueError(
                f"{described}, the items that each group has a training interaction with; pass "
                "GroupEvaluator(..., train_data=train_data)"
            )
        train = dataset_of(train_data)
        users, items = (train.inter_feat[f].numpy() for f in (train.uid_field, train.iid_field))
        ranked = trained_items(groups, users, items, int(dataset.item_num))
    else:
        ranked = offered_items(dataset, groups, rank_items, described)
    loader = with_catalogues(data, group_catalogues(ranked, groups.of_user))
    evaluated = groups.of_user[loader.uid_list.numpy()]
    for group in np.unique(evaluated[evaluated >= 0]):
        n_ranked = int(ranked[group, 1:].sum())
        if max(topk) > n_ranked:
            raise ValueError(
                f"topk is {list(topk)}, which is beyond the {n_ranked} items that users of "
                f"{groups.names[group]!r} are ranked over ({described}); cut-offs are at most the "
                "number of items"
            )
    return loader
