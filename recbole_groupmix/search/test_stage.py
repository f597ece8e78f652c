"""The test stage: the chosen mixes are trained on all of train and every user is measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from recbole_groupmix.core.names import OF_RIVALS
from recbole_groupmix.core.schedule import Schedule
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.labels import scored_rows
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.record.folder import RunFolder
from recbole_groupmix.record.long_table import joined
from recbole_groupmix.record.metrics import read_repeat
from recbole_groupmix.search.choice import Chosen
from recbole_groupmix.search.jobs import job_of
from recbole_groupmix.search.kept_model import ModelKeeper
from recbole_groupmix.search.kept_schedule import keep_schedule, read_schedule
from recbole_groupmix.search.measured import test_metrics, users_of_test
from recbole_groupmix.training.job import Fit, Job, n_scored, n_trainings


class TestStage:
    """The stage that trains mixes on all of train with every training seed and measures them.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    folder : RunFolder
        Where finished work is kept.
    chosen : Chosen
        The rows, their lengths, those of the control, and their options.
    keep : ModelKeeper
        Receives every fit, and knows which checkpoint must exist.
    """

    __test__ = False  # not one of pytest's

    def __init__(
        self, experiment: Experiment, folder: RunFolder, chosen: Chosen, keep: ModelKeeper
    ) -> None:
        self._experiment, self._folder, self._keep = experiment, folder, keep
        self._rows, self._epochs, self._own = dict(chosen.rows), chosen.epochs, chosen.own
        candidates = {candidate.name: candidate for candidate in chosen.rows.values()}
        self._labels = {
            c: [row for row, of_row in chosen.rows.items() if of_row.name == c] for c in candidates
        }
        self._jobs = [
            job_of(experiment, c, ALL_OF_TRAIN, r, length, chosen.options.get(c.name))
            for r in range(experiment.settings.repeats)
            for c in candidates.values()
            for length in sorted({chosen.epochs[c.name], chosen.own[c.name]})
        ]
        # a rival may choose another point once there are more mixes, and so more points
        self._points = {
            name: "".join(f"-{k}={v:g}" for k, v in chosen.options.get(name, {}).items())
            for name, candidate in candidates.items()
            if candidate.source == OF_RIVALS
        }
        self._diverged: dict[str, None] = {}
        self._own_diverged: set[str] = set()
        self.n_models = n_scored(self._jobs)
        self._seconds: dict[tuple[str, int, int | None], float] = {}
        self._scored = scored_rows(experiment)
        self._n_users = len(users_of_test(experiment, self._scored))

    def jobs(self) -> list[Job]:
        """Return the jobs that are left: those not measured yet, and those that cannot be loaded.

        A damaged file counts as missing. The model that is loaded needs a checkpoint besides its
        metrics; as long as the data mix may still diverge, Proportional needs one too.
        """
        missing = {(j.name, j.epochs, j.repeat) for j in self._jobs if not self._is_measured(j)}
        to_load = []
        for candidate in self._keep.to_load(self._rows):
            to_load.append(candidate.name)
            if not any(name == candidate.name for name, *_ in missing):
                break
        return [
            job
            for job in self._jobs
            if (job.name, job.epochs, job.repeat) in missing
            or (job.name in to_load and self._is_first(job) and self._keep.lacks(job))
        ]

    @property
    def n_left(self) -> int:
        """Number of models that are left to train."""
        return n_trainings(self.jobs())

    def take(self, fit: Fit, metrics: pd.DataFrame | None = None) -> None:
        """Keep a model's metrics on test: those given, or measured now."""
        labels = self._labels[fit.job.name]
        if fit.diverged:
            if fit.job.epochs == self._epochs[fit.job.name]:
                self._diverged.update(dict.fromkeys(labels))
            if fit.job.epochs == self._own[fit.job.name]:
                self._own_diverged.update(labels)
            return
        if self._is_first(fit.job):
            for row in labels:
                self._keep(row, fit)
        if self._is_measured(fit.job):
            return  # only the checkpoint was missing
        frame = test_metrics(self._experiment, fit) if metrics is None else metrics
        frame = frame.assign(mix=fit.job.name, seconds=round(fit.seconds, 3))
        name = str(self._file(fit.job).relative_to(self._folder.path))
        if fit.schedule is not None and fit.job.repeat == 0:
            keep_schedule(self._folder, self._file(fit.job), fit.schedule)
        self._folder.write(name, frame.to_parquet)

    def schedules(self) -> dict[str, Schedule]:
        """Return the weights that groups had in the first repeat, by row that changed them."""
        firsts = {job.name: self._file(job) for job in self._jobs if self._is_first(job)}
        found = {name: read_schedule(file) for name, file in firsts.items()}
        return {name: schedule for name, schedule in found.items() if schedule is not None}

    def _is_first(self, job: Job) -> bool:
        """Return whether a job is the first repeat at the length of the table."""
        return job.repeat == 0 and job.epochs == self._epochs[job.name]

    def _is_measured(self, job: Job) -> bool:
        if not self._file(job).is_file():
            return False
        try:
            self._read(job)
        except ValueError:
            return False  # damaged, so it is trained again
        return True

    def _read(self, job: Job) -> pd.DataFrame:
        topk = [*self._experiment.settings.topk, *([0] if self._scored is not None else [])]
        return read_repeat(self._file(job), job.name, job.repeat, topk, self._n_users)

    def result(self) -> tuple[pd.DataFrame, list[str]]:
        """Return the metrics of all users, once nothing is left.

        Returns
        -------
        frame : pandas.DataFrame
            Long: user_id and group (tokens), mix, repeat, metric, k, value; users of all groups.
            Texts are categories.
            Without mixes whose training diverged in any repeat.
        diverged : list of str
            These mixes, by their name in the result.

        Raises
        ------
        ValueError
            If training of every mix diverged.
        """
        frame = self._frame(self._epochs, self._diverged)
        if frame is None:
            raise ValueError("Training of every mix diverged; lower learning_rate.")
        return frame, list(self._diverged)

    def own_length(self) -> pd.DataFrame | None:
        """Return the metrics of the control, as those of :meth:`result`; None if it lost all rows.

        Of the target's users alone: nobody else's are compared.
        """
        lost = {**self._diverged, **dict.fromkeys(self._own_diverged)}
        return self._frame(self._own, lost, self._experiment.target)

    def _frame(
        self, epochs: Mapping[str, int], diverged: Mapping[str, None], group: str | None = None
    ) -> pd.DataFrame | None:
        """Return the values of all rows, of users of a group or of all."""

        def frames() -> Iterator[pd.DataFrame]:
            for job in self._jobs:
                rows = [row for row in self._labels[job.name] if row not in diverged]
                if rows and job.epochs == epochs[job.name]:
                    frame = self._read(job)
                    seconds = float(frame["seconds"].iloc[0])
                    self._seconds[job.name, job.repeat, job.epochs] = seconds
                    frame = frame.drop(columns="seconds")
                    if group is not None:
                        frame = frame[frame["group"] == group]
                    yield from (frame.assign(mix=row) for row in rows)

        return joined(frames())

    @property
    def seconds(self) -> float:
        """Seconds that the models of the results took."""
        return sum(self._seconds.values())

    def _file(self, job: Job) -> Path:
        point = self._points.get(job.name, "")
        name = f"{job.name}{point}-{job.epochs}-{job.repeat}.parquet"
        return self._folder.path / "repeats" / name
