"""The rival of mixing: train on everybody, then go on with the target's users alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from math import isfinite
from typing import Any

from recbole_groupmix.adapters.support import CLOSED_FORM
from recbole_groupmix.core.mix import baselines
from recbole_groupmix.pipeline.candidates import Candidate
from recbole_groupmix.pipeline.experiment import Experiment
from recbole_groupmix.pipeline.job import Fit, Job, OnEpoch
from recbole_groupmix.pipeline.result import REFERENCE
from recbole_groupmix.pipeline.settings import Settings

#: Name and source of the pooled model that is trained on.
FINE_TUNED = "fine_tuned"
#: Models that it takes besides itself: one on everybody comes before.
MODELS_BEFORE = 1
BackEnd = Callable[..., Iterator[Fit]]


def has_rival(settings: Settings) -> bool:
    """Whether a run has the rival: not under ``fine_tune: False``, nor for closed-form models."""
    return bool(settings["fine_tune"]) and settings["model"] not in CLOSED_FORM


def fine_tuned(experiment: Experiment, cv: Mapping[str, Mapping[str, Any]]) -> Candidate | None:
    """Return the rival, or None where there is none: see :func:`has_rival`.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    cv : mapping
        Summaries of the folds by candidate name; empty without folds. The pooled model is trained
        for as long as Proportional was best there.
    """
    if not has_rival(experiment.settings):
        return None
    if cv and not isfinite(cv[REFERENCE]["score"]):
        return None
    epochs = cv[REFERENCE]["epochs"] if cv else int(experiment.config["epochs"])
    alone = baselines(experiment.n_users, experiment.target)["no_augmentation"]
    return Candidate(FINE_TUNED, alone, FINE_TUNED, pooled_epochs=epochs)


def with_fine_tuning(train: BackEnd) -> BackEnd:
    """Return a back end that trains the pooled model of a job before the job itself.

    The optimiser starts anew with the target's data; learning rate and L2 weight stay. The model
    sees everybody (graph, histories) as the pooled one did.

    Parameters
    ----------
    train : callable
        The back end: see :mod:`~recbole_groupmix.pipeline.training`.
    """

    def train_all(
        experiment: Experiment, jobs: Iterable[Job], on_epoch: OnEpoch | None = None
    ) -> Iterator[Fit]:
        jobs = list(jobs)
        usual = [job for job in jobs if not job.pooled_epochs]
        if usual:
            yield from train(experiment, usual, on_epoch)
        rivals: dict[tuple[int, int, int | None], list[Job]] = {}  # by the pooled model
        for job in jobs:
            if job.pooled_epochs:
                key = (job.part, job.repeat, job.pooled_epochs)
                rivals.setdefault(key, []).append(job)
        everybody = baselines(experiment.n_users, experiment.target)[REFERENCE]
        pooled = [Job(REFERENCE, everybody, *key) for key in rivals]
        for first in train(experiment, pooled, on_epoch) if pooled else ():
            same = rivals[first.job.part, first.job.repeat, first.job.epochs]
            for job in same:
                share = first.seconds / len(same)
                if first.diverged:
                    yield replace(first, job=job, seconds=share)
                    continue
                state = first.model.state_dict()
                for fit in train(experiment, [replace(job, initial=state)], on_epoch):
                    fit.job, fit.seconds = job, fit.seconds + share
                    yield fit

    return train_all
