"""Effective sample size of weighted users."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def effective_sample_size(weights: npt.ArrayLike) -> float:
    """Return Kish's effective sample size, ``(sum w)^2 / sum w^2``.

    Parameters
    ----------
    weights : array of float, shape (n,)
        Weights >= 0, not all 0; their scale does not matter.

    Returns
    -------
    float
        In [1, n]; n when all weights are equal.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, or no weight is positive.
    """
    values = np.asarray(weights, dtype=np.float64).ravel()
    bad = ~(np.isfinite(values) & (values >= 0))
    if bad.any():
        raise ValueError(
            f"{int(bad.sum())} of {values.size} weights are negative or not finite (the first "
            f"is {values[bad][0]}); weights are finite and >= 0."
        )
    if not values.any():
        raise ValueError(
            f"none of the {values.size} weights is positive; the effective sample size of "
            "nothing is not defined."
        )
    scaled = values / values.max()
    return float(scaled.sum() ** 2 / np.square(scaled).sum())
