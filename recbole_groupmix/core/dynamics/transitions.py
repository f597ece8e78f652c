"""How recommendations change whether a user fits with an item category: self and cross impact."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.dynamics.scores import FloatArray


def check_probabilities(values: npt.ArrayLike, shape: tuple[int, ...], what: str) -> FloatArray:
    """Return probabilities as float64 after checking their range and their last axes.

    Raises
    ------
    ValueError
        If the last axes do not have the shape, or a value is outside [0, 1].
    """
    array = np.asarray(values, dtype=np.float64)
    if array.shape[-len(shape) :] != shape:
        raise ValueError(f"{what} has shape {array.shape}; its last axes must be {shape}.")
    bad = ~((array >= 0) & (array <= 1))
    if bad.any():
        raise ValueError(f"{what} holds {array[bad][0]:g}; probabilities are from 0 to 1.")
    return array


def cross_impact(strength: npt.ArrayLike) -> FloatArray:
    """Return cross impact of a strength and a direction (Yao's dissertation, Section 5.6.1).

    Without a recommendation in the other item category a user's state stays as it is; with one,
    ``strength`` is added to the probability of a fit, which is kept within [0, 1].

    Parameters
    ----------
    strength : array of float, shape (...)
        C, from -1 to 1: its sign is the direction, 0 is no cross impact.

    Returns
    -------
    float64 array, shape (..., 2, 2)
        Probability of a fit, by the state before (0 or 1) and the other category's decision.

    Raises
    ------
    ValueError
        If a strength is outside [-1, 1].
    """
    added = np.asarray(strength, dtype=np.float64)
    bad = ~((added >= -1) & (added <= 1))
    if bad.any():
        raise ValueError(f"strength holds {added[bad][0]:g}; cross impact is from -1 to 1.")
    stays = np.array([0.0, 1.0])
    with_one = np.clip(stays + added[..., None], 0.0, 1.0)
    return np.stack([np.broadcast_to(stays, with_one.shape), with_one], axis=-1)


def compound(self_impact: npt.ArrayLike, cross: npt.ArrayLike) -> FloatArray:
    """Return the joint effect of both decisions, one after the other in either order (Section 5.3).

    ``T[y, d, d'] = (S[y,d] X[1,d'] + (1-S[y,d]) X[0,d'] + X[y,d'] S[1,d] + (1-X[y,d']) S[0,d]) / 2``

    Parameters
    ----------
    self_impact : array of float, shape (..., 2, 2)
        S, the probability of a fit by the state before (y) and the category's own decision (d).
    cross : array of float, shape (..., 2, 2)
        X, the same by the state before and the other category's decision (d').

    Returns
    -------
    float64 array, shape (..., 2, 2, 2)
        T, the probability of a fit by y, d and d'.

    Raises
    ------
    ValueError
        If the last two axes are not (2, 2) or a probability is outside [0, 1].
    """
    own = check_probabilities(self_impact, (2, 2), "self_impact")[..., :, :, None]
    other = check_probabilities(cross, (2, 2), "cross")[..., :, None, :]

    def then(first: FloatArray, second: FloatArray) -> FloatArray:
        """Return the probability of a fit after two transitions."""
        not_yet, already = second[..., :1, :, :], second[..., 1:, :, :]
        fits: FloatArray = np.add(not_yet, first * np.subtract(already, not_yet))
        return fits

    both: FloatArray = (then(own, other) + then(other, own)) / 2
    return both
