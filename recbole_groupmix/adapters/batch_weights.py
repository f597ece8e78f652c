"""The weights of the rows of a batch, which the terms of a loss share (Eq. 8)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

LOSS_NORMS = ("count", "weight")


class BatchWeights:
    """The weights of the rows of the current batch, shared by the twins of one model.

    They are set for one batch: a twin that is called outside :meth:`batch` raises.
    """

    def __init__(self, loss_norm: str = "count") -> None:
        if loss_norm not in LOSS_NORMS:
            raise ValueError(f"loss_norm {loss_norm!r} is not one of {', '.join(LOSS_NORMS)}")
        self._norm = loss_norm
        self._data: Tensor | None = None
        self._regularizer: Tensor | None = None

    @contextmanager
    def batch(self, data: Tensor, regularizer: Tensor) -> Iterator[None]:
        """Hold the weights, float (n_rows,), of one batch for its data and L2 terms."""
        self._data, self._regularizer = data, regularizer
        try:
            yield
        finally:
            self._data = self._regularizer = None

    @property
    def n_rows(self) -> int:
        """Rows of the batch; 0 outside :meth:`batch`."""
        return 0 if self._data is None else int(self._data.shape[0])

    def tile(self, values: Tensor) -> int:
        """Return how many copies of the batch's users values, shape (n_rows * tile, ...), have."""
        return max(values.shape[0] // self.n_rows, 1) if self.n_rows else 1

    def mean(self, per_row: Tensor, tile: int = 1, others: int = 0) -> Tensor:
        """Weighted sum of data-loss values over the divisor.

        Their shape is (n_rows * tile + others,), or (n_rows, 1). The last ``others`` values belong
        to no user; their weight is 1.
        """
        if per_row.dim() == 2 and per_row.shape[1] == 1:
            per_row = per_row[:, 0]
        return self._reduce(per_row, self._data, tile, others)

    def mean_regularizer(self, per_row: Tensor, tile: int = 1) -> Tensor:
        """Weighted sum of L2 values, shape (n_rows * tile,), over the divisor."""
        return self._reduce(per_row, self._regularizer, tile)

    def _reduce(
        self, per_row: Tensor, weights: Tensor | None, tile: int, others: int = 0
    ) -> Tensor:
        if weights is None:
            raise RuntimeError(
                "a weighted loss was called outside BatchWeights.batch(); train through "
                "GroupMixTrainer, which sets the weights of each batch"
            )
        if tile > 1:
            weights = weights.repeat(tile)
        if others > 0:
            weights = torch.cat([weights, weights.new_ones(others)])
        if per_row.shape != weights.shape:
            raise RuntimeError(
                f"a weighted loss got {tuple(per_row.shape)} values for {tuple(weights.shape)} "
                "weights: this model does not feed it one row per interaction"
            )
        total = (per_row * weights).sum()
        if self._norm == "count":
            return total / weights.shape[0]
        divisor = weights.sum()  # 0 for a batch without weight, which then has the loss 0
        return total / torch.where(divisor > 0, divisor, torch.ones_like(divisor))


class RowWeighted(nn.Module):
    """A base that goes before a model with terms on rows that are no loss modules.

    Attributes
    ----------
    row_weights : BatchWeights or None
        The weights of a batch, set by
        :func:`~recbole_groupmix.adapters.losses.attach_weighted_losses`; without them the loss is
        RecBole's own.
    """

    row_weights: BatchWeights | None = None
