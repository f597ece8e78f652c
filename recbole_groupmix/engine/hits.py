"""Hits of the best items of many users, from embeddings."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from recbole_groupmix.core.catalogues import Catalogues, arrays_of
from recbole_groupmix.engine.hit_loops import top_hits, top_hits_of_narrow
from recbole_groupmix.engine.threads import ThreadPool, one_blas_thread, pool

_SCORES_PER_BLOCK = 2**18  # 1 MiB of float32: stays in the caches of the thread
_FEWEST_USERS = (
    32  # of a block: each block reads the embeddings of all items, however few its users
)
_NARROW = 8  # columns up to which our own product is faster than BLAS


@dataclass(frozen=True)
class RankingRequest:
    """Users to rank items for.

    Attributes
    ----------
    users : numpy.ndarray of int64, shape (n_eval,)
        Rows of the user table.
    masked, relevant : scipy.sparse.csr_matrix, shape (n_eval, n_items)
        Items left out of the ranking, and items to find.
    depth : int
        Length of the ranking.
    rows : numpy.ndarray of int64, shape (n_now,), optional
        The part of these users to rank for now; default all.
    catalogues : Catalogues, optional
        Items that are ranked for each of these users; default all.
    """

    users: npt.NDArray[np.int64]
    masked: csr_matrix
    relevant: csr_matrix
    depth: int
    rows: npt.NDArray[np.int64] | None = None
    catalogues: Catalogues | None = None

    @property
    def now(self) -> npt.NDArray[np.int64]:
        """``rows``, or all of them, int64 (n_now,)."""
        return np.arange(len(self.users)) if self.rows is None else self.rows


def hits_at(
    user: npt.NDArray[np.float32],
    item: npt.NDArray[np.float32],
    masked: csr_matrix,
    relevant: csr_matrix,
    depth: int,
    threads: ThreadPool | None = None,
    rows: npt.NDArray[np.int64] | None = None,
    catalogues: Catalogues | None = None,
) -> npt.NDArray[np.bool_]:
    """Rank items for each user by the product of embeddings and mark the relevant ones.

    Parameters
    ----------
    user : numpy.ndarray of float32, shape (n_now, d)
        Embeddings of the users to rank for.
    item : numpy.ndarray of float32, shape (n_items, d)
        Embeddings of all items, padding first.
    masked, relevant : scipy.sparse.csr_matrix, shape (n_eval, n_items)
        Items left out of the ranking, and items to find.
    depth : int
        Length of the ranking.
    threads : ThreadPool, optional
        Threads, each for blocks of users; default all. With a single thread the caller limits
        products by :func:`one_blas_thread`.
    rows : numpy.ndarray of int64, shape (n_now,), optional
        Row of each user in ``masked``, ``relevant`` and ``catalogues``; default their order.
    catalogues : Catalogues, optional
        Items that are ranked for each row; default all.

    Returns
    -------
    numpy.ndarray of bool, shape (n_now, depth)
        From best to last.
    """
    hits = np.zeros((len(user), depth), dtype=bool)
    threads, columns = threads or pool(), np.ascontiguousarray(item.T)
    narrow = len(columns) <= _NARROW  # holds the scores of one user at a time
    block = users_of_block(len(item))
    if narrow:
        block = max(len(user) // (4 * threads.size), 1)
    of_user = np.arange(len(user)) if rows is None else rows
    of_rows = (masked.indptr, masked.indices, relevant.indptr, relevant.indices)
    lists = (*of_rows, *arrays_of(catalogues))

    def rank(start: int) -> None:
        now = slice(start, min(start + block, len(user)))
        if narrow:
            top_hits_of_narrow(user[now], columns, of_user[now], *lists, hits[now])
        else:
            top_hits(user[now] @ columns, of_user[now], *lists, hits[now])

    starts = range(0, len(user), block)
    with nullcontext() if threads.size == 1 else one_blas_thread():
        threads.run(partial(rank, start) for start in starts)
    return hits


def users_of_block(n_items: int) -> int:
    """Return how many users are scored at a time: as many as the caches hold, but not too few."""
    return max(_SCORES_PER_BLOCK // n_items, _FEWEST_USERS)
