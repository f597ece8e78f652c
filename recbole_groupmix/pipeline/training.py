"""The seam "train these mixes on these parts, give me the models", one model after another.

A back end is anything with the signature of :func:`train_sequentially`.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from recbole.model.abstract_recommender import AbstractRecommender
from torch import nn

from recbole_groupmix.adapters.batches import BatchFormat, Negatives, TrainingBatches
from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.evaluate import evaluate
from recbole_groupmix.adapters.seeding import (
    INITIAL_VALUES,
    MODEL_NOISE,
    global_seed,
    torch_seed,
)
from recbole_groupmix.adapters.support import USER_WISE
from recbole_groupmix.adapters.trainer import Diverged, trainer_class, user_factors
from recbole_groupmix.core.mix import Mix, baselines, group_weights
from recbole_groupmix.pipeline.experiment import Experiment, Part
from recbole_groupmix.pipeline.validation import Validation


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
        Training part (:class:`~recbole_groupmix.pipeline.experiment.Part`).
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
        (:func:`~recbole_groupmix.pipeline.fine_tune.with_fine_tuning`).
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
    """Return the weight of a user of each group on a part, by default that of Eq. 8.

    The part's own user counts decide, also about the mix of a baseline.
    """
    if job.weights is not None:
        return job.weights
    mix = baselines(part.n_users, experiment.target).get(job.name, job.mix)
    return group_weights(mix, part.n_users, experiment.target)


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


def train_sequentially(
    experiment: Experiment,
    jobs: Iterable[Job],
    on_epoch: OnEpoch | None = None,
) -> Iterator[Fit]:
    """Train jobs one after another through RecBole's models and trainer.

    Parameters
    ----------
    experiment : Experiment
        Shared data.
    jobs : iterable of Job
        What to train; results come in this order.
    on_epoch : callable, optional
        For progress: see :data:`OnEpoch`.
    """
    for job in jobs:
        yield _train(experiment, job, on_epoch)


def _train(experiment: Experiment, job: Job, on_epoch: OnEpoch | None) -> Fit:
    started = time.perf_counter()
    settings, config = experiment.settings, job.config(experiment)
    part = experiment.part(job.part)
    sampled = settings["weighting"] == "sample"
    weights = user_weights(experiment, job, part)
    in_model, _ = present_users(experiment, job, part)
    key = stream_key(experiment, job)
    validation = Validation(experiment, job.name, part) if job.epochs is None else None
    with global_seed(torch_seed(MODEL_NOISE, *key)), recbole_compat():
        model = build_model(experiment, part, in_model, key, config)
        if job.initial is not None:
            model.load_state_dict(job.initial)
        draws = _user_draws(part, weights, experiment) if sampled else None
        trainer = trainer_class(config)(
            config,
            model,
            None if sampled else weights,
            factors=triplet_factors(experiment, part),
        )
        trainer.epochs = job.epochs or trainer.epochs
        if validation is not None:
            trainer.validate = _validator(validation, trainer.eval_step)
        if on_epoch is not None:
            trainer.on_epoch = lambda epoch: on_epoch(job.name, epoch + 1, trainer.epochs)
        diverged = False
        try:
            trainer.fit(
                training_batches(experiment, job, part, draws),
                None if validation is None else True,  # RecBole only asks whether there is any
                verbose=False,
                saved=False,
            )
        except Diverged:
            diverged = True
        diverged = diverged or not all(p.isfinite().all() for p in model.parameters())
    fit = Fit(job, lambda: model, trainer.epochs, seconds=time.perf_counter() - started)
    if diverged:
        fit.diverged = True
    elif validation is not None:
        fit.epochs, fit.score = validation.best_epoch, validation.best
        fit.best, fit.curve = validation.best_of_targets, validation.curve
    return fit


def stream_key(experiment: Experiment, job: Job) -> tuple[int, int]:
    """Return what the random streams of a job depend on: seed + repeat, and the part."""
    return experiment.settings["seed"] + job.repeat, job.part


def triplet_factors(experiment: Experiment, part: Part) -> np.ndarray:
    """Return the factor of every user's triplets, float64 (n_users,); 1 where they are sampled."""
    settings = experiment.settings
    user_loss = "sum" if settings["triplets"] == "sampled" else settings["user_loss"]
    return user_factors(part.users, experiment.shape[0], user_loss)


def training_batches(
    experiment: Experiment,
    job: Job,
    part: Part,
    user_draws: Any = None,
    negatives: Negatives | None = None,
) -> TrainingBatches:
    """Return the batches of a job; they are the same for all mixes of the same present users."""
    settings, config = experiment.settings, experiment.config
    return TrainingBatches(
        part.users,
        part.items,
        negatives or part.negatives,
        BatchFormat.of_config(config, settings["model"] in USER_WISE),
        stream_key(experiment, job),
        sampled_by=_sampled_by(settings["triplets"], settings["user_loss"]),
        present=present_users(experiment, job, part)[1],
        user_draws=user_draws,
        device=config["device"],
    )


def build_model(
    experiment: Experiment,
    part: Part,
    present: np.ndarray | None,
    key: tuple[int, int],
    config: GroupMixConfig,
) -> AbstractRecommender:
    """Make the RecBole model of a part with the initial values of a key."""
    model = experiment.model_class(config, experiment.dataset_of(part, present))
    model = model.to(config["device"])
    spread = experiment.settings.standard_deviation
    if spread is not None:
        generator = torch.Generator().manual_seed(torch_seed(INITIAL_VALUES, *key))
        with torch.no_grad():
            for module in model.modules():
                if isinstance(module, nn.Embedding):
                    values = torch.randn(module.weight.shape, generator=generator) * spread
                    module.weight.copy_(values)
                    if module.padding_idx is not None:  # histories are padded by it
                        module.weight[module.padding_idx] = 0.0
    return model


def _validator(
    validation: Validation, eval_step: int
) -> Callable[[AbstractRecommender], tuple[float, dict[str, float]]]:
    def validate(model: AbstractRecommender) -> tuple[float, dict[str, float]]:
        k, metric = validation.k, validation.metric
        values = evaluate(model, validation.held_out, [k], [metric])[f"{metric}@{k}"]
        return validation.record(values, eval_step * (len(validation.curve) + 1))

    return validate


def _sampled_by(triplets: str, user_loss: str) -> str | None:
    """Draw by user, which makes ``l(u)`` a mean, or by interaction, which makes it a sum."""
    if triplets == "all":
        return None
    return "user" if user_loss == "mean" else "interaction"


def _user_draws(
    part: Part, weights: np.ndarray, experiment: Experiment
) -> Callable[[np.random.Generator], np.ndarray]:
    """Eq. 7: the target once, ``alpha_j n_aug`` users of group j with replacement."""
    groups = experiment.groups
    active = np.unique(part.users)
    members = {
        name: active[groups.of_user[active] == index] for index, name in enumerate(groups.names)
    }

    def draw(rng: np.random.Generator) -> np.ndarray:
        times = np.zeros(experiment.shape[0], dtype=np.int64)
        for name, users in members.items():
            if name == experiment.target:
                times[users] = 1
            elif len(users):
                expected = float(weights[users].sum())
                count = int(expected) + int(rng.random() < expected % 1.0)
                times += np.bincount(rng.choice(users, count), minlength=len(times))
        return times

    return draw
