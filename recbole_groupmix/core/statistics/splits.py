"""Relative changes pooled over splits of the data: intervals over users, repeats and splits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.statistics.bootstrap import paired_arrays
from recbole_groupmix.core.statistics.fieller import fieller_of_pair, needs_fieller
from recbole_groupmix.core.statistics.interval import (
    Interval,
    Spread,
    joined,
    p_over_cells,
    percentile_interval,
    spread_of_cells,
    spread_of_parts,
    spread_of_users,
)
from recbole_groupmix.core.statistics.permutation import permutation_tests
from recbole_groupmix.core.statistics.resampling import (
    MIN_REPEATS,
    crossed_means,
    generator,
    resample_counts,
)
from recbole_groupmix.core.statistics.two_tests import Compared

Floats = npt.NDArray[np.float64]

MIN_SPLITS = 5
"""Fewest splits that are resampled; with fewer an interval holds for these splits only."""


@dataclass(frozen=True)
class PooledChange(Compared):
    """A relative change pooled over splits.

    Parameters
    ----------
    mean, ci_low, ci_high, p_interval, p_permutation, p_repeats : float
        As of :class:`~recbole_groupmix.core.statistics.two_tests.Compared`, with splits in the
        place of repeats where there are several.
    by_split : tuple of float
        The relative change in each split alone; NaN where its baseline's mean is 0.
    n_users : int
        Users with values in at least one split.
    """

    by_split: tuple[float, ...] = ()
    n_users: int = 0

    @property
    def spread(self) -> float:
        """Standard deviation between the splits; NaN with less than two that are defined."""
        known = np.array([change for change in self.by_split if math.isfinite(change)])
        return float(known.std(ddof=1)) if len(known) > 1 else math.nan


def pooled_changes(
    pairs: Sequence[tuple[Floats, Floats]],
    *,
    seed: int,
    n_boot: int = 10_000,
    n_permutations: int = 10_000,
    confidence: float = 0.95,
) -> list[PooledChange]:
    """Return the relative change of each pair of arrays, pooled over splits.

    The same users are measured in every split, on other test items. A user counts by the mean over
    the splits in which he is measured, and the change is the ratio of the users' means minus 1.

    A resample draws users; from :data:`MIN_SPLITS` splits on also splits, with all users in them;
    and from 5 repeats on also the repeats, in each drawn split anew. What is not drawn is averaged.
    The percentiles are widened for the numbers of units, as those of one split are. As with one
    split, Fieller's interval stands in, or is joined with it, for few users and for many whose
    baseline is 0; and with 2 to 4 splits, which the interval leaves out, the p-value is at least
    that of other users and other splits
    (:func:`~recbole_groupmix.core.statistics.interval.p_over_cells`), as with 2 to 4 repeats.

    With one split the result is that of
    :func:`~recbole_groupmix.core.statistics.two_tests.compared_changes`, up to rounding: the
    resamples are the same ones.

    Both the noise of single users in single splits and that of repeats come in more than once where
    users, splits and repeats are all drawn, so that such an interval errs on the wide side.

    Parameters
    ----------
    pairs : sequence of (values, baseline)
        Arrays of float, shape (n_splits, n_repeats, n_users): same users in the same columns. A
        user with NaN in a split, in either array and any repeat, is not measured in that split.
    seed : int
        Seed of resamples and permutations, >= 0.
    n_boot, n_permutations : int
        Numbers of resamples and of permutations, >= 1.
    confidence : float
        Level of the intervals, in (0, 1).

    Raises
    ------
    ValueError
        If shapes do not fit, a value is infinite, fewer than 2 users have values in any split, or
        an option is out of range.
    """
    if seed < 0 or n_boot < 1 or not 0 < confidence < 1:
        raise ValueError(
            f"seed is {seed}, n_boot {n_boot} and confidence {confidence}; they must be >= 0, "
            ">= 1 and between 0 and 1."
        )
    all_splits = [_Splits.of(*pair) for pair in pairs]
    of_users = [(splits.user_values, splits.user_baseline) for splits in all_splits]
    p_values = permutation_tests(of_users, seed=seed, n_permutations=n_permutations)
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for place, splits in enumerate(all_splits):
        if splits.resampled or not splits.needs_fieller:
            by_shape.setdefault(splits.baseline.shape, []).append(place)
    intervals: dict[int, Interval] = {}
    for places in by_shape.values():
        alike = [all_splits[place] for place in places]
        for place, changes in zip(places, _resampled(alike, seed, n_boot), strict=True):
            intervals[place] = percentile_interval(changes, _spread(all_splits[place]), confidence)
    for place, splits in enumerate(all_splits):
        if splits.needs_fieller:
            user_pair = splits.user_values[None], splits.user_baseline[None]
            exact = fieller_of_pair(*user_pair, confidence)
            intervals[place] = joined(exact, intervals[place]) if place in intervals else exact
    return [
        _pooled(splits, intervals[place], p)
        for place, (splits, p) in enumerate(zip(all_splits, p_values, strict=True))
    ]


@dataclass(frozen=True)
class _Splits:
    """A pair of arrays, (n_splits, n_repeats, n_users), 0 where a user is not measured.

    `present`, (n_splits, n_users), says where he is; every user is somewhere.
    """

    values: Floats
    baseline: Floats
    present: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, values: Floats, baseline: Floats) -> _Splits:
        values, baseline = paired_arrays(values, baseline)
        if values.ndim != 3 or 0 in values.shape[:2]:
            raise ValueError(
                f"values have shape {values.shape}; they must be (n_splits, n_repeats, n_users)."
            )
        if np.isinf(values).any() or np.isinf(baseline).any():
            raise ValueError(
                "a metric value is infinite; values must be finite, or NaN if undefined."
            )
        present = ~(np.isnan(values) | np.isnan(baseline)).any(axis=1)
        known = present.any(axis=0)
        if np.count_nonzero(known) < 2:
            raise ValueError(
                f"{np.count_nonzero(known)} of {values.shape[2]} users have values in a split; an "
                "interval over users needs at least 2."
            )
        here = present[:, None, :]
        values, baseline = (np.where(here, array, 0.0) for array in (values, baseline))
        return cls(values[:, :, known], baseline[:, :, known], present[:, known])

    @property
    def resampled(self) -> bool:
        """Whether more than users is drawn."""
        n_splits, n_repeats, _ = self.baseline.shape
        return n_splits >= MIN_SPLITS or n_repeats >= MIN_REPEATS

    @property
    def share(self) -> Floats:
        """Weight of a user in each split in which he is, shape (n_users,): 1 / their number."""
        weights: Floats = 1.0 / self.present.sum(axis=0)
        return weights

    @property
    def user_values(self) -> Floats:
        """Mean of each user over repeats and the splits in which he is, shape (n_users,)."""
        return self._of_users(self.values)

    @property
    def user_baseline(self) -> Floats:
        """The same of the baseline."""
        return self._of_users(self.baseline)

    def _of_users(self, array: Floats) -> Floats:
        means: Floats = array.mean(axis=1).sum(axis=0) * self.share
        return means

    @property
    def needs_fieller(self) -> bool:
        """Whether percentiles of resamples cannot be trusted."""
        return needs_fieller(self.user_baseline[None])


def _pooled(splits: _Splits, interval: Interval, p_permutation: float) -> PooledChange:
    by_split = tuple(
        _ratio_of_sums(values - baseline, baseline)
        for values, baseline in zip(splits.values, splits.baseline, strict=True)
    )
    n_users = splits.present.shape[1]
    base = splits.user_baseline
    mean = _ratio_of_sums(splits.user_values - base, base)
    found = [interval.low, interval.high, interval.p, p_permutation, _p_repeats(splits)]
    low, high, p, p_permutation, p_repeats = [math.nan] * 5 if math.isnan(mean) else found
    return PooledChange(mean, low, high, p, p_permutation, p_repeats, by_split, n_users)


def _p_repeats(splits: _Splits) -> float:
    n_splits, n_repeats, _ = splits.baseline.shape
    differences = splits.values - splits.baseline
    if n_splits == 1:
        return p_over_cells(differences[0]) if 1 < n_repeats < MIN_REPEATS else 0.0
    if n_splits >= MIN_SPLITS:
        return 0.0
    return p_over_cells(differences.mean(axis=1) * splits.share)


def _ratio_of_sums(difference: Floats, baseline: Floats) -> float:
    total = float(baseline.sum())
    return float(difference.sum()) / total if total != 0 else math.nan


def _resampled(alike: Sequence[_Splits], seed: int, n_boot: int) -> list[Floats]:
    """Return the change in each resample, shape (n_boot,), of arrays of one shape."""
    rng = generator(seed)
    n_splits, n_repeats, n_users = alike[0].baseline.shape
    counts = _row_counts(rng, n_splits, n_repeats, n_boot)
    rows = []
    for splits in alike:
        for array in (splits.values - splits.baseline, splits.baseline):
            weighed = array * splits.share
            if counts.shape[2] == 1:
                weighed = weighed.mean(axis=1, keepdims=True)
            rows.append(weighed.reshape(-1, n_users))
    means = crossed_means(rng, np.stack(rows), counts.reshape(n_boot, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        changes = means[:, 0::2] / means[:, 1::2]
    return list(np.where(means[:, 0::2] == 0, 0.0, changes).T)


def _row_counts(rng: np.random.Generator, n_splits: int, n_repeats: int, n_boot: int) -> Floats:
    """Return how often each repeat of each split is drawn, shape (n_boot, n_splits, n_repeats).

    The last axis is 1 where repeats are not drawn.
    """
    n_rows = n_repeats if n_repeats >= MIN_REPEATS else 1
    counts = np.zeros((n_boot, n_splits, n_rows))
    every = np.arange(n_boot)
    for place in range(n_splits):
        drawn = np.full(n_boot, place)
        if n_splits >= MIN_SPLITS:
            drawn = rng.integers(0, n_splits, size=n_boot)
        of_repeats = resample_counts(rng, n_boot, n_rows) if n_rows > 1 else 1.0
        counts[every, drawn] += of_repeats
    return counts


def _spread(splits: _Splits) -> Spread:
    """Return how far resamples are to be trusted, by what is drawn in them.

    Users and splits are crossed, and splits hold their repeats already. Without splits the
    repeats of each are a kind of units of their own.
    """
    n_splits, n_repeats, n_users = splits.baseline.shape
    difference, baseline = splits.values - splits.baseline, splits.baseline
    base = float((baseline.mean(axis=1) * splits.share).sum())
    change = float((difference.mean(axis=1) * splits.share).sum()) / (base or 1.0)
    left = (difference - change * baseline) * splits.share
    if n_splits >= MIN_SPLITS:
        return spread_of_cells(left.mean(axis=1))
    of_users = left.mean(axis=1).sum(axis=0).var(ddof=1) / n_users
    if n_repeats < MIN_REPEATS or not left.any():
        return spread_of_users(n_users)
    of_repeats = left.mean(axis=2).var(axis=1, ddof=1) / n_repeats
    sizes = np.array([n_users, *[n_repeats] * n_splits])
    return spread_of_parts(np.array([of_users, *of_repeats]), sizes)
