"""Fine-tuning: a back end that trains a model of all users before the one of a job."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from recbole_groupmix.core.mix import baselines
from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.training.job import Fit, Job, OnEpoch

#: Models that it takes besides itself: one on everybody comes before.
MODELS_BEFORE = 1
BackEnd = Callable[..., Iterator[Fit]]


def with_fine_tuning(train: BackEnd) -> BackEnd:
    """Return a back end that trains the pooled model of a job before the job itself.

    The optimiser starts anew with the target's data; learning rate and L2 weight stay. The model
    sees everybody (graph, histories) as the pooled one did.

    Parameters
    ----------
    train : callable
        The back end: see :mod:`~recbole_groupmix.training.one_by_one`.
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
