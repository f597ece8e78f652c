"""RecBole's ``Trainer`` with a weight for every user (Eq. 8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recbole.config import Config
from recbole.model.abstract_recommender import AbstractRecommender
from recbole.trainer import Trainer
from recbole.utils import get_trainer
from torch import Tensor

from recbole_groupmix.adapters.batch_weights import BatchWeights
from recbole_groupmix.adapters.compat import recbole_compat, without_folders
from recbole_groupmix.adapters.losses import attach_weighted_losses
from recbole_groupmix.adapters.other_parameters import other_parameters
from recbole_groupmix.files.whole import write_whole

REGULARIZERS = ("weighted", "unweighted", "rows")


def user_factors(users: np.ndarray, n_users: int, user_loss: str) -> np.ndarray:
    """Return the factor of every user's triplets: 1, or the one that makes ``l(u)`` a mean.

    Parameters
    ----------
    users : numpy.ndarray of int, shape (n_interactions,)
        User of every training interaction.
    n_users : int
        Size of the result (RecBole's ``user_num``, padding included).
    user_loss : {"sum", "mean"}
        Whether ``l(u)`` is the sum or the mean over the user's interactions.

    Returns
    -------
    numpy.ndarray of float64, shape (n_users,)
        1 under "sum". Under "mean" ``n_interactions / (n_active * c_u)`` for a user with ``c_u``
        interactions, whose mean over interactions is 1.
    """
    if user_loss == "sum":
        return np.ones(n_users)
    counts = np.bincount(users, minlength=n_users).astype(float)
    n_active = int((counts > 0).sum())
    return np.divide(len(users) / n_active, counts, out=np.zeros(n_users), where=counts > 0)


class Diverged(ValueError):
    """The loss or a parameter became NaN or infinite; further epochs cannot help."""


class GroupMixTrainer(Trainer):
    """A RecBole ``Trainer`` that weights the loss of every user.

    The model's loss modules are replaced by weighted twins; ``fit`` and the step are RecBole's.
    Works with RecBole's own loaders as well as with
    :class:`~recbole_groupmix.adapters.batches.TrainingBatches`.

    Parameters
    ----------
    config : Config
        RecBole configuration; reads ``loss_norm`` and ``regularizer`` besides RecBole's keys.
    model : AbstractRecommender
        A model on the list of :mod:`~recbole_groupmix.models` whose loss can be
        weighted exactly; it is changed in place.
    user_weights : numpy.ndarray of float, shape (n_users,), or None
        Weight of every internal user id (Eq. 8), >= 0. None leaves the model's loss as it is
        (the sampled loss of Eq. 7, or RecBole's training).
    factors : numpy.ndarray of float, shape (n_users,), optional
        See :func:`user_factors`; default all 1.
    l2_factors : numpy.ndarray of float, shape (n_users,), optional
        Further factors of the L2 term alone, by user; default all 1.
    validate : callable, optional
        Maps the model to (score, results), in place of RecBole's evaluation.
    on_epoch : callable, optional
        Called with the number of the epoch that ended.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, ``regularizer`` is unknown, or there are factors
        but no weights.

    Attributes
    ----------
    validate, on_epoch : callable or None
        As given; may be set until ``fit``.
    """

    def __init__(
        self,
        config: Config,
        model: AbstractRecommender,
        user_weights: np.ndarray | None = None,
        *,
        factors: np.ndarray | None = None,
        l2_factors: np.ndarray | None = None,
        validate: Callable[[AbstractRecommender], tuple[float, dict[str, float]]] | None = None,
        on_epoch: Callable[[int], None] | None = None,
    ) -> None:
        with without_folders():
            super().__init__(config, model)
        self.validate, self.on_epoch = validate, on_epoch
        self._weights: BatchWeights | None = None
        if user_weights is None:
            if factors is not None and not (factors == 1).all():
                raise ValueError(
                    "user_loss mean needs a weighted loss, and weighting sample leaves the "
                    "loss unweighted; use user_loss=sum, or triplets=sampled, which draws every "
                    "user equally often"
                )
            return
        regularizer = config["regularizer"] or "weighted"
        if regularizer not in REGULARIZERS:
            raise ValueError(
                f"regularizer {regularizer!r} is not one of {', '.join(REGULARIZERS)}"
            )
        self._factors = np.ones(len(user_weights)) if factors is None else factors
        self._l2_factors, self._weighted_l2 = l2_factors, regularizer == "weighted"
        self._weights = BatchWeights(config["loss_norm"] or "count")
        self.reweigh(user_weights)
        self._plain = attach_weighted_losses(model, self._weights, regularizer)

    def reweigh(self, user_weights: np.ndarray) -> None:
        """Set the weight of every internal user id, float (n_users,), from the next batch on.

        Raises
        ------
        ValueError
            If a weight is negative or not finite.
        """
        weighted = self._factors * user_weights
        self._data_weights = self._table(weighted)
        of_l2 = weighted if self._weighted_l2 else self._factors
        self._regularizer_weights = self._data_weights
        if self._l2_factors is not None:
            self._regularizer_weights = self._table(of_l2 * self._l2_factors)
        elif not self._weighted_l2:
            self._regularizer_weights = self._table(of_l2)

    def _table(self, values: np.ndarray) -> Tensor:
        if not np.isfinite(values).all() or (values < 0).any():
            raise ValueError("user weights must be finite and not negative")
        return torch.from_numpy(values.astype(np.float32)).to(self.device)

    def _weighted_loss(self, interaction: Any, **options: Any) -> Any:
        assert self._weights is not None
        users = interaction[self.model.USER_ID]
        data = self._data_weights[users]
        shared = self._regularizer_weights is self._data_weights
        with self._weights.batch(data, data if shared else self._regularizer_weights[users]):
            return type(self.model).calculate_loss(self.model, interaction, **options)

    @contextmanager
    def _weighing(self) -> Iterator[None]:
        """Set the weights of a batch whenever the model's loss is asked for.

        RecBole's trainers of single models call ``calculate_loss`` themselves, some more than once
        an epoch and with a phase to be in (RecVAE), and pass no ``loss_func`` on.
        """
        if self._weights is None:
            yield
            return
        self.model.calculate_loss = self._weighted_loss
        if hasattr(self.model, "calculate_kg_loss"):
            self.model.calculate_kg_loss = self._loss_of_triples
        try:
            yield
        finally:
            del self.model.calculate_loss
            self.model.__dict__.pop("calculate_kg_loss", None)

    def _loss_of_triples(self, interaction: Any) -> Any:
        """Return the loss of triples, which have no user, by the model's own loss modules."""
        twins = {name: getattr(self.model, name) for name in self._plain}
        for name, module in self._plain.items():
            setattr(self.model, name, module)
        try:
            return type(self.model).calculate_kg_loss(self.model, interaction)
        finally:
            for name, twin in twins.items():
                setattr(self.model, name, twin)

    def _train_epoch(
        self,
        train_data: Any,
        epoch_idx: int,
        loss_func: Callable[[Any], Any] | None = None,
        show_progress: bool = False,
    ) -> Any:
        with self._weighing():
            losses = super()._train_epoch(train_data, epoch_idx, loss_func, show_progress)
        if self.on_epoch is not None:
            self.on_epoch(epoch_idx)
        return losses

    def _valid_epoch(
        self, valid_data: Any, show_progress: bool = False
    ) -> tuple[float, dict[str, float]]:
        if self.validate is None:
            score, result = super()._valid_epoch(valid_data, show_progress)
        else:
            self.model.eval()
            with torch.no_grad():
                score, result = self.validate(self.model)
        return score, result

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """Train as RecBole's ``fit`` does, on current versions of numpy and scipy."""
        with recbole_compat():
            return super().fit(*args, **kwargs)

    def _check_nan(self, loss: Tensor) -> None:
        if torch.isnan(loss):
            raise Diverged("the training loss is NaN; use a smaller learning_rate")

    def _save_checkpoint(self, epoch: int, verbose: bool = True, **kwargs: Any) -> None:
        """Save a checkpoint that ``torch.load`` reads with ``weights_only=True``, its default."""
        path = kwargs.pop("saved_model_file", self.saved_model_file)
        state = {
            "config": {"model": self.config["model"]},
            "epoch": epoch,
            "cur_step": self.cur_step,
            "best_valid_score": float(self.best_valid_score),
            "state_dict": self.model.state_dict(),
            "other_parameter": other_parameters(self.model),
            "optimizer": self.optimizer.state_dict(),
        }
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda file: torch.save(state, file))


def trainer_class(config: Config) -> type[GroupMixTrainer]:
    """Return :class:`GroupMixTrainer` on the trainer that RecBole has for a model.

    Most models have RecBole's ``Trainer``; a few (RecVAE, NCL) have their own subclass of it,
    which becomes a base of ours.
    """
    base = get_trainer(config["MODEL_TYPE"], config["model"])
    if base is Trainer:
        return GroupMixTrainer
    return type(f"GroupMix{base.__name__}", (GroupMixTrainer, base), {})
