"""A cache of the Gram matrices of the groups, which all mixes of EASE share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
from recbole.data.dataset import Dataset
from scipy.sparse import csr_matrix, diags

from recbole_groupmix.core.linear.ease import largest_row_sum, precision_for_row_sum
from recbole_groupmix.core.linear.elimination import Elimination
from recbole_groupmix.core.linear.gram import Floats, downdated, group_grams, weighted_gram
from recbole_groupmix.core.linear.sparse_grams import SparseGrams, maker_of_gram
from recbole_groupmix.engine.threads import pool
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN, Part
from recbole_groupmix.training.memory import memory
from recbole_groupmix.training.one_by_one import triplet_factors

#: Item-item matrices besides those of groups: sum, factor, inverse, model, float64.
WORK = 8
#: For each sparse system: its inverse in two orders, in float64; and what its core takes.
_WORK_OF_SPARSE, _WORK_OF_CORE = 4, 6

Gram: TypeAlias = Floats | csr_matrix


class GramCache:
    """Caches the Gram matrix of every group and the data set of a part, which its mixes share.

    It holds all of train and one fold at a time. The dense matrices of a fold are those of all of
    train minus the held-out interactions.

    Parameters
    ----------
    experiment : Experiment
        Shared data.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._kept: dict[int, Floats | SparseGrams] = {}
        self._sum: tuple[tuple[int, object], Gram, float] | None = None
        self._data_set: tuple[int, Dataset] | None = None

    @property
    def plan(self) -> Elimination | None:
        """The order in which items are eliminated, where the matrices are sparse."""
        return self._experiment.part(ALL_OF_TRAIN).elimination

    def data_set(self, part: Part, present: np.ndarray | None) -> Dataset:
        """Return RecBole's data set of a part, of the users ``present`` if given."""
        if present is not None:
            return self._experiment.dataset_of(part, present)
        if self._data_set is None or self._data_set[0] != part.index:
            self._data_set = part.index, self._experiment.dataset_of(part)
        return self._data_set[1]

    def of_part(self, part: Part) -> Floats:
        """Return float32 (n_groups, n_items, n_items) in the order of ``groups.names``."""
        grams = self._of_part(part)
        return grams.dense() if isinstance(grams, SparseGrams) else grams

    def of_mix(self, part: Part, weights: Sequence[float], lam: float) -> Gram:
        """Return ``G(w)`` of group weights, in the precision that its inverse with lambda needs."""
        grams = self._of_part(part)
        if isinstance(grams, SparseGrams):
            return self._summed(part, tuple(weights), lam, partial(grams.weighted, weights))
        return self._summed(part, tuple(weights), lam, partial(weighted_gram, grams, weights))

    def of_users(self, part: Part, weights: np.ndarray, lam: float) -> Gram:
        """Return ``sum_u w_u x_u x_u'`` of a weight of every internal user id, as :meth:`of_mix`."""
        factors = weights * triplet_factors(self._experiment, part)
        rows = (diags(np.sqrt(factors)) @ rows_of(self._experiment, part)).tocsr()
        return self._summed(part, weights.tobytes(), lam, partial(maker_of_gram(self.plan), rows))

    def _of_part(self, part: Part) -> Floats | SparseGrams:
        if part.index not in self._kept:
            self._kept = {i: g for i, g in self._kept.items() if i == ALL_OF_TRAIN}
            self._kept[part.index] = self._make(part)
        return self._kept[part.index]

    def _summed(self, part: Part, which: object, lam: float, make: Callable[..., Gram]) -> Gram:
        key = part.index, which
        if self._sum is None or self._sum[0] != key:  # all lambdas of the weights share it
            total = make(np.float32)
            self._sum = key, total, largest_row_sum(total)
        _, total, row_sum = self._sum
        return total if precision_for_row_sum(row_sum, lam) is np.float32 else make(np.float64)

    def _make(self, part: Part) -> Floats | SparseGrams:
        experiment = self._experiment
        group, n_groups = experiment.groups.of_user, len(experiment.groups.names)
        kept = rows_of(experiment, part)
        factors = triplet_factors(experiment, part)
        if self.plan is not None:
            rows = (diags(np.sqrt(factors)) @ kept).tocsr()
            return SparseGrams.of_rows(rows, group, n_groups)
        if part.index == ALL_OF_TRAIN or (factors != 1).any():
            return group_grams(
                (diags(np.sqrt(factors)) @ kept).tocsr(), group, n_groups, np.float32
            )
        whole = experiment.part(ALL_OF_TRAIN)
        totals, removed = self.of_part(whole), (rows_of(experiment, whole) - kept).tocsr()
        removed.eliminate_zeros()
        grams = np.empty_like(totals)
        for index in range(n_groups):
            rows = np.flatnonzero(group == index)
            grams[index] = downdated(totals[index], kept[rows], removed[rows])
        return grams


def rows_of(experiment: Experiment, part: Part) -> csr_matrix:
    """Return the interactions of a part, float32 (n_users, n_items), padding included.

    A pair that occurs twice counts 2, as in RecBole's EASE.
    """
    ones = np.ones(len(part.users), dtype=np.float32)
    return csr_matrix((ones, (part.users, part.items)), shape=experiment.shape)


def bytes_needed(experiment: Experiment, n_threads: int = 1) -> int:
    """Return the bytes of EASE's matrices of items by items, with so many systems at once."""
    n_items, n_groups = experiment.shape[1], len(experiment.groups.names)
    plan = experiment.part(ALL_OF_TRAIN).elimination
    if plan is None:
        return (2 * n_groups + WORK * n_threads) * n_items**2 * 4
    each = _WORK_OF_SPARSE * n_items**2 + _WORK_OF_CORE * plan.n_core**2
    return (each * n_threads + 2 * n_items**2) * 4


def threads_of(experiment: Experiment) -> int:
    """Return how many systems fit into memory at once, at most one for each thread."""
    free, one = memory(experiment, "cpu"), bytes_needed(experiment)
    each = bytes_needed(experiment, 2) - one
    return int(min(max((free - one) // each, 0) + 1, pool().size))


def bytes_of_matrices(experiment: Experiment) -> int:
    """Return what a run of a closed form takes for matrices of items by items; 0 without any."""
    if not getattr(experiment.model_class, "from_gram", False):
        return 0
    return bytes_needed(experiment, threads_of(experiment))
