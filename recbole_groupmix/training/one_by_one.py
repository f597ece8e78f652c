"""The back end that trains one model after another with RecBole's own trainer."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from recbole.model.abstract_recommender import AbstractRecommender
from torch import nn

from recbole_groupmix.adapters.batch_format import BatchFormat
from recbole_groupmix.adapters.batches import Negatives, TrainingBatches
from recbole_groupmix.adapters.columns import PartColumns
from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.config import (
    GroupMixConfig,
    has_loss_over_all_items,
    learns_labels,
)
from recbole_groupmix.adapters.drawn_users import user_draws
from recbole_groupmix.adapters.held_out import scores_of_pairs
from recbole_groupmix.adapters.pretrained import construct
from recbole_groupmix.adapters.seeding import (
    INITIAL_VALUES,
    MODEL_NOISE,
    global_seed,
    torch_seed,
)
from recbole_groupmix.adapters.trainer import Diverged, trainer_class, user_factors
from recbole_groupmix.adapters.triples import KnowledgeBatches, Triples
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import Part
from recbole_groupmix.models import OVER_ALL_ITEMS, family_of
from recbole_groupmix.training.job import (
    Fit,
    Job,
    OnEpoch,
    present_users,
    training_key,
    user_weights,
)
from recbole_groupmix.training.measuring import on_curve
from recbole_groupmix.training.validation_curve import (
    curve_of,
    early_stopping,
    is_measured,
)
from recbole_groupmix.training.weighing import weighing_of


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
        """Train jobs in their order; see :meth:`~recbole_groupmix.training.back_end.Trains.train`.

        Jobs that differ in their epochs alone are one model, which is read at the end of each.
        """
        by_training: dict[tuple[object, ...], list[Job]] = {}
        for job in jobs:
            by_training.setdefault(training_key(job), []).append(job)
        for together in by_training.values():
            yield from _train(experiment, together, on_epoch)

    def why_not_shared(self, experiment: Experiment) -> str | None:
        """Return that models are not shared."""
        return (
            "--target=all trains BPR and LightGCN with their weighted loss by the back ends cpu and "
            f"torch, or solves closed forms, but {self.because}"
        )

    def check_target(self, experiment: Experiment) -> None:
        """Every target can be trained for."""


class _Ended(Exception):
    """Early stopping has ended the training."""


def _train(experiment: Experiment, jobs: list[Job], on_epoch: OnEpoch | None) -> Iterator[Fit]:
    started = time.perf_counter()
    job = jobs[0]
    settings, config = experiment.settings, job.config(experiment)
    part = experiment.part(job.part)
    sampled = settings.weighting == "sample"
    weights, l2 = user_weights(experiment, job), job.recipe.l2
    in_model, _ = present_users(experiment, job, part)
    key = stream_key(experiment, job)
    curve, weighing = curve_of(experiment, part, jobs), weighing_of(experiment, part, jobs)
    lengths = {j.epochs for j in jobs}
    read: dict[int, dict[str, torch.Tensor]] = {}
    with global_seed(torch_seed(MODEL_NOISE, *key)), recbole_compat():
        model = build_model(experiment, part, in_model, key, config)
        if job.initial is not None:
            model.load_state_dict(job.initial)
        draws = None
        if sampled:
            draws = user_draws(experiment.groups, experiment.target, part.users, weights)
        trainer = trainer_class(config)(
            config,
            model,
            None if sampled else weights,
            factors=triplet_factors(experiment, part),
            l2_factors=None if l2 is None else experiment.groups.weights_of_users(l2),
        )
        trainer.epochs = max(length or trainer.epochs for length in lengths)
        batches = training_batches(experiment, job, part, draws)
        stopping = None
        if curve is not None and None in lengths:
            stopping = early_stopping(experiment, curve, len(batches), trainer.epochs)
        done = 0

        def reweigh() -> None:
            if weighing is not None and done < trainer.epochs:
                changed = weighing.after(done, partial(scores_of_pairs, model))
                if changed is not None:
                    trainer.reweigh(weights * experiment.groups.weights_of_users(changed))

        def after(epoch_idx: int) -> None:
            nonlocal done
            done, ended = epoch_idx + 1, False
            reweigh()
            if on_epoch is not None:
                on_epoch(job.name, done, trainer.epochs)
            if curve is not None and is_measured(jobs, done, trainer.epochs):
                curve.record(on_curve(experiment, model, curve), done)
                ended = stopping is not None and stopping.is_over()
            if done in lengths and done < trainer.epochs and _is_finite(model):
                read[done] = copy.deepcopy(model.state_dict())
            if ended:
                raise _Ended

        trainer.on_epoch = after
        reweigh()
        diverged = False
        try:
            trainer.fit(batches, None, verbose=False, saved=False)
        except Diverged:
            diverged = True
        except _Ended:
            pass
        diverged = diverged or not _is_finite(model)

    def read_at(state: dict[str, torch.Tensor]) -> AbstractRecommender:
        with global_seed(torch_seed(MODEL_NOISE, *key)), recbole_compat():
            earlier = build_model(experiment, part, in_model, key, config)
        earlier.load_state_dict(state)
        return earlier

    seconds = time.perf_counter() - started
    for each in sorted(jobs, key=lambda j: j.epochs or trainer.epochs):
        state = None if each.epochs is None else read.get(each.epochs)
        make = partial(read_at, state) if state is not None else lambda: model
        fit = Fit(each, make, each.epochs or done, curve, seconds, diverged and state is None)
        fit.schedule = None if weighing is None else weighing.schedule
        yield fit
        seconds = 0.0  # the next job is part of the same training


def _is_finite(model: AbstractRecommender) -> bool:
    return all(bool(parameter.isfinite().all()) for parameter in model.parameters())


def stream_key(experiment: Experiment, job: Job) -> tuple[int, int]:
    """Return the key of a job's random streams: its training seed (seed + repeat) and its part."""
    return experiment.settings.seed + job.repeat, job.part


