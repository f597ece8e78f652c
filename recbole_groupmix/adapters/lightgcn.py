"""RecBole's LightGCN with its graph built from arrays and held in CSR."""

from __future__ import annotations

import warnings

import numpy as np
import scipy.sparse as sp
import torch
from recbole.model import general_recommender
from torch import Tensor


class LightGCN(general_recommender.LightGCN):
    """RecBole's ``LightGCN``; only the way in which its graph is built differs.

    RecBole fills a dictionary entry by entry through a scipy method that scipy 1.13 removed.
    The matrix here has the same entries and is kept in CSR, whose product with a dense matrix is
    several times faster on a CPU than that of COO.
    """

    def get_norm_adj_mat(self) -> Tensor:
        """Return D^-1/2 A D^-1/2 of the bipartite graph, float32 (n_users + n_items,) squared."""
        pairs = self.interaction_matrix
        size = self.n_users + self.n_items
        rows, columns = pairs.row, pairs.col + self.n_users
        ones = np.ones(2 * pairs.nnz)
        graph = sp.csr_matrix(
            (ones, (np.r_[rows, columns], np.r_[columns, rows])), shape=(size, size)
        )
        graph.data[:] = 1.0  # an interaction that occurs twice is one edge
        scale = sp.diags(np.power(np.asarray(graph.sum(axis=1)).ravel() + 1e-7, -0.5))
        graph = (scale @ graph @ scale).tocsr()
        graph.sort_indices()
        with warnings.catch_warnings():  # torch calls CSR a beta feature
            warnings.simplefilter("ignore", UserWarning)
            return torch.sparse_csr_tensor(
                torch.from_numpy(graph.indptr.astype(np.int64)),
                torch.from_numpy(graph.indices.astype(np.int64)),
                torch.from_numpy(graph.data.astype(np.float32)),
                size=(size, size),
                check_invariants=False,
            )
