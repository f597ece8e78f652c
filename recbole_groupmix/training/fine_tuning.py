"""Fine-tuning: jobs that start from the model of another job."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.training.back_end import Trains
from recbole_groupmix.training.job import Fit, Job, OnEpoch, training_key

#: Models trained before a fine-tuned model: the one that it starts from.
MODELS_BEFORE = 1


class FineTuning:
    """Trains the model that a job starts from before the job itself, and each such model once.

    The optimiser starts anew with the job's data; learning rate and L2 weight stay. The model
    object holds all users (graph, histories), as that of the first training did.

    Parameters
    ----------
    back_end : Trains
        What trains both.
    """

    def __init__(self, back_end: Trains) -> None:
        self._back_end = back_end

    def train(
        self, experiment: Experiment, jobs: Iterable[Job], on_epoch: OnEpoch | None = None
    ) -> Iterator[Fit]:
        """Train jobs, those without a start first; see :meth:`Trains.train`."""
        jobs = list(jobs)
        at_once = [job for job in jobs if job.start is None]
        if at_once:
            yield from self._back_end.train(experiment, at_once, on_epoch)
        starts: list[Job] = []
        followers: dict[tuple[object, ...], list[Job]] = {}
        for job in jobs:
            if job.start is not None:
                waiting = followers.setdefault(_start_key(job.start), [])
                if not waiting:
                    starts.append(job.start)
                waiting.append(job)
        for first in self._back_end.train(experiment, starts, on_epoch) if starts else ():
            waiting = followers[_start_key(first.job)]
            share = first.seconds / len(waiting)
            if first.diverged:
                yield from (replace(first, job=job, curve=None, seconds=share) for job in waiting)
                continue
            state = first.model.state_dict()
            from_there = [replace(job, initial=state) for job in waiting]
            for fit in self._back_end.train(experiment, from_there, on_epoch):
                fit.job, fit.seconds = replace(fit.job, initial=None), fit.seconds + share
                yield fit


def _start_key(job: Job) -> tuple[object, ...]:
    return (*training_key(job), job.epochs)
