"""Shapley values and pairwise interactions of a game, from all coalitions or from sampled orders.

A coalition of n players is a whole number whose bit i says whether player i is in it. The value of
a coalition may be an array, such as the metric of every user: Shapley values are linear in the
game, so those of a mean are the means of those of the users.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_DOMAIN = 0x73686170


def shapley_values(values: FloatArray) -> FloatArray:
    """Return the Shapley value of every player.

    The mean, over all orders in which players may come in, of what a player adds to those before
    (Shapley, "A Value for n-Person Games", 1953). The values add up to that of all players minus
    that of none; a player who adds nothing to any coalition gets exactly 0.

    Parameters
    ----------
    values : array of float64, shape (2**n, ...)
        Value of every coalition, in the order of their numbers; n >= 1.

    Returns
    -------
    array of float64, shape (n, ...)

    Raises
    ------
    ValueError
        If the number of coalitions is not a power of 2 above 1.
    """
    n = _n_players(values)
    sizes = _sizes(n)
    weights = np.array([1.0 / (n * math.comb(n - 1, size)) for size in range(n)])
    found = np.empty((n, *values.shape[1:]))
    for player in range(n):
        without = _without(n, 1 << player)
        added = values[without | (1 << player)] - values[without]
        found[player] = np.tensordot(weights[sizes[without]], added, axes=1)
    return found


def interactions(values: FloatArray) -> dict[tuple[int, int], FloatArray]:
    """Return the Shapley interaction index of every pair of players.

    The weighted mean, over the coalitions S without both, of ``v(S + i + j) - v(S + i) - v(S + j) +
    v(S)``: above 0 where two add more together than one by one, below 0 where they stand in for
    each other (Grabisch and Roubens, "An Axiomatic Approach to the Concept of Interaction among
    Players in Cooperative Games", 1999).

    Parameters
    ----------
    values : array of float64, shape (2**n, ...)
        As for `shapley_values`.

    Returns
    -------
    dict of tuple of int to array of float64
        By pair (i, j), i < j; empty for a single player.

    Raises
    ------
    ValueError
        As `shapley_values`.
    """
    n = _n_players(values)
    sizes = _sizes(n)
    weights = np.array([1.0 / ((n - 1) * math.comb(n - 2, size)) for size in range(n - 1)])
    found = {}
    for first in range(n):
        for second in range(first + 1, n):
            i, j = 1 << first, 1 << second
            without = _without(n, i | j)
            more = values[without | i | j] - values[without | i]
            more = more - (values[without | j] - values[without])
            found[first, second] = np.tensordot(weights[sizes[without]], more, axes=1)
    return found


def antithetic_orders(n: int, n_orders: int, seed: int) -> npt.NDArray[np.int64]:
    """Draw orders of players, each followed by its reverse.

    What a player adds in an order and in its reverse errs to opposite sides where it depends on how
    many came before, so the mean of a pair varies less than that of two orders drawn alone; for
    games of pairwise interactions it is exact. Sources: Castro, Gómez and Tejada, "Polynomial
    Calculation of the Shapley Value Based on Sampling", 2009; Mitchell, Cooper, Frank and Holmes,
    "Sampling Permutations for Shapley Value Estimation", 2022.

    Parameters
    ----------
    n : int
        Number of players.
    n_orders : int
        Number of orders, even and at least 4: of two pairs or more the error can be told.
    seed : int
        Seed, >= 0.

    Returns
    -------
    array of int64, shape (n_orders, n)

    Raises
    ------
    ValueError
        If `n_orders` is odd or below 4.
    """
    if n_orders < 4 or n_orders % 2:
        raise ValueError(
            f"permutations is {n_orders}; it must be an even number >= 4, since each order of groups "
            "is used with its reverse, and the error comes from how far such pairs differ"
        )
    rng = np.random.default_rng(np.random.SeedSequence([_DOMAIN, seed]))
    drawn = np.stack([rng.permutation(n) for _ in range(n_orders // 2)])
    return np.asarray(np.stack([drawn, drawn[:, ::-1]], axis=1).reshape(n_orders, n))


def coalitions_of(order: npt.NDArray[np.int64]) -> Iterator[int]:
    """Yield the coalitions that players make who come in after each other, none and all included."""
    members = 0
    yield members
    for player in order:
        members |= 1 << int(player)
        yield members


def pair_values(values: Mapping[int, FloatArray], orders: npt.NDArray[np.int64]) -> FloatArray:
    """Return what every player adds, the mean over each order and its reverse.

    Every pair's values add up to that of all players minus that of none, as Shapley values do; the
    mean over pairs is an unbiased estimate of these.

    Parameters
    ----------
    values : mapping of int to array of float64
        Value of every coalition that the orders make (`coalitions_of`), all of one shape.
    orders : array of int64, shape (n_orders, n)
        Result of `antithetic_orders`.

    Returns
    -------
    array of float64, shape (n_orders / 2, n, ...)
    """
    shape = np.shape(next(iter(values.values())))
    added = np.empty((*orders.shape, *shape))
    for place, order in enumerate(orders):
        so_far = [values[members] for members in coalitions_of(order)]
        for position, player in enumerate(order):
            added[place, player] = so_far[position + 1] - so_far[position]
    paired: FloatArray = (added[0::2] + added[1::2]) / 2
    return paired


def standard_error(pairs: FloatArray) -> FloatArray:
    """Return the standard error of the mean over independent pairs, the first axis."""
    error: FloatArray = pairs.std(axis=0, ddof=1) / math.sqrt(len(pairs))
    return error


def _n_players(values: FloatArray) -> int:
    n = len(values).bit_length() - 1
    if n < 1 or len(values) != 1 << n:
        raise ValueError(
            f"{len(values)} coalitions are given; n players have 2**n, for n of 1 or more."
        )
    return n


def _sizes(n: int) -> npt.NDArray[np.int64]:
    """Return the number of players of every coalition, int64 (2**n,)."""
    return np.array([members.bit_count() for members in range(1 << n)])


def _without(n: int, players: int) -> npt.NDArray[np.int64]:
    """Return the coalitions that hold none of some players, ascending."""
    everyone = np.arange(1 << n)
    return np.asarray(everyone[everyone & players == 0])
