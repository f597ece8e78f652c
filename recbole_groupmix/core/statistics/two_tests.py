"""A change is told from none only where its tests agree: the rule of every mark and verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.statistics.bootstrap import (
    complete_users,
    paired_arrays,
    relative_changes,
)
from recbole_groupmix.core.statistics.interval import p_over_cells
from recbole_groupmix.core.statistics.permutation import permutation_tests
from recbole_groupmix.core.statistics.resampling import MIN_REPEATS

FEWEST_MARKED = 6
"""With fewer users no change can be marked: of 5, all on one side have p = 2 / 2^5 = .0625."""


@dataclass(frozen=True)
class Compared:
    """A relative change with its interval and the p-values of tests of "no change".

    Parameters
    ----------
    mean, ci_low, ci_high : float
        As of :class:`~recbole_groupmix.core.statistics.bootstrap.Change`.
    p_interval : float
        The p-value of the interval: of a ratio of means that other users would give.
    p_permutation : float
        The p-value of flips of the signs of users' differences: it is valid for any number of
        users, however skewed their differences are.
    p_repeats : float
        With 2 to 4 repeats, which the interval leaves out, that of other users and other repeats
        (:func:`~recbole_groupmix.core.statistics.interval.p_over_cells`); 0 otherwise.
    """

    mean: float
    ci_low: float
    ci_high: float
    p_interval: float
    p_permutation: float
    p_repeats: float = 0.0

    @property
    def p(self) -> float:
        """The largest of the p-values, NaN where the change is undefined.

        A mark on it (after Holm's correction, where there are several) needs all tests.
        """
        return float(np.max([self.p_interval, self.p_permutation, self.p_repeats]))


def compared_changes(
    pairs: Sequence[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]],
    *,
    seed: int,
    n_boot: int = 10_000,
    n_permutations: int = 10_000,
    confidence: float = 0.95,
) -> list[Compared]:
    """Return the relative change of each pair of arrays, with the p-values of its tests.

    Parameters
    ----------
    pairs : sequence of (values, baseline)
        Arrays of float, shape (n_repeats, n_users), as for
        :func:`~recbole_groupmix.core.statistics.bootstrap.relative_changes`. Each pair gets the
        numbers that it would get alone.
    seed : int
        Seed of resamples and permutations, >= 0.
    n_boot, n_permutations : int
        Numbers of resamples and of permutations, >= 1.
    confidence : float
        Level of the intervals, in (0, 1).

    Raises
    ------
    ValueError
        If shapes do not fit, a value is infinite, fewer than 2 users are left in a pair, or an
        option is out of range.
    """
    changes = relative_changes(pairs, seed=seed, n_boot=n_boot, confidence=confidence)
    p_values = permutation_tests(pairs, seed=seed, n_permutations=n_permutations)
    return [
        Compared(change.mean, change.ci_low, change.ci_high, change.p, p, _p_repeats(*pair))
        for change, p, pair in zip(changes, p_values, pairs, strict=True)
    ]


def _p_repeats(values: npt.NDArray[np.float64], baseline: npt.NDArray[np.float64]) -> float:
    if not 1 < len(values) < MIN_REPEATS:
        return 0.0
    return p_over_cells(np.subtract(*complete_users(*paired_arrays(values, baseline))))
