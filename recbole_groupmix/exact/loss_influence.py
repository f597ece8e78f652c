"""The exact change of held-out losses with more of a group, at each target's own lambda."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import diags

from recbole_groupmix.adapters.held_out import HeldOut
from recbole_groupmix.core.linear.ease import precision_for, regularized_inverse
from recbole_groupmix.core.linear.least_lambda import least_loss_lambdas
from recbole_groupmix.core.linear.mix_gradient import user_lambda_slopes, user_loss_slopes
from recbole_groupmix.core.linear.sparse_grams import maker_of_gram
from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.core.statistics.bootstrap import holm
from recbole_groupmix.core.statistics.two_tests import compared_changes
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.training.closed_form.gram_cache import rows_of
from recbole_groupmix.training.one_by_one import triplet_factors

#: Users whose losses are computed at a time: their scores of all items are held some six times.
USERS_AT_ONCE = 4096
_DOMAIN = 0x6C6F7373


@dataclass(frozen=True, eq=False)
class Changes:
    """A value of every held-out user before and after a change of each group.

    Attributes
    ----------
    name : {"without", "more", "loss"}
        Name of the change; "loss" is the change of a loss with a little more of a group.
    users : numpy.ndarray of int64, shape (n_eval,)
        Internal ids.
    before : numpy.ndarray of float64, shape (n_eval,)
        Values with every user's weight 1.
    after : dict of str to numpy.ndarray of float64, shape (n_eval,)
        Values after the change, by group.
    lambdas : dict of str to float
        EASE's lambda for the users of each target.
    """

    name: str
    users: np.ndarray
    before: np.ndarray
    after: Mapping[str, np.ndarray]
    lambdas: Mapping[str, float] = field(default_factory=dict)

    def of_target(self, experiment: Experiment, target: str) -> np.ndarray:
        """Return the indices of a target's users, int64 (n_mine,)."""
        return _of_target(experiment, self.users, target)


def loss_influence(
    experiment: Experiment,
    lam: float | None = None,
    *,
    part: int = ALL_OF_TRAIN,
    targets: Sequence[str] | None = None,
    most_users: int | None = None,
    more: float = 0.01,
    n_boot: int = 10_000,
) -> pd.DataFrame:
    """Return the exact effect of a little more of every group on the held-out loss of every group.

    EASE is solved with every user's weight 1, at the lambda of each target. The derivative of each
    held-out user's softmax loss in the weight of each group then takes a few products
    (:func:`~recbole_groupmix.core.linear.mix_gradient.user_loss_slopes`).

    Multiplying all weights and lambda by one factor changes nothing, so the derivatives of a target
    sum up to ``-lambda dL/dlambda``: where lambda is too large, every group seems to help. At the
    lambda of least loss they sum up to 0, and are those that follow lambda, too.

    Parameters
    ----------
    experiment : Experiment
        Shared data; its model and its target have no effect.
    lam : float, optional
        Weight of EASE's L2 term for all targets, > 0; by default each has its own, the one of least
        loss on the users and items that are measured.
    part : int
        0 trains on all of train and measures on test; f + 1 leaves fold f out and measures on it.
    targets : sequence of str, optional
        Groups whose losses are computed; default all.
    most_users : int, optional
        Users of a target whose losses are computed, drawn by the seed; default all.
    more : float
        Relative increase of a group's weight, > 0.
    n_boot : int
        Resamples of users.

    Returns
    -------
    pandas.DataFrame
        One row per group and target, as :func:`~recbole_groupmix.exact.influence.influence_frame`
        describes, with change "loss". A target with fewer than two held-out users is left out.

    Raises
    ------
    ValueError
        If lambda or `more` is not above 0.
    """
    problem = LossProblem(experiment, part, targets, most_users)
    changes = problem.changes(problem.lambdas(lam), more)
    return pd.DataFrame(change_rows(experiment, changes, n_boot, targets))


