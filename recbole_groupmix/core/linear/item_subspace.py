"""Item vectors of the weighted truncated SVD: the top eigenvectors of ``G(w)``, never formed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import LinearOperator, eigsh

_START = 0x73766430
_SMALL = 256  # items up to which the matrix is formed: Lanczos gains nothing there
_WIDE = 4  # Lanczos wants the number of items at least this often the number of vectors


def item_subspace(
    rows: csr_matrix, user_weights: npt.NDArray[np.float64], size: int
) -> npt.NDArray[np.float64]:
    """Return ``V``: the top right singular vectors of ``W^(1/2) X`` (Eq. 2 of the paper).

    They are the eigenvectors of ``G(w) = X' W X`` of the largest eigenvalues. A user's scores are
    ``x_u V V'``: row u of the truncated SVD, divided by the root of its weight.

    Parameters
    ----------
    rows : scipy.sparse.csr_matrix, shape (n_users, n_items)
        Interactions.
    user_weights : array of float64, shape (n_users,)
        Weight of each user (Eq. 8), >= 0.
    size : int
        Number of vectors, the rank d, >= 1.

    Returns
    -------
    array of float64, shape (n_items, size)
        Orthonormal columns, largest eigenvalue first; the sign of each is such that its largest
        entry is positive. Equal arguments give equal vectors.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, or `size` is below 1 or above the rank.
    """
    user_weights = np.asarray(user_weights, dtype=np.float64)
    if user_weights.shape != (rows.shape[0],) or not np.isfinite(user_weights).all():
        raise ValueError(
            f"user_weights has shape {user_weights.shape} for {rows.shape[0]} rows; give one "
            "finite weight for each row."
        )
    if (user_weights < 0).any():
        raise ValueError(f"the least user weight is {user_weights.min():g}; weights are >= 0.")
    present = np.flatnonzero(user_weights)
    weighted = diags(np.sqrt(user_weights[present])) @ rows[present].astype(np.float64)
    n_users, n_items = weighted.shape
    check_size(size, n_users, n_items, "the users of positive weight and the items")
    values, vectors = _top(weighted.tocsr(), size)
    floor = max(weighted.shape) * np.finfo(np.float64).eps * values[0]
    if values[-1] <= floor:
        rank = int(np.count_nonzero(values > floor))
        raise ValueError(
            f"the rank d is {size}, but the weighted interactions have rank {rank}; use a smaller "
            "embedding_size or more users."
        )
    largest = np.abs(vectors).argmax(axis=0)
    signed: npt.NDArray[np.float64] = vectors * np.sign(vectors[largest, np.arange(size)])
    return signed


def check_size(size: int, n_users: int, n_items: int, of_what: str) -> None:
    """Raise ``ValueError`` if there are fewer users or items than the rank asked for."""
    most = min(n_users, n_items)
    if not 1 <= size <= most:
        raise ValueError(
            f"the rank d is {size}, but {of_what} allow 1 to {most} ({n_users} users, {n_items} "
            "items); use a smaller embedding_size."
        )


def _top(weighted: csr_matrix, size: int) -> tuple[Any, Any]:
    """Return the top eigenvalues and eigenvectors of ``weighted' weighted``, largest first."""
    n_items = weighted.shape[1]
    if n_items <= max(_SMALL, _WIDE * size):
        dense = (weighted.T @ weighted).toarray()
        values, vectors = eigh(dense, subset_by_index=[n_items - size, n_items - 1])
    else:
        transposed = weighted.T.tocsr()
        operator = LinearOperator(
            (n_items, n_items),
            matvec=lambda vector: transposed @ (weighted @ vector),
            dtype=np.float64,
        )
        rng = np.random.default_rng(np.random.SeedSequence([_START]))
        values, vectors = eigsh(operator, size, which="LA", v0=rng.standard_normal(n_items))
    return values[::-1], vectors[:, ::-1]
