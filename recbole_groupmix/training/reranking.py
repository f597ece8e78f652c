"""Re-ranking: jobs whose model is that of a plain recipe with other scores."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import cast

from recbole.model.abstract_recommender import AbstractRecommender

from recbole_groupmix.adapters.reranked import Reranked
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.training.back_end import Trains
from recbole_groupmix.training.job import Fit, Job, OnEpoch, fit_key
from recbole_groupmix.training.measuring import on_curve
from recbole_groupmix.training.validation_curve import curve_of


class Reranking:
    """Trains the plain recipe of jobs with a re-ranking, once for those that share it.

    A model that is trained anyway, for a job without a re-ranking, serves them as well. Re-ranked
    models are measured once, at their length.

    Parameters
    ----------
    back_end : Trains
        What trains the plain recipes.
    """

    def __init__(self, back_end: Trains) -> None:
        self._back_end = back_end

    def train(
        self, experiment: Experiment, jobs: Iterable[Job], on_epoch: OnEpoch | None = None
    ) -> Iterator[Fit]:
        """Train jobs, those that are re-ranked behind the model that they need.

        See :meth:`Trains.train`.

        Raises
        ------
        ValueError
            If a job with a re-ranking has no length.
        """
        jobs = list(jobs)
        asked = [job for job in jobs if job.recipe.rerank is None]
        served = {fit_key(job) for job in asked}
        followers: dict[tuple[object, ...], list[Job]] = {}
        before: list[Job] = []
        for job in jobs:
            if job.recipe.rerank is not None:
                plain = _plain(job)
                waiting = followers.setdefault(fit_key(plain), [])
                if not waiting and fit_key(plain) not in served:
                    before.append(plain)
                waiting.append(job)
        # early stopping ends a training, so a model of a fixed length is not read from the same
        stopped = any(job.epochs is None for job in asked)
        for together in [asked, before] if stopped else [[*asked, *before]]:
            for fit in self._back_end.train(experiment, together, on_epoch) if together else ():
                for_itself = fit.job not in before
                if for_itself:
                    yield fit
                waiting = followers.pop(fit_key(fit.job), [])
                for job in waiting:
                    share = 0.0 if for_itself else fit.seconds / len(waiting)
                    yield _reranked(experiment, fit, job, share)


def _plain(job: Job) -> Job:
    """Return the job that trains the model of a re-ranked one."""
    if job.epochs is None:
        raise ValueError(f"job {job.name!r} is re-ranked and has no length; give it epochs")
    return Job(f"model of {job.name}", job.recipe.plain, job.part, job.repeat, job.epochs)


def _reranked(experiment: Experiment, fit: Fit, job: Job, share: float) -> Fit:
    """Return the fit of a re-ranked job from that of its plain recipe."""
    if fit.diverged:
        return replace(fit, job=job, curve=None, seconds=share)
    started = time.perf_counter()
    rerank = job.recipe.rerank
    assert rerank is not None
    items = experiment.dataset.get_item_feature()
    model = cast("AbstractRecommender", Reranked(fit.model, rerank, items))
    curve = curve_of(experiment, experiment.part(job.part), [job])
    if curve is not None:
        values = on_curve(experiment, model, curve)
        options = job.recipe.options if experiment.settings.is_solved else None
        curve.record(values, fit.epochs, options)
    seconds = share + time.perf_counter() - started
    return Fit(job, lambda: model, fit.epochs, curve, seconds)
