"""The recovery bound of the paper's Theorem 3.1, and the rate of observation that it assumes."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.theory.prevalence import FloatArray, check_shares, disparity


def recovery_bound(sigma: npt.ArrayLike, n_items: int, p: float) -> FloatArray:
    """Return the bound of Theorem 3.1 on the radius of the item subspace, up to its constant.

    ``sqrt(k sigma_max log(m) / (sigma_min^2 p))`` for k classes and m items.

    Parameters
    ----------
    sigma : array of float, shape (..., n_classes)
        Prevalences, >= 0, in users.
    n_items : int
        Number of items m, >= 2.
    p : float
        Probability in (0, 1] that an entry is observed.

    Returns
    -------
    float64 array, shape (...)
        > 0 and without unit, since the theorem's constant has none that is known: compare bounds
        of mixes with each other. Infinite where a class has prevalence 0.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    """
    if not n_items >= 2:
        raise ValueError(f"n_items is {n_items!r}; the bound needs 2 items or more.")
    if not 0 < p <= 1:
        raise ValueError(f"p is {p!r}; a probability of observation lies in (0, 1].")
    n_classes = np.shape(sigma)[-1] if np.ndim(sigma) else 0
    bound: FloatArray = np.sqrt(n_classes * disparity(sigma) * math.log(n_items) / p)
    return bound


def least_rate(theta_0: npt.ArrayLike, n_users: float, n_items: int) -> float:
    """Return the rate of observation that Assumption B.2 asks for, its constant taken as 1.

    ``max_c(1 / theta_c)^2 * log(m) / (n m)``.

    Parameters
    ----------
    theta_0 : array of float, shape (n_classes,)
        Class shares of the target, together 1; a share of 0 gives infinity.
    n_users : float
        Users n of target and augmentation data together, > 0.
    n_items : int
        Number of items m, >= 2.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    """
    rarest = float(check_shares(theta_0, "theta_0").min())
    if not (n_users > 0 and n_items >= 2):
        raise ValueError(
            f"n_users is {n_users!r} and n_items {n_items!r}; they must be > 0 and >= 2."
        )
    if rarest == 0:
        return math.inf
    return math.log(n_items) / (rarest**2 * n_users * n_items)
