"""Propagation over a graph, of the embeddings of several models in one sparse product."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from recbole_groupmix.engine import kernels
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
    """

    def __init__(self, adjacency: csr_matrix, n_layers: int) -> None:
        indptr = adjacency.indptr.astype(np.int64)
        self._matrix = (
            balanced_bounds(indptr, kernels.n_threads()),
            indptr,
            adjacency.indices.astype(np.int32),
            adjacency.data.astype(np.float32),
        )
        self._n_layers = n_layers
        self._buffers: list[Floats] = []

    def propagated(self, tables: list[Floats]) -> list[Floats]:
        """Propagate the embeddings of several models at once.

        Parameters
        ----------
        tables : list of numpy.ndarray of float32, shape (n_nodes, d)
            One per model; all of the same shape.

        Returns
        -------
        list of numpy.ndarray of float32, shape (n_nodes, d)
            New arrays.
        """
        n_nodes, width = len(tables[0]), len(tables) * tables[0].shape[1]
        if not self._buffers or self._buffers[0].shape[1] != width:
            self._buffers = [np.empty((n_nodes, width), np.float32) for _ in range(3)]
        total, one, other = self._buffers
        total[:] = np.concatenate(tables, axis=1)
        source = total.copy() if self._n_layers else total
        for layer in range(self._n_layers):
            target = other if layer % 2 else one
            kernels.propagate(*self._matrix, source, target, total)
            source = target
        total *= np.float32(1.0 / (self._n_layers + 1))
        return [np.ascontiguousarray(part) for part in np.split(total, len(tables), axis=1)]
