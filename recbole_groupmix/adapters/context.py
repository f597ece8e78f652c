"""RecBole's context-aware models, made to score users and items by their ids."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from recbole.config import Config
from recbole.data.dataset import Dataset
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import ContextRecommender
from torch import Tensor

from recbole_groupmix.adapters.columns import rows_of
from recbole_groupmix.adapters.inputs import Inputs


class LooksUpFeatures(ContextRecommender):
    """A base that goes before a context-aware model: it joins the features of users and items.

    RecBole's context-aware models score rows that hold every column they read, and rank nothing.
    This base ranks all items for a user as RecBole's full-sort evaluation does, by one prediction
    for each pair with the features of both, which it looks up by their ids.

    Attributes
    ----------
    USER_ID, ITEM_ID : str
        Names of the columns of ids.
    n_users, n_items : int
        Numbers of internal ids, padding included.
    """

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.USER_ID, self.ITEM_ID = dataset.uid_field, dataset.iid_field
        self.n_users, self.n_items = int(dataset.user_num), int(dataset.item_num)
        self._features = {
            self.USER_ID: self._read(dataset.get_user_feature()),
            self.ITEM_ID: self._read(dataset.get_item_feature()),
        }

    def _read(self, features: Interaction) -> Interaction:
        """Return the columns that the model reads, a row for each internal id."""
        wanted = {field: features[field] for field in features if field in self.field_names}
        return Interaction(wanted).to(self.device)

    def predict(self, interaction: Interaction) -> Tensor:
        """Return the score of each row, float (n,); features that it lacks are looked up."""
        lacking = [
            field
            for field, features in self._features.items()
            if any(column not in interaction for column in features)
        ]
        if lacking:
            interaction = Interaction(dict(interaction.interaction))
            for field in lacking:
                interaction.update(rows_of(self._features[field], interaction[field]))
        scores: Tensor = super().predict(interaction).view(-1)
        return scores

    def full_sort_predict(self, interaction: Interaction) -> Tensor:
        """Return the scores of all items for each user of a batch, float (n * n_items,)."""
        of_users = rows_of(self._features[self.USER_ID], interaction[self.USER_ID])
        inputs = Inputs(of_users, self._features[self.ITEM_ID])
        return torch.cat([self.predict(pairs) for pairs in inputs.pairs()])


@cache
def with_features(model: type[ContextRecommender]) -> type[Any]:
    """Return a context-aware model of RecBole on :class:`LooksUpFeatures`, of the same name."""
    return type(model.__name__, (LooksUpFeatures, model), {})
