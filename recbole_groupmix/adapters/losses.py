"""Twins of RecBole's loss modules that weight every row of a batch (Eq. 8).

RecBole's losses end in a mean over the rows of a batch. A twin takes the same inputs and
returns the weighted sum over rows over a common divisor, so that weights of 1 give the same
number up to rounding: torch's kernels choose the order of additions by CPU and shape.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from recbole.model.general_recommender.convncf import ConvNCFBPRLoss
from recbole.model.loss import BPRLoss, EmbLoss
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from recbole_groupmix.adapters.batch_weights import BatchWeights, RowWeighted
from recbole_groupmix.adapters.whole_row_models import as_whole_row_model


class Twin(nn.Module):
    """The weighted twin of a loss module, made from the module and the weights of the batches."""

    def __init__(self, original: nn.Module, weights: BatchWeights) -> None:
        super().__init__()
        self.weights = weights


class WeightedBPRLoss(Twin):
    """Weighted twin of RecBole's ``BPRLoss``."""

    def __init__(self, original: BPRLoss, weights: BatchWeights) -> None:
        super().__init__(original, weights)
        self.gamma = original.gamma

    def forward(self, pos_score: Tensor, neg_score: Tensor) -> Tensor:
        """Return the weighted loss of scores of shape (n_rows,)."""
        return self.weights.mean(-torch.log(self.gamma + torch.sigmoid(pos_score - neg_score)))


class WeightedConvNCFLoss(Twin):
    """Weighted twin of ConvNCF's loss, a sum over rows: the weighted mean times their number."""

    def forward(self, pos_score: Tensor, neg_score: Tensor) -> Tensor:
        """Return the weighted loss of scores of shape (n_rows,)."""
        per_row = torch.log(1 + torch.exp(neg_score - pos_score))
        return len(per_row) * self.weights.mean(per_row)


class WeightedBCEWithLogitsLoss(Twin):
    """Weighted twin of ``torch.nn.BCEWithLogitsLoss`` as RecBole's pointwise models use it."""

    def forward(self, output: Tensor, label: Tensor) -> Tensor:
        """Return the weighted loss of logits and labels of shape (n_rows * tile,).

        KGCN stacks positives over negatives of the same users.
        """
        per_row = F.binary_cross_entropy_with_logits(output, label, reduction="none")
        return self.weights.mean(per_row, self.weights.tile(per_row))


class WeightedBCELoss(Twin):
    """Weighted twin of ``torch.nn.BCELoss``."""

    def forward(self, output: Tensor, label: Tensor) -> Tensor:
        """Return the weighted loss of probabilities and labels of shape (n_rows,)."""
        return self.weights.mean(F.binary_cross_entropy(output, label, reduction="none"))


class WeightedMSELoss(Twin):
    """Weighted twin of ``torch.nn.MSELoss``."""

    def forward(self, output: Tensor, label: Tensor) -> Tensor:
        """Return the weighted squared error of values of shape (n_rows,)."""
        return self.weights.mean((output - label) ** 2)


class WeightedCrossEntropyLoss(Twin):
    """Weighted twin of ``torch.nn.CrossEntropyLoss``.

    GCMC stacks positives over negatives of the same users, so a multiple of the batch's rows is
    taken as that many copies of its users.
    """

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the weighted loss of logits (n_rows * tile, n_classes)."""
        per_row = F.cross_entropy(logits, target, reduction="none")
        if not self.training:  # some models ask for their loss when they predict
            return per_row.mean()
        return self.weights.mean(per_row, self.weights.tile(per_row))


class WeightedNLLLoss(Twin):
    """Weighted twin of ``torch.nn.NLLLoss``, also of one that leaves the mean to its model."""

    def __init__(self, original: nn.NLLLoss, weights: BatchWeights) -> None:
        super().__init__(original, weights)
        self._ignored = original.ignore_index

    def forward(self, logs: Tensor, target: Tensor) -> Tensor:
        """Return the weighted loss of log-probabilities (n_rows, n_classes)."""
        per_row = F.nll_loss(logs, target, ignore_index=self._ignored, reduction="none")
        return self.weights.mean(per_row) if self.training else per_row.mean()


class _SquaredNorms(torch.autograd.Function):
    """Squared norm of every row; its gradient is one product of the rows' size.

    The gradient of ``(rows * rows).sum(1)`` is the same to the bit but takes several products as
    large as the batch's embeddings, and of ``einsum`` nine times as long.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        """Return the squared norms, shape (n_rows,), of rows of shape (n_rows, d)."""
        ctx.save_for_backward(rows)
        return torch.linalg.vector_norm(rows, dim=1).square()

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        """Return twice the rows times the slope of each."""
        (rows,) = ctx.saved_tensors
        twice: Tensor = rows * (2 * slope).unsqueeze(1)
        return twice


