"""Weighted loss (WL): users far from the mainstream weigh more."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from recbole.config import Config
from recbole.data.dataset import Dataset
from torch import Tensor

from recbole_groupmix.core.groups.mainstream import niche_weights
from recbole_groupmix.recommenders.mult_vae import MultVAE


class WL(MultVAE):
    """MultVAE whose users weigh by a power of their distance from the mainstream.

    Zhu and Caverlee (2022). Weights are those of
    :func:`~recbole_groupmix.core.groups.mainstream.niche_weights`, by the training rows. The key
    ``mainstream_power``, a number >= 0, is by default 1.5, as in their code; 0 is MultVAE.
    """

    defaults: ClassVar[dict[str, Any]] = {**MultVAE.defaults, "mainstream_power": 1.5}

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        keys = self.keys(config)
        power = keys.number("mainstream_power", least=0)
        weights = niche_weights(self.mainstream_scores(), power).astype(np.float32)
        self.register_buffer("user_weights", torch.from_numpy(weights))

    def weights_of(self, users: Tensor) -> Tensor:
        """Return the weights of users, float (n_rows,)."""
        weights: Tensor = self.user_weights[users]
        return weights
