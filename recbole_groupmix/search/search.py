"""Which mix serves the target best on the folds, and what the chosen ones do on test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.record.folder import RunFolder
from recbole_groupmix.record.schema import FoldSummary
from recbole_groupmix.search.progress import Progress
from recbole_groupmix.search.stages import FoldStage, Keeper, TestStage
from recbole_groupmix.search.tracking import Tracking
from recbole_groupmix.training.job import Fit
from recbole_groupmix.training.one_by_one import train_sequentially


class Search:
    """Cross-validation of candidates and the final training, resumable at every model.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    folder : RunFolder
        Where finished work is kept; what it already holds is not done again.
    progress : bool or None
        Whether to draw progress bars; None: where they can be seen.
    train : callable
        The back end: see :mod:`~recbole_groupmix.training.one_by_one`.
    tracking : Tracking, optional
        Who is told of scores on folds.
    """

    def __init__(
        self,
        experiment: Experiment,
        folder: RunFolder,
        progress: bool | None = None,
        train: Callable[..., Any] = train_sequentially,
        tracking: Tracking | None = None,
    ) -> None:
        self._experiment, self._folder = experiment, folder
        self._progress, self._train, self._tracking = progress, train, tracking
        self._sent = 0
        self.seconds: dict[str, float] = {}

    def cross_validate(self, found: list[Candidate], whose: str = "") -> dict[str, FoldSummary]:
        """Train every candidate on every fold; see :meth:`FoldStage.summaries`.

        `whose` is for the progress bar, beside its title.
        """
        stage = FoldStage(self._experiment, self._folder, found)
        numbers = {candidate.name: number for number, candidate in enumerate(found, self._sent)}
        self._sent += len(found)
        metric = self._experiment.settings["valid_metric"]

        def take(fit: Fit) -> None:
            record = stage.take(fit)
            if self._tracking is not None:
                self._tracking.of_fold(numbers[record["name"]], record, metric)

        self._carry_out(f"folds, {whose}" if whose else "folds", stage, take)
        self.seconds["search"] = self.seconds.get("search", 0.0) + stage.seconds
        return stage.summaries()

    def final(
        self,
        rows: dict[str, Candidate],
        epochs: dict[str, int],
        keep: Keeper,
        options: Mapping[str, Mapping[str, float]] | None = None,
    ) -> tuple[pd.DataFrame, list[str]]:
        """Train mixes on all of train and measure every user; see :class:`TestStage`."""
        stage = TestStage(self._experiment, self._folder, rows, epochs, keep, options or {})
        self._carry_out("test", stage, stage.take)
        result = stage.result()
        self.seconds["test"] = stage.seconds
        return result

    def _carry_out(
        self, title: str, stage: FoldStage | TestStage, take: Callable[[Fit], None]
    ) -> None:
        jobs = stage.jobs()
        epochs = int(self._experiment.config["epochs"])
        n_done = stage.n_models - len(jobs)
        bars = Progress(title, stage.n_models, n_done, epochs, self._progress)
        for fit in self._train(self._experiment, jobs, bars.epoch) if jobs else ():
            take(fit)
            bars.model()
        bars.close()
