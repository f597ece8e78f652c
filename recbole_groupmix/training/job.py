"""One model to train, the weights of its users, and what came of it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from recbole.model.abstract_recommender import AbstractRecommender

from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.core.mix import Mix
from recbole_groupmix.experiment.experiment import Experiment, Part
from recbole_groupmix.mixes.weights import weights_on


@dataclass(frozen=True)
class Job:
    """One model to train.

    Attributes
    ----------
    name : str
        Name of the mix; a baseline's mix is made from the counts of the part.
    mix : Mix
        The mix.
    part : int
        Training part (:class:`~recbole_groupmix.experiment.experiment.Part`).
    repeat : int
        Seed offset of initial values and negatives.
    epochs : int or None
        How long to train; None stops early on the target's held-out items.
    options : dict of str to float
        RecBole keys of this job alone: ``learning_rate``, ``reg_weight``.
    weights : dict of str to float or None
        Weight of a user of each group, of any scale, in place of the mix's.
    targets : tuple of str
        Groups that stop training on a fold, each with a best score of its own; empty for the
        experiment's target alone.
    pooled_epochs : int
        Epochs of Proportional that come before
        (:func:`~recbole_groupmix.training.fine_tuning.with_fine_tuning`).
    initial : mapping of str to torch.Tensor or None
        State of a model of all users to start from.
    """

    name: str
    mix: Mix
    part: int
    repeat: int
    epochs: int | None = None
    options: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] | None = None
    targets: tuple[str, ...] = ()
    pooled_epochs: int = 0
    initial: Mapping[str, torch.Tensor] | None = field(default=None, compare=False)

    def config(self, experiment: Experiment) -> GroupMixConfig:
        """Return the configuration of the experiment with this job's own values."""
        config = copy.copy(experiment.config)
        config.final_config_dict = {**config.final_config_dict, **self.options}
        return config


@dataclass
class Fit:
    """A trained model.

    Attributes
    ----------
    job : Job
        What was asked.
    make_model : callable
        Makes the RecBole model; see :attr:`model`.
    epochs : int
        Epochs of the best score under early stopping, else the epochs trained.
    score : float
        Best validation score on the target's held-out items; NaN without early stopping.
    curve : list of dict
        One entry per evaluation: epoch and the metric by group.
    seconds : float
        Wall time of the job.
    tried : list of (options, score)
        Options of RecBole that were tried on the part, with the score of each; the model is that
        of the best. Empty where there was no choice.
    diverged : bool
        Whether training ended in NaN or infinity after ``epochs`` epochs; there is no model then.
    best : dict of str to (int, float)
        Under early stopping ``epochs`` and ``score`` of every target of the job; those above are
        the first one's.
    """

    job: Job
    make_model: Callable[[], AbstractRecommender]
    epochs: int
    score: float = float("nan")
    curve: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    tried: list[tuple[dict[str, float], float]] = field(default_factory=list)
    diverged: bool = False
    best: dict[str, tuple[int, float]] = field(default_factory=dict)

    @cached_property
    def model(self) -> AbstractRecommender:
        """The RecBole model as training left it.

        After early stopping that is some evaluations after its best epoch.
        """
        return self.make_model()


#: Called with a label, the number of epochs done and the number of epochs at most.
OnEpoch = Callable[[str, int, int], None]


def weights_by_group(experiment: Experiment, job: Job, part: Part) -> Mapping[str, float]:
    """Return the weight of a user of each group on a part: :func:`weights_on`."""
    return weights_on(part, experiment.target, job.name, job.mix, job.weights)


def user_weights(experiment: Experiment, job: Job, part: Part) -> np.ndarray:
    """Return the Eq. 8 weight of every internal user id, float64 (n_users,), on a part."""
    return experiment.groups.weights_of_users(weights_by_group(experiment, job, part))


def present_users(
    experiment: Experiment, job: Job, part: Part
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return which users a job's model object and its batches hold, bool (n_users,) each.

    A user of weight 0 leaves the model's data under ``graph: positive`` and the batches under
    ``regularizer: weighted``. None stands for all users.
    """
    positive = user_weights(experiment, job, part) > 0
    if positive[part.users].all():
        return None, None
    settings = experiment.settings
    leaves = settings["weighting"] == "sample" or settings["regularizer"] == "weighted"
    hidden = settings["graph"] == "positive" and job.initial is None
    return positive if hidden else None, positive if leaves else None
