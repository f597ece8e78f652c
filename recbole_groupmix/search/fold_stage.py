"""Cross-validation: every candidate is trained and scored on every fold."""

from __future__ import annotations

from statistics import median
from typing import cast

import numpy as np

from recbole_groupmix.adapters.held_out import user_metrics
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.record.folder import RunFolder
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
    """Return whether a run trains on folds: to search a mix, or to choose the number of epochs."""
    return bool(settings.early_stopping or settings.trials > 0)


class FoldStage:
    """The stage that trains every candidate on every fold.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    folder : RunFolder
        Where finished work is kept; what it already holds is not trained again.
    candidates : list of Candidate
        Candidates to train.
    """

    def __init__(
        self, experiment: Experiment, folder: RunFolder, candidates: list[Candidate]
    ) -> None:
        self._experiment, self._folder = experiment, folder
        self._candidates = {c.name: c for c in candidates}
        self._folds = range(experiment.settings.folds)
        n_folds = len(self._folds)
        trials = folder.records("trials.jsonl", FoldRecord, n_folds)
        curves = folder.records("curves.jsonl", CurveRecord, n_folds)
        self._done = {(r["name"], r["fold"]): r for r in trials}
        self._curves = {(r["name"], r["fold"]) for r in curves}
        self.n_models = len(candidates) * len(self._folds)

    def jobs(self) -> list[Job]:
        """Return the jobs that are left to train, fold by fold."""
        fixed = None
        if not self._experiment.settings.early_stopping:
            fixed = int(self._experiment.config["epochs"])
        return [
            job_of(self._experiment, c, fold + 1, epochs=fixed)
            for fold in self._folds
            for c in self._candidates.values()
            if (c.name, fold) not in self._done
        ]

    @property
    def n_left(self) -> int:
        """Number of models that are left to train."""
        return len(self.jobs())

    def take(self, fit: Fit) -> FoldRecord:
        """Score a model, keep its record (a line of ``trials.jsonl``) and return it."""
        candidate, fold = self._candidates[fit.job.name], fit.job.part - 1
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
        """Seconds that all models took, those of earlier calls included."""
        return float(
            sum(self._done[n, f]["seconds"] for n in self._candidates for f in self._folds)
        )

    def summaries(self) -> dict[str, FoldSummary]:
        """Return the cross-validation summaries, once nothing is left.

        Returns
        -------
        dict
            By candidate name: ``score`` (mean over folds of the target's best validation
            metric), ``scores`` (one per fold), ``epochs`` (median best epoch, >= 1) and
            ``options`` (those of the best mean score where several were tried, else empty). Scores
            are NaN where training diverged; these candidates are not trained further.
        """
        return {n: summary([self._done[n, f] for f in self._folds]) for n in self._candidates}

    def known(self) -> dict[str, FoldSummary]:
        """Return the :meth:`summaries` of candidates with all folds done."""
        return {
            n: summary([self._done[n, f] for f in self._folds])
            for n in self._candidates
            if all((n, f) in self._done for f in self._folds)
        }


def fold_score(experiment: Experiment, fit: Fit) -> float | None:
    """Return the target's validation metric of a model on its fold; None if it diverged."""
    if fit.diverged:
        return None
    if fit.job.epochs is None or fit.tried:
        return fit.score
    held_out = experiment.target_held_out(experiment.part(fit.job.part))
    name, _, cut_off = experiment.settings.valid_metric.partition("@")
    values = user_metrics(fit.model, held_out, [int(cut_off)], [name])
    return float(next(iter(values.values())).mean())


def summary(records: list[FoldRecord]) -> FoldSummary:
    """Summarise the records of a candidate's folds; see :meth:`FoldStage.summaries`."""
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
