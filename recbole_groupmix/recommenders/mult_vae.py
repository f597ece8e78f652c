"""RecBole's MultiVAE with weights of users on its likelihood; the base of what is built from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from recbole.config import Config
from recbole.data.dataloader import UserDataLoader
from recbole.data.dataset import Dataset
from torch import Tensor

from recbole_groupmix.adapters.whole_rows import (
    MultiVAE,
    annealed,
    divergence_from_normal,
    multinomial,
)
from recbole_groupmix.core.groups.mainstream import mainstream_scores
from recbole_groupmix.recommenders.defaults import WithDefaults


def user_loader(config: Config, train_data: Any) -> UserDataLoader:
    """Return RecBole's loader of users for a training loader of rows.

    RecBole chooses this loader by the name of the model, from a table of its own, and gives a model
    of another name one that repeats each user once for every interaction.

    Parameters
    ----------
    config : Config
        RecBole's configuration; reads ``train_batch_size``.
    train_data : AbstractDataLoader
        The first loader that RecBole's ``data_preparation`` returns.
    """
    return UserDataLoader(config, train_data.dataset, None, shuffle=True)


class MultVAE(MultiVAE):
    """RecBole's ``MultiVAE`` with a weight for the likelihood of every user, here 1.

    Liang, Krishnan, Hoffman and Jebara (2018). A user's term is ``w_u * CE_u + beta * KL_u``, and
    the loss of a batch is the mean over its users. Train it on :func:`user_loader`.

    Attributes
    ----------
    defaults : mapping of str to any
        Keys of the configuration with their defaults, those of TALL's experts: one hidden layer of
        100, which RecBole counts twice, and no dropout.
    """

    defaults: ClassVar[Mapping[str, Any]] = {
        "mlp_hidden_size": [],
        "latent_dimension": 200,
        "dropout_prob": 0.0,
        "anneal_cap": 0.2,
        "total_anneal_steps": 200_000,
    }

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(self.keys(config), dataset)

    @classmethod
    def keys(cls, config: Config) -> WithDefaults:
        """Return a configuration with the defaults of this model."""
        return WithDefaults(config, cls.defaults, cls.__name__)

    def calculate_loss(self, interaction: Any, **options: Any) -> Tensor:
        """Return the loss of a batch of users.

        Raises
        ------
        ValueError
            If the batch holds interactions.
        """
        if self.ITEM_ID in interaction:
            raise ValueError(
                f"train_data has interactions; {type(self).__name__} is fed with users, each once an "
                "epoch: give the trainer user_loader(config, train_data)"
            )
        terms = self.user_terms(interaction, **options)
        if self.row_weights is None:
            return terms.mean()
        loss: Tensor = self.row_weights.mean(terms)
        return loss

    def active_users(self) -> Tensor:
        """Return the users with training items, internal ids, int64 (n_active,), ascending."""
        users: Tensor = (self.history_item_value > 0).any(dim=1).nonzero()[:, 0]
        return users

    def mainstream_scores(self) -> npt.NDArray[np.float64]:
        """Return each user's mainstream score over the training items, float64 (n_users,).

        As :func:`~recbole_groupmix.core.groups.mainstream.mainstream_scores` has it, NaN for the padding id and
        for users without training items.
        """
        users, places = (self.history_item_value > 0).nonzero(as_tuple=True)
        items = self.history_item_id[users, places]
        ids = users.cpu().numpy(), items.cpu().numpy()
        return mainstream_scores(*ids, self.n_users, self.n_items)

    def user_terms(self, interaction: Any) -> Tensor:
        """Return the terms of users, float (n_rows,)."""
        users = interaction[self.USER_ID]
        rows = self.get_rating_matrix(users)
        beta = annealed(self)
        logits, mu, logvar = self.forward(rows)
        weights = self.weights_of(users)
        return weights * multinomial(logits, rows) + beta * divergence_from_normal(logvar, mu)

    def weights_of(self, users: Tensor) -> Tensor | float:
        """Return the weights of users, float (n_rows,) or one number for all."""
        return 1.0
