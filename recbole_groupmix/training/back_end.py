"""The protocol of a back end: it trains jobs and says which jobs it can train."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.training.job import Fit, Job, OnEpoch


class Trains(Protocol):
    """An object that trains jobs."""

    def train(
        self, experiment: Experiment, jobs: Iterable[Job], on_epoch: OnEpoch | None = None
    ) -> Iterator[Fit]:
        """Train jobs and yield each model when it is finished.

        Parameters
        ----------
        experiment : Experiment
            Shared data and settings.
        jobs : iterable of Job
            What to train.
        on_epoch : callable, optional
            For progress: see :data:`~recbole_groupmix.training.job.OnEpoch`.
        """


class BackEnd(Trains, Protocol):
    """A way to train the models of a run.

    Attributes
    ----------
    n_timed : int
        Number of models that a forecast trains to measure the time of one.
    """

    @property
    def n_timed(self) -> int: ...  # noqa: D102

    def why_not_shared(self, experiment: Experiment) -> str | None:
        """Return why the targets of a run cannot share models; None if they can."""

    def check_target(self, experiment: Experiment) -> None:
        """Raise ``ValueError`` if the target of an experiment cannot be trained for."""
