"""Matrix factorisation of ratings with biases by alternating least squares, a lambda for every user."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ratings:
    """Ratings as triples.

    Attributes
    ----------
    users, items : int array, shape (n_ratings,)
        Indices from 0.
    values : float64 array, shape (n_ratings,)
        The ratings, in any unit.
    shape : pair of int
        Numbers of users and items, of which some may have no rating.
    """

    users: npt.NDArray[np.intp]
    items: npt.NDArray[np.intp]
    values: FloatArray
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        """Check lengths, indices and values."""
        if not len(self.users) == len(self.items) == len(self.values) > 0:
            raise ValueError(
                f"{len(self.users)} users, {len(self.items)} items and {len(self.values)} values "
                "are not one or more triples."
            )
        for name, indices, size in zip(
            ("users", "items"), (self.users, self.items), self.shape, strict=True
        ):
            if indices.min() < 0 or indices.max() >= size:
                raise ValueError(f"{name} hold an index outside 0 to {size - 1}.")
        if not np.isfinite(self.values).all():
            raise ValueError("values hold a rating that is not finite.")

    def only(self, kept: npt.NDArray[np.bool_]) -> Ratings:
        """Return the ratings where ``kept`` is true, of as many users and items."""
        return Ratings(self.users[kept], self.items[kept], self.values[kept], self.shape)


@dataclass(frozen=True)
class Factors:
    """A factorisation: ``mean + b_u + b_i + p_u q_i``.

    Attributes
    ----------
    mean : float
        Mean of the ratings, in their unit.
    users, items : float64 array, shape (n_users or n_items, 1 + d)
        Bias and factors of each, ``[b, p]``.
    """

    mean: float
    users: FloatArray
    items: FloatArray

    def predict(self, users: npt.NDArray[np.intp], items: npt.NDArray[np.intp]) -> FloatArray:
        """Return the predicted ratings of pairs, shape (n_pairs,), not kept within any scale."""
        p, q = self.users[users], self.items[items]
        scores: FloatArray = self.mean + p[:, 0] + q[:, 0] + (p[:, 1:] * q[:, 1:]).sum(axis=1)
        return scores

    def rmse(self, ratings: Ratings, of: npt.NDArray[np.bool_] | None = None) -> float:
        """Return the root mean squared error, of the users whose entry in ``of`` is true."""
        kept = np.ones(len(ratings.values), bool) if of is None else of[ratings.users]
        if not kept.any():
            raise ValueError("there is no rating of these users.")
        errors = self.predict(ratings.users, ratings.items) - ratings.values
        return float(np.sqrt(np.mean(errors[kept] ** 2)))


def factorise(
    ratings: Ratings,
    d: int,
    user_lambda: npt.ArrayLike,
    item_lambda: float,
    *,
    sweeps: int = 10,
    seed: int = 0,
) -> Factors:
    """Fit ratings by alternating least squares with biases.

    Each half sweep solves, for every user (and then for every item, the other way round),
    ``[b_u, p_u] = (sum_i q~ q~' + lambda_u I)^-1 sum_i (r_ui - mean - b_i) q~``, ``q~ = [1, q_i]``,
    I of size d + 1. That is Eq. 4.2 and 4.3 of Yao's dissertation, which has no mean and prints
    I of size d. Lambda is not divided by the number of a user's ratings.

    Parameters
    ----------
    ratings : Ratings
        The ratings.
    d : int
        Number of factors, >= 0.
    user_lambda : float or array of float, shape (n_users,)
        L2 weight of each user's bias and factors, > 0.
    item_lambda : float
        L2 weight of the items', > 0.
    sweeps : int
        Times that users and then items are solved for, >= 1.
    seed : int
        Seed of the items' factors at the start, normal with standard deviation 0.1.

    Returns
    -------
    Factors

    Raises
    ------
    ValueError
        If d or ``sweeps`` is too small, or a lambda is not positive.
    """
    n_users, n_items = ratings.shape
    weights = np.broadcast_to(np.asarray(user_lambda, dtype=np.float64), (n_users,))
    if d < 0 or sweeps < 1:
        raise ValueError(f"d is {d} and sweeps {sweeps}; they are at least 0 and 1.")
    if not (weights > 0).all() or not item_lambda > 0:
        raise ValueError("user_lambda and item_lambda must be positive.")
    mean = float(ratings.values.mean())
    left = ratings.values - mean
    users, items = np.zeros((n_users, 1 + d)), np.zeros((n_items, 1 + d))
    items[:, 1:] = np.random.default_rng(seed).normal(scale=0.1, size=(n_items, d))
    of_user, of_item = (np.argsort(ids, kind="stable") for ids in (ratings.users, ratings.items))
    for _ in range(sweeps):
        users = _solved(ratings.users, ratings.items, left, of_user, items, weights)
        items = _solved(
            ratings.items, ratings.users, left, of_item, users, np.full(n_items, item_lambda)
        )
    return Factors(mean, users, items)


def _solved(
    ids: npt.NDArray[np.intp],
    others: npt.NDArray[np.intp],
    values: FloatArray,
    order: npt.NDArray[np.intp],
    fixed: FloatArray,
    weights: FloatArray,
) -> FloatArray:
    """Return bias and factors of all users, given the items' (or the other way round)."""
    size = fixed.shape[1]
    ends = np.cumsum(np.bincount(ids, minlength=len(weights)))
    inputs = fixed[others[order]]
    targets = (values - fixed[others, 0])[order]
    inputs[:, 0] = 1.0
    grams = weights[:, None, None] * np.eye(size)
    sums = np.zeros((len(weights), size))
    for one, (start, end) in enumerate(zip(np.r_[0, ends[:-1]], ends, strict=True)):
        rows = inputs[start:end]
        grams[one] += rows.T @ rows
        sums[one] = targets[start:end] @ rows
    solved: FloatArray = np.linalg.solve(grams, sums[..., None])[..., 0]
    return solved
