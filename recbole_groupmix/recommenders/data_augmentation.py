"""Data augmentation (DC): made-up users like those far from the mainstream."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from recbole.config import Config
from recbole.data.dataset import Dataset
from torch import Tensor

from recbole_groupmix.adapters.whole_rows import annealed, divergence_from_normal, multinomial
from recbole_groupmix.core.groups.anchors import smoothed_profiles
from recbole_groupmix.core.groups.mainstream import made_up_counts
from recbole_groupmix.recommenders.mult_vae import MultVAE


class DC(MultVAE):
    """MultVAE trained on made-up users as well, each like a user far from the mainstream.

    Zhu and Caverlee, "Fighting Mainstream Bias in Recommender Systems via Local Fine Tuning", WSDM
    2022, where it is the method on the side of the data. How many a user is imitated by is said by
    :func:`~recbole_groupmix.core.groups.mainstream.made_up_counts`; each item of theirs is drawn by itself,
    with the user's smoothed profile as its probability. They are drawn once, and an epoch shows each of them as
    often as each user. The key ``made_up_budget`` (1), a number >= 0, is their number as a share of
    the users'; 0 is MultVAE.

    Attributes
    ----------
    made_up : torch.Tensor of bool, shape (n_made_up, n_items)
        Their rows.
    """

    defaults: ClassVar[dict[str, Any]] = {**MultVAE.defaults, "made_up_budget": 1.0}

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        keys = self.keys(config)
        budget = keys.number("made_up_budget", least=0)
        users = self.active_users()
        rows = self.get_rating_matrix(users).cpu().numpy()
        counts = made_up_counts(self.mainstream_scores()[users.cpu().numpy()], budget)
        draws = np.random.default_rng(config["seed"])
        profiles = smoothed_profiles(rows)[np.repeat(np.arange(len(rows)), counts)]
        self.register_buffer("made_up", torch.from_numpy(draws.random(profiles.shape) < profiles))
        self._per_user = len(profiles) / len(rows)
        self._due, self._order = 0.0, torch.empty(0, dtype=torch.long)

    def user_terms(self, interaction: Any) -> Tensor:
        """Return terms of users whose mean is that over users and made-up users, float (n_rows,)."""
        rows = self.get_rating_matrix(interaction[self.USER_ID])
        n = len(rows)
        rows = torch.cat([rows, self._next(n).to(rows)])
        beta = annealed(self)
        logits, mu, logvar = self.forward(rows)
        terms = multinomial(logits, rows) + beta * divergence_from_normal(logvar, mu)
        found: Tensor = (n * terms[:n] + terms[n:].sum()) / len(terms)
        return found

    def _next(self, n_users: int) -> Tensor:
        """Return the made-up users of a batch of so many users, bool (n_rows, n_items)."""
        self._due += n_users * self._per_user
        n = int(self._due)
        self._due -= n
        while len(self._order) < n:
            again = torch.randperm(len(self.made_up), device=self.made_up.device)
            self._order = torch.cat([self._order.to(again), again])
        taken, self._order = self._order[:n], self._order[n:]
        found: Tensor = self.made_up[taken]
        return found