class LossProblem:
    """EASE at unit weights on a part, and the held-out users of some targets.

    Parameters
    ----------
    experiment, part, targets, most_users
        As for `loss_influence`.
    """

    def __init__(
        self,
        experiment: Experiment,
        part: int = ALL_OF_TRAIN,
        targets: Sequence[str] | None = None,
        most_users: int | None = None,
    ) -> None:
        where, group = experiment.part(part), experiment.groups.of_user
        wanted = experiment.groups.names if targets is None else targets
        self.experiment = experiment
        self.held_out = where.held_out.of_users(
            _chosen(experiment, where.held_out, wanted, most_users)
        )
        mine = {name: _of_target(experiment, self.held_out.users, name) for name in wanted}
        self._of_target = {name: users for name, users in mine.items() if len(users)}
        factors = np.sqrt(triplet_factors(experiment, where))
        rows = (diags(factors.astype(np.float32)) @ rows_of(experiment, where)).tocsr()
        self._rows, self._group = rows[np.flatnonzero(group >= 0)], group[group >= 0]
        self._plan = experiment.part(ALL_OF_TRAIN).elimination
        self._gram = maker_of_gram(self._plan)(self._rows, np.float32)

    def lambdas(self, lam: float | None = None) -> dict[str, float]:
        """Return the lambda of each target that has held-out users: `lam`, or that of least loss."""
        if lam is not None or not self._of_target:
            return dict.fromkeys(self._of_target, float("nan" if lam is None else lam))
        every = np.arange(len(self.held_out.users))

        def at(tried: float) -> tuple[np.ndarray, np.ndarray]:
            losses, slopes = self._by_user(tried, every, user_lambda_slopes)
            of_target = list(self._of_target.values())
            means = [(losses[mine].mean(), tried * slopes[mine].mean()) for mine in of_target]
            return np.array([loss for loss, _ in means]), np.array([slope for _, slope in means])

        found = least_loss_lambdas(at, len(self._of_target))
        return dict(zip(self._of_target, found.tolist(), strict=True))

    def changes(self, lambdas: Mapping[str, float], more: float = 0.01) -> Changes:
        """Return the changes of `loss_influence` user by user, each at the lambda of his group."""
        check_more(more)
        names = self.experiment.groups.names
        losses = np.zeros(len(self.held_out.users))
        slopes = np.zeros((len(losses), len(names)))
        slopes_of = partial(user_loss_slopes, self._rows, self._group, len(names))
        for lam, targets in targets_by_lambda(lambdas).items():
            mine = np.concatenate([self._of_target[target] for target in targets])
            losses[mine], slopes[mine] = self._by_user(lam, mine, slopes_of)
        after = dict(zip(names, (losses[:, None] + more * slopes).T, strict=True))
        return Changes("loss", self.held_out.users, losses, after, lambdas)

    def _by_user(
        self,
        lam: float,
        chosen: np.ndarray,
        function: Callable[..., tuple[np.ndarray, np.ndarray]],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the losses and slopes of users by a function of the inverse and their items."""
        precision = precision_for(self._gram, lam)
        inverse = regularized_inverse(self._gram.astype(precision, copy=False), lam, self._plan)
        losses, slopes = [], []
        for start in range(0, len(chosen), USERS_AT_ONCE):
            block = chosen[start : start + USERS_AT_ONCE]
            seen = self.held_out.masked[block].toarray()
            relevant = self.held_out.relevant[block].toarray()
            left_out = self.held_out.left_out(block)
            loss, slope = function(inverse, seen, relevant, left_out=left_out)
            losses.append(loss)
            slopes.append(slope)
        return np.concatenate(losses), np.concatenate(slopes)


def targets_by_lambda(lambdas: Mapping[str, float]) -> dict[float, list[str]]:
    """Return the targets of each lambda: those of one share a solution."""
    targets: dict[float, list[str]] = {}
    for target, lam in lambdas.items():
        targets.setdefault(lam, []).append(target)
    return targets


def change_rows(
    experiment: Experiment,
    changes: Changes,
    n_boot: int,
    targets: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Return a row for each target and group: the effect of the group on the target's users.

    Parameters
    ----------
    experiment, changes, n_boot
        Shared data, the values of users, resamples of users.
    targets : sequence of str, optional
        Groups whose users are compared; default all.
    """
    names, rows = experiment.groups.names, []
    before, after = changes.before, changes.after
    for target in names if targets is None else targets:
        mine = changes.of_target(experiment, target)
        if len(mine) < 2:
            continue
        relative = compared_changes(
            [(after[group][mine][None], before[mine][None]) for group in names],
            seed=experiment.settings.seed,
            n_boot=n_boot,
        )
        corrected = holm([change.p for change in relative])
        for group, change, p_holm in zip(names, relative, corrected, strict=True):
            rows.append(
                {
                    "change": changes.name,
                    "group": group,
                    "target": target,
                    "users": len(mine),
                    "lambda": changes.lambdas.get(target, float("nan")),
                    REFERENCE: float(before[mine].mean()),
                    "value": float(after[group][mine].mean()),
                    "mean": change.mean,
                    "ci_low": change.ci_low,
                    "ci_high": change.ci_high,
                    "p": change.p,
                    "p_holm": p_holm,
                }
            )
    return rows


def check_more(more: float) -> None:
    """Raise ``ValueError`` unless a relative increase is above 0."""
    if not more > 0:
        raise ValueError(f"more is {more!r}; it must be a relative increase > 0, such as 0.01")


def bytes_of_loss_influence(experiment: Experiment) -> int:
    """Return about how many bytes `loss_influence` takes besides the data."""
    n_items = experiment.shape[1]
    return (6 * n_items + 9 * min(USERS_AT_ONCE, experiment.shape[0])) * n_items * 4


def _chosen(
    experiment: Experiment, held_out: HeldOut, targets: Sequence[str], most: int | None
) -> np.ndarray:
    """Return the mask of users whose losses are computed, at most `most` of each target."""
    wanted = np.zeros(experiment.shape[0], dtype=bool)
    for target in targets:
        index = experiment.groups.index(target)
        users = held_out.users[experiment.groups.of_user[held_out.users] == index]
        if most is not None and len(users) > most:
            key = [_DOMAIN, experiment.settings.seed, index]
            users = np.random.default_rng(np.random.SeedSequence(key)).choice(
                users, most, replace=False
            )
        wanted[users] = True
    return wanted


def _of_target(experiment: Experiment, users: np.ndarray, target: str) -> np.ndarray:
    return np.flatnonzero(experiment.groups.of_user[users] == experiment.groups.index(target))
