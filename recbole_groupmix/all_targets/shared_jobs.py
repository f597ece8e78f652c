"""Jobs of several targets that are the same model: trained once, read for each target."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.training.job import Fit, Job


@dataclass
class SharedJob:
    """A model that several targets use.

    Attributes
    ----------
    job : Job
        The job that is trained, with the targets of all requests.
    requests : list of (str, Job)
        Targets that use it, each with its own job; with two groups Stratified is Proportional.
    """

    job: Job
    requests: list[tuple[str, Job]] = field(default_factory=list)


class SharedJobs:
    """The models that all targets need, each of them once.

    Parameters
    ----------
    views : mapping of str to Experiment
        The experiment of every target.
    jobs : mapping of str to list of Job
        Jobs that the run of each target has left to train.
    """

    def __init__(self, views: Mapping[str, Experiment], jobs: Mapping[str, Iterable[Job]]) -> None:
        self._views = views
        self._shared: dict[tuple[object, ...], SharedJob] = {}
        for target, of_target in jobs.items():
            for job in of_target:
                shared = self._shared.setdefault(_key(job), SharedJob(job))
                shared.requests.append((target, job))
                targets = dict.fromkeys(target for target, _ in shared.requests)
                shared.job = replace(shared.job, targets=tuple(targets))

    n_done = 0  # jobs that earlier calls have trained are not among them

    @property
    def n_models(self) -> int:
        """Number of models."""
        return len(self._shared)

    @property
    def jobs(self) -> list[Job]:
        """Jobs to train, part by part."""
        return sorted((shared.job for shared in self._shared.values()), key=lambda job: job.part)

    def read(self, fit: Fit) -> Iterator[tuple[str, Fit]]:
        """Yield each target that uses a model, and the model as the fit of its job.

        The seconds of the model are divided among the targets.
        """
        requests = self._shared[_key(fit.job)].requests
        for target, job in requests:
            yield target, _for_target(fit, self._views[target], job, len(requests))


def _key(job: Job) -> tuple[object, ...]:
    """Return the key that jobs share if they train the same model."""
    start = None if job.start is None else _key(job.start)
    weights, options = sorted(job.weights.items()), sorted(job.options.items())
    return (job.part, job.repeat, job.epochs, start, *weights, *options)


def _for_target(fit: Fit, view: Experiment, job: Job, shared_by: int) -> Fit:
    target = view.target
    of_target = replace(
        fit,
        job=job,
        make_model=lambda: fit.model,
        seconds=fit.seconds / shared_by,
        curve=_curve_of(fit, view, job),
    )
    if fit.tried:
        scale = 1.0 / job.weights[target]
        of_target.tried = [
            (_scaled(options, scale), entry["by_group"][target])
            for (options, _), entry in zip(fit.tried, fit.curve, strict=True)
        ]
        of_target.score = max(score for _, score in of_target.tried)
    elif target in fit.best:
        of_target.epochs, of_target.score = fit.best[target]
    return of_target


def _curve_of(fit: Fit, view: Experiment, job: Job) -> list[dict[str, Any]]:
    """Return the curve that a run of this target alone has: other groups for baselines only."""
    target = view.target
    scale = 1.0 / job.weights[target]
    if job.every_group:
        return fit.curve
    return [
        {**_scaled(entry, scale), "by_group": {target: entry["by_group"][target]}}
        for entry in fit.curve
        if target in entry["by_group"]
    ]


def _scaled(options: Mapping[str, Any], scale: float) -> dict[str, Any]:
    """Multiply lambda by the scale of the weights, which leaves the model the same."""
    if "reg_weight" not in options:
        return dict(options)
    return {**options, "reg_weight": options["reg_weight"] * scale}
