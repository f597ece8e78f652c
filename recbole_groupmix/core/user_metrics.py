"""Top-k ranking metrics per user, unrounded, with RecBole's definitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.spelling import did_you_mean

METRICS = ("precision", "recall", "ndcg", "hit", "mrr", "map")


def metric_key(metric: str, k: int) -> str:
    """Return the name of a metric at a cut-off, ``recall@20``; one of labels has the cut-off 0."""
    return f"{metric}@{k}" if k else metric


def split_key(key: str) -> tuple[str, int]:
    """Return metric and cut-off of a name that :func:`metric_key` made."""
    metric, _, cut_off = key.partition("@")
    return metric, int(cut_off or 0)


def per_user_metrics(
    hits: npt.NDArray[np.bool_],
    n_relevant: npt.NDArray[np.integer[Any]],
    topk: Sequence[int],
    metrics: Sequence[str] = METRICS,
) -> dict[str, npt.NDArray[np.float64]]:
    """Return every metric at every cut-off for each user.

    With h_i = 1 where the item at rank i is relevant, R relevant items in all and m =
    min(k, R): precision@k is sum h_i / k, recall@k is sum h_i / R, hit@k is 1 if there is a
    hit, mrr@k is 1 / rank of the first hit (0 without one), ndcg@k is sum h_i / log2(i + 1)
    over the same sum for m leading hits, and map@k is the sum of precision@i over the hits,
    over m; i runs from 1 to k.

    Parameters
    ----------
    hits : array of bool, shape (n_users, n_ranks)
        Whether the item at each rank is relevant, best rank first; ``n_ranks >= max(topk)``.
    n_relevant : array of int, shape (n_users,)
        Number of relevant items of each user, >= the user's hits.
    topk : sequence of int
        Cut-offs, each >= 1.
    metrics : sequence of str
        Names out of `METRICS`.

    Returns
    -------
    dict of str to array of float64, shape (n_users,)
        Values in [0, 1] under keys such as ``"ndcg@10"``; NaN for users without a relevant
        item, for whom no metric is defined.

    Raises
    ------
    ValueError
        If a name or cut-off is not allowed, shapes do not fit, or a user has more hits than
        relevant items.
    """
    for name in metrics:
        if name not in METRICS:
            hint = did_you_mean(name, METRICS)
            raise ValueError(f"unknown metric '{name}'; known are {', '.join(METRICS)}{hint}")
    hits, n_relevant = _checked(hits, n_relevant, topk)

    defined = n_relevant > 0
    relevant = np.where(defined, n_relevant, 1)
    ranks = np.arange(1, max(topk) + 1, dtype=np.float64)
    ideal = np.cumsum(1.0 / np.log2(ranks + 1.0))

    values: dict[str, npt.NDArray[np.float64]] = {}
    for name in metrics:
        counted = name in ("precision", "recall", "hit")
        table = None if counted else _running(name, hits[:, : len(ranks)], ranks)
        for k in topk:
            column = hits[:, :k].sum(axis=1) if table is None else table[:, k - 1]
            reachable = np.minimum(relevant, k)
            if name == "precision":
                column = column / k
            elif name == "recall":
                column = column / relevant
            elif name == "hit":
                column = (column > 0).astype(np.float64)
            elif name == "ndcg":
                column = column / ideal[reachable - 1]
            elif name == "map":
                column = column / reachable
            values[f"{name}@{k}"] = np.where(defined, column, np.nan)
    return values


def _running(
    name: str, hits: npt.NDArray[np.bool_], ranks: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the gains of mrr, ndcg or map added up to every rank, shape of ``hits``."""
    if name == "ndcg":
        return np.cumsum(hits / np.log2(ranks + 1.0), axis=1)
    n_hits = np.cumsum(hits, axis=1, dtype=np.float64)
    gains = hits & (n_hits == 1) if name == "mrr" else hits * n_hits
    return np.cumsum(gains / ranks, axis=1)


def _checked(
    hits: npt.NDArray[np.bool_], n_relevant: npt.NDArray[np.integer[Any]], topk: Sequence[int]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.integer[Any]]]:
    """Return both arrays after checking that they fit each other and the cut-offs."""
    hits, n_relevant = np.asarray(hits), np.asarray(n_relevant)
    if len(topk) == 0 or min(topk) < 1:
        raise ValueError(f"topk is {list(topk)}; give at least one cut-off, each >= 1.")
    if hits.ndim != 2 or hits.dtype != np.bool_:
        raise ValueError(
            f"hits has shape {hits.shape} and dtype {hits.dtype}; it must be a bool array of "
            "shape (n_users, n_ranks)."
        )
    if hits.shape[1] < max(topk):
        raise ValueError(
            f"topk asks for rank {max(topk)}, but only {hits.shape[1]} ranks are given; lower "
            "topk or rank more items."
        )
    if n_relevant.shape != hits.shape[:1] or not np.issubdtype(n_relevant.dtype, np.integer):
        raise ValueError(
            f"n_relevant has shape {n_relevant.shape} and dtype {n_relevant.dtype}; it must be "
            f"an integer array of shape ({hits.shape[0]},), one number per row of hits."
        )
    excess = np.flatnonzero(hits.sum(axis=1) > n_relevant)
    if excess.size:
        row = int(excess[0])
        raise ValueError(
            f"row {row} has {int(hits[row].sum())} hits but n_relevant {int(n_relevant[row])}; "
            "a user cannot have more hits than relevant items."
        )
    return hits, n_relevant
