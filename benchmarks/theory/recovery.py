"""The paper's matrix completion, simulated: how far Eq. 2's estimator is from the item subspace."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

FloatArray = npt.NDArray[np.float64]

_DOMAIN = 0x6C6162
_CHUNK = 1 << 23  # entries of observed matrices held at a time: 64 MiB


def whole_users(prevalence: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Round prevalences to whole users so that their sum is kept (largest remainders first).

    Parameters
    ----------
    prevalence : array of float, shape (n_classes,)
        Users of each class, >= 0.

    Returns
    -------
    int64 array, shape (n_classes,)
        Each within 1 of the prevalence; together the rounded sum.

    Raises
    ------
    ValueError
        If a prevalence is negative or not finite.
    """
    exact = np.asarray(prevalence, dtype=np.float64)
    if exact.ndim != 1 or not np.isfinite(exact).all() or (exact < 0).any():
        raise ValueError(
            f"prevalence is {exact.tolist()!r}; numbers of users are finite and >= 0."
        )
    whole: npt.NDArray[np.int64] = np.floor(exact + 1e-9).astype(np.int64)
    short = round(float(exact.sum())) - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:short]] += 1
    return whole


def stylised_truth(users: npt.ArrayLike, item_class: npt.ArrayLike) -> FloatArray:
    """Return the complete interactions of users who like every item of one class (Section 3.2.2).

    Parameters
    ----------
    users : array of int, shape (n_classes,)
        Number of users of each class, >= 0.
    item_class : array of int, shape (n_items,)
        Class of each item, in [0, n_classes).

    Returns
    -------
    float64 array, shape (n_users, n_items)
        0 or 1, users ordered by class.
    """
    of_user = np.repeat(np.arange(np.size(users)), np.asarray(users))
    liked: FloatArray = (of_user[:, None] == np.asarray(item_class)[None, :]).astype(np.float64)
    return liked


def true_subspace(truth: npt.ArrayLike, d: int) -> FloatArray:
    """Return ``V_0*``, the top d right singular vectors of complete interactions.

    Parameters
    ----------
    truth : array of float, shape (n_users, n_items)
        Complete interactions of the target.
    d : int
        Rank of them, >= 1.

    Returns
    -------
    float64 array, shape (n_items, d)
        Orthonormal columns.

    Raises
    ------
    ValueError
        If the rank is less than `d`.
    """
    matrix = np.asarray(truth, dtype=np.float64)
    rank = int(np.linalg.matrix_rank(matrix))
    if not 1 <= d <= rank:
        raise ValueError(f"d is {d}, but the target's complete interactions have rank {rank}.")
    vectors: FloatArray = np.linalg.svd(matrix, full_matrices=False)[2][:d].T
    return vectors


