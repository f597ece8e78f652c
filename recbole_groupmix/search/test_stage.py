"""The test stage: the chosen mixes are trained on all of train and every user is measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from recbole_groupmix.adapters.held_out import user_metrics
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.record.folder import RunFolder
from recbole_groupmix.record.metrics import read_repeat
from recbole_groupmix.search.jobs import job_of
from recbole_groupmix.search.kept_model import ModelKeeper
from recbole_groupmix.training.job import Fit, Job


class TestStage:
    """The stage that trains mixes on all of train with every training seed and measures them.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    folder : RunFolder
        Where finished work is kept.
    rows : dict of str to Candidate
        Candidates by their name in the result.
    epochs : dict of str to int
        Epochs to train, by candidate name.
    keep : ModelKeeper
        Receives every fit, and knows which checkpoint must exist.
    options : mapping
        RecBole keys that the folds chose for single candidates, by candidate name.
    """

    __test__ = False  # not one of pytest's

    def __init__(
        self,
        experiment: Experiment,
        folder: RunFolder,
        rows: Mapping[str, Candidate],
        epochs: Mapping[str, int],
        keep: ModelKeeper,
        options: Mapping[str, Mapping[str, float]],
    ) -> None:
        self._experiment, self._folder, self._keep = experiment, folder, keep
        self._rows = dict(rows)
        chosen = {candidate.name: candidate for candidate in rows.values()}
        self._labels = {
            c: [row for row, of_row in rows.items() if of_row.name == c] for c in chosen
        }
        self._jobs = [
            job_of(experiment, c, ALL_OF_TRAIN, r, epochs[c.name], options.get(c.name))
            for r in range(experiment.settings.repeats)
            for c in chosen.values()
        ]
        self._diverged: dict[str, None] = {}
        self.n_models = len(self._jobs)
        self.seconds = 0.0

    def jobs(self) -> list[Job]:
        """Return the jobs that are left: those not measured yet, and those that cannot be loaded.

        A damaged file counts as missing. The model that is loaded needs a checkpoint besides its
        metrics; as long as the data mix may still diverge, Proportional needs one too.
        """
        missing = {(j.name, j.repeat) for j in self._jobs if not self._is_measured(j)}
        to_load = []
        for candidate in self._keep.to_load(self._rows):
            to_load.append(candidate.name)
            if not any(name == candidate.name for name, _ in missing):
                break
        return [
            job
            for job in self._jobs
            if (job.name, job.repeat) in missing
            or (job.name in to_load and job.repeat == 0 and self._keep.lacks(job))
        ]

    @property
    def n_left(self) -> int:
        """Number of models that are left to train."""
        return len(self.jobs())

    def take(self, fit: Fit, metrics: pd.DataFrame | None = None) -> None:
        """Keep a model's metrics on test: those given, or measured now."""
        if fit.diverged:
            self._diverged.update(dict.fromkeys(self._labels[fit.job.name]))
            return
        for row in self._labels[fit.job.name]:
            self._keep(row, fit)
        if self._is_measured(fit.job):
            return  # only the checkpoint was missing
        frame = test_metrics(self._experiment, fit) if metrics is None else metrics
        frame = frame.assign(mix=fit.job.name, seconds=round(fit.seconds, 3))
        name = str(self._file(fit.job).relative_to(self._folder.path))
        self._folder.write(name, frame.to_parquet)

    def _is_measured(self, job: Job) -> bool:
        if not self._file(job).is_file():
            return False
        try:
            self._read(job)
        except ValueError:
            return False  # damaged, so it is trained again
        return True

    def _read(self, job: Job) -> pd.DataFrame:
        held_out = self._experiment.part(ALL_OF_TRAIN).held_out
        topk = self._experiment.settings.topk
        return read_repeat(self._file(job), job.name, job.repeat, topk, len(held_out.users))

    def result(self) -> tuple[pd.DataFrame, list[str]]:
        """Return the metrics of all users, once nothing is left.

        Returns
        -------
        frame : pandas.DataFrame
            Long: user_id and group (tokens), mix, repeat, metric, k, value; users of all groups.
            Without mixes whose training diverged in any repeat.
        diverged : list of str
            These mixes, by their name in the result.

        Raises
        ------
        ValueError
            If training of every mix diverged.
        """
        kept = [
            (job, row)
            for job in self._jobs
            for row in self._labels[job.name]
            if row not in self._diverged
        ]
        frames = [self._read(job).assign(mix=row) for job, row in kept]
        if not frames:
            raise ValueError("Training of every mix diverged; lower learning_rate.")
        once = [
            f
            for (job, row), f in zip(kept, frames, strict=True)
            if row == self._labels[job.name][0]
        ]
        self.seconds = float(sum(frame["seconds"].iloc[0] for frame in once))
        whole = pd.concat(frames, ignore_index=True).drop(columns="seconds")
        return whole, list(self._diverged)

    def _file(self, job: Job) -> Path:
        return self._folder.path / "repeats" / f"{job.name}-{job.epochs}-{job.repeat}.parquet"


def test_metrics(experiment: Experiment, fit: Fit) -> pd.DataFrame:
    """Measure every user of all groups on test: a long table, see :meth:`TestStage.result`."""
    held_out = experiment.part(ALL_OF_TRAIN).held_out
    values = user_metrics(fit.model, held_out, experiment.settings.topk)
    dataset, groups = experiment.dataset, experiment.groups
    tokens = dataset.id2token(dataset.uid_field, held_out.users).astype(str)
    names = np.array(groups.names)[groups.of_user[held_out.users]]
    frames = []
    for key, value in values.items():
        metric, _, cut_off = key.partition("@")
        frames.append(
            pd.DataFrame(
                {
                    "user_id": tokens,
                    "group": names,
                    "mix": fit.job.name,
                    "repeat": fit.job.repeat,
                    "metric": metric,
                    "k": int(cut_off),
                    "value": value,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)
