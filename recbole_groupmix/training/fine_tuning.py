"""Fine-tuning: jobs that start from the model of another recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.training.back_end import Trains
from recbole_groupmix.training.job import Fit, Job, OnEpoch, fit_key


class FineTuning:
    """Trains the model that a job starts from before the job itself, and each such model once.

    The optimiser starts anew with the job's data and its own learning rate. The model object holds
    all users (graph, histories), as that of the first training did.

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
        """Train jobs, those that start anew first; see :meth:`Trains.train`."""
        jobs = list(jobs)
        at_once = [job for job in jobs if _first_of(job) is None]
        if at_once:
            yield from self._back_end.train(experiment, at_once, on_epoch)
        firsts: list[Job] = []
        followers: dict[tuple[object, ...], list[Job]] = {}
        for job in jobs:
            first = _first_of(job)
            if first is not None:
                waiting = followers.setdefault(fit_key(first), [])
                if not waiting:
                    firsts.append(first)
                waiting.append(job)
        for fit in self._back_end.train(experiment, firsts, on_epoch) if firsts else ():
            waiting = followers[fit_key(fit.job)]
            share = fit.seconds / len(waiting)
            if fit.diverged:
                yield from (replace(fit, job=job, curve=None, seconds=share) for job in waiting)
                continue
            state = fit.model.state_dict()
            from_there = [replace(job, initial=state) for job in waiting]
            for tuned in self._back_end.train(experiment, from_there, on_epoch):
                tuned.job, tuned.seconds = replace(tuned.job, initial=None), tuned.seconds + share
                yield tuned


def _first_of(job: Job) -> Job | None:
    """Return the job whose model a job starts from; None if it starts anew."""
    first = job.recipe.first
    if first is None or job.recipe.towards is not None:
        return None
    return Job(f"first of {job.name}", first.recipe, job.part, job.repeat, first.epochs)