def triplet_factors(experiment: Experiment, part: Part) -> np.ndarray:
    """Return the factor of every user's rows, float64 (n_users,); 1 where they are sampled.

    A weighted model that is fed with users gets each once, whatever ``triplets`` says. Its factor
    under ``user_loss: mean`` divides the loss of the user's interactions by their number; it is 1
    if that loss is over all items.
    """
    settings = experiment.settings
    user_loss = "sum" if settings.triplets == "sampled" else settings.user_loss
    if settings.learns_whole_rows and settings.weighting == "loss":
        user_loss = "sum" if settings.model in OVER_ALL_ITEMS else settings.user_loss
    return user_factors(part.users, experiment.shape[0], user_loss)


def batch_format(experiment: Experiment) -> BatchFormat:
    """Return the format of the model's batches; ``ValueError`` for settings that rule it out."""
    settings, config = experiment.settings, experiment.config
    needs_negatives = not (has_loss_over_all_items(config) or learns_labels(config))
    try:
        return BatchFormat.of_config(config, settings.learns_whole_rows, needs_negatives)
    except ValueError as error:
        key = str(error).partition(" ")[0]
        if key not in settings.given:
            raise
        raise ValueError(f"{settings.describe(key)}: {error}") from error


def training_batches(
    experiment: Experiment, job: Job, part: Part, user_draws: Any = None
) -> TrainingBatches | KnowledgeBatches:
    """Return the batches of a job; they are the same for all mixes of the same present users."""
    present = present_users(experiment, job, part)[1]
    batches = interaction_batches(experiment, job, part, present, user_draws)
    if family_of(experiment.settings.model) != "knowledge-based":
        return batches
    key, size = stream_key(experiment, job), batch_format(experiment).batch_size
    return KnowledgeBatches(batches, Triples(experiment.tensors.graph, size, key))


def interaction_batches(
    experiment: Experiment,
    job: Job,
    part: Part,
    present: np.ndarray | None,
    user_draws: Any = None,
    negatives: Negatives | None = None,
) -> TrainingBatches:
    """Return the batches of a job's interactions, of the present users (None: all)."""
    settings, config = experiment.settings, experiment.config
    form = batch_format(experiment)
    return TrainingBatches(
        part.users,
        part.items,
        negatives or part.negatives,
        form,
        stream_key(experiment, job),
        sampled_by=_sampled_by(settings.triplets, settings.user_loss),
        present=present,
        user_draws=user_draws,
        device=config["device"],
        columns=columns_of(experiment, form, part),
    )


def columns_of(experiment: Experiment, form: BatchFormat, part: Part) -> PartColumns | None:
    """Return the columns of a part's rows, for models that read more than ids."""
    reads_more = family_of(experiment.settings.model) in ("sequential", "context-aware")
    if not reads_more and not learns_labels(experiment.config):
        return None
    with recbole_compat():
        return experiment.tensors.columns(form).of_rows(part.rows)


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


def _sampled_by(triplets: str, user_loss: str) -> str | None:
    """Return how triplets are drawn: by user (``l(u)`` is a mean) or by interaction (a sum)."""
    if triplets == "all":
        return None
    return "user" if user_loss == "mean" else "interaction"
