"""A job, which is one model to train, and the fit that results."""

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
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import Part


@dataclass(frozen=True)
class Job:
    """One model to train. It knows the weights of users and nothing of mixes.

    Attributes
    ----------
    name : str
        Name of the candidate that it is trained for.
    weights : dict of str to float
        Weight of a user of each group, of any scale.
    part : int
        Training part (:class:`~recbole_groupmix.experiment.experiment.Part`).
    repeat : int
        Seed offset of initial values and negatives.
    epochs : int or None
        How long to train; None stops early on the held-out items of the targets.
    options : dict of str to float
        RecBole keys of this job alone: ``learning_rate``, ``reg_weight``.
    targets : tuple of str
        Groups whose metric drives early stopping on a fold, each with a best score of its own;
        empty for the experiment's target alone.
    every_group : bool
        Whether the curve of early stopping is measured on every group.
    start : Job or None
        A job whose model is trained first and where this job then starts
        (:class:`~recbole_groupmix.training.fine_tuning.FineTuning`).
    initial : mapping of str to torch.Tensor or None
        State of a model of all users to start from: the model of `start`, once it is trained.
    """

    name: str
    weights: Mapping[str, float]
    part: int
    repeat: int
    epochs: int | None = None
    options: Mapping[str, float] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    every_group: bool = False
    start: Job | None = None
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
        The job.
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
        Options of RecBole that were tried on the part, each with its score; the model is the best
        one. Empty where there was no choice.
    diverged : bool
        Whether training ended in NaN or infinity after ``epochs`` epochs; then no model exists.
    best : dict of str to (int, float)
        Under early stopping ``epochs`` and ``score`` of every target of the job; those above are
        of the first target.
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

        After early stopping that is a few evaluations after the best epoch.
        """
        return self.make_model()


#: Called with a label, the number of epochs done and the number of epochs at most.
OnEpoch = Callable[[str, int, int], None]


def user_weights(experiment: Experiment, job: Job) -> np.ndarray:
    """Return the weight of every internal user id in a job, float64 (n_users,)."""
    return experiment.groups.weights_of_users(job.weights)


def present_users(
    experiment: Experiment, job: Job, part: Part
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return the masks of users in a job's model object and in its batches, bool (n_users,).

    A user of weight 0 leaves the model's data under ``graph: positive`` and the batches under
    ``regularizer: weighted``. None stands for all users.
    """
    positive = user_weights(experiment, job) > 0
    if positive[part.users].all():
        return None, None
    settings = experiment.settings
    leaves = settings.weighting == "sample" or settings.regularizer == "weighted"
    hidden = settings.graph == "positive" and job.initial is None
    return positive if hidden else None, positive if leaves else None
