"""Cross-validation: every candidate is trained and measured on every fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, cast

from recbole_groupmix.core.training_length import Length, common_length
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.record.fold_lines import Key, key_of, options_text
from recbole_groupmix.record.fold_schema import (
    CurveRecord,
    FoldRecord,
    FoldSummary,
    FoldUsers,
)
from recbole_groupmix.record.fold_summary import best_summary, summary
from recbole_groupmix.record.fold_values import pack
from recbole_groupmix.record.folder import RunFolder
from recbole_groupmix.search.fold_records import FoldRecords
from recbole_groupmix.search.fold_scores import points_up_to, score_at, tried_options
from recbole_groupmix.search.grid import Grid
from recbole_groupmix.search.jobs import job_of
from recbole_groupmix.search.trainable import Trainable
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.training.job import Fit, Job
from recbole_groupmix.training.validation_curve import FoldValues

#: Options of RecBole among which a candidate chooses.
Options = Sequence[Mapping[str, float]]
#: Options of a candidate that has no choice among any.
NO_OPTIONS: Mapping[str, float] = {}


def trains_on_folds(settings: Settings) -> bool:
    """Return whether a run trains on folds: to search a mix, or to choose the training length."""
    return bool(settings.early_stopping or settings.trials > 0)


class FoldStage:
    """The stage that trains every candidate on every fold.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    folder : RunFolder
        Where finished work is kept; what it already holds is not trained again.
    candidates : sequence of Trainable
        Mixes or rivals to train.
    length : int, optional
        Epochs after which all of them are scored. By default every candidate has the length at
        the peak of its own mean curve, and its folds are trained until that can be seen.
    up_to : mapping of str to int
        Epochs to train candidates whose curve is to go on beyond `length`.
    options : sequence of mapping, or dict of str to such a sequence
        Options of RecBole among which every candidate chooses, the same or by name.
    records : FoldRecords, optional
        What the folder holds, where it is read already; finished work is added to it.
    folds : int, optional
        How many of the folds, the first ones; default all.
    """

    def __init__(
        self,
        experiment: Experiment,
        folder: RunFolder,
        candidates: Sequence[Trainable],
        length: int | None = None,
        up_to: Mapping[str, int] | None = None,
        options: Options | Mapping[str, Options] = (NO_OPTIONS,),
        records: FoldRecords | None = None,
        folds: int | None = None,
    ) -> None:
        self._experiment, self._folder = experiment, folder
        self._candidates, self._length = {c.name: c for c in candidates}, length
        self._up_to = dict(up_to or {})
        self._options = {
            name: list(options[name] if isinstance(options, Mapping) else options) or [NO_OPTIONS]
            for name in self._candidates
        }
        n_folds = experiment.settings.folds
        self._folds, self._grid = range(folds or n_folds), Grid.of(experiment)
        records = records or FoldRecords.of(folder, n_folds)
        self._done, self._curves, self._users = records.scores, records.curves, records.users
        self._unwritten: list[FoldRecord] = []
        self.n_models = len(self._folds) * sum(map(len, self._options.values()))

    def jobs(self) -> list[Job]:
        """Return the jobs that are left to train, fold by fold."""
        aims = {
            (name, i): self._aim(name, options)
            for name, of_name in self._options.items()
            for i, options in enumerate(of_name)
        }
        return [
            job_of(
                self._experiment,
                candidate,
                fold + 1,
                candidate.repeat,
                epochs=aims[name, i],
                options=options,
                eval_step=self._grid.step,
            )
            for fold in self._folds
            for name, candidate in self._candidates.items()
            for i, options in enumerate(self._options[name])
            if self._reach(name, fold, options) < (aims[name, i] or 1)
        ]

    @property
    def n_left(self) -> int:
        """Number of models that are left to train."""
        return len(self.jobs())

    def take(self, fit: Fit) -> list[FoldRecord]:
        """Keep what was measured of a model; return the scores that are known by it."""
        job, curve = fit.job, fit.curve
        fold = job.part - 1
        record: CurveRecord = {"name": job.name, "fold": fold, "curve": []}
        if curve is not None:
            target = self._experiment.target
            n_points = curve.ends.get(target, len(curve))
            if job.epochs is not None:
                n_points = sum(epoch <= job.epochs for epoch in curve.epochs)
            groups = () if job.every_group else (target,)
            record["curve"] = cast("list[Any]", curve.points(groups)[:n_points])
            record["scores"] = [float(score) for score in curve.means(target)[:n_points]]
            values = curve.values_of(target)
            self._keep_users(fold, values)
            record["type"], record["packed"] = pack(values.counts[:n_points])
        if job.options:
            record["options"] = dict(job.options)
        record["diverged"] = fit.diverged
        earlier = self._curves.get(key_of(record))
        before = 0.0 if earlier is None else earlier.get("seconds", 0.0)
        record["seconds"] = round(fit.seconds + before, 3)
        self._folder.append("curves.jsonl", record)
        self._curves[key_of(record)] = record
        self._score(job.name, record.get("options", NO_OPTIONS))
        return self._write_scores()

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds that each candidate took, those of earlier calls included."""
        total = dict.fromkeys(self._candidates, 0.0)
        for (name, _, _), record in self._curves.items():
            if name in total:
                total[name] += record.get("seconds", 0.0)
        return total

    def summaries(self) -> dict[str, FoldSummary]:
        """Return the cross-validation summaries, once nothing is left.

        Returns
        -------
        dict
            By candidate name: ``score`` (mean over folds of the target's validation metric after
            ``epochs``), ``scores`` (one per fold), ``options`` (those of the best mean score where
            several were tried, else empty), ``own`` and ``at_cap``. Scores are NaN where training
            diverged; these candidates are not trained further.
        """
        known = self.known()
        self._write_scores()  # an earlier call may have been stopped before it
        return {name: known[name] for name in self._candidates}

    def known(self) -> dict[str, FoldSummary]:
        """Return the :meth:`summaries` of candidates with all folds done; nothing is written."""
        return {name: self._summary(name) for name in self._candidates if self._is_done(name)}

    def _aim(self, name: str, options: Mapping[str, float]) -> int | None:
        """Return the epochs that a candidate has to reach; None if its own curve says when."""
        if self._length is not None:
            return max(self._up_to.get(name, 0), self._length)
        curves = [self._curves.get(self._key(name, f, options)) for f in self._folds]
        if any(curve is None for curve in curves):
            return None
        length = self._own_length(name, options, self._grid.cap)
        return (
            1
            if length is None or length.train_to is None
            else self._grid.at_or_above(length.train_to)
        )

    def _key(self, name: str, fold: int, options: Mapping[str, float]) -> Key:
        return name, fold, options_text(options)

    def _reach(self, name: str, fold: int, options: Mapping[str, float]) -> float:
        """Return the epochs of a fold's longest training; infinite where it diverged."""
        record = self._curves.get(self._key(name, fold, options))
        if record is None:
            return 0
        if record.get("diverged") or self._experiment.settings.is_solved:
            return inf
        return record["curve"][-1]["epoch"] if record["curve"] else 0

    def _own_length(self, name: str, options: Mapping[str, float], cap: int) -> Length | None:
        """Return the length by a candidate's own curves; None if one of them has no point."""
        records = [self._curves[self._key(name, fold, options)] for fold in self._folds]
        curves = [points_up_to(record, cap) for record in records]
        if not all(curves) or any(r.get("diverged") for r in records):
            return None
        longest = max(curves, key=len)
        scores = [[score for _, score in curve] for curve in curves]
        return common_length([epoch for epoch, _ in longest], scores, cap)

    def _score(self, name: str, options: Mapping[str, float]) -> None:
        """Note the scores that a candidate's curves give by now and that are not known yet."""
        keys = [self._key(name, fold, options) for fold in self._folds]
        length, lost = self._length, False
        if length is None:
            if not all(key in self._curves for key in keys):
                return
            own = self._own_length(name, options, self._grid.cap)
            if own is not None and own.train_to is not None:
                return
            length, lost = 1 if own is None else own.epochs, own is None
        for key in keys:
            if key in self._curves and key not in self._done:
                record = self._record(self._candidates[name], self._curves[key], length, lost)
                self._done[key] = record
                self._unwritten.append(record)

    def _record(
        self, candidate: Trainable, curve: CurveRecord, length: int, lost: bool
    ) -> FoldRecord:
        record: FoldRecord = {
            "name": candidate.name,
            "source": candidate.source,
            "fold": curve["fold"],
            "score": None if lost else score_at(curve, length),
            "epochs": length,
            "seconds": curve.get("seconds", 0.0),
        }
        mix = getattr(candidate, "mix", None)
        if mix is not None:
            record["alpha"], record["alpha_aug"] = dict(mix.alpha), mix.alpha_aug
        if self._experiment.settings.is_solved and "options" not in curve:
            record["tried"] = tried_options(curve)
            record["score"] = max(tried["score"] for tried in record["tried"])
        if "options" in curve:
            record["options"] = curve["options"]
        return record

    def _write_scores(self) -> list[FoldRecord]:
        """Write the scores that are noted but not in the folder; return them."""
        written, self._unwritten = self._unwritten, []
        for record in written:
            self._folder.append("trials.jsonl", record)
        return written

    def _is_done(self, name: str) -> bool:
        """Return whether the scores of a candidate are known on all folds, with all options."""
        for options in self._options[name]:
            self._score(name, options)
        keys = [self._key(name, f, o) for f in self._folds for o in self._options[name]]
        return all(key in self._done and key in self._curves for key in keys)

    def by_options(self, name: str) -> list[FoldSummary]:
        """Return the summary of a candidate with each of the options, once nothing is left."""
        return [self._summary_with(name, options) for options in self._options[name]]

    def _summary(self, name: str) -> FoldSummary:
        return best_summary(self.by_options(name))

    def _summary_with(self, name: str, options: Mapping[str, float]) -> FoldSummary:
        of_options = summary([self._done[self._key(name, fold, options)] for fold in self._folds])
        solved = self._experiment.settings.is_solved
        if not solved and (self._length is None or name in self._up_to):
            own = self._own_length(name, options, self._up_to.get(name, self._grid.cap))
            if own is not None:
                of_options["own"] = own.epochs
                of_options["at_cap"] = own.at_cap and self._length is None
        return of_options

    def _keep_users(self, fold: int, values: FoldValues) -> None:
        """Write once for each fold which users of the target are measured on it."""
        if fold in self._users:
            return
        dataset = self._experiment.dataset
        users: FoldUsers = {
            "fold": fold,
            "users": [str(token) for token in dataset.id2token(dataset.uid_field, values.users)],
            "n_relevant": [int(n) for n in values.n_relevant],
        }
        self._folder.append("fold_users.jsonl", users)
        self._users[fold] = users
