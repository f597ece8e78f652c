"""RecBole's sequential models whose losses are no modules, with a weight for each row."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from recbole_groupmix.adapters.batch_weights import RowWeighted
from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.whole_row_loss import WholeRowLoss

with recbole_compat():  # importing them switches autograd's detection of anomalies on
    from recbole.model.sequential_recommender import bert4rec, fossil, hgn, repeatnet, shan


class BERT4Rec(WholeRowLoss, bert4rec.BERT4Rec):
    """RecBole's BERT4Rec, whose loss is a mean over the masked items of a batch."""

    def user_terms(self, interaction: Any, **options: Any) -> Tensor:
        """Return the loss of each row's masked items, so that the mean over rows is RecBole's."""
        masked, places = interaction[self.MASK_ITEM_SEQ], interaction[self.MASK_INDEX]
        wanted, others = interaction[self.POS_ITEMS], interaction[self.NEG_ITEMS]
        picked = self.multi_hot_embed(places, masked.size(-1)).view(*places.shape, -1)
        outputs = torch.bmm(picked, self.forward(masked))
        if self.loss_type == "BPR":
            scores = [
                (outputs * self.item_embedding(items)).sum(dim=-1) + self.output_bias[items]
                for items in (wanted, others)
            ]
            loss = -torch.log(1e-14 + torch.sigmoid(scores[0] - scores[1]))
        else:
            of_items = self.item_embedding.weight[: self.n_items]
            logits = outputs @ of_items.T + self.output_bias
            loss = F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="none")
        counts = (places > 0).float()
        terms: Tensor = (loss.view_as(counts) * counts).sum(dim=1)
        return terms * (len(counts) / counts.sum())


class RepeatNet(WholeRowLoss, repeatnet.RepeatNet):
    """RecBole's RepeatNet without ``joint_train``, whose term is not one of rows."""

    def user_terms(self, interaction: Any, **options: Any) -> Tensor:
        """Return the loss of each row."""
        scores = self.forward(interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN])
        wanted = interaction[self.POS_ITEM_ID]
        return F.nll_loss((scores + 1e-8).log(), wanted, ignore_index=0, reduction="none")


class NormsOfRows(RowWeighted):
    """A base that goes before a model whose ``reg_loss`` takes norms of a batch's embeddings.

    A norm of a whole batch is not a sum over rows. Where rows have weights, it is replaced by half
    the squared norm of each row, weighted, over the divisor, as that of ``EmbLoss`` is. Norms of
    parameters stay as they are.
    """

    def reg_loss(self, *embeddings: Tensor) -> Tensor | float:
        """Return the L2 terms of embeddings whose first dimension is the rows of a batch."""
        if self.row_weights is None:
            loss: Tensor = super().reg_loss(*embeddings)  # type: ignore[misc]
            return loss
        factor = self.reg_weight[-1] if isinstance(self.reg_weight, list) else self.reg_weight
        without_rows = (torch.zeros_like(rows) for rows in embeddings)
        of_parameters = super().reg_loss(*without_rows)  # type: ignore[misc]
        squares = torch.stack([rows.flatten(1).square().sum(dim=1) for rows in embeddings])
        return of_parameters + factor * self.row_weights.mean_regularizer(squares.sum(dim=0)) / 2


class FOSSIL(NormsOfRows, fossil.FOSSIL):
    """RecBole's FOSSIL, whose L2 term can be weighted."""


class HGN(NormsOfRows, hgn.HGN):
    """RecBole's HGN, whose L2 term can be weighted."""


class SHAN(NormsOfRows, shan.SHAN):
    """RecBole's SHAN, whose L2 term can be weighted."""
