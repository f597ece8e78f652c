"""Hits of the best items of many users, from embeddings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from recbole_groupmix.engine import kernels

_SCORES_PER_BLOCK = 2**22  # 16 MiB of float32: stays near the caches


def hits_at(
    user: npt.NDArray[np.float32],
    item: npt.NDArray[np.float32],
    masked: csr_matrix,
    relevant: csr_matrix,
    depth: int,
) -> npt.NDArray[np.bool_]:
    """Rank all items for each user by the product of embeddings and mark the relevant ones.

    Parameters
    ----------
    user : numpy.ndarray of float32, shape (n_eval, d)
        Embeddings of the users to rank for.
    item : numpy.ndarray of float32, shape (n_items, d)
        Embeddings of all items, padding first.
    masked, relevant : scipy.sparse.csr_matrix, shape (n_eval, n_items)
        Items left out of the ranking, and items to find; column indices sorted.
    depth : int
        Length of the ranking.

    Returns
    -------
    numpy.ndarray of bool, shape (n_eval, depth)
        From best to last.
    """
    hits = np.zeros((len(user), depth), dtype=bool)
    block = max(_SCORES_PER_BLOCK // len(item), 1)
    columns = np.ascontiguousarray(item.T)
    for start in range(0, len(user), block):
        rows = slice(start, min(start + block, len(user)))
        scores = user[rows] @ columns
        kernels.top_hits(
            scores,
            start,
            masked.indptr,
            masked.indices,
            relevant.indptr,
            relevant.indices,
            hits[rows],
        )
    return hits
