"""Metrics of predicted labels, pooled over the rows of a group, as values of its users.

RecBole's value metrics are one figure for all rows together. Intervals and tests here are over
users, so each metric is written as a mean over the users of a pool: the mean is RecBole's figure,
and a relative change of such means varies over resamples of users as that of the pooled figures.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: RecBole's value metrics, in the order of display.
VALUE_METRICS = ("auc", "logloss", "rmse", "mae")
#: Those of which less is better.
SMALLER = frozenset(VALUE_METRICS[1:])
#: RecBole keeps predictions this far from 0 and 1 in the log loss.
_EPS = 1e-15


def value_metrics(rows: Ints, pools: Ints, labels: Floats, scores: Floats) -> dict[str, Floats]:
    """Return every value metric of each user in the user's pool.

    With n users and R rows in a pool, a user's value of a mean over rows (log loss, mean absolute
    error) is the sum over the user's rows over R / n, the mean number of rows. The change of such
    means under any resample of users is that of the pooled figures. RMSE and AUC are no means over
    rows; their values are linear in the same sense to first order:

    - RMSE: half of the pooled RMSE, plus the user's value of the squared error over twice that.
    - AUC: A + n (sum over the user's positives of (V - A) / P + sum over the user's negatives of
      (W - A) / N), with A the pooled AUC of P positives and N negatives, V the share of all
      negatives below a positive and W the share of all positives above a negative, ties half.
      Source: Obuchowski, "Nonparametric Analysis of Clustered ROC Curve Data", 1997. It may lie
      outside [0, 1].

    Parameters
    ----------
    rows : array of int64, shape (n_rows,)
        The user of each row, from 0 to n_users - 1; every user has a row.
    pools : array of int64, shape (n_users,)
        The pool, such as the group, of each user.
    labels : array of float64, shape (n_rows,)
        Labels, 0 or 1.
    scores : array of float64, shape (n_rows,)
        Predicted probabilities.

    Returns
    -------
    dict of str to array of float64, shape (n_users,)
        By :data:`VALUE_METRICS`. AUC is NaN in a pool without both labels.

    Raises
    ------
    ValueError
        If lengths do not fit each other, or a user has no row.
    """
    n_users = len(pools)
    if not len(rows) == len(labels) == len(scores):
        raise ValueError(
            f"there are {len(rows)} users of rows, {len(labels)} labels and {len(scores)} scores; "
            "their numbers must be equal."
        )
    if len(np.unique(rows)) != n_users:
        raise ValueError(
            f"{len(np.unique(rows))} of {n_users} users have a row; all must have one."
        )
    values = {metric: np.full(n_users, np.nan) for metric in VALUE_METRICS}
    for pool in np.unique(pools):
        users = np.flatnonzero(pools == pool)
        mine = np.isin(rows, users)
        of_user = np.searchsorted(users, rows[mine])
        for metric, of_pool in _of_pool(of_user, len(users), labels[mine], scores[mine]).items():
            values[metric][users] = of_pool
    return values


def _of_pool(of_user: Ints, n_users: int, labels: Floats, scores: Floats) -> dict[str, Floats]:
    """Return the values of the users of one pool."""

    def shared(of_rows: Floats) -> Floats:
        sums: Floats = np.bincount(of_user, of_rows, n_users) * (n_users / len(of_rows))
        return sums

    p = np.clip(scores, _EPS, 1.0 - _EPS)
    squared = shared((scores - labels) ** 2)
    rmse = float(np.sqrt(squared.mean()))
    return {
        "auc": _auc(of_user, n_users, labels > 0, scores),
        "logloss": shared(-labels * np.log(p) - (1.0 - labels) * np.log(1.0 - p)),
        "rmse": (rmse + squared / rmse) / 2.0 if rmse else squared,
        "mae": shared(np.abs(scores - labels)),
    }


def _auc(of_user: Ints, n_users: int, positive: npt.NDArray[np.bool_], scores: Floats) -> Floats:
    n_pos, n_neg = int(positive.sum()), int((~positive).sum())
    if not n_pos or not n_neg:
        return np.full(n_users, np.nan)
    of_all, share = rankdata(scores), np.empty(len(scores))
    share[positive] = (of_all[positive] - rankdata(scores[positive])) / n_neg
    share[~positive] = 1.0 - (of_all[~positive] - rankdata(scores[~positive])) / n_pos
    auc = float(share[positive].mean())
    parts = (share - auc) / np.where(positive, n_pos, n_neg)
    values: Floats = auc + n_users * np.bincount(of_user, parts, n_users)
    return values
