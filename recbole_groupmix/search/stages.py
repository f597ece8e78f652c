"""The two stages of a run, folds and test: what is left to train, and what becomes of a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Protocol, cast

import numpy as np
import pandas as pd

from recbole_groupmix.adapters.held_out import evaluate
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.record.folder import RunFolder
from recbole_groupmix.record.metrics import read_repeat
from recbole_groupmix.record.schema import (
    CurvePoint,
    CurveRecord,
    FoldRecord,
    FoldSummary,
    Tried,
    Tries,
)
from recbole_groupmix.search.jobs import job_of
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.training.job import Fit, Job


def trains_on_folds(settings: Settings) -> bool:
    """Whether a run trains on folds: to search a mix, or to see how long to train."""
    return bool(settings.early_stopping or settings.trials > 0)


class Keeper(Protocol):
    """Who saves models that will be loaded."""

    def __call__(self, name: str, fit: Fit) -> None:
        """Save a model, by its name in the result, if it may be the one that is loaded."""

    def lacks(self, job: Job) -> bool:
        """Whether the checkpoint of a job is not there, or damaged."""

    def to_load(self, rows: Mapping[str, Candidate]) -> list[Candidate]:
        """Return what is loaded from these rows of a result: the first that does not diverge."""


class FoldStage:
    """Every candidate on every fold.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    folder : RunFolder
        Where finished work is kept; what it already holds is not done again.
    found : list of Candidate
        What is trained.
    """

    def __init__(self, experiment: Experiment, folder: RunFolder, found: list[Candidate]) -> None:
        self._experiment, self._folder = experiment, folder
        self._found = {c.name: c for c in found}
        self._folds = range(experiment.settings.folds)
        n_folds = len(self._folds)
        trials = folder.records("trials.jsonl", FoldRecord, n_folds)
        curves = folder.records("curves.jsonl", CurveRecord, n_folds)
        self._done = {(r["name"], r["fold"]): r for r in trials}
        self._curves = {(r["name"], r["fold"]) for r in curves}
        self.n_models = len(found) * len(self._folds)

    def jobs(self) -> list[Job]:
        """Return what is left to train, fold by fold."""
        fixed = None
        if not self._experiment.settings.early_stopping:
            fixed = int(self._experiment.config["epochs"])
        return [
            job_of(self._experiment, c, fold + 1, epochs=fixed)
            for fold in self._folds
            for c in self._found.values()
            if (c.name, fold) not in self._done
        ]

    @property
    def n_left(self) -> int:
        """How many models are left to train."""
        return len(self.jobs())

    def take(self, fit: Fit) -> FoldRecord:
        """Score a model, keep its record (a line of ``trials.jsonl``) and return it."""
        candidate, fold = self._found[fit.job.name], fit.job.part - 1
        tried: list[Tried] = [{"options": options, "score": score} for options, score in fit.tried]
        tries: Tries = {"tried": tried} if tried else {}
        record: FoldRecord = {
            "name": candidate.name,
            "source": candidate.source,
            "fold": fold,
            "score": fold_score(self._experiment, fit),
            "epochs": fit.epochs,
            "seconds": round(fit.seconds, 3),
            **tries,
            **candidate.mix.to_dict(),
        }
        if (candidate.name, fold) not in self._curves:
            points = cast("list[CurvePoint]", fit.curve)
            curve: CurveRecord = {"name": candidate.name, "fold": fold, "curve": points}
            self._folder.append("curves.jsonl", curve)
        self._folder.append("trials.jsonl", record)
        self._done[candidate.name, fold] = record
        return record

    @property
    def seconds(self) -> float:
        """What all models took, those of earlier calls included."""
        return float(sum(self._done[n, f]["seconds"] for n in self._found for f in self._folds))

    def summaries(self) -> dict[str, FoldSummary]:
        """Return what the folds say, once nothing is left.

        Returns
        -------
        dict
            By candidate name: ``score`` (mean over folds of the target's best validation
            metric), ``scores`` (one per fold), ``epochs`` (median best epoch, >= 1) and
            ``options`` (the best of those that were tried on every fold, else empty). Scores
            are NaN where training diverged; these candidates stay out of what follows.
        """
        return {n: summary([self._done[n, f] for f in self._folds]) for n in self._found}

    def known(self) -> dict[str, FoldSummary]:
        """Return the :meth:`summaries` of candidates of which nothing is left."""
        return {
            n: summary([self._done[n, f] for f in self._folds])
            for n in self._found
            if all((n, f) in self._done for f in self._folds)
        }


class TestStage:
    """Mixes on all of train with every repeat; every user is measured on test once.

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
    keep : Keeper
        Is given every fit that is made, and says which checkpoint must be there.
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
        keep: Keeper,
        options: Mapping[str, Mapping[str, float]],
    ) -> None:
        self._experiment, self._folder, self._keep = experiment, folder, keep
        self._rows = dict(rows)
        chosen = {candidate.name: candidate for candidate in rows.values()}
        self._labels = {c: [row for row, found in rows.items() if found.name == c] for c in chosen}
        self._jobs = [
            job_of(experiment, c, ALL_OF_TRAIN, r, epochs[c.name], options.get(c.name))
            for r in range(experiment.settings.repeats)
            for c in chosen.values()
        ]
        self._diverged: dict[str, None] = {}
        self.n_models = len(self._jobs)
        self.seconds = 0.0

    def jobs(self) -> list[Job]:
        """Return what is left to train: what was not measured yet, and what cannot be loaded.

        A file that is damaged counts as none. The model that is loaded has to be there besides
        its metrics; as long as the data mix may still diverge, Proportional's has to be, too.
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
        """How many models are left to train."""
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
            return False  # damaged: made again
        return True

    def _read(self, job: Job) -> pd.DataFrame:
        held_out = self._experiment.part(ALL_OF_TRAIN).held_out
        topk = self._experiment.settings.topk
        return read_repeat(self._file(job), job.name, job.repeat, topk, len(held_out.users))

    def result(self) -> tuple[pd.DataFrame, list[str]]:
        """Return what was measured, once nothing is left.

        Returns
        -------
        frame : pandas.DataFrame
            Long: user_id and group (tokens), mix, repeat, metric, k, value; users of all groups.
            Without mixes whose training diverged in any repeat.
        diverged : list of str
            Those, by their name in the result.

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
            raise ValueError("training of every mix diverged; use a smaller learning_rate")
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
    values = evaluate(fit.model, held_out, experiment.settings.topk)
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


def fold_score(experiment: Experiment, fit: Fit) -> float | None:
    """Return the target's validation metric of a model on its fold; None if it diverged."""
    if fit.diverged:
        return None
    if fit.job.epochs is None or fit.tried:
        return fit.score
    held_out = experiment.target_held_out(experiment.part(fit.job.part))
    name, _, cut_off = experiment.settings.valid_metric.partition("@")
    values = evaluate(fit.model, held_out, [int(cut_off)], [name])
    return float(next(iter(values.values())).mean())


def summary(records: list[FoldRecord]) -> FoldSummary:
    """Return what the records of a candidate's folds say; see :meth:`FoldStage.summaries`."""
    scores = [np.nan if record["score"] is None else record["score"] for record in records]
    options: dict[str, float] = {}
    if all(record.get("tried") for record in records):  # one choice for all folds, not one each
        by_option = [[tried["score"] for tried in record["tried"]] for record in records]
        best = int(np.argmax(np.mean(by_option, axis=0)))
        scores = [of_fold[best] for of_fold in by_option]
        options = records[0]["tried"][best]["options"]
    return {
        "options": options,
        "score": float(np.mean(scores)),
        "scores": scores,
        "epochs": max(1, round(median(record["epochs"] for record in records))),
    }
