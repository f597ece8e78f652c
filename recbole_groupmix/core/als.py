"""Matrix factorisation of ratings with biases by alternating least squares, a lambda for every user."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]


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

    users: IntArray
    items: IntArray
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

    def predict(self, users: IntArray, items: IntArray) -> FloatArray:
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


@dataclass(frozen=True)
class Sorted:
    """Ratings sorted by user, of which each is solved for with the items held fixed; or by item.

    Attributes
    ----------
    order : int array, shape (n_ratings,)
        Places of the sorted ratings in :class:`Ratings`.
    ends : int array, shape (1 + n,)
        Those of user u are the sorted ones from ``ends[u]`` up to ``ends[u + 1]``.
    others : int array, shape (n_ratings,)
        The item of each sorted rating.
    values : float64 array, shape (n_ratings,)
        The sorted ratings less their mean.
    """

    order: IntArray
    ends: IntArray
    others: IntArray
    values: FloatArray

    @classmethod
    def both(cls, ratings: Ratings) -> tuple[Sorted, Sorted]:
        """Return ratings sorted by user, and by item."""
        left = ratings.values - ratings.values.mean()

        def by(ids: IntArray, others: IntArray, n: int) -> Sorted:
            order = np.argsort(ids, kind="stable")
            ends = np.r_[0, np.cumsum(np.bincount(ids, minlength=n))]
            return cls(order, ends, others[order], left[order])

        n_users, n_items = ratings.shape
        users, items = ratings.users, ratings.items
        return by(users, items, n_users), by(items, users, n_items)

    def inputs(self, fixed: FloatArray) -> FloatArray:
        """Return ``[1, q_i]`` of each sorted rating, from rows ``[b_i, q_i]``."""
        inputs: FloatArray = fixed[self.others]
        inputs[:, 0] = 1.0
        return inputs

    def solved(
        self, fixed: FloatArray, lambdas: FloatArray, weights: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Return bias and factors of all users given the items' (or the other way round).

        Parameters
        ----------
        fixed : float64 array, shape (n_others, 1 + d)
            Bias and factors of the others.
        lambdas : float64 array, shape (n,)
            L2 weight of each user, > 0.
        weights : float64 array, shape (n_ratings,), optional
            Weights of squared errors in the order of :class:`Ratings`, > 0; 1 without.

        Returns
        -------
        pair of float64 array, shapes (n, 1 + d) and (n, 1 + d, 1 + d)
            Bias and factors, and the matrices of which they are the solutions.
        """
        size = fixed.shape[1]
        inputs = self.inputs(fixed)
        targets = self.values - fixed[self.others, 0]
        if weights is not None:
            roots = np.sqrt(weights[self.order])
            inputs, targets = inputs * roots[:, None], targets * roots
        grams = lambdas[:, None, None] * np.eye(size)
        sums = np.zeros((len(lambdas), size))
        for one, (start, end) in enumerate(pairwise(self.ends.tolist())):
            rows = inputs[start:end]
            grams[one] += rows.T @ rows
            sums[one] = targets[start:end] @ rows
        return np.linalg.solve(grams, sums[..., None])[..., 0], grams


@dataclass(frozen=True)
class Sweep:
    """A sweep: users are solved for given the items of the sweep before, then items given users.

    Attributes
    ----------
    start : float64 array, shape (n_items, 1 + d)
        Bias and factors of the items before it.
    factors : Factors
        The factorisation after it.
    user_grams, item_grams : float64 array, shape (n_users or n_items, 1 + d, 1 + d)
        The matrices ``sum q~ q~' + lambda I`` of these solutions.
    """

    start: FloatArray
    factors: Factors
    user_grams: FloatArray
    item_grams: FloatArray


def run_sweeps(
    ratings: Ratings,
    sides: tuple[Sorted, Sorted],
    d: int,
    user_lambda: npt.ArrayLike,
    item_lambda: float,
    *,
    sweeps: int,
    seed: int,
    weigh: Callable[[Factors], FloatArray] | None = None,
) -> Iterator[Sweep]:
    """Yield each sweep of :func:`factorise`, whose parameters these are.

    Parameters
    ----------
    sides : pair of Sorted
        Of the ratings, by user and by item.

    Raises
    ------
    ValueError
        As :func:`factorise`.
    """
    n_users, n_items = ratings.shape
    lambdas = np.broadcast_to(np.asarray(user_lambda, dtype=np.float64), (n_users,))
    if d < 0 or sweeps < 1:
        raise ValueError(f"d is {d} and sweeps {sweeps}; they are at least 0 and 1.")
    if not (lambdas > 0).all() or not item_lambda > 0:
        raise ValueError("user_lambda and item_lambda must be positive.")
    by_user, by_item = sides
    items = np.zeros((n_items, 1 + d))
    items[:, 1:] = np.random.default_rng(seed).normal(scale=0.1, size=(n_items, d))
    factors = Factors(float(ratings.values.mean()), np.zeros((n_users, 1 + d)), items)
    item_lambdas = np.full(n_items, item_lambda)
    for _ in range(sweeps):
        weights = None if weigh is None else weigh(factors)
        start = factors.items
        users, user_grams = by_user.solved(start, lambdas, weights)
        items, item_grams = by_item.solved(users, item_lambdas, weights)
        factors = Factors(factors.mean, users, items)
        yield Sweep(start, factors, user_grams, item_grams)


def factorise(
    ratings: Ratings,
    d: int,
    user_lambda: npt.ArrayLike,
    item_lambda: float,
    *,
    sweeps: int = 10,
    seed: int = 0,
    weigh: Callable[[Factors], FloatArray] | None = None,
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
    weigh : function, optional
        Gives the weight of each rating's squared error in a sweep, shape (n_ratings,), > 0, from
        the factors before it; 1 without.

    Returns
    -------
    Factors

    Raises
    ------
    ValueError
        If d or ``sweeps`` is too small, or a lambda is not positive.
    """
    sides = Sorted.both(ratings)
    every = run_sweeps(
        ratings, sides, d, user_lambda, item_lambda, sweeps=sweeps, seed=seed, weigh=weigh
    )
    return deque(every, maxlen=1)[0].factors
