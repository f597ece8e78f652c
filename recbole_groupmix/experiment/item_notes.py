"""What a run says about its items: which are ranked, which train, and what cannot be found."""

from __future__ import annotations

import numpy as np

from recbole_groupmix.adapters.group_items import ALL
from recbole_groupmix.adapters.held_out import HeldOut
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.item_scope import OF_TARGET
from recbole_groupmix.experiment.labels import positive_rows
from recbole_groupmix.experiment.part import ALL_OF_TRAIN


def items_outside(experiment: Experiment) -> tuple[np.ndarray, np.ndarray]:
    """Return how many test items of users lie outside their catalogues, and how many there are.

    Returns
    -------
    outside, new : numpy.ndarray of int64, shape (n_users,)
        By internal id; items that a user knows from train do not count, and of users without a
        training interaction none does.
    """
    part, held = experiment.part(ALL_OF_TRAIN), experiment.is_test & positive_rows(experiment)
    found = _by_user(part.held_out, experiment.shape[0])
    if experiment.settings.rank_items == ALL:
        return np.zeros_like(found), found
    pairs = experiment.users[held], experiment.items[held]
    whole = HeldOut.of_pairs((part.users, part.items), pairs, experiment.shape)
    new = _by_user(whole, experiment.shape[0])
    return new - found, new


def item_notes(experiment: Experiment) -> list[str]:
    """Return a sentence for each of ``rank_items`` and ``train_items`` that is not ``all``."""
    settings, scope, groups = experiment.settings, experiment.item_scope, experiment.groups
    part, notes = experiment.part(ALL_OF_TRAIN), []
    target = groups.index(experiment.target)
    mine = groups.of_user == target
    if part.catalogues is not None and settings.rank_items != ALL:
        whose, of_users = f"its own group, all {len(groups.names)} groups", groups.of_user >= 0
        if settings.target in groups.names:
            n_ranked = int(part.catalogues.ranked[target, 1:].sum())
            whose = f"target {experiment.target!r}, {n_ranked:,} of {scope.n_items - 1:,}"
            of_users = mine
        outside, new = (int(counts[of_users].sum()) for counts in items_outside(experiment))
        notes.append(
            f"rank_items {settings.rank_items}: users are ranked over {scope.in_words} ({whose}); "
            f"{outside:,} of their {new:,} test items lie outside and are not looked for"
        )
    if settings.train_items == OF_TARGET:
        others = ~experiment.is_test & ~mine[experiment.users]
        kept = ~mine[part.users]
        n_items = len(np.unique(part.items))
        notes.append(
            f"train_items {settings.train_items}: of other groups {int(kept.sum()):,} of "
            f"{int(others.sum()):,} interactions train, those with one of the {n_items:,} items of "
            f"target {experiment.target!r}, of {len(np.unique(part.users[kept])):,} of "
            f"{len(np.unique(experiment.users[others])):,} users"
        )
    return notes


def _by_user(held_out: HeldOut, n_users: int) -> np.ndarray:
    counts = np.zeros(n_users, dtype=np.int64)
    counts[held_out.users] = np.diff(held_out.relevant.indptr)
    return counts
