"""Agreement of two rankings of few groups: Spearman's correlation and permutation tests."""

from __future__ import annotations

from itertools import permutations
from math import factorial

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

FloatArray = npt.NDArray[np.float64]

#: Up to this many permutations (those of 7 values) all are used; beyond, this many are drawn.
MOST_PERMUTATIONS = 5040
_DOMAIN = 0x72616E6B
_EQUAL = 1e-9  # statistics nearer than this are ties, not different by rounding


def spearman(left: npt.ArrayLike, right: npt.ArrayLike) -> FloatArray:
    """Return Spearman's rank correlation along the last axis.

    Parameters
    ----------
    left, right : array of float, shapes (..., n) that broadcast
        Ties share their mean rank.

    Returns
    -------
    float64 array, shape (...)
        In [-1, 1]; NaN where one side is constant.

    Raises
    ------
    ValueError
        If there are fewer than two values.
    """
    first, second = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if first.shape[-1] < 2:
        raise ValueError(f"{first.shape[-1]} values have no order; give two or more.")
    ranks = [rankdata(side, axis=-1) for side in (first, second)]
    ranks = [side - side.mean(axis=-1, keepdims=True) for side in ranks]
    product = (ranks[0] * ranks[1]).sum(axis=-1)
    size = np.sqrt((ranks[0] ** 2).sum(axis=-1) * (ranks[1] ** 2).sum(axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(product / size, dtype=np.float64)


def order_p(left: npt.ArrayLike, right: npt.ArrayLike, seed: int = 0) -> float:
    """Return the two-sided permutation p-value of `spearman` of two sequences.

    The share of orders of `right` whose correlation is as far from 0, the given one included: exact
    up to 7 values, so that p is never below ``2 / n!``; beyond, of `MOST_PERMUTATIONS` draws.

    Parameters
    ----------
    left, right : array of float, shape (n,)
        The two rankings.
    seed : int
        Seed of the draws, >= 0.

    Returns
    -------
    float
        In (0, 1]; NaN where one side is constant.
    """
    other = np.asarray(right, dtype=np.float64)
    orders = _orders(other.size, seed)
    return _share(float(spearman(left, other)), spearman(left, other[orders]), other.size)


def row_correlations(values: npt.ArrayLike, others: npt.ArrayLike) -> FloatArray:
    """Return `spearman` of each row of two square matrices, diagonals left out.

    Parameters
    ----------
    values, others : array of float, shape (..., n, n)
        Value of each group (columns) for a group (rows).

    Returns
    -------
    float64 array, shape (..., n)

    Raises
    ------
    ValueError
        If there are fewer than three groups.
    """
    return spearman(_off_diagonal(values), _off_diagonal(others))


def label_p(values: npt.ArrayLike, others: npt.ArrayLike, seed: int = 0) -> tuple[float, float]:
    """Return the mean of `row_correlations` and its two-sided p-value over relabelled groups.

    Rows of a matrix of pairs are not independent, so the groups' labels in `others` are permuted as
    a whole, rows and columns together (Mantel's test): all orders up to 7 groups, else
    `MOST_PERMUTATIONS` draws.

    Parameters
    ----------
    values, others : array of float, shape (n, n)
        As for `row_correlations`. A row of NaN in `values` is left out.
    seed : int
        Seed of the draws, >= 0.

    Returns
    -------
    mean : float
    p : float
        In (0, 1]; both are NaN where no row has a correlation.
    """
    first, second = np.asarray(values, dtype=np.float64), np.asarray(others, dtype=np.float64)
    kept = ~np.isnan(first).any(axis=1)
    orders = _orders(len(second), seed)
    moved = second[orders[:, :, None], orders[:, None, :]]
    with_nan = np.where(kept[:, None], first, 0.0)  # a constant row: its correlation is NaN
    drawn = _mean_known(row_correlations(with_nan, moved))
    mean = float(_mean_known(row_correlations(with_nan, second)))
    return mean, _share(mean, drawn, len(second))


def _mean_known(values: FloatArray) -> FloatArray:
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(
            np.where(known, values, 0.0).sum(axis=-1) / known.sum(axis=-1), dtype=np.float64
        )


def _orders(n: int, seed: int) -> npt.NDArray[np.int64]:
    """Return permutations of n values, shape (n_orders, n): all, or a random sample."""
    if factorial(n) <= MOST_PERMUTATIONS:
        return np.array(list(permutations(range(n))), dtype=np.int64)
    rng = np.random.default_rng(np.random.SeedSequence([_DOMAIN, seed]))
    return rng.permuted(np.tile(np.arange(n), (MOST_PERMUTATIONS, 1)), axis=1)


def _share(observed: float, drawn: FloatArray, n: int) -> float:
    if np.isnan(observed):
        return float("nan")
    known = drawn[~np.isnan(drawn)]
    as_far = int((np.abs(known) >= abs(observed) - _EQUAL).sum())
    exact = factorial(n) <= MOST_PERMUTATIONS  # then the given order is among them
    return as_far / known.size if exact else (1 + as_far) / (1 + known.size)


def _off_diagonal(values: npt.ArrayLike) -> FloatArray:
    matrix = np.asarray(values, dtype=np.float64)
    n = matrix.shape[-1] if matrix.ndim >= 2 else 0
    if n < 3 or matrix.shape[-2] != n:
        raise ValueError(
            f"the matrix has shape {matrix.shape}; it must be square, of three groups or more: a "
            "single other group has no order."
        )
    return matrix[..., ~np.eye(n, dtype=bool)].reshape(*matrix.shape[:-1], n - 1)
