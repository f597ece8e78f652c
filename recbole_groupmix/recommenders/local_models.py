"""Local models: MultVAEs of users near an anchor, whose scores are averaged by nearness."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from recbole.config import Config
from recbole.data.dataset import Dataset
from torch import Tensor, nn

from recbole_groupmix.adapters.whole_rows import annealed, divergence_from_normal, multinomial
from recbole_groupmix.core.groups.anchors import (
    angular_distances,
    cosines,
    covering_anchors,
    epanechnikov,
    near_or_nearest,
    smoothed_profiles,
    spread_anchors,
)
from recbole_groupmix.core.groups.binning import quantile_groups
from recbole_groupmix.recommenders.expert_layers import ExpertLinear
from recbole_groupmix.recommenders.mixture_of_experts import MixtureOfExperts
from recbole_groupmix.recommenders.mult_vae import MultVAE
from recbole_groupmix.recommenders.weighted_loss import WL

Floats = npt.NDArray[np.float64]
_USERS_AT_A_TIME = 256


class LocalModels(MixtureOfExperts):
    """MultVAEs of one tensor, each trained on the users near its anchor, averaged by nearness.

    Local models have losses of their own, so that they do not share users as a mixture's experts
    do: the loss is the sum over models of the mean over their users in the batch. A user near no
    anchor has the scores of the global model. :meth:`start_from` comes before training.

    Attributes
    ----------
    starts_from : type
        Class of the global model.
    """

    starts_from: ClassVar[type[MultVAE]] = MultVAE

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.base: MultVAE = self.starts_from(config, dataset).requires_grad_(False)
        for name in ("near_in_training", "nearness"):
            self.register_buffer(name, torch.zeros(self.n_users, self.n_experts))
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))

    def start_from(self, base: MultVAE) -> None:
        """Take over a trained global model, choose the anchors, and lay the weights of users.

        Parameters
        ----------
        base : MultVAE
            Of class `starts_from`, with this model's layers and data.

        Raises
        ------
        ValueError
            If there are fewer users with training items than anchors.
        """
        self.base.load_state_dict(base.state_dict())
        users = self.active_users()
        if len(users) < self.n_experts:
            raise ValueError(
                f"n_experts is {self.n_experts}, but only {len(users)} users can be anchors; give fewer"
            )
        in_training, nearness = self.laid(users)
        for buffer, values in ((self.near_in_training, in_training), (self.nearness, nearness)):
            buffer[users] = torch.from_numpy(values).to(buffer)
        self.started.fill_(True)

    def laid(self, users: Tensor) -> tuple[Floats, Floats]:
        """Return each user's weight in training and in predictions, float (n_rows, n_experts)."""
        raise NotImplementedError

    def copy_base(self) -> None:
        """Let every local model be the global one."""
        for ours, theirs in ((self.encoder, self.base.encoder), (self.decoder, self.base.decoder)):
            for layer, linear in zip(ours, theirs, strict=True):
                if isinstance(layer, ExpertLinear):
                    with torch.no_grad():
                        layer.weight.copy_(linear.weight.T)
                        layer.bias.copy_(linear.bias)

    def user_terms(self, interaction: Any) -> Tensor:
        """Return terms of users whose mean is the sum of the models' losses, float (n_rows,)."""
        if not self.started:
            raise ValueError(
                f"{type(self).__name__} needs a trained {self.starts_from.__name__}: call start_from before "
                "training"
            )
        users = interaction[self.USER_ID]
        rows, weights = self.get_rating_matrix(users), self.near_in_training[users]
        beta = annealed(self)
        logits, mu, logvar = self.forward(rows)
        losses = torch.stack([multinomial(of_model, rows) for of_model in logits], dim=1)
        by_model = divergence_from_normal(logvar.flatten(0, 1), mu.flatten(0, 1))
        divergence = by_model.view(self.n_experts, -1).T
        is_of = (weights > 0).to(weights)
        # a model's loss is a mean over its users, not over the batch
        share = is_of.mean(dim=0).clamp(min=1 / len(users))
        terms: Tensor = (weights * losses + beta * is_of * divergence) / share
        return terms.sum(dim=1)

    def gate_of(self, users: Tensor) -> Tensor:
        """Return the nearness of users, float (n_rows, n_experts), of sum 1, or of zeros alone."""
        near: Tensor = self.nearness[users]
        return near / near.sum(dim=1, keepdim=True).clamp(min=1e-12)

    def scores(self, users: Tensor) -> Tensor:
        """Return the averaged scores of all items for users, float (n_rows, n_items)."""
        found, rows = super().scores(users), self.get_rating_matrix(users)
        alone = self.nearness[users].sum(dim=1) == 0
        if alone.any():
            found[alone] = self.base.forward(rows[alone])[0]
        return found


