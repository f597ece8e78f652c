"""How the weights of one model change during its training: by a schedule, or by a rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from recbole_groupmix.core.schedule import Schedule
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import Guide, Part
from recbole_groupmix.training.job import Job

#: Returns a model's scores, float (n,), of pairs of internal users and items, int64 (n,).
PairScores = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Weighing:
    """The factors of the weights of groups of one model over its training.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    part : Part
        What the model is trained on.
    job : Job
        A job with a rule. Its schedule is replayed; without one it is learned from the part's
        guide.

    Attributes
    ----------
    schedule : Schedule
        What is replayed, or what was learned so far.

    Raises
    ------
    ValueError
        If there is neither a schedule nor a guide.
    """

    def __init__(self, experiment: Experiment, part: Part, job: Job) -> None:
        if job.schedule is None and part.guide is None:
            raise ValueError(
                f"{job.name} learns its weights from a guide, which this part does not hold back; "
                "train it through LearnedSchedules"
            )
        self._rule, self._guide = job.recipe.rule, part.guide
        self._learns = job.schedule is None
        self.schedule = job.schedule or Schedule()
        self._names, self._of_user = experiment.groups.names, experiment.groups.of_user
        self._n_users = np.array([part.n_users[name] for name in self._names])
        self._losses: list[np.ndarray] = []

    def after(self, epoch: int, scores: PairScores) -> dict[str, float] | None:
        """Return the factors from the next epoch on, by group; None if they stay as they are.

        Parameters
        ----------
        epoch : int
            The epoch that ended; 0 before the first.
        scores : callable
            Of the model as it is now; asked only where the weights are learned.
        """
        if self._learns:
            assert self._rule is not None and self._guide is not None
            if epoch:
                self._losses.append(guide_losses(self._guide, scores, self._of_user, self._n))
            trace = np.array(self._losses).reshape(-1, self._n)
            weights = self._rule.weights(trace, self._n_users)
            self.schedule = self.schedule.then(epoch + 1, weights)
        begins = self.schedule.begins(epoch + 1)
        return None if begins is None else dict(zip(self._names, begins, strict=True))

    @property
    def _n(self) -> int:
        return len(self._names)


def weighing_of(experiment: Experiment, part: Part, jobs: Sequence[Job]) -> Weighing | None:
    """Return how the weights of the model that serves some jobs change; None if they do not."""
    return None if jobs[0].recipe.rule is None else Weighing(experiment, part, jobs[0])


def guide_losses(
    guide: Guide, scores: PairScores, group_of_user: np.ndarray, n_groups: int
) -> np.ndarray:
    """Return the mean of ``-log sigmoid(s_pos - s_neg)`` over each group's guide rows.

    Parameters
    ----------
    guide : Guide
        Rows, each with one negative.
    scores : callable
        Of a model.
    group_of_user : numpy.ndarray of int64, shape (n_users,)
        Group of every internal user id.
    n_groups : int
        Number of groups.

    Returns
    -------
    numpy.ndarray of float64, shape (n_groups,)
        NaN for a group without a row, or whose scores have diverged.
    """
    users, items = np.tile(guide.users, 2), np.r_[guide.items, guide.negatives]
    group = group_of_user[guide.users]
    with np.errstate(over="ignore", invalid="ignore"):
        positive, negative = scores(users, items).astype(np.float64).reshape(2, -1)
        total = np.bincount(group, np.logaddexp(0.0, negative - positive), n_groups)
    n_rows = np.bincount(group, minlength=n_groups)
    has_loss = (n_rows > 0) & np.isfinite(total)
    return np.divide(total, n_rows, out=np.full(n_groups, np.nan), where=has_loss)