def subspace_errors(
    truth: npt.ArrayLike,
    p: float,
    target_vectors: FloatArray,
    repeats: int,
    seed: int = 0,
    weights: npt.ArrayLike | None = None,
) -> FloatArray:
    """Return delta (Eq. 3) of the estimator of Eq. 2 for several draws of what is observed.

    Every entry of `truth` that is 1 is observed with probability p; the estimate is the span of
    the top right singular vectors of what is observed. The division by p changes no vector.

    Parameters
    ----------
    truth : array of float, shape (n_users, n_items)
        Complete interactions of target and augmentation users, 0 or 1.
    p : float
        Probability in (0, 1] that an entry is observed.
    target_vectors : float64 array, shape (n_items, d)
        Orthonormal columns: what is to be recovered, as `true_subspace` gives it.
    repeats : int
        Number of draws, >= 1.
    seed : int
        Seed, >= 0. Draw r depends on it and on r alone.
    weights : array of float, shape (n_users,), optional
        Weight >= 0 of each user (Eq. 8): row u is multiplied by the root. Default 1.

    Returns
    -------
    float64 array, shape (repeats,)
        ``||V V' - V_0 V_0'||_F^2``, in [0, 2 d].

    Raises
    ------
    ValueError
        If `p`, `repeats` or a shape is out of its range.
    """
    matrix = np.asarray(truth, dtype=np.float64)
    if not 0 < p <= 1:
        raise ValueError(f"p is {p!r}; a probability of observation lies in (0, 1].")
    if repeats < 1 or seed < 0:
        raise ValueError(f"repeats is {repeats!r} and seed {seed!r}; they must be >= 1 and >= 0.")
    if matrix.ndim != 2 or len(target_vectors) != matrix.shape[1]:
        raise ValueError(
            f"truth has shape {matrix.shape} and target_vectors {target_vectors.shape}; both must "
            "have one column, or row, for each item."
        )
    users = np.ones(len(matrix)) if weights is None else np.asarray(weights, dtype=np.float64)
    if users.shape != (len(matrix),) or (users < 0).any():
        raise ValueError(
            f"weights have shape {users.shape} and least value {users.min():g}; give one "
            f"weight >= 0 for each of {len(matrix)} users."
        )
    scaled = matrix * np.sqrt(users)[:, None]
    d = target_vectors.shape[1]
    errors = np.empty(repeats)
    step = max(1, _CHUNK // matrix.size)
    for begin in range(0, repeats, step):
        draws = range(begin, min(begin + step, repeats))
        seen = np.stack([_stream(seed, r).random(matrix.shape) < p for r in draws])
        errors[begin : begin + len(draws)] = _errors(scaled * seen, target_vectors, d)
    return errors


def _errors(observed: FloatArray, target_vectors: FloatArray, d: int) -> FloatArray:
    """Return delta of each matrix of a stack, by the smaller of its two Gram matrices."""
    _, n_users, n_items = observed.shape
    if n_users < n_items:
        values, left = np.linalg.eigh(observed @ observed.transpose(0, 2, 1))
        values, left = values[:, -d:], left[:, :, -d:]
        length = np.sqrt(np.clip(values, 0.0, None))
        # singular values of 0 belong to no direction: they recover nothing
        inverse = np.divide(1.0, length, out=np.zeros_like(length), where=length > 1e-7)
        right = (observed.transpose(0, 2, 1) @ left) * inverse[:, None, :]
    else:
        right = np.linalg.eigh(observed.transpose(0, 2, 1) @ observed)[1][:, :, -d:]
    overlap = np.square(right.transpose(0, 2, 1) @ target_vectors).sum(axis=(1, 2))
    errors: FloatArray = np.clip(2.0 * d - 2.0 * overlap, 0.0, None)
    return errors


@dataclass(frozen=True)
class Radius:
    """A quantile of ``sqrt(delta)`` with its interval.

    Attributes
    ----------
    value, low, high : float
        Estimate of the radius (Eq. 4) and the ends of its interval, >= 0.
    """

    value: float
    low: float
    high: float


def radius(errors: npt.ArrayLike, quantile: float = 0.95, confidence: float = 0.95) -> Radius:
    """Estimate the radius that ``sqrt(delta)`` exceeds with probability ``1 - quantile``.

    The interval is the one between order statistics whose ranks follow the binomial distribution,
    which holds for every distribution of the errors. The paper's ``1 - 1/m`` needs 3 m draws.

    Parameters
    ----------
    errors : array of float, shape (repeats,)
        delta, as `subspace_errors` gives it.
    quantile, confidence : float
        In (0, 1).

    Raises
    ------
    ValueError
        If the draws are too few for an interval, or a share is out of its range.
    """
    roots = np.sort(np.sqrt(np.asarray(errors, dtype=np.float64)))
    n = roots.size
    if not (0 < quantile < 1 and 0 < confidence < 1):
        raise ValueError(
            f"quantile is {quantile!r} and confidence {confidence!r}; both lie in (0, 1)."
        )
    tail = (1.0 - confidence) / 2.0
    low, high = (int(binom.ppf(q, n, quantile)) for q in (tail, 1.0 - tail))
    if not (low >= 1 and high < n):
        raise ValueError(
            f"{n} draws are too few for an interval of the {quantile:g} quantile; take more."
        )
    value = float(np.quantile(roots, quantile))
    return Radius(value, float(roots[low - 1]), float(roots[high]))


def _stream(seed: int, draw: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([_DOMAIN, seed, draw]))
