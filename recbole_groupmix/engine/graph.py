"""Propagation over a graph, of the embeddings of several models in one sparse product."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from recbole_groupmix.engine import kernels
from recbole_groupmix.engine.team import Team
from recbole_groupmix.engine.triplets import balanced_bounds

Floats = npt.NDArray[np.float32]


class Graph:
    """LightGCN's propagation: the mean of x, Ax, ..., A^L x.

    Parameters
    ----------
    adjacency : scipy.sparse.csr_matrix of float32, shape (n_nodes, n_nodes)
        A, symmetric and normalised.
    n_layers : int
        L, >= 0.
    parts : int
        Into how many ranges the rows are cut.
    """

    def __init__(self, adjacency: csr_matrix, n_layers: int, parts: int) -> None:
        indptr = adjacency.indptr.astype(np.int64)
        self._matrix = (
            indptr,
            adjacency.indices.astype(np.int32),
            adjacency.data.astype(np.float32),
        )
        self._bounds = balanced_bounds(indptr, parts)
        self._n_layers = n_layers

    def propagated(self, tables: list[Floats], team: Team) -> list[Floats]:
        """Propagate the embeddings of several models at once.

        Parameters
        ----------
        tables : list of numpy.ndarray of float32, shape (n_nodes, d)
            One per model; all of the same shape.
        team : Team
            Who works on it.

        Returns
        -------
        list of numpy.ndarray of float32, shape (n_nodes, d)
            New arrays.
        """
        total = np.concatenate(tables, axis=1)
        source, target, other = total.copy(), np.empty_like(total), np.empty_like(total)
        for _ in range(self._n_layers):
            team.over(self._bounds, kernels.propagate, *self._matrix, source, target, total)
            source, target, other = target, other, source
        total *= np.float32(1.0 / (self._n_layers + 1))
        return [np.ascontiguousarray(part) for part in np.split(total, len(tables), axis=1)]
