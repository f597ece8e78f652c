"""Joint distribution of a group's fit with two item categories, and how one step changes it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.dynamics.scores import FloatArray


def joint_states(first: npt.ArrayLike, second: npt.ArrayLike, both: npt.ArrayLike) -> FloatArray:
    """Return the joint distribution of the fit states of groups (Yao's dissertation, Section 5.3).

    Parameters
    ----------
    first, second : array of float, shape (...)
        Fit rates: shares of a group's users who fit with the first and the second item category.
    both : array of float, shape (...)
        Joint fit rate beta, the share who fit with both;
        ``max(0, first + second - 1) <= both <= min(first, second)``.

    Returns
    -------
    float64 array, shape (..., 2, 2)
        Share of users by their state in the first and in the second category, together 1.

    Raises
    ------
    ValueError
        If these are not shares of one distribution.
    """
    j, k, beta = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (first, second, both)))
    neither = 1.0 - j - k + beta
    states: FloatArray = np.stack(
        [np.stack([neither, k - beta], -1), np.stack([j - beta, beta], -1)], -2
    )
    bad = ~(states >= -1e-12).all(axis=(-2, -1))
    if bad.any():
        raise ValueError(
            f"fit rates {j[bad][0]:g} and {k[bad][0]:g} cannot have the joint rate "
            f"{beta[bad][0]:g}; it is at least 0 and their sum less 1, at most the smaller of both."
        )
    return np.maximum(states, 0.0)


def fit_rates(states: FloatArray) -> FloatArray:
    """Return the fit rates alpha of both item categories, shape (..., 2), of joint states."""
    return np.stack([states[..., 1, :].sum(-1), states[..., :, 1].sum(-1)], axis=-1)


def next_states(states: FloatArray, rejected: FloatArray, transitions: FloatArray) -> FloatArray:
    """Return the joint distribution after one step of recommendation (Eq. 5.3 to 5.7).

    Given the states, scores in the two categories are independent, and so are the two changes given
    states and decisions.

    Parameters
    ----------
    states : float64 array, shape (..., 2, 2)
        Joint distribution by the states in the first and in the second category.
    rejected : float64 array, shape (..., 2, 2)
        Probability of no recommendation, by category and the state in it.
    transitions : float64 array, shape (..., 2, 2, 2, 2)
        Probability of a fit, by category, the state in it, its decision and the other's decision.

    Returns
    -------
    float64 array, shape (..., 2, 2)
        As ``states``.
    """
    decided = np.stack([rejected, 1.0 - rejected], axis=-1)
    # a, b: states in both categories; c, d: decisions in both
    users = np.einsum(
        "...ab,...ac,...bd->...abcd", states, decided[..., 0, :, :], decided[..., 1, :, :]
    )
    first = np.broadcast_to(transitions[..., 0, :, None, :, :], users.shape)
    second = np.broadcast_to(
        np.swapaxes(transitions[..., 1, :, :, :], -1, -2)[..., None, :, :, :], users.shape
    )
    totals = [
        (users * change).sum(axis=(-4, -3, -2, -1)) for change in (first, second, first * second)
    ]
    return joint_states(*totals)
