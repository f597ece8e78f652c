"""RecBole's BPR with the L2 term that the paper's matrix factorisation has."""

from __future__ import annotations

from typing import Any

from recbole.config import Config
from recbole.data.dataset import Dataset
from recbole.model import general_recommender
from recbole.model.loss import EmbLoss
from torch import Tensor


class BPR(general_recommender.BPR):
    """RecBole's ``BPR`` plus ``reg_weight`` times the L2 term of each triplet's embeddings.

    The term is RecBole's ``EmbLoss`` in its squared form, as its LightGCN has it:
    ``1/2 (|u|^2 + |i|^2 + |j|^2)`` averaged over triplets. With ``reg_weight`` 0 or absent it is
    RecBole's model.
    """

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.reg_weight = config["reg_weight"] or 0.0
        self.reg_loss = EmbLoss()

    def calculate_loss(self, interaction: Any) -> Tensor:
        """Return BPR's loss of a batch, with the L2 term if ``reg_weight`` is positive."""
        user, positive = self.forward(interaction[self.USER_ID], interaction[self.ITEM_ID])
        negative = self.get_item_embedding(interaction[self.NEG_ITEM_ID])
        loss = self.loss((user * positive).sum(dim=1), (user * negative).sum(dim=1))
        if not self.reg_weight:
            return loss
        return loss + self.reg_weight * self.reg_loss(user, positive, negative, require_pow=True)
