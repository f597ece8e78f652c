"""A RecBole model whose scores are changed after scoring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import AbstractRecommender
from torch import Tensor, nn

from recbole_groupmix.adapters.held_out import scores_of_all_items
from recbole_groupmix.adapters.inputs import Inputs


class Reranked(nn.Module):
    """A trained model with other scores of all items, so that its rankings and metrics are others.

    What it learned, its state dict and parameters are those of the trained model.

    Parameters
    ----------
    model : AbstractRecommender
        A trained RecBole model; it stays as it is.
    rerank : callable
        Turns scores of all items, float (n, n_items), of users, int64 (n,) internal ids, into
        others.
    items : Interaction, optional
        Features of all items, for models that read them; default the ids alone.
    """

    def __init__(
        self,
        model: AbstractRecommender,
        rerank: Callable[[np.ndarray, np.ndarray], np.ndarray],
        items: Interaction | None = None,
    ) -> None:
        super().__init__()
        self.trained, self._rerank = model, rerank
        self.USER_ID, self.ITEM_ID = model.USER_ID, model.ITEM_ID
        self.n_items = model.n_items
        self._items = items or Interaction({self.ITEM_ID: torch.arange(self.n_items)})

    def full_sort_predict(self, interaction: Interaction) -> Tensor:
        """Return the scores of all items, flat, as RecBole requires, on the CPU."""
        users = interaction[self.USER_ID].cpu().numpy()
        with torch.no_grad():
            read = Inputs(interaction, self._items)
            scores = scores_of_all_items(self.trained, read, self.n_items).cpu()
        if scores.dtype not in (torch.float32, torch.float64):
            scores = scores.float()
        return torch.from_numpy(self._rerank(scores.numpy(), users)).flatten()

    def predict(self, interaction: Interaction) -> Tensor:
        """Return the score of each pair of user and item."""
        scores = self.full_sort_predict(interaction).view(-1, self.n_items)
        return scores.gather(1, interaction[self.ITEM_ID].cpu()[:, None])[:, 0]

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return the state of the trained model."""
        return self.trained.state_dict(*args, **kwargs)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Load a state of the trained model."""
        return self.trained.load_state_dict(*args, **kwargs)

    def other_parameter(self) -> Any:
        """Return what RecBole stores of the trained model besides its state."""
        return self.trained.other_parameter()
