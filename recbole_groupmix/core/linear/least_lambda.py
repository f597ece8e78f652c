"""The lambda of least held-out loss, for several losses that share one solution at each lambda."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicHermiteSpline

FloatArray = npt.NDArray[np.float64]

#: The lambdas that are tried: half decades. The search of each loss starts at the same one.
GRID = tuple(10.0 ** (k / 2) for k in range(11))
START = 5


def least_loss_lambdas(
    at: Callable[[float], tuple[FloatArray, FloatArray]], n_losses: int
) -> FloatArray:
    """Return the lambda of least loss of each of several losses.

    From `GRID` at `START` each loss goes down its slope until the slope changes its sign, and its
    minimum is that of the cubic through both losses and slopes, over log lambda.

    Parameters
    ----------
    at : callable
        Takes a lambda, returns the losses and their derivatives in log lambda, each float64
        (n_losses,). It is called once for a lambda, whichever losses ask for it.
    n_losses : int
        Number of losses.

    Returns
    -------
    float64 array, shape (n_losses,)
        In [1, 1e5]; an end of it where the loss still falls there.
    """
    known: dict[int, tuple[FloatArray, FloatArray]] = {}

    def solved(place: int, loss: int) -> tuple[float, float]:
        if place not in known:
            known[place] = at(GRID[place])
        losses, slopes = known[place]
        return float(losses[loss]), float(slopes[loss])

    found = np.empty(n_losses)
    for loss in range(n_losses):
        place = START
        step = -1 if solved(place, loss)[1] > 0 else 1
        while 0 <= place + step < len(GRID) and solved(place + step, loss)[1] * step <= 0:
            place += step
        if not 0 <= place + step < len(GRID):
            found[loss] = GRID[place]
            continue
        ends = sorted((place, place + step))
        values, slopes = zip(*(solved(end, loss) for end in ends), strict=True)
        found[loss] = _least([GRID[end] for end in ends], values, slopes)
    return found


def _least(lambdas: list[float], values: tuple[float, ...], slopes: tuple[float, ...]) -> float:
    """Return the lambda of least value between two, from the values and slopes there."""
    curve = CubicHermiteSpline([math.log(lam) for lam in lambdas], values, slopes)
    flat = curve.derivative().roots(extrapolate=False)
    flat = flat[np.isfinite(flat)]
    return math.exp(min(flat, key=curve)) if len(flat) else lambdas[int(np.argmin(values))]
