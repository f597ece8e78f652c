"""Early stopping on a fold, by a metric of the held-out items of the model's targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recbole_groupmix.adapters.held_out import HeldOut
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import Part


@dataclass
class _Best:
    score: float = -np.inf
    epoch: int = 0
    waiting: int = 0  # evaluations since then
    final: bool = False


class EarlyStopping:
    """Early stopping of one model on one part, with the curve of its validation metric.

    A model is measured on the held-out items of its targets, or of every group where the curve is
    to show how fast each group is learned.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    part : Part
        The part that is trained on.
    targets : sequence of str
        Groups that each have a best score; by default the experiment's target.
    patience : int, optional
        Evaluations without a better score after which a target's best score is final.
    every_group : bool
        Whether every group is measured.

    Attributes
    ----------
    metric : str
        Name of the metric.
    k : int
        Its cut-off.
    all_held_out : HeldOut
        All users that are measured as long as no target's best score is final.
    curve : list of dict
        One entry per evaluation: epoch, and the mean by group.
    """

    def __init__(
        self,
        experiment: Experiment,
        part: Part,
        targets: Sequence[str] = (),
        patience: int | None = None,
        *,
        every_group: bool = False,
    ) -> None:
        metric, _, cut_off = experiment.settings.valid_metric.partition("@")
        self.metric, self.k = metric, int(cut_off)
        self._every_group = every_group
        self._validation_users, self._patience = experiment.validation_users(targets), patience
        self._groups = experiment.groups
        self._best = {target: _Best() for target in self._validation_users}
        whole = self._every_group or bool(targets)
        self.all_held_out = part.held_out if whole else experiment.target_held_out(part)
        self._shrinks = bool(targets) and not self._every_group
        self.curve: list[dict[str, Any]] = []

    @property
    def rows(self) -> np.ndarray:
        """Rows of :attr:`all_held_out` that are to be measured next, int64: see :attr:`held_out`."""
        rows: np.ndarray = np.flatnonzero(self._measured())
        return rows

    @property
    def held_out(self) -> HeldOut:
        """The users that are to be measured next; those of a finished target are left out."""
        measured = self._measured()
        return self.all_held_out if measured.all() else self.all_held_out.of_users(self._open())

    @property
    def best(self) -> float:
        """Best score of the first target."""
        return next(iter(self._best.values())).score

    @property
    def best_epoch(self) -> int:
        """Epoch of :attr:`best`; of equal scores the last, as in RecBole's early stopping."""
        return next(iter(self._best.values())).epoch

    @property
    def best_of_targets(self) -> dict[str, tuple[int, float]]:
        """Epoch and best score of every target."""
        return {name: (best.epoch, float(best.score)) for name, best in self._best.items()}

    @property
    def over(self) -> bool:
        """Whether the best scores of all targets are final."""
        return all(best.final for best in self._best.values())

    def record(self, values: np.ndarray, epoch: int) -> tuple[float, dict[str, float]]:
        """Record the metric of every user of :attr:`held_out`, float (n_eval,), after an epoch.

        Returns
        -------
        score, by_group
            Mean over the first target's users, and over those of each group.
        """
        users = self.all_held_out.users[self._measured()]
        group = self._groups.of_user[users]
        means = {
            name: float(values[group == index].mean())
            for index, name in enumerate(self._groups.names)
            if (group == index).any()
        }
        self.curve.append({"epoch": epoch, "by_group": means})
        scores = {
            target: float(values[self._validation_users[target][users]].mean())
            for target, best in self._best.items()
            if not best.final
        }
        for target, score in scores.items():
            self._update(self._best[target], score, epoch)
        return next(iter(scores.values()), np.nan), means

    def _update(self, best: _Best, score: float, epoch: int) -> None:
        if score >= best.score:
            best.score, best.epoch, best.waiting = score, epoch, 0
        else:
            best.waiting += 1
        best.final = self._patience is not None and best.waiting > self._patience

    def _measured(self) -> np.ndarray:
        """Return the mask of rows of :attr:`all_held_out` that are to be measured now."""
        rows: np.ndarray = self._open()[self.all_held_out.users]
        return rows if self._shrinks else np.ones_like(rows)

    def _open(self) -> np.ndarray:
        """Return the mask of users of targets whose best score is not final, bool (n_users,)."""
        is_open = np.zeros_like(next(iter(self._validation_users.values())))
        for name, best in self._best.items():
            if not best.final:
                is_open |= self._validation_users[name]
        return is_open
