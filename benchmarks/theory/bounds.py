"""The recovery bound of the paper's Theorem 3.1."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.theory.prevalence import FloatArray, disparity


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
