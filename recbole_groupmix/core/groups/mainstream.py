"""Mainstream scores of users (TALL): their mean similarity to all other users."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

_ROWS_IN_CACHE = 128  # wider chunks fall out of the cache and are slower
_BYTES_PER_PAIR = 12  # of users: common items as float32, union and similarity as float64
_BYTES_PER_ITEM = 8  # of a user's row as float32, and its transpose


def mainstream_scores(
    users: npt.NDArray[np.integer[Any]],
    items: npt.NDArray[np.integer[Any]],
    n_users: int,
    n_items: int,
    chunk_rows: int | None = None,
    memory_bytes: int = 256 * 2**20,
) -> npt.NDArray[np.float64]:
    """Return each user's mean Jaccard similarity to the other users.

    With I_u the items that user u interacted with, the score is ``MS_u = 1 / (N - 1) *
    sum_{v != u} |I_u & I_v| / |I_u | I_v|`` (TALL, section 2), where v runs over the N users
    with at least one interaction. Give interactions of the training part only: the score then
    cannot tell anything about held-out ones.

    Parameters
    ----------
    users, items : array of int, shape (n_interactions,)
        Internal user and item id of every training interaction, in [1, n_users) and
        [1, n_items); id 0 is RecBole's padding. A pair given twice counts once.
    n_users, n_items : int
        Numbers of ids, the padding id 0 included.
    chunk_rows : int, optional
        Users compared with all others at a time; by default 128, fewer if `memory_bytes` requires
        it. The scores do not depend on it.
    memory_bytes : int
        Approximate memory of a chunk, but always enough for one user.

    Returns
    -------
    array of float64, shape (n_users,)
        Scores in [0, 1]; NaN for the padding id, for users without an interaction, and for a
        user who is the only one.

    Raises
    ------
    ValueError
        If the arrays do not fit each other, an id is out of range, or `chunk_rows` or
        `memory_bytes` is below 1.
    """
    users, items = _ids(users, n_users, "users"), _ids(items, n_items, "items")
    if users.shape != items.shape:
        raise ValueError(
            f"users has {len(users)} and items {len(items)} entries; give one of each per "
            "interaction."
        )
    if memory_bytes < 1 or (chunk_rows is not None and chunk_rows < 1):
        raise ValueError(
            f"chunk_rows is {chunk_rows} and memory_bytes {memory_bytes}; both must be >= 1."
        )
    scores = np.full(n_users, np.nan)
    active, rows = np.unique(users, return_inverse=True)
    n_active = len(active)
    if n_active < 2:
        return scores
    profiles = _binary(rows, items, (n_active, n_items))
    if chunk_rows is None:
        bytes_per_row = _BYTES_PER_PAIR * n_active + _BYTES_PER_ITEM * n_items
        chunk_rows = min(_ROWS_IN_CACHE, max(1, memory_bytes // bytes_per_row))
    sizes = np.diff(profiles.indptr).astype(np.float64)
    similar = np.empty(n_active)
    for begin in range(0, n_active, chunk_rows):
        end = min(begin + chunk_rows, n_active)
        # Counts below 2^24 are exact in float32, and a dense chunk lets the product be vectorised.
        common = profiles @ profiles[begin:end].toarray().T.copy()
        union = np.add.outer(sizes, sizes[begin:end])
        union -= common
        np.divide(common, union, out=union)
        similar[begin:end] = union.sum(axis=0)
    scores[active] = (similar - 1.0) / (n_active - 1)  # less the similarity to oneself
    return scores


def niche_weights(scores: npt.NDArray[np.floating[Any]], power: float) -> npt.NDArray[np.float64]:
    """Return a weight of each user that grows with the distance from the mainstream.

    With ``s_u = (max MS - MS_u) / (max MS - min MS)`` the weight is ``s_u^p / mean(s^p)`` (Zhu and
    Caverlee, 2022); the most mainstream user has weight 0.

    Parameters
    ----------
    scores : array of float, shape (n_users,)
        From :func:`mainstream_scores`; NaN for users without an interaction.
    power : float
        The power p, >= 0; 0 gives everybody weight 1, the most mainstream user too.

    Returns
    -------
    array of float64, shape (n_users,)
        Weights >= 0, of mean 1 over the users with a score. Users without a score have weight 1,
        and so have all where the scores do not differ.

    Raises
    ------
    ValueError
        If `power` is negative or not finite.
    """
    if not 0 <= power < np.inf:
        raise ValueError(f"power is {power!r}; it must be a finite number >= 0.")
    scores = np.asarray(scores, dtype=np.float64)
    weights, scored = np.ones(len(scores)), ~np.isnan(scores)
    least, most = (
        (float(scores[scored].min()), float(scores[scored].max())) if scored.any() else (0.0, 0.0)
    )
    if most > least:
        niche = ((most - scores[scored]) / (most - least)) ** power  # 0 ** 0 is 1
        weights[scored] = niche / niche.mean()
    return weights


def made_up_counts(scores: npt.NDArray[np.floating[Any]], budget: float) -> npt.NDArray[np.int64]:
    """Return how many made-up users imitate each user, the more the further from the mainstream.

    The half of the N users nearest to the mainstream is imitated by none, a user u of the other half by
    ``floor(budget N s_u / sum s)``, with ``s_u = max MS - MS_u`` (DC; Zhu and Caverlee, 2022).

    Parameters
    ----------
    scores : array of float, shape (n_users,)
        From :func:`mainstream_scores`, none of them NaN.
    budget : float
        Made-up users as a share of the users, >= 0.

    Returns
    -------
    array of int64, shape (n_users,)
        Counts >= 0, whose sum is at most ``budget N``; 0 where the scores do not differ.
    """
    scores = np.asarray(scores, dtype=np.float64)
    n = len(scores)
    shares = scores.max() - scores
    shares[np.argsort(-scores, kind="stable")[: (n + 1) // 2]] = 0.0
    if not shares.sum() > 0:
        return np.zeros(n, np.int64)
    counts: npt.NDArray[np.int64] = np.floor(budget * n * shares / shares.sum()).astype(np.int64)
    return counts


def _binary(
    rows: npt.NDArray[np.integer[Any]],
    items: npt.NDArray[np.integer[Any]],
    shape: tuple[int, int],
) -> csr_matrix:
    """Return the matrix of ones at the pairs given; a pair given twice is summed, then set to 1."""
    matrix = csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, items)), shape=shape)
    matrix.data[:] = 1.0
    return matrix


def _ids(ids: npt.NDArray[np.integer[Any]], n_ids: int, name: str) -> npt.NDArray[np.integer[Any]]:
    """Return the ids after checking their type and range."""
    ids = np.asarray(ids)
    if ids.ndim != 1 or (ids.size and not np.issubdtype(ids.dtype, np.integer)):
        raise ValueError(
            f"{name} has shape {ids.shape} and dtype {ids.dtype}; it must be a one-dimensional "
            "array of internal ids, one per interaction."
        )
    wrong = np.flatnonzero((ids < 1) | (ids >= n_ids))
    if wrong.size:
        raise ValueError(
            f"{name} holds the id {ids[wrong[0]]} at position {wrong[0]}; ids lie in "
            f"[1, {n_ids}), where n_{name} = {n_ids} counts the padding id 0. Add 1 to ids that "
            "start at 0."
        )
    return ids
