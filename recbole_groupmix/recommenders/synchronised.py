"""TALL: a mixture of experts whose users weigh by how fast their losses fall."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from recbole.config import Config
from recbole.data.dataset import Dataset
from torch import Tensor

from recbole_groupmix.core.weight_rules import Adaptive
from recbole_groupmix.recommenders.gates import guide_losses
from recbole_groupmix.recommenders.mixture_of_experts import LMoE

SIGNALS = ("loss_change", "loss")
RULES = ("exact", "paper")
NORMS = ("global", "batch")


class TALL(LMoE):
    """LMoE with synchronised learning: Pan, Zhu, Wang, Lin and Caverlee (2024).

    After every epoch the weights of users follow from their losses on guide items, as they were in the
    training pass: see :class:`~recbole_groupmix.core.weight_rules.Adaptive`, with users in place of
    groups. An epoch ends when the model is put into training mode again, which RecBole's trainers
    do at the beginning of each. A user without guide items weighs 1.

    Keys of the configuration, besides those of LMoE: ``weight_signal`` ("loss_change" or "loss"),
    ``weight_alpha`` (0.08, > 0, in the unit of the loss), ``weight_gap`` (40 epochs with weights of
    1), ``weight_window`` (8 changes), ``weight_rule`` ("exact", or "paper" for the printed one),
    ``weight_norm`` ("global", or "batch": the weights of a batch are divided by their mean).

    Attributes
    ----------
    user_weights : torch.Tensor of float32, shape (n_users,)
        Weights in the present epoch, with a mean of 1 over users with guide items.
    """

    defaults: ClassVar[dict[str, Any]] = {
        **LMoE.defaults,
        "weight_signal": "loss_change",
        "weight_alpha": 0.08,
        "weight_gap": 40,
        "weight_window": 8,
        "weight_rule": "exact",
        "weight_norm": "global",
    }
    needs_guide = True

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        keys = self.keys(config)
        self.gap = keys.whole("weight_gap", 0)
        window = keys.whole("weight_window", 1)
        self.rule = Adaptive(
            alpha=keys.number("weight_alpha", above=0),
            on_change=keys.one_of("weight_signal", SIGNALS) == "loss_change",
            window=window,
            as_printed=keys.one_of("weight_rule", RULES) == "paper",
        )
        self.by_batch = keys.one_of("weight_norm", NORMS) == "batch"
        nothing = torch.full((window + 1, self.n_users), torch.nan)
        self.register_buffer("user_weights", torch.ones(self.n_users))
        self.register_buffer("epoch_losses", nothing[0].clone())
        self.register_buffer("past_losses", nothing)  # the last epoch's are the last row
        self.register_buffer("n_epochs", torch.zeros((), dtype=torch.int64))

    def train(self, mode: bool = True) -> TALL:
        """Set training or evaluation mode; training mode ends the epoch before, if there was one."""
        if mode and not bool(self.epoch_losses.isnan().all()):
            self._end_epoch()
        super().train(mode)
        return self

    def observe(self, users: Tensor, mixed: Tensor, rows: Tensor, guide: Tensor) -> None:
        """Take note of the losses of a training batch."""
        self.epoch_losses[users] = guide_losses(mixed, rows, guide, self.reduction)

    def weights_of(self, users: Tensor) -> Tensor:
        """Return the weights of users, float (n_rows,)."""
        weights: Tensor = self.user_weights[users]
        return weights / weights.mean().clamp(min=1e-12) if self.by_batch else weights

    def _end_epoch(self) -> None:
        self.past_losses.copy_(torch.cat([self.past_losses[1:], self.epoch_losses[None]]))
        self.epoch_losses.fill_(torch.nan)
        self.n_epochs += 1
        n_epochs = int(self.n_epochs)
        if n_epochs >= self.gap:
            losses = self.past_losses[-n_epochs:].cpu().numpy().astype(np.float64)
            weights = self.rule.weights(losses, np.ones(self.n_users, np.int64))
            self.user_weights.copy_(torch.from_numpy(weights))