class LOCA(LocalModels):
    """Local models of users near anchors in the space of a trained MultVAE, each from scratch.

    Choi, Jeong, Lee and Lee, "Local Collaborative Autoencoders", WSDM 2021. Weights are an
    Epanechnikov kernel of the angle between users; anchors cover as many users as they can. Keys besides
    those of MultVAE: ``n_experts`` (8), the number of anchors; ``train_width`` (1) and ``width``
    (0.8) of the kernel in training and in predictions, those of TALL's code; distances are up to 2.
    """

    defaults: ClassVar[dict[str, Any]] = {
        **MixtureOfExperts.defaults, "train_width": 1.0, "width": 0.8
    }  # fmt: skip

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        keys = self.keys(config)
        self.train_width = keys.number("train_width", above=0)
        self.width = keys.number("width", above=0)

    def laid(self, users: Tensor) -> tuple[Floats, Floats]:
        """Return the kernels of users and anchors."""
        was_training = self.base.training
        nn.Module.train(self.base, False)
        with torch.no_grad():
            parts = [self.base.forward(self.get_rating_matrix(part))[1]
                     for part in users.split(_USERS_AT_A_TIME)]  # fmt: skip
        nn.Module.train(self.base, was_training)
        distances = angular_distances(torch.cat(parts).cpu().numpy())
        kernel = epanechnikov(distances, self.width)
        anchors = covering_anchors(kernel > 0, self.n_experts)
        return epanechnikov(distances, self.train_width)[:, anchors], kernel[:, anchors]


class EnLFT(LocalModels):
    """Copies of a trained WL, each fine-tuned on the users similar to its anchor.

    Zhu and Caverlee, "Fighting Mainstream Bias in Recommender Systems via Local Fine Tuning", WSDM
    2022, the ensemble. Users are similar by the cosine of smoothed profiles, above 0.2. ``n_experts`` (8)
    is the number of anchors. Without a step of training it scores as WL.
    """

    starts_from = WL
    defaults: ClassVar[dict[str, Any]] = {**WL.defaults, **MixtureOfExperts.defaults}

    def laid(self, users: Tensor) -> tuple[Floats, Floats]:
        """Copy the global model; return who is similar to an anchor, and how similar."""
        self.copy_base()
        rows = self.get_rating_matrix(users).cpu().numpy()
        similarity = cosines(smoothed_profiles(rows))
        anchors = spread_anchors(similarity, self.n_experts)
        of_anchors = similarity[anchors]
        near = near_or_nearest(of_anchors, 0.2).T.astype(np.float64)
        cut = np.where(of_anchors >= 0.2, of_anchors, 0).T
        return near, np.where(cut.sum(axis=1, keepdims=True) > 0, cut, of_anchors.T)


class FineTunedSubgroups(LocalModels):
    """Copies of a trained MultVAE, each fine-tuned on one subgroup of the users and serving it.

    Subgroups are of equal size by mainstream score over the training rows, as TALL's fifths are;
    ``n_experts`` (5) is their number. That is local fine-tuning (Zhu and Caverlee, WSDM 2022) with a
    subgroup in place of each user's neighbours. Without a step of training it scores as MultVAE.
    """

    defaults: ClassVar[dict[str, Any]] = {**MixtureOfExperts.defaults, "n_experts": 5}

    def laid(self, users: Tensor) -> tuple[Floats, Floats]:
        """Copy the global model; return who belongs to a subgroup, twice."""
        self.copy_base()
        scores = self.mainstream_scores()[users.cpu().numpy()]
        subgroups = quantile_groups(scores, self.n_experts).codes
        belongs = np.eye(self.n_experts)[subgroups]
        return belongs, belongs
