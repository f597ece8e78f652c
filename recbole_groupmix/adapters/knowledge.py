"""RecBole's knowledge-based models with a weight for every user (Eq. 8).

Triples of the knowledge graph belong to no user, so a loss of theirs stays RecBole's own. Where
one function returns the losses of both, or terms on the rows are no loss modules, a subclass tells
them apart.
"""

from __future__ import annotations

import copy
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from recbole.config import Config
from recbole.data.dataset import Dataset
from recbole.data.interaction import Interaction
from recbole.model import knowledge_aware_recommender
from recbole.model.abstract_recommender import KnowledgeRecommender
from recbole.model.knowledge_aware_recommender.cfkg import InnerProductLoss
from scipy.sparse import coo_matrix
from torch import Tensor, nn

from recbole_groupmix.adapters.batch_weights import BatchWeights, RowWeighted
from recbole_groupmix.adapters.inputs import PAIRS_PER_CALL


class FewUsers(KnowledgeRecommender):
    """A base for models whose ``full_sort_predict`` holds much for each pair of user and item."""

    def full_sort_predict(self, interaction: Interaction) -> Tensor:
        """Return the scores of all items for each user of a batch, float (n * n_items,)."""
        few = interaction[self.USER_ID].split(max(PAIRS_PER_CALL // self.n_items, 1))
        return torch.cat(
            [super(FewUsers, self).full_sort_predict(Interaction({self.USER_ID: u})) for u in few]
        )


class KGCN(FewUsers, knowledge_aware_recommender.KGCN):
    """RecBole's ``KGCN``, which ranks few users at a time."""


class KGNNLS(FewUsers, knowledge_aware_recommender.KGNNLS):
    """RecBole's ``KGNNLS``, which ranks few users at a time."""


class WeightedTriples(nn.Module):
    """Weighted twin of the losses of CFKG, whose batch ends with triples, each of weight 1."""

    def __init__(
        self, original: InnerProductLoss | nn.TripletMarginLoss, weights: BatchWeights
    ) -> None:
        super().__init__()
        self.weights, self._margin = weights, None
        if isinstance(original, nn.TripletMarginLoss):
            self._margin = partial(
                F.triplet_margin_loss, margin=original.margin, p=original.p, reduction="none"
            )

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Return the weighted loss of embeddings (n_rows + n_triples, d)."""
        if self._margin is not None:
            per_row = self._margin(anchor, positive, negative)
        else:
            scores = ((anchor * items).sum(dim=1) for items in (-positive, negative))
            per_row = sum(map(F.softplus, scores))
        return self.weights.mean(per_row, others=len(per_row) - self.weights.n_rows)


class CFKG(knowledge_aware_recommender.CFKG):
    """RecBole's ``CFKG``, whose loss is one mean over interactions and triples."""

    own_twins: ClassVar = {
        InnerProductLoss: WeightedTriples,
        nn.TripletMarginLoss: WeightedTriples,
    }


class CKE(knowledge_aware_recommender.CKE):
    """RecBole's ``CKE``, which has one L2 module for interactions and triples."""

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self._of_triples = self.kg_loss, self.reg_loss  # in a tuple, so that no twin replaces them

    def calculate_loss(self, interaction: Any) -> tuple[Tensor, ...]:
        """Return the losses of interactions and of triples, and their L2 terms in one sum."""
        kg_loss, plain_l2 = self._of_triples
        if self.reg_loss is plain_l2:  # nothing is weighted
            losses: tuple[Tensor, ...] = super().calculate_loss(interaction)
            return losses
        users, h, r, tail, other = (
            interaction[field]
            for field in (
                *(self.USER_ID, self.HEAD_ENTITY_ID, self.RELATION_ID),
                *(self.TAIL_ENTITY_ID, self.NEG_TAIL_ENTITY_ID),
            )
        )
        of_user = self.user_embedding(users)
        of_items = [
            self.item_embedding(items) + self.entity_embedding(items)
            for items in (interaction[self.ITEM_ID], interaction[self.NEG_ITEM_ID])
        ]
        triples = self._get_kg_embedding(h, r, tail, other)[:4]
        near, far = (((triples[0] + triples[1] - end) ** 2).sum(dim=1) for end in triples[2:])
        l2 = self.reg_weights[0] * self.reg_loss(of_user, *of_items)
        l2 = l2 + self.reg_weights[1] * plain_l2(*triples)
        return self._get_rec_loss(of_user, *of_items), kg_loss(far, near), l2


class KTUP(RowWeighted, knowledge_aware_recommender.KTUP):
    """RecBole's ``KTUP``, which draws the two embeddings of a row's items together."""

    def calculate_loss(self, interaction: Any) -> tuple[Tensor, ...]:
        """Return the losses of interactions, of relations, and of the items' alignment."""
        rec_loss, orthogonal, align = super().calculate_loss(interaction)
        if self.row_weights is not None:
            items = torch.cat([interaction[self.ITEM_ID], interaction[self.NEG_ITEM_ID]])
            apart = self.item_embedding(items) - self.entity_embedding(items)
            apart = apart.abs() if self.L1_flag else apart.square()
            align = self.align_weight * self.row_weights.mean(apart.sum(dim=1), tile=2)
        return rec_loss, orthogonal, align


class MKR(RowWeighted, knowledge_aware_recommender.MKR):
    """RecBole's ``MKR``, whose L2 term is a sum over the rows of a batch."""

    _of_rows: BatchWeights | None = None  # while the loss of interactions is computed

    def calculate_loss(self, interaction: Any) -> Tensor:
        """Return the loss of interactions."""
        self._of_rows = self.row_weights
        try:
            loss: Tensor = super().calculate_rs_loss(interaction)
        finally:
            self._of_rows = None
        return loss

    def calculate_rs_loss(self, interaction: Any) -> Tensor:
        """Return the loss of interactions, by the name that RecBole's trainer calls."""
        return self.calculate_loss(interaction)

    def _l2_loss(self, inputs: Tensor) -> Tensor:
        if self._of_rows is None:
            plain: Tensor = super()._l2_loss(inputs)
            return plain
        return len(inputs) * self._of_rows.mean_regularizer(inputs.square().sum(dim=1)) / 2


class RippleNet(RowWeighted, FewUsers, knowledge_aware_recommender.RippleNet):
    """RecBole's ``RippleNet``; users without an interaction have empty sets of triples."""

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        # sets are drawn when the model is made, as at first
        self.other_parameter_name: list[str] = []

    def _build_ripple_set(self) -> dict[int, Any]:
        empty = (torch.zeros(self.n_memory, dtype=torch.int64, device=self.device),) * 3
        sets = super()._build_ripple_set()
        return {user: sets.get(user) or [empty] * self.n_hop for user in range(self.n_users)}

    def calculate_loss(self, interaction: Any) -> Tensor:
        """Return the cross entropy, and with weights of users their terms on triples too."""
        if self.row_weights is None:
            plain: Tensor = super().calculate_loss(interaction)
            return plain
        loss: Tensor = self.loss(self.forward(interaction), interaction[self.LABEL])
        for heads, relations, tails in zip(
            self.h_emb_list, self.r_emb_list, self.t_emb_list, strict=True
        ):
            by_relation = relations.view(-1, self.embedding_size, self.embedding_size)
            scores = (torch.bmm(heads.unsqueeze(1), by_relation).squeeze(1) * tails).sum(dim=1)
            fits = self.sigmoid(scores).view(-1, self.n_memory).mean(dim=1)
            squares = sum(each.square().sum(dim=1) for each in (heads, tails, relations))
            l2 = squares.view(-1, self.n_memory).mean(dim=1)
            loss = loss - self.kg_weight * self.row_weights.mean(fits)
            loss = loss + self.reg_weight * self.row_weights.mean_regularizer(l2) / 2
        matrix = self.transform_matrix.weight
        return loss + self.reg_weight * matrix.norm() / len(matrix)


class KGAT(knowledge_aware_recommender.KGAT):
    """RecBole's ``KGAT`` without the package dgl, which makes its first graph alone.

    Attention is a function of the embeddings, so a model that is read from a file computes it.
    """

    def __init__(self, config: Config, dataset: Dataset) -> None:
        twin = copy.copy(dataset)
        twin.ckg_graph = lambda form, value_field: dataset.ckg_graph("coo", value_field)
        super().__init__(config, twin)

    def init_graph(self) -> Tensor:
        """Return the mean over the neighbours by each relation, summed over relations, sparse."""
        graph, relation = self.ckg, self.ckg.data
        edges = np.stack([relation, graph.row])
        _, kind, n_alike = np.unique(edges, axis=1, return_inverse=True, return_counts=True)
        values = np.where(relation > 0, 1.0 / n_alike[kind.ravel()], 0.0)
        matrix = coo_matrix((values, (graph.row, graph.col)), shape=graph.shape)
        matrix.sum_duplicates()
        where = torch.from_numpy(np.stack([matrix.row, matrix.col]).astype(np.int64))
        data = torch.from_numpy(matrix.data.astype(np.float32))
        return torch.sparse_coo_tensor(
            where, data, self.matrix_size, device=self.device, check_invariants=False
        )

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Load a state and compute the attention that training with it had at its end."""
        result = super().load_state_dict(*args, **kwargs)
        with torch.no_grad():
            self.update_attentive_A()
        return result
