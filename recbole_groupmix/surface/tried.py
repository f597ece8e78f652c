"""The table of tried mixes from what each of the target's users adds to their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recbole_groupmix.core.mix import Mix
from recbole_groupmix.surface.history import History, weights_of


@dataclass(frozen=True)
class Tried:
    """A mix that was tried.

    Attributes
    ----------
    mix : Mix
        The mix.
    is_reference : bool
        Whether it is Proportional, or a repeat of it.
    score : float
        Mean over the folds that it was trained on; NaN where training diverged.
    changes : mapping of str to float
        Each user's part in that score minus Proportional's on the same folds
        (:func:`~recbole_groupmix.core.budget_curve.parts_of_score`), by the users who are measured on
        them; empty where training diverged.
    complete : bool
        Whether it was trained on all folds.
    """

    mix: Mix
    is_reference: bool
    score: float
    changes: Mapping[str, float]
    complete: bool


def history_of_tried(tried: Sequence[Tried], n_users: Mapping[str, int], target: str) -> History:
    """Return the table of tried mixes.

    A mix that left a race after some folds is measured on fewer users. Its score is Proportional's on
    all folds, plus the difference on its own; users who are not measured on these count as the mean.

    Parameters
    ----------
    tried : sequence of Tried
        The rows of the table; the first reference is trained on all folds.
    n_users, target
        As in :class:`~recbole_groupmix.surface.history.History`.
    """
    groups = tuple(g for g in n_users if g != target and n_users[g])
    base = next(of for of in tried if of.is_reference)
    place = {user: i for i, user in enumerate(base.changes)}
    scores, differences = np.full(len(tried), np.nan), np.full((len(tried), len(place)), np.nan)
    for row, of in enumerate(tried):
        if not np.isfinite(of.score):
            continue
        change = np.array(list(of.changes.values()))
        mean = float(change.mean())
        differences[row] = mean
        differences[row, [place[user] for user in of.changes]] = change
        scores[row] = of.score if of.complete else base.score + mean
    weights = [weights_of(of.mix, groups, n_users, target) for of in tried]
    reference = np.array([of.is_reference for of in tried])
    return History(groups, n_users, target, np.array(weights), scores, differences, reference)
