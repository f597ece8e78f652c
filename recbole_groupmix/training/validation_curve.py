"""What is measured on a fold while a model is trained, and when training may end."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recbole_groupmix.core.hit_counts import denominators, to_counts
from recbole_groupmix.core.training_length import PATIENCE, has_peaked
from recbole_groupmix.core.user_metrics import split_key
from recbole_groupmix.core.value_metrics import VALUE_METRICS
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.labels import scored_rows
from recbole_groupmix.experiment.part import Part
from recbole_groupmix.training.job import Job


@dataclass(frozen=True)
class FoldValues:
    """The metric of the users of one group at every point of a curve.

    Attributes
    ----------
    users : numpy.ndarray of int64, shape (n_users,)
        Internal ids, ascending.
    n_relevant : numpy.ndarray of int64, shape (n_users,)
        Their held-out items, or rows with labels.
    counts : numpy.ndarray of uint8, uint16 or float32, shape (n_points, n_users)
        See :func:`~recbole_groupmix.core.hit_counts.to_counts`.
    """

    users: np.ndarray
    n_relevant: np.ndarray
    counts: np.ndarray


class ValidationCurve:
    """The validation metric of one model on one fold at several points.

    Users of the experiment's target are measured, of the job's targets, or of all groups.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    part : Part
        The part that is trained on.
    targets : sequence of str
        Groups whose users are measured; by default the experiment's target.
    every_group : bool
        Whether the users of every group are.

    Attributes
    ----------
    metric : str
        Name of the metric.
    k : int
        Its cut-off; 0 for a metric of labels.
    held_out : HeldOut
        The users that are ranked for.
    scored : ScoredRows or None
        Rows whose labels are predicted, if the metric is one of labels.
    epochs : list of int
        Epoch of every point.
    options : list of dict
        Options of RecBole that the model of a point was solved with; empty for trained models.
    ends : dict of str to int
        Number of points after which early stopping was over for a target; its curve ends there,
        however long other targets need the model.
    """

    def __init__(
        self,
        experiment: Experiment,
        part: Part,
        targets: Sequence[str] = (),
        *,
        every_group: bool = False,
    ) -> None:
        self.metric, self.k = split_key(experiment.settings.valid_metric)
        self.targets = tuple(targets) or (experiment.target,)
        self._validation_users = experiment.validation_users(targets)
        if every_group:
            self.held_out = part.held_out
        elif targets:
            of_targets = np.any(list(self._validation_users.values()), axis=0)
            self.held_out = part.held_out.of_users(of_targets)
        else:
            self.held_out = experiment.target_held_out(part)
        self._users = self.held_out.users
        self._n_relevant = np.diff(self.held_out.relevant.indptr).astype(np.int64)
        of_labels = self.metric in VALUE_METRICS
        self.scored = scored_rows(experiment, part.index) if of_labels else None
        if self.scored is not None:
            if not every_group:
                mine = np.any(list(self._validation_users.values()), axis=0)
                self.scored = self.scored.of_users(mine)
            self._users, self._n_relevant = self.scored.users, np.bincount(self.scored.of_row)
        groups = experiment.groups
        self._group, self._names = groups.of_user[self._users], groups.names
        self._divided_by = denominators(self.metric, self.k, self._n_relevant)
        self.epochs: list[int] = []
        self.options: list[dict[str, float]] = []
        self.ends: dict[str, int] = {}
        self._counts: list[np.ndarray] = []
        self._means: list[dict[str, float]] = []
        self._scores: dict[str, list[float]] = {target: [] for target in self._validation_users}

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is ranked: a curve that is sent elsewhere is only read there."""
        return {**self.__dict__, "held_out": None, "scored": None}

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.epochs)

    def record(
        self, values: np.ndarray, epoch: int, options: Mapping[str, float] | None = None
    ) -> dict[str, float]:
        """Add a point: the metric of every measured user, float64 (n_users,).

        These are the users of :attr:`scored`, or without labels those of :attr:`held_out`.

        Returns
        -------
        dict of str to float
            Mean of every group that has users.
        """
        means = {
            name: float(values[self._group == index].mean())
            for index, name in enumerate(self._names)
            if (self._group == index).any()
        }
        self.epochs.append(epoch)
        self.options.append(dict(options or {}))
        self._counts.append(to_counts(values, self._divided_by))
        self._means.append(means)
        for target, of_target in self._scores.items():
            mine = self._validation_users[target][self._users]
            of_target.append(float(values[mine].mean()))
        return means

    def means(self, target: str) -> np.ndarray:
        """Return the mean over a target's users at every point, float64 (n_points,)."""
        return np.array(self._scores[target])

    def values_of(self, target: str) -> FoldValues:
        """Return the values of a target's users."""
        rows = np.flatnonzero(self._validation_users[target][self._users])
        counts = [c[rows] for c in self._counts]
        stacked = np.stack(counts) if counts else np.empty((0, len(rows)), np.uint8)
        return FoldValues(self._users[rows], self._n_relevant[rows], stacked)

    def with_scale(self, scale: float) -> ValidationCurve:
        """Return the curve with lambda multiplied by the scale of the weights.

        A closed form with weights and lambda of another scale is the same model.
        """
        scaled = copy.copy(self)
        scaled.options = [
            {k: v * scale if k == "reg_weight" else v for k, v in options.items()}
            for options in self.options
        ]
        return scaled

    def points(self, groups: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Return the points for ``curves.jsonl``, with the means of some groups or of all."""
        return [
            {
                "epoch": epoch,
                **options,
                "by_group": {g: m for g, m in means.items() if not groups or g in groups},
            }
            for epoch, options, means in zip(self.epochs, self.options, self._means, strict=True)
        ]


class EarlyStopping:
    """Ends training on a fold when the smoothed curve of every target has stopped rising.

    Parameters
    ----------
    curve : ValidationCurve
        The curve of the model.
    updates_per_epoch : int
        Batches of an epoch.
    evaluations : int
        Fewest evaluations without a better value (RecBole's ``stopping_step``).
    eval_step : int
        Epochs between two evaluations.
    """

    def __init__(
        self, curve: ValidationCurve, updates_per_epoch: int, evaluations: int, eval_step: int
    ) -> None:
        self._curve = curve
        self._patience = max(math.ceil(PATIENCE / updates_per_epoch), evaluations * eval_step)

    def is_over(self) -> bool:
        """Note where the curves of targets end by the last point; return whether training may end.

        See :func:`~recbole_groupmix.core.training_length.has_peaked`.
        """
        curve = self._curve
        for target in curve.targets:
            if target not in curve.ends and has_peaked(
                curve.epochs, curve.means(target), self._patience
            ):
                curve.ends[target] = len(curve)
        return len(curve.ends) == len(curve.targets)


def curve_of(experiment: Experiment, part: Part, jobs: Sequence[Job]) -> ValidationCurve | None:
    """Return the curve of the model that serves some jobs; None if none of them is measured."""
    if not any(job.eval_step for job in jobs):
        return None
    targets = tuple(dict.fromkeys(target for job in jobs for target in job.targets))
    every_group = any(job.every_group for job in jobs)
    return ValidationCurve(experiment, part, targets, every_group=every_group)


def is_measured(jobs: Sequence[Job], epoch: int, last: int) -> bool:
    """Return whether the model that serves some jobs is measured after an epoch.

    It is after every ``eval_step`` epochs, and once at the end if training ends before the first.
    """
    steps = [min(job.eval_step, job.epochs or last) for job in jobs if job.eval_step]
    return any(epoch % step == 0 for step in steps)


def early_stopping(
    experiment: Experiment, curve: ValidationCurve, n_batches: int, last: int
) -> EarlyStopping:
    """Return the early stopping of a model with a curve, by the experiment's settings.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    curve : ValidationCurve
        The model's curve.
    n_batches : int
        Batches, and so updates, of an epoch.
    last : int
        Most epochs.
    """
    config = experiment.config
    step = min(int(config["eval_step"]), last)
    return EarlyStopping(curve, n_batches, int(config["stopping_step"]), step)
