"""Jobs of several targets that are one model: trained once, read for each target."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.training.job import Fit, Job


@dataclass
class SharedJob:
    """One model of several targets.

    Attributes
    ----------
    job : Job
        What is trained; its targets are those that asked.
    asked : list of (str, Job)
        Who asked for it, by what name; with two groups Stratified is Proportional.
    """

    job: Job
    asked: list[tuple[str, Job]] = field(default_factory=list)


class SharedJobs:
    """The models that all targets ask for, each of them once.

    Parameters
    ----------
    views : mapping of str to Experiment
        The experiment of every target.
    asked : mapping of str to list of Job
        What every target's run has left to train.
    """

    def __init__(
        self, views: Mapping[str, Experiment], asked: Mapping[str, Iterable[Job]]
    ) -> None:
        self._views = views
        self._shared: dict[tuple[object, ...], SharedJob] = {}
        for target, jobs in asked.items():
            for job in jobs:
                shared = self._shared.setdefault(_key(job), SharedJob(job))
                shared.asked.append((target, job))
                targets = dict.fromkeys(target for target, _ in shared.asked)
                shared.job = replace(shared.job, targets=tuple(targets))

    n_done = 0  # what earlier calls trained is not asked for

    @property
    def n_models(self) -> int:
        """Number of models."""
        return len(self._shared)

    @property
    def jobs(self) -> list[Job]:
        """What is to be trained, part by part."""
        return sorted((shared.job for shared in self._shared.values()), key=lambda job: job.part)

    def read(self, fit: Fit) -> Iterator[tuple[str, Fit]]:
        """Yield each target that asked for a model, and the model as the fit of its job.

        Its seconds are the target's share of what the model took.
        """
        asked = self._shared[_key(fit.job)].asked
        for target, job in asked:
            yield target, _as_of(fit, self._views[target], job, len(asked))


def _key(job: Job) -> tuple[object, ...]:
    """Return what two jobs have in common if they are the same model."""
    start = None if job.start is None else _key(job.start)
    weights, options = sorted(job.weights.items()), sorted(job.options.items())
    return (job.part, job.repeat, job.epochs, start, *weights, *options)


def _as_of(fit: Fit, view: Experiment, job: Job, shared_by: int) -> Fit:
    target = view.target
    found = replace(
        fit,
        job=job,
        make_model=lambda: fit.model,
        seconds=fit.seconds / shared_by,
        curve=_curve_of(fit, view, job),
    )
    if fit.tried:
        scale = 1.0 / job.weights[target]
        found.tried = [
            (_scaled(options, scale), entry["by_group"][target])
            for (options, _), entry in zip(fit.tried, fit.curve, strict=True)
        ]
        found.score = max(score for _, score in found.tried)
    elif target in fit.best:
        found.epochs, found.score = fit.best[target]
    return found


def _curve_of(fit: Fit, view: Experiment, job: Job) -> list[dict[str, Any]]:
    """Return the curve as a run of this target alone has it: other groups for baselines only."""
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
    """Return lambda for weights that are multiplied by ``scale``; the model is the same."""
    if "reg_weight" not in options:
        return dict(options)
    return {**options, "reg_weight": options["reg_weight"] * scale}
