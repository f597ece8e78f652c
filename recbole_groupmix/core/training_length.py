"""How long to train: the peak of a validation curve that is averaged over folds and smoothed.

A single fold's curve is noisy: its maximum is as much chance as training, and lengths that follow it
differ between mixes for no reason but noise. So one length serves a comparison, and it is that of
the baseline's mean curve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: Half the width of the window of a smoothed curve, relative to the epoch in its centre.
HALF_WIDTH = 0.1
#: Share of what all folds reached in which a peak is not yet believed, so that training goes on.
LAST_PART = 0.1
#: Updates without a better smoothed value after which a curve may end.
PATIENCE = 100
#: How much further folds are trained at a time, relative to the shortest.
FURTHER = 1.5


def smoothed(epochs: npt.ArrayLike, values: npt.ArrayLike) -> Floats:
    """Return a curve as centred means over 10 % of the epochs on either side.

    The window follows the epoch, so that the steep start is not smoothed. Where the curve ends
    inside it, the mean is over what there is.

    Parameters
    ----------
    epochs : array of int, shape (n_points,)
        Epochs of the measurements, ascending, >= 1.
    values : array of float, shape (n_points,)
        The metric.

    Returns
    -------
    array of float64, shape (n_points,)
    """
    at, of = np.asarray(epochs, dtype=np.float64), np.asarray(values, dtype=np.float64)
    first = np.searchsorted(at, at * (1 - HALF_WIDTH) - 1e-9)
    last = np.searchsorted(at, at * (1 + HALF_WIDTH) + 1e-9)
    return np.array([of[i:j].mean() for i, j in zip(first, last, strict=True)])


def has_peaked(epochs: npt.ArrayLike, values: npt.ArrayLike, patience: int) -> bool:
    """Return whether a fold's smoothed curve has not risen for long enough to stop training.

    That is `patience` epochs, or half as many as it took to the best value if these are more.

    Parameters
    ----------
    epochs, values
        As for :func:`smoothed`, at least one point.
    patience : int
        Epochs.
    """
    at = np.asarray(epochs)
    best = int(at[np.argmax(smoothed(at, values))])
    return bool(at[-1] - best >= max(patience, best / 2))


@dataclass(frozen=True)
class Length:
    """The training length that folds agree on.

    Attributes
    ----------
    epochs : int
        Epoch of the peak of the smoothed mean curve, the first of equals.
    train_to : int or None
        Epochs up to which every fold has to be trained before the peak can be believed; None if
        it can.
    at_cap : bool
        Whether the peak lies in the last tenth and no more epochs are allowed.
    """

    epochs: int
    train_to: int | None = None
    at_cap: bool = False


def common_length(epochs: npt.ArrayLike, curves: Sequence[npt.ArrayLike], cap: int) -> Length:
    """Return the length at the peak of the smoothed mean of the folds' curves.

    Parameters
    ----------
    epochs : array of int, shape (n_points,)
        The grid on which all folds are measured, as far as the longest of them.
    curves : sequence of array of float, shape (n_points_of_fold,)
        The metric on each fold; a shorter curve ends earlier.
    cap : int
        Most epochs that are allowed.

    Raises
    ------
    ValueError
        If there is no curve, or one without a point.
    """
    if not curves or not all(len(np.asarray(curve)) for curve in curves):
        raise ValueError("a training length needs the validation curve of every fold")
    grid = np.asarray(epochs)
    n_common = min(len(np.asarray(curve)) for curve in curves)
    at = grid[:n_common]
    mean = np.mean([np.asarray(curve)[:n_common] for curve in curves], axis=0)
    peak, reached = int(at[np.argmax(smoothed(at, mean))]), int(at[-1])
    if peak <= (1 - LAST_PART) * reached:
        return Length(peak)
    if reached >= cap:
        return Length(peak, at_cap=True)
    return Length(peak, train_to=min(cap, max(int(grid[-1]), math.ceil(FURTHER * reached))))
