"""What decides when a model stops on a fold: a metric of the target's held-out items."""

from __future__ import annotations

from typing import Any

import numpy as np

from recbole_groupmix.core.mix import baselines
from recbole_groupmix.pipeline.experiment import Experiment, Part


class Validation:
    """The validation metric of one model on one part, with its curve.

    Baselines are measured on the held-out items of every group (their curves show how fast each
    group is learned), all other mixes on the target's alone.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    name : str
        Name of the mix.
    part : Part
        The part that is trained on.

    Attributes
    ----------
    held_out : HeldOut
        The users that are measured.
    metric : str
        Name of the metric.
    k : int
        Its cut-off.
    curve : list of dict
        One entry per measurement: epoch, and the mean by group.
    best, best_epoch : float, int
        Best score of the target and its epoch, the last of equals as in RecBole's early stopping.
    """

    def __init__(self, experiment: Experiment, name: str, part: Part) -> None:
        metric, _, cut_off = experiment.settings["valid_metric"].partition("@")
        self.metric, self.k = metric, int(cut_off)
        every_group = name in baselines(part.n_users, experiment.target)
        self.held_out = part.held_out if every_group else experiment.target_held_out(part)
        self._decides = experiment.target_users(self.held_out)
        self._names = experiment.groups.names
        self._group = experiment.groups.of_user[self.held_out.users]
        self.curve: list[dict[str, Any]] = []
        self.best, self.best_epoch = -np.inf, 0

    def record(self, values: np.ndarray, epoch: int) -> tuple[float, dict[str, float]]:
        """Take the metric of every measured user, float (n_eval,), after an epoch.

        Returns
        -------
        score, by_group
            Mean over the target's users, and over those of each group.
        """
        means = {
            name: float(values[self._group == index].mean())
            for index, name in enumerate(self._names)
            if (self._group == index).any()
        }
        self.curve.append({"epoch": epoch, "by_group": means})
        score = float(values[self._decides].mean())
        if score >= self.best:
            self.best, self.best_epoch = score, epoch
        return score, means
