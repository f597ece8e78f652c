"""The back end that trains one model after another with RecBole's own trainer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from recbole.model.abstract_recommender import AbstractRecommender
from torch import nn

from recbole_groupmix.adapters.batches import BatchFormat, Negatives, TrainingBatches
from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.held_out import user_metrics
from recbole_groupmix.adapters.pretrained import construct
from recbole_groupmix.adapters.seeding import (
    INITIAL_VALUES,
    MODEL_NOISE,
    global_seed,
    torch_seed,
)
from recbole_groupmix.adapters.trainer import Diverged, trainer_class, user_factors
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import Part
from recbole_groupmix.models import USER_WISE
from recbole_groupmix.training.early_stopping import EarlyStopping
from recbole_groupmix.training.job import Fit, Job, OnEpoch, present_users, user_weights


@dataclass(frozen=True)
class OneByOne:
    """Trains jobs one after another through RecBole's models and trainer.

    Parameters
    ----------
    because : str
        Why models are trained one by one, for messages.
    """

    because: str = "backend is recbole, which trains models one by one"

    n_timed = 1

    def train(
        self, experiment: Experiment, jobs: Iterable[Job], on_epoch: OnEpoch | None = None
    ) -> Iterator[Fit]:
        """Train jobs in their order; see :meth:`~recbole_groupmix.training.back_end.Trains.train`."""
        for job in jobs:
            yield _train(experiment, job, on_epoch)

    def why_not_shared(self, experiment: Experiment) -> str | None:
        """Return that models are not shared."""
        return (
            "--target=all trains BPR and LightGCN with their weighted loss by the back ends cpu and "
            f"torch, or solves closed forms, but {self.because}"
        )

    def check_target(self, experiment: Experiment) -> None:
        """Every target can be trained for."""


def _train(experiment: Experiment, job: Job, on_epoch: OnEpoch | None) -> Fit:
    started = time.perf_counter()
    settings, config = experiment.settings, job.config(experiment)
    part = experiment.part(job.part)
    sampled = settings.weighting == "sample"
    weights = user_weights(experiment, job)
    in_model, _ = present_users(experiment, job, part)
    key = stream_key(experiment, job)
    stopping = None
    if job.epochs is None:
        stopping = EarlyStopping(experiment, part, every_group=job.every_group)
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
        if stopping is not None:
            trainer.validate = _validator(stopping, trainer.eval_step)
        if on_epoch is not None:
            trainer.on_epoch = lambda epoch: on_epoch(job.name, epoch + 1, trainer.epochs)
        diverged = False
        try:
            trainer.fit(
                training_batches(experiment, job, part, draws),
                None if stopping is None else True,  # RecBole only asks whether there is any
                verbose=False,
                saved=False,
            )
        except Diverged:
            diverged = True
        diverged = diverged or not all(p.isfinite().all() for p in model.parameters())
    fit = Fit(job, lambda: model, trainer.epochs, seconds=time.perf_counter() - started)
    if diverged:
        fit.diverged = True
    elif stopping is not None:
        fit.epochs, fit.score = stopping.best_epoch, stopping.best
        fit.best, fit.curve = stopping.best_of_targets, stopping.curve
    return fit


def stream_key(experiment: Experiment, job: Job) -> tuple[int, int]:
    """Return the key of a job's random streams: its training seed (seed + repeat) and its part."""
    return experiment.settings.seed + job.repeat, job.part


def triplet_factors(experiment: Experiment, part: Part) -> np.ndarray:
    """Return the factor of every user's triplets, float64 (n_users,); 1 where they are sampled."""
    settings = experiment.settings
    user_loss = "sum" if settings.triplets == "sampled" else settings.user_loss
    return user_factors(part.users, experiment.shape[0], user_loss)


def batch_format(experiment: Experiment) -> BatchFormat:
    """Return the format of the model's batches; ``ValueError`` for settings that rule it out."""
    settings = experiment.settings
    try:
        return BatchFormat.of_config(experiment.config, settings.model in USER_WISE)
    except ValueError as error:
        key = str(error).partition(" ")[0]
        if key not in settings.given:
            raise
        raise ValueError(f"{settings.describe(key)}: {error}") from error


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
        batch_format(experiment),
        stream_key(experiment, job),
        sampled_by=_sampled_by(settings.triplets, settings.user_loss),
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
    model = construct(experiment.model_class, config, experiment.dataset_of(part, present))
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
    stopping: EarlyStopping, eval_step: int
) -> Callable[[AbstractRecommender], tuple[float, dict[str, float]]]:
    def validate(model: AbstractRecommender) -> tuple[float, dict[str, float]]:
        k, metric = stopping.k, stopping.metric
        values = user_metrics(model, stopping.held_out, [k], [metric])[f"{metric}@{k}"]
        return stopping.record(values, eval_step * (len(stopping.curve) + 1))

    return validate


def _sampled_by(triplets: str, user_loss: str) -> str | None:
    """Return how triplets are drawn: by user (``l(u)`` is a mean) or by interaction (a sum)."""
    if triplets == "all":
        return None
    return "user" if user_loss == "mean" else "interaction"


def _user_draws(
    part: Part, weights: np.ndarray, experiment: Experiment
) -> Callable[[np.random.Generator], np.ndarray]:
    """Return the draws of Eq. 7: the target once, ``alpha_j n_aug`` users of group j at random."""
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
