"""A job, which is one model to train, and the fit that results."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from recbole.model.abstract_recommender import AbstractRecommender

from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.core.schedule import Schedule
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import Part
from recbole_groupmix.rivals.recipe import Recipe

if TYPE_CHECKING:
    import pandas as pd

    from recbole_groupmix.training.validation_curve import ValidationCurve


@dataclass(frozen=True)
class Job:
    """One model to train. It knows a recipe and nothing of mixes or rivals.

    Attributes
    ----------
    name : str
        Name of the candidate that it is trained for.
    recipe : Recipe
        How it is trained.
    part : int
        Training part (:class:`~recbole_groupmix.experiment.experiment.Part`).
    repeat : int
        Seed offset of initial values and negatives.
    epochs : int or None
        How long to train; None stops early on the held-out items of the targets. Jobs that differ
        in their epochs alone are one training, which is read at each length.
    options : dict of str to float
        What the candidate chose or may choose, as records name it.
    eval_step : int
        Epochs between two measurements on the held-out items of the part; 0 measures nothing.
    targets : tuple of str
        Groups that are measured and drive early stopping; empty for the experiment's target alone.
    every_group : bool
        Whether every group is measured.
    initial : mapping of str to torch.Tensor or None
        State of a model of all users to start from: that of the recipe's `first`, once it is
        trained (:class:`~recbole_groupmix.training.fine_tuning.FineTuning`).
    schedule : Schedule or None
        Factors of the weights of groups by epoch: what the recipe's `rule` has given, once it is
        learned (:class:`~recbole_groupmix.training.learned_schedules.LearnedSchedules`). A back end that
        is given a rule and no schedule learns one, from the guide of the part.
    """

    name: str
    recipe: Recipe
    part: int
    repeat: int
    epochs: int | None = None
    options: Mapping[str, float] = field(default_factory=dict)
    eval_step: int = 0
    targets: tuple[str, ...] = ()
    every_group: bool = False
    initial: Mapping[str, torch.Tensor] | None = field(default=None, compare=False)
    schedule: Schedule | None = field(default=None, compare=False)

    @property
    def weights(self) -> Mapping[str, float]:
        """Weight of a user of each group, of any scale."""
        return self.recipe.weights

    def config(self, experiment: Experiment) -> GroupMixConfig:
        """Return the configuration of the experiment with this job's own values."""
        config = copy.copy(experiment.config)
        config.final_config_dict = {**config.final_config_dict, **self.recipe.options}
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
        Epochs that it was trained.
    curve : ValidationCurve or None
        What was measured on its part, also beyond `epochs` where one training serves several
        jobs; None if the job is not measured.
    seconds : float
        Wall time of the job.
    diverged : bool
        Whether training ended in NaN or infinity after ``epochs`` epochs; then no model exists.
    schedule : Schedule or None
        How the weights changed during training; None without a rule.
    tested : pandas.DataFrame or None
        Its metrics on test, where they were measured beside the training already.
    saved : mapping or None
        What a checkpoint keeps of the model, where the model itself is not here.
    """

    job: Job
    make_model: Callable[[], AbstractRecommender]
    epochs: int
    curve: ValidationCurve | None = None
    seconds: float = 0.0
    diverged: bool = False
    schedule: Schedule | None = None
    tested: pd.DataFrame | None = None
    saved: Mapping[str, Any] | None = None

    @cached_property
    def model(self) -> AbstractRecommender:
        """The RecBole model as training left it."""
        return self.make_model()


def training_key(job: Job) -> tuple[object, ...]:
    """Return the key that jobs share if they differ in their number of epochs alone."""
    return (job.part, job.repeat, id(job.initial), job.schedule, *job.recipe.identity)


def fit_key(job: Job) -> tuple[object, ...]:
    """Return the key that jobs share if one fit serves them: a training, read at one length."""
    return (*training_key(job), job.epochs)


def model_key(job: Job) -> tuple[object, ...]:
    """Return the key that jobs share if they are one training, however its lists are re-ranked."""
    return training_key(replace(job, recipe=job.recipe.plain))


def n_trainings(jobs: Iterable[Job]) -> int:
    """Return the number of models that are trained for some jobs."""
    return len({model_key(job) for job in jobs})


def n_scored(jobs: Iterable[Job]) -> int:
    """Return the number of models that are scored for some jobs, each re-ranking of one by itself."""
    return len({training_key(job) for job in jobs})


def n_learned(jobs: Iterable[Job]) -> int:
    """Return the number of models that are trained before some jobs to learn their schedules."""
    return n_trainings(job for job in jobs if job.recipe.rule is not None)


def n_firsts(jobs: Iterable[Job]) -> int:
    """Return the number of models that are trained before some jobs, which start from them."""
    firsts = ((job.part, job.repeat, job.recipe) for job in jobs)
    return len(
        {
            (part, repeat, recipe.first.epochs, *recipe.first.recipe.identity)
            for part, repeat, recipe in firsts
            if recipe.first is not None and recipe.towards is None
        }
    )


#: Called with a label, the number of epochs done and the number of epochs at most.
OnEpoch = Callable[[str, int, int], None]


def user_weights(experiment: Experiment, job: Job) -> np.ndarray:
    """Return the weight of every internal user id in a job, float64 (n_users,)."""
    return recipe_weights(experiment, job.recipe)


def recipe_weights(experiment: Experiment, recipe: Recipe) -> np.ndarray:
    """Return the weight of every internal user id in a recipe, float64 (n_users,)."""
    weights = experiment.groups.weights_of_users(recipe.weights)
    return weights if recipe.by_user is None else weights * recipe.by_user


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
    hidden = settings.graph == "positive" and job.recipe.first is None
    return positive if hidden else None, positive if leaves else None
