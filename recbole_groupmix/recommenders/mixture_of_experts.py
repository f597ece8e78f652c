"""Mixtures of MultVAE experts: a gate weighs the experts' scores for every user."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from recbole.config import Config
from recbole.data.dataset import Dataset
from torch import Tensor, nn

from recbole_groupmix.adapters.whole_rows import annealed, divergence_from_normal, multinomial
from recbole_groupmix.recommenders.expert_layers import ExpertLinear
from recbole_groupmix.recommenders.gates import (
    GATES,
    GUIDE_LOSSES,
    effective_number,
    gate_network,
    gate_of_losses,
    guide_losses,
)
from recbole_groupmix.recommenders.guide_split import guide_places
from recbole_groupmix.recommenders.mult_vae import MultVAE

#: Users scored at a time where no loader says how many.
_USERS_AT_A_TIME = 256


class MixtureOfExperts(MultVAE):
    """Experts of RecBole's ``MultiVAE``, one tensor each layer, and a gate that mixes their scores.

    A user's scores are ``sum_k G_k f_k``, of the experts' logits f_k; experts and gate are trained
    together. With one expert it is MultiVAE. A gate by losses looks at guide items, which are a few
    of the user's training items: neither input nor target in training. Predictions have all
    training items as input.

    Keys of the configuration, besides those of MultVAE: ``n_experts`` (8), ``gate`` ("loss",
    "uniform" or "mlp"), ``gate_temperature`` (1, > 0), ``gate_hidden_size`` (2000),
    ``guide_ratio`` (0.1 with the gate by losses, else 0, in [0, 1)), ``guide_loss`` ("sum" over a
    user's guide items, or "mean").
    """

    defaults: ClassVar[dict[str, Any]] = {
        **MultVAE.defaults,
        "n_experts": 8,
        "gate": "uniform",
        "gate_temperature": 1.0,
        "gate_hidden_size": 2000,
        "guide_loss": "sum",
    }
    #: Whether something besides a gate by losses needs guide items.
    needs_guide = False

    def __init__(self, config: Config, dataset: Dataset) -> None:
        keys = self.keys(config)
        self.n_experts = keys.whole("n_experts", 1)  # read when the layers are made
        super().__init__(config, dataset)
        self.gate = keys.one_of("gate", GATES)
        self.temperature = keys.number("gate_temperature", above=0)
        self.reduction = keys.one_of("guide_loss", GUIDE_LOSSES)
        looks = self.needs_guide or self.gate == "loss"
        ratio = 0.1 * looks if keys["guide_ratio"] is None else keys["guide_ratio"]
        if not (isinstance(ratio, int | float) and 0 <= ratio < 1) or (looks and not ratio):
            raise keys.wrong(
                "guide_ratio", "a number from 0 on and below 1, and above 0 for losses"
            )
        counts = (self.history_item_value > 0).sum(dim=1).cpu().numpy()
        longest = self.history_item_id.shape[1]
        places = guide_places(counts, longest, ratio, int(config["seed"]))
        self._guide_values = torch.from_numpy(places).to(self.device, torch.float32)
        if self.gate == "mlp":
            n_hidden = keys.whole("gate_hidden_size", 1)
            self.gate_network = gate_network(self.n_items, n_hidden, self.n_experts)

    def mlp_layers(self, layer_dims: list[int]) -> nn.Sequential:
        """Return the layers of all experts; called by RecBole's constructor."""
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(layer_dims):
            layers += [ExpertLinear(self.n_experts, n_in, n_out), nn.Tanh()]
        return nn.Sequential(*layers[:-1])

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, means and log variances of every expert.

        Parameters
        ----------
        rows : torch.Tensor of float, shape (n_rows, n_items)
            Users' interactions.

        Returns
        -------
        tuple of torch.Tensor of float
            Shapes (n_experts, n_rows, n_items) and twice (n_experts, n_rows, latent_dimension / 2).
        """
        hidden = F.dropout(F.normalize(rows), self.drop_out, training=self.training)
        mu, logvar = self.encoder(hidden).split(self.lat_dim // 2, dim=-1)
        return self.decoder(self.reparameterize(mu, logvar)), mu, logvar

    def guide_rows(self, users: Tensor) -> Tensor:
        """Return 1 for the guide items of users and 0 for others, float (n_rows, n_items)."""
        values = self._guide_values[users]
        rows = values.new_zeros(len(users), self.n_items)
        return rows.scatter_reduce_(1, self.history_item_id[users], values, "amax")

    def training_rows(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """Return training items of users without guide items, and guide items, as matrices."""
        guide = self.guide_rows(users)
        return self.get_rating_matrix(users) * (1.0 - guide), guide

    def gate_values(self, logits: Tensor, rows: Tensor, guide: Tensor) -> Tensor:
        """Return the gate of users, float (n_rows, n_experts), each row with a sum of 1.

        Parameters
        ----------
        logits : torch.Tensor of float, shape (n_experts, n_rows, n_items)
            Of the experts, for the input ``rows``. A gate by losses has no gradient to them.
        rows, guide : torch.Tensor of float, shape (n_rows, n_items)
            From :meth:`training_rows`.
        """
        if self.gate == "mlp":
            scores: Tensor = self.gate_network(F.normalize(rows)) / self.temperature
            return scores.softmax(dim=1)
        if self.gate == "uniform":
            return logits.new_full((len(rows), self.n_experts), 1.0 / self.n_experts)
        losses = guide_losses(logits.detach(), rows, guide, self.reduction)
        return gate_of_losses(losses, self.temperature)

    def user_terms(self, interaction: Any) -> Tensor:
        """Return ``w_u CE_u + beta sum_k G_k KL_k`` of the mixed scores, float (n_rows,)."""
        users = interaction[self.USER_ID]
        rows, guide = self.training_rows(users)
        beta = annealed(self)
        logits, mu, logvar = self.forward(rows)
        gate = self.gate_values(logits, rows, guide)
        mixed = torch.einsum("bk,kbi->bi", gate, logits)
        self.observe(users, mixed.detach(), rows, guide)
        by_expert = divergence_from_normal(logvar.flatten(0, 1), mu.flatten(0, 1))
        divergence = (gate * by_expert.view(self.n_experts, -1).T).sum(dim=1)
        return self.weights_of(users) * multinomial(mixed, rows) + beta * divergence

    def observe(self, users: Tensor, mixed: Tensor, rows: Tensor, guide: Tensor) -> None:
        """Take note of the scores of a training batch; arguments as for :meth:`gate_values`."""

    def gate_of(self, users: Tensor) -> Tensor:
        """Return the gate with which users are scored, float (n_rows, n_experts)."""
        rows, guide = self.training_rows(users)
        logits = self.forward(rows)[0] if self.gate == "loss" else guide
        return self.gate_values(logits, rows, guide)

    def scores(self, users: Tensor) -> Tensor:
        """Return the mixed scores of all items for users, float (n_rows, n_items)."""
        logits, _, _ = self.forward(self.get_rating_matrix(users))
        return torch.einsum("bk,kbi->bi", self.gate_of(users), logits)

    def predict(self, interaction: Any) -> Tensor:
        """Return the score of each pair of a batch, float (n_rows,)."""
        scores = self.scores(interaction[self.USER_ID])
        return scores.gather(1, interaction[self.ITEM_ID][:, None])[:, 0]

    def full_sort_predict(self, interaction: Any) -> Tensor:
        """Return the scores of all items for a batch of users, float (n_rows * n_items,)."""
        return self.scores(interaction[self.USER_ID]).view(-1)

    @torch.no_grad()
    def effective_experts(self) -> float:
        """Return the mean of ``exp(H(G))`` over users with training items, in [1, n_experts]."""
        was_training = self.training
        nn.Module.train(self, False)
        parts = self.active_users().split(_USERS_AT_A_TIME)
        numbers = [effective_number(self.gate_of(part)) for part in parts]
        nn.Module.train(self, was_training)
        return float(torch.cat(numbers).mean())


class MoE(MixtureOfExperts):
    """A mixture whose gate is a perceptron of the user's items."""

    defaults: ClassVar[dict[str, Any]] = {**MixtureOfExperts.defaults, "gate": "mlp"}


class LMoE(MixtureOfExperts):
    """A mixture whose gate follows the experts' losses on guide items (TALL, section 3.1)."""

    defaults: ClassVar[dict[str, Any]] = {**MixtureOfExperts.defaults, "gate": "loss"}


class UniformEnsemble(MixtureOfExperts):
    """A mixture whose experts count alike: what a gate has to be better than."""
