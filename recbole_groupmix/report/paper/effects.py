"""Effects as an estimate and its resamples, so that differences and means have intervals too."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from recbole_groupmix.core.names import DATA_MIX, REFERENCE
from recbole_groupmix.core.statistics.rank_agreement import spearman
from recbole_groupmix.core.statistics.resampling import resampled_means
from recbole_groupmix.record.established import at_own_length, few_seeds
from recbole_groupmix.record.rows import best_rival
from recbole_groupmix.report.paper.grid import GridCell

Floats = npt.NDArray[np.float64]
#: Resamples of every effect.
N_BOOT = 4000
_TAIL = 0.025
#: Fewest groups for an interval of a correlation over them (Fisher's needs one degree of freedom).
_FEWEST_GROUPS = 4
#: Fewest mixes for resamples of mixes.
_FEWEST_MIXES = 8
_ZERO = 1e-9


@dataclass(frozen=True, eq=False)
class Effect:
    """An estimate with resamples of it.

    Parameters
    ----------
    estimate : float
        A fraction, or a correlation.
    draws : numpy.ndarray of float64, shape (n_boot,)
        Resamples; effects of equal users and repeats were resampled together, and of other users
        with the same repeats.
    n : int
        Cells that it is a mean of.
    own : float, optional
        The estimate with each row trained for its own length; None without that control.
    few : str
        Why no verdict on it is established whatever its interval (:func:`few_seeds`), or empty.
    """

    estimate: float
    draws: Floats
    n: int = 1
    own: float | None = None
    few: str = ""

    @property
    def interval(self) -> tuple[float, float]:
        """Ends of the 95 % percentile interval."""
        low = np.quantile(self.draws, _TAIL, method="lower")
        high = np.quantile(self.draws, 1 - _TAIL, method="higher")
        return float(low), float(high)


def level_changes(cell: GridCell, key: str, over: str = "users") -> dict[str, Effect]:
    """Return the change of every mix against the reference on the target's users.

    Parameters
    ----------
    cell : GridCell
        A run.
    key : str
        Metric, such as ``precision@20``.
    over : {"users", "seeds"}
        What is resampled: users, and seeds too from 5 repeats on; or seeds only, as the paper's
        authors did. Targets of a data set have the same seeds in each resample, since a seed's
        initial values and negatives are the same for all of them (with ``--target=all`` even
        Proportional's model is), and other users.

    Returns
    -------
    dict of str to Effect
        By mix; empty where there is nothing to resample, or the reference has mean 0.
    """
    mixes = [mix for mix, metric in cell.values if metric == key]
    tables = [cell.values[mix, key] for mix in mixes]
    users = pd.concat(tables).dropna(axis=1).columns
    arrays = [table[users].to_numpy(np.float64) for table in tables]
    if over == "seeds":
        arrays = [array.mean(axis=1)[None, :] for array in arrays]
    if min(array.shape[1] for array in arrays) < 2 or REFERENCE not in mixes:
        return {}
    users_seed, seeds_seed = (
        zlib.crc32(f"{cell.dataset}/{units}".encode())
        for units in (f"{cell.target}/users", "seeds")
    )
    if over == "seeds":
        draws = resampled_means(arrays, seeds_seed, N_BOOT, False)
    else:
        draws = resampled_means(arrays, users_seed, N_BOOT, None, repeats_seed=seeds_seed)
    means = [float(array.mean()) for array in arrays]
    base = mixes.index(REFERENCE)
    if means[base] == 0 or not (draws[:, base] > 0).all():
        return {}
    ratios = (draws / draws[:, [base]] - 1).astype(np.float64)
    result = cell.run.result
    return {
        mix: Effect(
            means[i] / means[base] - 1,
            ratios[:, i],
            own=own["mean"] if (own := at_own_length(result, mix, key)) else None,
            few=few_seeds(result),
        )
        for i, mix in enumerate(mixes)
        if i != base
    }


def difference(effect: Effect | None, other: Effect | None) -> Effect | None:
    """Return one effect minus another; resamples go together where the users are the same."""
    if effect is None or other is None:
        return None
    own = None if effect.own is None or other.own is None else effect.own - other.own
    estimate = effect.estimate - other.estimate
    return Effect(estimate, effect.draws - other.draws, own=own, few=effect.few or other.few)


def against(effect: Effect | None, other: Effect | None) -> Effect | None:
    """Return the change of one row against another, both given by their changes against a third.

    Resamples go together; None where the other row has a mean of 0 in one of them.
    """
    if effect is None or other is None or not (other.draws > -1).all():
        return None
    own = None
    if effect.own is not None and other.own is not None and other.own > -1:
        own = (1 + effect.own) / (1 + other.own) - 1
    estimate = (1 + effect.estimate) / (1 + other.estimate) - 1
    draws = ((1 + effect.draws) / (1 + other.draws) - 1).astype(np.float64)
    return Effect(estimate, draws, own=own, few=effect.few or other.few)


def against_best_rival(cell: GridCell, changes: Mapping[str, Effect]) -> Effect | None:
    """Return the change of the searched mix against the best rival on the folds.

    Where no rival was better than Proportional there, all of them are Proportional, and it is the
    mix's own change. `changes` are those of the cell's rows.
    """
    rival, mix = best_rival(cell.run.result), changes.get(DATA_MIX)
    return mix if rival is None else against(mix, changes.get(rival))


def pooled(effects: Sequence[Effect]) -> Effect | None:
    """Return the mean of effects, each weighing the same; None if there are none."""
    if not effects:
        return None
    draws: Floats = np.mean([effect.draws for effect in effects], axis=0)
    own = [effect.own for effect in effects if effect.own is not None]
    return Effect(
        float(np.mean([effect.estimate for effect in effects])),
        draws,
        len(effects),
        float(np.mean(own)) if len(own) == len(effects) else None,
        next((effect.few for effect in effects if effect.few), ""),
    )


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Return Spearman's correlation over groups; None for fewer than 4, or one side constant."""
    if len(x) < _FEWEST_GROUPS:
        return None
    correlation = float(spearman(x, y))
    return None if math.isnan(correlation) else correlation


def against_searched(chosen: float, searched: Sequence[float], key: str) -> Effect | None:
    """Return by how much the chosen mix's value lies above those of the mixes that were searched.

    Resamples draw one of these, as a choice that is blind to the value would: the interval says
    where the difference lies if the chosen mix is compared with such a choice. None for fewer than 8.
    """
    if len(searched) < _FEWEST_MIXES:
        return None
    values = np.asarray(searched, dtype=np.float64)
    rng = np.random.default_rng(np.random.SeedSequence([zlib.crc32(key.encode())]))
    return Effect(chosen - float(values.mean()), chosen - rng.choice(values, N_BOOT))


def correlation_over_mixes(
    x: Sequence[float], y: Sequence[float], given: Sequence[Sequence[float]], key: str
) -> Effect | None:
    """Return Spearman's partial correlation of x and y given others, over searched mixes.

    Resamples draw mixes; None for fewer than 8, and where one side is constant.
    """
    table = np.array([x, y, *given], dtype=np.float64)
    n = table.shape[1]
    if n < _FEWEST_MIXES:
        return None
    (estimate,) = _partial(table[:, None, :])
    rng = np.random.default_rng(np.random.SeedSequence([zlib.crc32(key.encode())]))
    draws = _partial(table[:, rng.integers(0, n, size=(N_BOOT, n))])
    if math.isnan(estimate) or np.isnan(draws).mean() > 0.05:
        return None
    return Effect(float(estimate), np.where(np.isnan(draws), estimate, draws))


def _correlation(x: Floats, y: Floats) -> Floats:
    """Return Pearson's correlation of rows, shape (n_rows, n) each; NaN where one is constant."""
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    scale = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    known = scale > _ZERO * x.shape[1] ** 3  # ranks are of the size of n
    return np.where(known, (x * y).sum(axis=1) / np.where(known, scale, 1.0), np.nan)


def _partial(table: Floats) -> Floats:
    """Return the correlation of ranks of the first two variables, freed of those of the others.

    `table` has shape (n_variables, n_rows, n); the result has shape (n_rows,).
    """
    ranks = rankdata(table, axis=2)
    free = list(ranks - ranks.mean(axis=2, keepdims=True))
    while len(free) > 2:
        given = free.pop()
        scale = np.maximum((given * given).sum(axis=1, keepdims=True), _ZERO)
        free = [side - given * (side * given).sum(axis=1, keepdims=True) / scale for side in free]
    return _correlation(*free)
