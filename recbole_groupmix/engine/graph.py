"""Propagation over a graph, of the embeddings of several models in one sparse product."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from recbole_groupmix.engine import kernels
from recbole_groupmix.engine.row_vectors import COLUMNS
from recbole_groupmix.engine.threads import ThreadPool
from recbole_groupmix.engine.triplets import balanced_bounds

Floats = npt.NDArray[np.float32]


def models_in_graph(width: int) -> int:
    """Return how many models of a width go through the graph together: a power of two.

    As many as keep their sums in registers. Loops are compiled for each number of columns, so
    powers of two keep the number of compilations small.
    """
    return _power_of_two(COLUMNS // width)


def in_bunches(models: Sequence[int], width: int, threads: int) -> list[Sequence[int]]:
    """Cut models into bunches that go through the graph together, small enough for all threads."""
    at_once = _power_of_two(min(models_in_graph(width), len(models) // threads))
    bunches, start = [], 0
    while start < len(models):
        size = min(at_once, _power_of_two(len(models) - start))
        bunches.append(models[start : start + size])
        start += size
    return bunches


def _power_of_two(n: int) -> int:
    """Return the largest power of two up to ``n``, at least 1."""
    return 1 << (max(n, 1).bit_length() - 1)


class Graph:
    """LightGCN's propagation: the mean of x, Ax, ..., A^L x.

    Parameters
    ----------
    adjacency : scipy.sparse.csr_matrix of float32, shape (n_nodes, n_nodes)
        A, symmetric and normalised.
    n_layers : int
        L, >= 0.
    parts : int
        Number of ranges that the rows are cut into.
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

    def propagated(self, tables: list[Floats], threads: ThreadPool) -> list[Floats]:
        """Propagate the embeddings of several models at once.

        Parameters
        ----------
        tables : list of numpy.ndarray of float32, shape (n_nodes, d)
            One per model; all of the same shape.
        threads : ThreadPool
            Threads that share the rows.

        Returns
        -------
        list of numpy.ndarray of float32, shape (n_nodes, d)
            New arrays.
        """
        total = np.concatenate(tables, axis=1)
        source, target, other = total.copy(), np.empty_like(total), np.empty_like(total)
        columns = (0,) * total.shape[1]
        for _ in range(self._n_layers):
            of_layer = (*self._matrix, source, target, total, columns)
            threads.over(self._bounds, kernels.propagate, *of_layer)
            source, target, other = target, other, source
        total *= np.float32(1.0 / (self._n_layers + 1))
        return [np.ascontiguousarray(part) for part in np.split(total, len(tables), axis=1)]