class WeightedEmbLoss(Twin):
    """Weighted twin of RecBole's ``EmbLoss``, always in its squared form.

    Half the squared norm of each row's embeddings, weighted, over the divisor. RecBole's default
    is an unsquared norm of the whole batch, which has no weighted form.
    """

    def __init__(self, original: EmbLoss, weights: BatchWeights) -> None:
        super().__init__(original, weights)
        if original.norm != 2:
            raise ValueError(f"EmbLoss with norm {original.norm} has no weighted twin; only 2 has")

    def forward(self, *embeddings: Tensor, require_pow: bool = True) -> Tensor:
        """Return the weighted L2 term of embeddings, each of shape (n_rows * tile, d)."""
        per_row = torch.stack([_SquaredNorms.apply(e) for e in embeddings]).sum(dim=0)
        return self.weights.mean_regularizer(per_row, self.weights.tile(per_row)) / 2


class TableEmbLoss(nn.Module):
    """Replaces ``EmbLoss`` under ``regularizer: rows``: the squared norm of every row.

    The sum over all rows of the embedding tables, each once (padding row 0 left out), not
    divided by anything: lambda * ||Theta||^2.
    """

    def __init__(self, tables: list[nn.Embedding]) -> None:
        super().__init__()
        self._tables = tables  # a plain list: the tables stay parameters of the model alone

    def forward(self, *embeddings: Tensor, require_pow: bool = True) -> Tensor:
        """Return the squared norm of the tables; the batch's embeddings are not used."""
        return torch.stack([(t.weight[1:] ** 2).sum() for t in self._tables]).sum()


_TWINS = {
    BPRLoss: WeightedBPRLoss,
    ConvNCFBPRLoss: WeightedConvNCFLoss,
    nn.BCEWithLogitsLoss: WeightedBCEWithLogitsLoss,
    nn.BCELoss: WeightedBCELoss,
    nn.MSELoss: WeightedMSELoss,
    nn.CrossEntropyLoss: WeightedCrossEntropyLoss,
    nn.NLLLoss: WeightedNLLLoss,
}
#: Models that give the whole tables to ``EmbLoss``, and not rows of the batch.
_TABLES_IN_EMB_LOSS = ("GCSAN",)


def attach_weighted_losses(
    model: nn.Module, weights: BatchWeights, regularizer: str = "weighted"
) -> dict[str, nn.Module]:
    """Replace the loss modules of a model by their weighted twins, in place.

    Returns the modules that were replaced, by their names in the model.

    Only for models whose loss consists of these modules and of terms on parameters alone (``EXACT``
    of :mod:`recbole_groupmix.models`): in other models only a part of the loss would be weighted. A
    model that is fed with users weighs its own terms
    (:class:`~recbole_groupmix.adapters.whole_row_loss.WholeRowLoss`). Terms on
    parameters stay as they are.

    Raises
    ------
    ValueError
        If the model has no data loss with a twin, or ``regularizer`` is "rows" and the model
        has no L2 term to replace.
    """
    whole_rows = as_whole_row_model(model)
    if whole_rows is not None:
        if regularizer == "rows":
            raise ValueError(
                f"regularizer 'rows' needs an L2 term of each row; {type(model).__name__}'s loss "
                "has terms on whole tables at most, which stay as they are; leave regularizer out"
            )
        whole_rows.row_weights = weights
        return {}
    children, twins = dict(model.named_children()), {**_TWINS, **getattr(model, "own_twins", {})}
    losses = {name: child for name, child in children.items() if type(child) in twins}
    if not losses:
        raise ValueError(
            f"{type(model).__name__} has no loss module with a weighted twin; draw its users by their "
            "weights instead (group_weighted_sampler)"
        )
    for name, child in losses.items():
        setattr(model, name, twins[type(child)](child, weights))
    terms = {name: child for name, child in children.items() if isinstance(child, EmbLoss)}
    if regularizer != "rows" and type(model).__name__ in _TABLES_IN_EMB_LOSS:
        terms = {}
    if isinstance(model, RowWeighted):
        model.row_weights = weights
    if regularizer == "rows" and not terms:
        raise ValueError(
            f"regularizer 'rows' needs a model with an L2 term; {type(model).__name__} has none"
        )
    tables = [child for child in children.values() if isinstance(child, nn.Embedding)]
    for name, child in terms.items():
        twin = TableEmbLoss(tables) if regularizer == "rows" else WeightedEmbLoss(child, weights)
        setattr(model, name, twin)
    return {**losses, **terms}
