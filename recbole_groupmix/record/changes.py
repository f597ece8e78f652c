"""Means on test, and how every mix compares with Proportional."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from recbole_groupmix.core.names import DATA_MIX, REFERENCE
from recbole_groupmix.core.statistics.bootstrap import holm
from recbole_groupmix.core.statistics.two_tests import compared_changes
from recbole_groupmix.core.user_metrics import metric_key
from recbole_groupmix.record.metrics import combinations
from recbole_groupmix.record.schema import Change, Means


def test_means(metrics: pd.DataFrame, group: str) -> dict[str, Means]:
    """Return the means over users and repeats of a group, by mix and ``"metric@k"``."""
    rows = metrics[metrics["group"] == group]
    value = rows["value"].to_numpy()
    means: dict[str, Means] = {}
    for (metric, k, mix), places in _cells(rows).items():
        means.setdefault(mix, {})[metric_key(metric, k)] = float(pd.Series(value[places]).mean())
    return means


def same_rows(
    same: Mapping[str, str], selected: str | None, rows: Collection[str]
) -> dict[str, str]:
    """Return the rows of a result that are one comparison with another row, by name.

    Parameters
    ----------
    same : mapping of str to str
        Rows whose mix is that of an earlier row, with its name (``same_mix``).
    selected : str or None
        The candidate that is the data mix: theory's is a row by itself, too.
    rows : collection of str
        All rows.
    """
    of = dict(same)
    if selected in rows and DATA_MIX in rows and selected != DATA_MIX:
        of = {name: DATA_MIX if other == selected else other for name, other in of.items()}
        of[str(selected)] = DATA_MIX
    return of


def changes(
    metrics: pd.DataFrame,
    target: str,
    seed: int,
    same: Mapping[str, str] | None = None,
    reference: str = REFERENCE,
) -> dict[str, dict[str, Change]]:
    """Compare every row with Proportional on the target's users by paired tests.

    Parameters
    ----------
    metrics : pandas.DataFrame
        Long table of per-user values (see ``metrics.parquet``).
    target : str
        Target group.
    seed : int
        Seed of the resamples and permutations.
    same : mapping of str to str, optional
        Mixes that are the same as another mix, by name (:func:`same_rows`). They are not compared
        by themselves: p is None, and p_holm is that of the other mix (None for Proportional).
    reference : str
        The row with which the others are compared, in place of Proportional.

    Returns
    -------
    dict
        By mix and ``"metric@k"``: mean, ci_low, ci_high (fractions, infinite where unbounded), p
        (the largest of its tests', see
        :func:`~recbole_groupmix.core.statistics.two_tests.compared_changes`), and p_holm, which
        is corrected over the different rows that this run compares.
    """
    same = same or {}
    rows = metrics[metrics["group"] == target]
    by_mix: dict[str, dict[str, Change]] = {}
    by_metric: dict[str, dict[tuple[int, str], npt.NDArray[np.float64]]] = {}
    for (metric, k, mix), values in _by_repeat_and_user(rows).items():
        by_metric.setdefault(metric, {})[k, mix] = values
    for metric, arrays in by_metric.items():  # cut-offs of a metric share their resamples
        compared = [(k, mix) for k, mix in arrays if mix != reference]
        pairs = [(arrays[k, mix], arrays[k, reference]) for k, mix in compared]
        change_of = dict(zip(compared, compared_changes(pairs, seed=seed), strict=True))
        for k in dict.fromkeys(k for k, _ in compared):
            others = [mix for cutoff, mix in compared if cutoff == k]
            tested = [mix for mix in others if mix not in same]
            corrected = holm([change_of[k, mix].p for mix in tested])
            p_holm_of = dict(zip(tested, corrected, strict=True))
            for mix in others:
                change, p_holm = change_of[k, mix], p_holm_of.get(same.get(mix, mix))
                by_mix.setdefault(mix, {})[metric_key(metric, k)] = {
                    "mean": change.mean,
                    "ci_low": change.ci_low,
                    "ci_high": change.ci_high,
                    "p": None if mix in same else change.p,
                    "p_holm": p_holm,
                }
    return by_mix


def _by_repeat_and_user(
    rows: pd.DataFrame,
) -> dict[tuple[str, int, str], npt.NDArray[np.float64]]:
    """Return values by metric, cut-off and mix, each an array (n_repeats, n_users)."""
    user, _ = pd.factorize(rows["user_id"], sort=True)
    repeat, _ = pd.factorize(rows["repeat"], sort=True)
    value = rows["value"].to_numpy()
    arrays = {}
    for cell, places in _cells(rows).items():
        users, column = np.unique(user[places], return_inverse=True)
        repeats, line = np.unique(repeat[places], return_inverse=True)
        arrays[cell] = np.full((len(repeats), len(users)), np.nan)
        arrays[cell][line, column] = value[places]
    return arrays


def _cells(rows: pd.DataFrame) -> dict[tuple[str, int, str], npt.NDArray[np.intp]]:
    """Return the places of the rows of each metric, cut-off and mix, in order of appearance."""
    if rows.empty:
        return {}
    keys = ["metric", "k", "mix"]
    cell = combinations(rows, keys)
    places = np.split(np.argsort(cell, kind="stable"), np.cumsum(np.bincount(cell))[:-1])
    names = rows[keys].iloc[[of_cell[0] for of_cell in places]].itertuples(index=False, name=None)
    return dict(zip(names, places, strict=True))
