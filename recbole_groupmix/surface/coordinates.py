"""Coordinates of a mix in which a search moves: how much of the others, and of each against all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from recbole_groupmix.core.budget_law import PAPER, BudgetLaw
from recbole_groupmix.core.samplers import sample_trial
from recbole_groupmix.surface.history import FloatArray, History, weights_of

#: Budgets of the box; none at all, 0, is beside it.
BUDGET_BOX = BudgetLaw(0.03, 4.0, logarithmic=True)
#: Weight of a group relative to the budget; off, 0, is beside it.
RELATIVE_BOX = (1 / 16, 16.0)
#: A weight below which its size makes little difference to surfaces.
SMALLEST = 1 / 16
#: Chance that a draw from the box leaves a group out, or all of them.
_OFF, _NONE = 0.1, 0.02
#: Standard deviation of the steps from an incumbent: of log budget, and of log weights.
_STEPS = (0.1, 0.3, 0.8)


def budgets_of(weights: FloatArray, sizes: FloatArray) -> FloatArray:
    """Return the budget ratio ``sum_j n_j w_j / sum_j n_j`` of rows of weights, float64 (n,)."""
    return np.asarray(weights @ sizes / sizes.sum(), dtype=np.float64)


def to_coordinates(weights: FloatArray, sizes: FloatArray) -> FloatArray:
    """Return log budget and log weight relative to it, -inf for none and for off.

    Parameters
    ----------
    weights : array of float, shape (n, n_groups)
        Weight >= 0 of a user of each group.
    sizes : array of float, shape (n_groups,)
        Users of each group, > 0.

    Returns
    -------
    array of float64, shape (n, 1 + n_groups)
        With budget 0 every relative weight counts as 1, so that its logarithm is 0.
    """
    budgets = budgets_of(weights, sizes)[:, None]
    relative = np.divide(weights, budgets, out=np.ones_like(weights), where=budgets > 0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.hstack([budgets, relative])), dtype=np.float64)


def from_coordinates(points: FloatArray, sizes: FloatArray) -> FloatArray:
    """Return the weights of points; the inverse of :func:`to_coordinates`.

    Relative weights may have any common factor, which the budget decides: points need not satisfy
    ``sum_j n_j r_j = sum_j n_j``.

    Parameters
    ----------
    points : array of float, shape (n, 1 + n_groups)
        Log budget and log relative weights; -inf for none and for off.
    sizes : array of float, shape (n_groups,)
        Users of each group, > 0.
    """
    budgets, relative = np.exp(points[:, :1]), np.exp(points[:, 1:])
    used = relative @ sizes / sizes.sum()
    none = np.zeros_like(relative)
    weights: FloatArray = np.divide(
        budgets * relative, used[:, None], out=none, where=used[:, None] > 0
    )
    return weights


def clip_to_box(weights: FloatArray, sizes: FloatArray) -> FloatArray:
    """Return the weights with budget and relative weights brought into the box; 0 stays 0."""
    points = to_coordinates(weights, sizes)
    low, high = np.log(RELATIVE_BOX)
    off = np.isneginf(points)
    points[:, 0] = np.clip(points[:, 0], math.log(BUDGET_BOX.low), math.log(BUDGET_BOX.high))
    points[:, 1:] = np.clip(points[:, 1:], low, high)
    points[off] = -np.inf
    return from_coordinates(points, sizes)


def log_doses(weights: FloatArray, sizes: FloatArray) -> FloatArray:
    """Return what surfaces are functions of: ``log(b + c)`` of the budget and ``log(w_j + c)``.

    For weights well above c = 1/16 these are logarithms, and 0 is as near to c as c to 3 c: off is a place on the
    axis like others, and all mixes of budget 0 are one point.

    Parameters
    ----------
    weights, sizes
        As for :func:`to_coordinates`.

    Returns
    -------
    array of float64, shape (n, 1 + n_groups)
    """
    doses = np.hstack([budgets_of(weights, sizes)[:, None], weights])
    return np.asarray(np.log(doses + SMALLEST), dtype=np.float64)


def divergences(weights: FloatArray, others: FloatArray, history: History) -> FloatArray:
    """Return the Kullback-Leibler divergence of mixes to other mixes.

    Of the shares that groups have in the training users' weight, the target's among them, so that
    the budget counts: ``sum_j p_j log(p_j / q_j)``, infinite where p uses a group that q leaves out.

    Parameters
    ----------
    weights : array of float, shape (n, n_groups)
        The mixes p.
    others : array of float, shape (m, n_groups)
        The mixes q.
    history : History
        Has the sizes of the groups and of the target.

    Returns
    -------
    array of float64, shape (n, m)
        In nats, >= 0.
    """
    p, q = shares_of(weights, history), shares_of(others, history)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_p, log_q = np.log(p), np.log(q)
        entropy = np.where(p > 0, p * log_p, 0.0).sum(axis=1)
    finite_q = np.where(q > 0, log_q, 0.0)
    cross = p @ finite_q.T
    outside = (p > 0).astype(float) @ (q <= 0).astype(float).T > 0
    return np.where(outside, np.inf, np.maximum(entropy[:, None] - cross, 0.0))


def shares_of(weights: FloatArray, history: History) -> FloatArray:
    """Return the shares of the target, in the first column, and of the groups in the users' weight.

    Parameters
    ----------
    weights : array of float, shape (n, n_groups)
        Weight of a user of each group.
    history : History
        Has the sizes of the groups and of the target.

    Returns
    -------
    array of float64, shape (n, 1 + n_groups)
        Rows sum to 1.
    """
    mass = np.hstack(
        [np.full((len(weights), 1), history.n_users[history.target]), weights * history.sizes]
    )
    return np.asarray(mass / mass.sum(axis=1, keepdims=True), dtype=np.float64)


def sampled(
    n: int,
    rng: np.random.Generator,
    n_users: Mapping[str, int],
    target: str,
    groups: Sequence[str],
    law: BudgetLaw = PAPER,
) -> FloatArray:
    """Return weights of draws from the paper's three samplers, which take turns.

    Parameters
    ----------
    n : int
        Number of draws.
    rng : numpy.random.Generator
        Source of randomness.
    n_users, target, groups
        As in :class:`~recbole_groupmix.surface.history.History`.
    law : BudgetLaw
        From which budgets are drawn.
    """
    seed = int(rng.integers(2**31))
    rows = []
    for trial in range(n):
        _, mix = sample_trial(seed, trial, n_users, target, law)
        rows.append(weights_of(mix, groups, n_users, target))
    return np.array(rows, dtype=np.float64).reshape(n, len(groups))


def box_draws(n: int, rng: np.random.Generator, sizes: FloatArray) -> FloatArray:
    """Return weights of uniform draws from the box of log budget and log relative weights."""
    low, high = np.log(RELATIVE_BOX)
    points = np.empty((n, 1 + len(sizes)))
    points[:, 0] = rng.uniform(math.log(BUDGET_BOX.low), math.log(BUDGET_BOX.high), n)
    points[:, 1:] = rng.uniform(low, high, (n, len(sizes)))
    points[:, 1:][rng.random((n, len(sizes))) < _OFF] = -np.inf
    points[rng.random(n) < _NONE, 0] = -np.inf
    return from_coordinates(points, sizes)


def perturbed(
    incumbents: FloatArray, n: int, rng: np.random.Generator, sizes: FloatArray
) -> FloatArray:
    """Return n mixes near incumbents, which take turns: steps of several sizes in the logarithms."""
    chosen = incumbents[np.arange(n) % len(incumbents)]
    scale = rng.choice(_STEPS, size=(n, 1))
    points = to_coordinates(chosen, sizes)
    moved = points + scale * rng.standard_normal(points.shape)
    back_on = np.isneginf(moved) & (rng.random(moved.shape) < _OFF)
    moved[back_on] = math.log(RELATIVE_BOX[0])
    turned_off = rng.random((n, len(sizes))) < _OFF / len(sizes)
    moved[:, 1:][turned_off] = -np.inf
    return clip_to_box(from_coordinates(moved, sizes), sizes)


def candidate_pool(
    history: History, n: int, rng: np.random.Generator, incumbents: FloatArray | None = None
) -> FloatArray:
    """Return weights of n untried mixes: from the three samplers, the box, and near incumbents.

    Parameters
    ----------
    history : History
        What was tried; its rows are not in the pool again.
    n : int
        Number of draws; equal mixes are left out, so that there may be fewer.
    rng : numpy.random.Generator
        Source of randomness.
    incumbents : array of float, shape (m, n_groups), optional
        Mixes near which a half of the pool lies; default none.

    Returns
    -------
    array of float64, shape (at most n, n_groups)
    """
    has_incumbents = incumbents is not None and len(incumbents) > 0
    n_near = n // 2 if has_incumbents else 0
    n_box = (n - n_near) // 3
    n_wide = (n - n_near - n_box) // 2
    data = history.n_users, history.target, history.groups
    parts = [
        sampled(n - n_near - n_box - n_wide, rng, *data),
        sampled(n_wide, rng, *data, BUDGET_BOX),
        box_draws(n_box, rng, history.sizes),
    ]
    if has_incumbents and incumbents is not None:
        parts.append(perturbed(incumbents, n_near, rng, history.sizes))
    return untried(np.vstack(parts), history.weights)


def untried(weights: FloatArray, tried: FloatArray) -> FloatArray:
    """Return the rows of weights that equal neither a tried mix nor an earlier row."""
    seen = {row.tobytes() for row in np.round(tried, 9) + 0.0}
    kept = []
    for place, row in enumerate(np.round(weights, 9) + 0.0):
        if row.tobytes() not in seen:
            seen.add(row.tobytes())
            kept.append(place)
    return weights[kept]
