"""Item classes where no column has them: clusters of items that the same users like."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from recbole_groupmix.core.theory.discrepancy import FloatArray, group_subspace, rank_of

_DOMAIN = 0x636C7573
_RESTARTS, _ROUNDS = 10, 100


def item_clusters(matrix: Any, n_clusters: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """Put items into clusters by the directions of their vectors in a truncated SVD.

    In the paper's stylised setting the top right singular vectors are the indicators of the
    classes, so items of a class share a direction. k-means on these directions, the best of 10
    starts.

    Parameters
    ----------
    matrix : sparse matrix of float, shape (n_users, n_items)
        Interactions.
    n_clusters : int
        Number of clusters k, >= 2 and at most the rank; the SVD has as many dimensions.
    seed : int
        Seed, >= 0.

    Returns
    -------
    int64 array, shape (n_items,)
        Cluster of each item in [0, k), the largest cluster first; -1 for items without users.

    Raises
    ------
    ValueError
        If `n_clusters` is less than 2 or beyond the rank, or `seed` is negative.
    """
    if n_clusters < 2 or seed < 0:
        raise ValueError(
            f"n_clusters is {n_clusters!r} and seed {seed!r}; they must be >= 2 and >= 0."
        )
    sparse = csr_matrix(matrix, dtype=np.float64)
    vectors = group_subspace(sparse, n_clusters)
    if rank_of(vectors) < n_clusters:
        raise ValueError(
            f"n_clusters is {n_clusters}, but the interactions have rank {rank_of(vectors)}; take "
            "fewer clusters."
        )
    length = np.linalg.norm(vectors, axis=1)
    liked = np.flatnonzero((np.asarray(sparse.sum(axis=0)).ravel() > 0) & (length > 0))
    points = vectors[liked] / length[liked, None]
    starts = [np.random.SeedSequence([_DOMAIN, seed, start]) for start in range(_RESTARTS)]
    clusterings = [_k_means(points, n_clusters, np.random.default_rng(start)) for start in starts]
    labels = min(clusterings, key=lambda clustering: clustering[0])[1]
    order = np.argsort(-np.bincount(labels, minlength=n_clusters), kind="stable")
    rank = np.empty(n_clusters, dtype=np.int64)
    rank[order] = np.arange(n_clusters)
    clusters = np.full(sparse.shape[1], -1, dtype=np.int64)
    clusters[liked] = rank[labels]
    return clusters


def _k_means(
    points: FloatArray, k: int, rng: np.random.Generator
) -> tuple[float, npt.NDArray[np.int64]]:
    """Return the sum of squared distances and the cluster of each point, by Lloyd's rounds."""
    centres = points[_spread(points, k, rng)]
    labels = np.full(len(points), -1)
    for _ in range(_ROUNDS):
        distances = _squares(points, centres)
        new = distances.argmin(axis=1)
        if (new == labels).all():
            break
        labels = new
        for cluster in range(k):
            members = points[labels == cluster]
            if len(members):  # a cluster that has lost all its points keeps its centre
                centres[cluster] = members.mean(axis=0)
    return float(_squares(points, centres).min(axis=1).sum()), labels.astype(np.int64)


def _spread(points: FloatArray, k: int, rng: np.random.Generator) -> list[int]:
    """Choose points far from each other: each with the square of its distance as its weight."""
    chosen = [int(rng.integers(len(points)))]
    while len(chosen) < k:
        nearest = _squares(points, points[chosen]).min(axis=1)
        total = nearest.sum()
        weight = nearest / total if total > 0 else np.full(len(points), 1 / len(points))
        chosen.append(int(rng.choice(len(points), p=weight)))
    return chosen


def _squares(points: FloatArray, centres: FloatArray) -> FloatArray:
    """Return squared distances, shape (n_points, n_centres)."""
    lengths = np.square(points).sum(axis=1)[:, None] + np.square(centres).sum(axis=1)
    squares: FloatArray = np.maximum(lengths - 2.0 * points @ centres.T, 0.0)
    return squares
