"""Jobs of several targets that are the same model: trained once, read for each target."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.training.job import Fit, Job, n_trainings, training_key


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
                epochs = _longest([job.epochs for _, job in shared.requests])
                shared.job = replace(shared.job, targets=tuple(targets), epochs=epochs)

    n_done = 0  # jobs that earlier calls have trained are not among them

    @property
    def n_models(self) -> int:
        """Number of models."""
        return n_trainings(self.jobs)

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
    """Return the key that jobs share if one fit serves them.

    The curve of a model that is measured in training tells of every length up to its last.
    """
    return (*training_key(job), None if job.eval_step else job.epochs)


def _longest(lengths: Iterable[int | None]) -> int | None:
    """Return the longest length; None, for early stopping, if there is one without."""
    known = list(lengths)
    return None if None in known else max(length for length in known if length is not None)


def _for_target(fit: Fit, view: Experiment, job: Job, shared_by: int) -> Fit:
    curve = fit.curve
    if curve is not None and view.settings.is_solved:
        curve = curve.with_scale(1.0 / job.weights[view.target])
    return replace(
        fit,
        job=job,
        make_model=lambda: fit.model,
        seconds=fit.seconds / shared_by,
        curve=curve,
    )
