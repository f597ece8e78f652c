"""Discrepancies between the item preferences of groups: the paper's Eq. 9 and Figure 4."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh, svd
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

FloatArray = npt.NDArray[np.float64]

RANK_TOLERANCE = 1e-6
"""Singular values below this part of the largest count as 0."""

#: Of a rough subspace: where singular values fall below this part of the largest, float32 is not
#: enough; and rows up to this often `d` are decomposed by their products, above by iteration.
_ROUGH_RANGE, _ROUGH_DENSE = 1e-2, 10


def group_subspace(matrix: Any, d: int, *, rough: bool = False) -> FloatArray:
    """Return the top right singular vectors of a group's interactions.

    Parameters
    ----------
    matrix : sparse matrix of float, shape (n_users, n_items)
        Interactions of one group; also a dense array.
    d : int
        Number of vectors, >= 1.
    rough : bool
        Whether float32 will do, in half the time: Delta_d of two groups is then within about
        1e-6, and within 1e-3 where singular values d and d + 1 are nearly equal.

    Returns
    -------
    float64 array (float32 where it is rough), shape (n_items, d)
        Orthonormal columns, the largest singular value first; NaN in columns beyond the rank.

    Raises
    ------
    ValueError
        If `d` is less than 1.

    Notes
    -----
    Where singular values d and d + 1 are equal the subspace is not unique.
    """
    if d < 1:
        raise ValueError(f"d is {d!r}; a subspace has 1 dimension or more.")
    sparse = csr_matrix(matrix, dtype=np.float64)
    smaller = min(sparse.shape)
    if rough and smaller > 2 * d:
        found: npt.NDArray[np.float64] | None = _rough_subspace(sparse.astype(np.float32), d)
        if found is not None:
            return found
    if smaller <= 2 * d:  # few rows, or most of the spectrum: all at once is faster and exact
        _, values, right = svd(sparse.toarray(), full_matrices=False)
    else:
        start = np.random.default_rng(0).standard_normal(smaller)  # fixed: the same answer again
        _, values, right = svds(sparse, k=d, v0=start, return_singular_vectors="vh")
    order = np.argsort(values)[::-1][:d]
    values, right = values[order], right[order]
    rank = int((values > RANK_TOLERANCE * values[0]).sum()) if values.size else 0
    vectors = np.full((sparse.shape[1], d), np.nan)
    vectors[:, :rank] = right[:rank].T
    return vectors


def _rough_subspace(sparse: csr_matrix, d: int) -> FloatArray | None:
    """Return `group_subspace` in float32; None where that is not precise enough."""
    smaller = min(sparse.shape)
    if smaller <= _ROUGH_DENSE * d:
        wide = sparse if sparse.shape[0] == smaller else sparse.T.tocsr()
        dense = wide.toarray()
        squares, vectors = eigh(dense @ dense.T, subset_by_index=[smaller - d, smaller - 1])
        values = np.sqrt(np.maximum(squares, 0))
        if values[0] <= _ROUGH_RANGE * values[-1]:
            return None
        right = vectors.T if wide is not sparse else (vectors.T @ dense) / values[:, None]
    else:
        start = np.random.default_rng(0).standard_normal(smaller).astype(np.float32)
        _, values, right = svds(sparse, k=d, v0=start, tol=1e-3, return_singular_vectors="vh")
    order = np.argsort(values)[::-1]
    if values[order[-1]] <= _ROUGH_RANGE * values[order[0]]:
        return None
    found: FloatArray = np.ascontiguousarray(right[order].T)
    return found


def rank_of(subspace: FloatArray) -> int:
    """Return how many columns of a `group_subspace` are within the rank."""
    return int((~np.isnan(subspace[0])).sum())


def discrepancies(subspaces: Sequence[FloatArray]) -> FloatArray:
    """Return Delta_d (Eq. 9) of all pairs of groups for all d at once.

    ``Delta_d(i, j) = ||V_i V_i' - V_j V_j'||_F^2 / (2 d) = 1 - ||V_i' V_j||_F^2 / d``, where ``V``
    has d columns; the squares of the largest ``V_i' V_j`` are summed up once for all d.

    Parameters
    ----------
    subspaces : sequence of float64 arrays, each of shape (n_items, d_max)
        Orthonormal columns, as `group_subspace` gives them.

    Returns
    -------
    float64 array, shape (d_max, n_groups, n_groups)
        In [0, 1], symmetric, diagonal 0; entry d - 1 is Delta_d. 0 for equal subspaces, 1 for
        orthogonal ones, NaN for d beyond the rank of either group.

    Raises
    ------
    ValueError
        If there are no groups or the shapes differ.
    """
    shapes = {np.shape(subspace) for subspace in subspaces}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise ValueError(
            f"subspaces have the shapes {sorted(shapes)}; all must be (n_items, d_max)."
        )
    n_groups, d_max = len(subspaces), subspaces[0].shape[1]
    dimensions = np.arange(1, d_max + 1)
    delta = np.zeros((d_max, n_groups, n_groups))
    for i in range(n_groups):
        for j in range(i + 1, n_groups):
            squares = np.square(subspaces[i].T @ subspaces[j], dtype=np.float64)
            overlap = np.diagonal(squares.cumsum(axis=0).cumsum(axis=1))
            delta[:, i, j] = delta[:, j, i] = np.clip(1.0 - overlap / dimensions, 0.0, 1.0)
    return delta


def group_discrepancies(
    matrix: Any,
    group_of_user: npt.ArrayLike,
    n_groups: int,
    d_max: int,
    names: Sequence[str] | None = None,
) -> FloatArray:
    """Return Delta_d of all pairs of groups of users for d = 1 to `d_max`.

    Parameters
    ----------
    matrix : sparse matrix of float, shape (n_users, n_items)
        Interactions.
    group_of_user : array of int, shape (n_users,)
        Group of each user, -1 for users to leave out.
    n_groups : int
        Number of groups.
    d_max : int
        Largest dimension, >= 1 and at most the rank of every group's matrix.
    names : sequence of str, optional
        Names of the groups, for messages.

    Returns
    -------
    float64 array, shape (d_max, n_groups, n_groups)
        As `discrepancies`, without NaN.

    Raises
    ------
    ValueError
        If `d_max` is less than 1 or beyond the rank of a group.
    """
    subspaces = group_subspaces(matrix, group_of_user, n_groups, d_max)
    for group, subspace in enumerate(subspaces):
        if rank_of(subspace) < d_max:
            name = group if names is None else repr(names[group])
            raise ValueError(
                f"d is {d_max}, but the interactions of group {name} have rank "
                f"{rank_of(subspace)}; take d up to that."
            )
    return discrepancies(subspaces)


def group_subspaces(
    matrix: Any, group_of_user: npt.ArrayLike, n_groups: int, d_max: int, *, rough: bool = False
) -> list[FloatArray]:
    """Return `group_subspace` of every group; arguments as for `group_discrepancies`."""
    groups = np.asarray(group_of_user)
    sparse = csr_matrix(matrix, dtype=np.float64)
    rows = (sparse[np.flatnonzero(groups == g)] for g in range(n_groups))
    return [group_subspace(members, d_max, rough=rough) for members in rows]


def heterogeneity(delta: npt.ArrayLike) -> FloatArray:
    """Return Het_d(i), the variance of Delta_d(i, j) over the other groups j.

    The population variance (divided by the number of other groups).

    Parameters
    ----------
    delta : float64 array, shape (..., n_groups, n_groups)
        Discrepancies.

    Returns
    -------
    float64 array, shape (..., n_groups)
        In [0, 1/4]; 0 for two groups, which have one discrepancy.

    Raises
    ------
    ValueError
        If there are fewer than two groups.
    """
    variance: FloatArray = off_diagonal(delta).var(axis=-1)
    return variance


def distance(delta: npt.ArrayLike) -> FloatArray:
    """Return the mean of Delta_d(i, j) over the other groups j; as `heterogeneity`, in [0, 1]."""
    mean: FloatArray = off_diagonal(delta).mean(axis=-1)
    return mean


def off_diagonal(delta: npt.ArrayLike) -> FloatArray:
    """Return a matrix of pairs without its diagonal, shape (..., n_groups, n_groups - 1).

    Raises
    ------
    ValueError
        If there are fewer than two groups.
    """
    values = np.asarray(delta, dtype=np.float64)
    n = values.shape[-1] if values.ndim >= 2 else 0
    if n < 2 or values.shape[-2] != n:
        raise ValueError(
            f"delta has shape {values.shape}; it must end in (n_groups, n_groups) with two groups "
            "or more."
        )
    others: FloatArray = values[..., ~np.eye(n, dtype=bool)]
    return others.reshape(*values.shape[:-1], n - 1)
