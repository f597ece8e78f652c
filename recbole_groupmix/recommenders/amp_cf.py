"""Attentive multi-persona collaborative filtering (AMP-CF): several vectors for each user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from recbole.config import Config
from recbole.data.dataset import Dataset
from recbole.model.abstract_recommender import GeneralRecommender
from recbole.model.init import xavier_normal_initialization
from recbole.model.loss import BPRLoss, EmbLoss
from recbole.utils import InputType
from torch import Tensor, nn

from recbole_groupmix.recommenders.defaults import WithDefaults


class AMPCF(GeneralRecommender):
    """Matrix factorisation in which a user is K personas, weighed anew for each candidate item.

    After Barkan, Fuchs, Caciularu and Koenigstein, "Explainable Recommendations via Attentive
    Multi-Persona Collaborative Filtering", RecSys 2020. With personas p_uk, item q_i and its bias
    b_i, a score is

    ``s_ui = sum_k a_uki <p_uk, q_i> + b_i``, ``a_u.i = softmax_k cos(A p_uk, B q_i)``,

    which is the product of the attended user ``sum_k a_uki p_uk`` with the item. With one persona
    and no bias it is RecBole's ``BPR``. Ours and not the paper's are the loss, which is BPR's; the
    L2 term, that of our ``BPR``, over all personas of a triplet's user; and the key that leaves the
    bias out.

    Keys of the configuration: ``embedding_size`` (64), ``n_personas`` (4), ``attention_size``,
    rows of A and B (by default the embedding size), ``item_bias`` (True), ``reg_weight`` (0).

    Parameters
    ----------
    config : Config
        RecBole's configuration.
    dataset : Dataset
        The training data.

    Raises
    ------
    ValueError
        For a size that is no whole number >= 1, or a weight below 0.
    """

    input_type = InputType.PAIRWISE
    defaults: ClassVar[Mapping[str, Any]] = {
        "embedding_size": 64,
        "n_personas": 4,
        "item_bias": True,
        "reg_weight": 0.0,
    }

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        keys = WithDefaults(config, self.defaults, type(self).__name__)
        size = keys.whole("embedding_size", 1)
        self.n_personas = keys.whole("n_personas", 1)
        rows = size if keys["attention_size"] is None else keys.whole("attention_size", 1)
        self.reg_weight = keys.number("reg_weight", least=0)
        self.user_embedding = nn.Embedding(self.n_users, self.n_personas * size)
        self.item_embedding = nn.Embedding(self.n_items, size)
        self.of_personas = nn.Linear(size, rows, bias=False)
        self.of_items = nn.Linear(size, rows, bias=False)
        self.loss, self.reg_loss = BPRLoss(), EmbLoss()
        self.apply(xavier_normal_initialization)
        has_bias = keys.flag("item_bias")
        self.item_bias = nn.Parameter(torch.zeros(self.n_items)) if has_bias else None

    def personas(self, users: Tensor) -> Tensor:
        """Return the personas of users, float (n, n_personas, embedding_size).

        Parameters
        ----------
        users : torch.Tensor of int64, shape (n,)
            Internal ids.
        """
        of_users: Tensor = self.user_embedding(users)
        return of_users.view(len(users), self.n_personas, -1)

    def attention(self, users: Tensor, items: Tensor) -> Tensor:
        """Return how much each persona counts for an item, float (n, n_personas), rows of sum 1.

        The persona with the most is the one that a recommended item is for.

        Parameters
        ----------
        users, items : torch.Tensor of int64, shape (n,)
            Internal ids of pairs.
        """
        return self._attention(self.personas(users), self.item_embedding(items))

    def _attention(self, personas: Tensor, items: Tensor) -> Tensor:
        keys = F.normalize(self.of_personas(personas), dim=-1)
        query = F.normalize(self.of_items(items), dim=-1)
        return torch.einsum("nkd,nd->nk", keys, query).softmax(dim=1)

    def _scores(self, personas: Tensor, vectors: Tensor, items: Tensor) -> Tensor:
        """Return the scores of pairs, of personas, item vectors and item ids, float (n,)."""
        by_persona = torch.einsum("nkd,nd->nk", personas, vectors)
        scores = (self._attention(personas, vectors) * by_persona).sum(dim=1)
        return scores if self.item_bias is None else scores + self.item_bias.index_select(0, items)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Return the scores of pairs of internal ids, float (n,)."""
        return self._scores(self.personas(users), self.item_embedding(items), items)

    def calculate_loss(self, interaction: Any) -> Tensor:
        """Return BPR's loss of triplets, with the L2 term if ``reg_weight`` is positive."""
        items, negatives = interaction[self.ITEM_ID], interaction[self.NEG_ITEM_ID]
        personas = self.personas(interaction[self.USER_ID])
        positive, negative = self.item_embedding(items), self.item_embedding(negatives)
        loss: Tensor = self.loss(
            self._scores(personas, positive, items), self._scores(personas, negative, negatives)
        )
        if not self.reg_weight:
            return loss
        norms: Tensor = self.reg_loss(personas.flatten(1), positive, negative, require_pow=True)
        return loss + self.reg_weight * norms

    def predict(self, interaction: Any) -> Tensor:
        """Return the score of each pair of a batch, float (n,)."""
        return self.forward(interaction[self.USER_ID], interaction[self.ITEM_ID])

    def full_sort_predict(self, interaction: Any) -> Tensor:
        """Return the scores of all items for a batch of users, float (n * n_items,).

        Personas are added up one after another, so that no array has more than a number for each
        user and item; cosines are at most 1, so their exponentials need no scale.
        """
        items = self.item_embedding.weight
        query = F.normalize(self.of_items(items), dim=-1)
        total = weights = items.new_zeros(())
        for persona in self.personas(interaction[self.USER_ID]).unbind(dim=1):
            weight = (F.normalize(self.of_personas(persona), dim=-1) @ query.T).exp()
            total = total + weight * (persona @ items.T)
            weights = weights + weight
        scores = total / weights
        return (scores if self.item_bias is None else scores + self.item_bias).view(-1)
