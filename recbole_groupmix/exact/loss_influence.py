"""The exact change of held-out losses with more of a group, from a single factorisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import diags

from recbole_groupmix.adapters.held_out import HeldOut
from recbole_groupmix.core.linear.ease import precision_for, regularized_inverse
from recbole_groupmix.core.linear.gram import gram
from recbole_groupmix.core.linear.mix_gradient import user_loss_slopes
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
    """

    name: str
    users: np.ndarray
    before: np.ndarray
    after: Mapping[str, np.ndarray]

    def of_target(self, experiment: Experiment, target: str) -> np.ndarray:
        """Return the indices of a target's users, int64 (n_mine,)."""
        index = experiment.groups.index(target)
        return np.flatnonzero(experiment.groups.of_user[self.users] == index)


def loss_influence(
    experiment: Experiment,
    lam: float,
    *,
    part: int = ALL_OF_TRAIN,
    targets: Sequence[str] | None = None,
    most_users: int | None = None,
    more: float = 0.01,
    n_boot: int = 10_000,
) -> pd.DataFrame:
    """Return the exact effect of a little more of every group on the held-out loss of every group.

    EASE is solved once, with every user's weight 1: at those weights it is the same for all
    targets. The derivative of each held-out user's softmax loss in the weight of each group then
    takes a few products (:func:`~recbole_groupmix.core.linear.mix_gradient.user_loss_slopes`).

    Parameters
    ----------
    experiment : Experiment
        Shared data; its model and its target have no effect.
    lam : float
        Weight of EASE's L2 term, > 0.
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
    changes = loss_changes(
        experiment, lam, part=part, targets=targets, most_users=most_users, more=more
    )
    return pd.DataFrame(change_rows(experiment, changes, n_boot, targets))


def loss_changes(
    experiment: Experiment,
    lam: float,
    *,
    part: int = ALL_OF_TRAIN,
    targets: Sequence[str] | None = None,
    most_users: int | None = None,
    more: float = 0.01,
) -> Changes:
    """Return the changes of `loss_influence` user by user."""
    check_more(more)
    where, names = experiment.part(part), experiment.groups.names
    wanted = names if targets is None else targets
    held_out = where.held_out.of_users(_chosen(experiment, where.held_out, wanted, most_users))
    if not len(held_out.users):
        empty = np.zeros(0)
        return Changes("loss", held_out.users, empty, dict.fromkeys(names, empty))
    losses, slopes = _slopes(experiment, part, held_out, lam)
    after = dict(zip(names, (losses[:, None] + more * slopes).T, strict=True))
    return Changes("loss", held_out.users, losses, after)


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
    return (6 * n_items + 8 * min(USERS_AT_ONCE, experiment.shape[0])) * n_items * 4


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


def _slopes(
    experiment: Experiment, part: int, held_out: HeldOut, lam: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return each user's loss at unit weights, and its derivative in each group's weight."""
    where, group = experiment.part(part), experiment.groups.of_user
    factors = np.sqrt(triplet_factors(experiment, where))
    rows = (diags(factors.astype(np.float32)) @ rows_of(experiment, where)).tocsr()
    rows = rows[np.flatnonzero(group >= 0)]
    total = gram(rows, np.float32)
    inverse = regularized_inverse(total.astype(precision_for(total, lam), copy=False), lam)
    group = group[group >= 0]
    losses, slopes = [], []
    for start in range(0, len(held_out.users), USERS_AT_ONCE):
        block = slice(start, start + USERS_AT_ONCE)
        seen = held_out.left_out(block)
        relevant = held_out.relevant[block].toarray()
        loss, slope = user_loss_slopes(
            rows, group, len(experiment.groups.names), inverse, seen, relevant
        )
        losses.append(loss)
        slopes.append(slope)
    return np.concatenate(losses), np.concatenate(slopes)
