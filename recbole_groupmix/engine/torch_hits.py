"""Hits of the best items of many users, from embeddings that are PyTorch tensors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from recbole_groupmix.engine.hits import RankingRequest
from recbole_groupmix.engine.narrowed import narrowed


def torch_hits(
    user: Tensor, item: Tensor, request: RankingRequest, max_bytes: int
) -> npt.NDArray[np.bool_]:
    """Rank items as :func:`~.hits.hits_at` does, on the device of the tensors.

    Parameters
    ----------
    user : torch.Tensor, shape (n_now, d)
        Embeddings of the users of ``request.now``.
    item : torch.Tensor, shape (n_items, d)
        Embeddings of all items, padding first.
    request : RankingRequest
        Items to leave out and to find.
    max_bytes : int
        Limit of the memory for a block of users.

    Returns
    -------
    numpy.ndarray of bool, shape (n_now, depth)
        From best to last; items of equal score in no fixed order.
    """
    now, depth, n_items = request.now, request.depth, len(item)
    parts = narrowed(request)
    if parts is not None:
        hits = np.zeros((len(now), depth), dtype=bool)
        for places, items, part in parts:
            mine, its = (torch.from_numpy(of).to(item.device) for of in (places, items))
            hits[places] = torch_hits(user[mine], item[its], part, max_bytes)
        return hits
    block = max(max_bytes // (3 * n_items * item.element_size()), 1)
    blocks = []
    for start in range(0, len(now), block):
        rows = now[start : start + block]
        scores = user[start : start + block] @ item.T
        scores[:, 0] = -torch.inf
        scores[_entries(request.masked, rows, item)] = -torch.inf
        if request.catalogues is not None:
            outside = request.catalogues.left_out(rows)
            scores.masked_fill_(torch.from_numpy(outside).to(item.device), -torch.inf)
        relevant = torch.zeros_like(scores, dtype=torch.bool)
        relevant[_entries(request.relevant, rows, item)] = True
        best, where = scores.topk(min(depth, n_items), dim=1)
        blocks.append(relevant.gather(1, where) & (best > -torch.inf))
    hits = np.zeros((len(now), depth), dtype=bool)
    if blocks:
        hits[:, :n_items] = torch.cat(blocks).cpu().numpy()
    return hits


def _entries(
    matrix: csr_matrix, rows: npt.NDArray[np.int64], like: Tensor
) -> tuple[Tensor, Tensor]:
    """Return row (in ``rows``) and column of every stored entry of these rows of a matrix."""
    block = matrix[rows].tocoo()
    row, column = (torch.from_numpy(ids.astype(np.int64)) for ids in (block.row, block.col))
    return row.to(like.device), column.to(like.device)
