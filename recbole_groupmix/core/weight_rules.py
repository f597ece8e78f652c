"""Rules that give groups weights by their losses during training.

A rule is a function of the losses so far and has no state: the same losses give the same weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class WeightRule(Protocol):
    """A rule; two of the same values are equal and have the same hash."""

    def __hash__(self) -> int: ...  # noqa: D105

    def weights(self, losses: Floats, n_users: npt.NDArray[np.int64]) -> Floats:
        """Return the weights of a user of each group for the next epoch.

        Parameters
        ----------
        losses : numpy.ndarray of float64, shape (n_epochs, n_groups)
            Mean loss of each group after every epoch so far; NaN for a group without a loss.
        n_users : numpy.ndarray of int64, shape (n_groups,)
            Users of each group.

        Returns
        -------
        numpy.ndarray of float64, shape (n_groups,)
            Weights >= 0, whose mean over users is 1; 1 for a group without a loss or users.
        """


@dataclass(frozen=True)
class Adaptive:
    """Weights that are largest where the loss is high, or where it falls fastest (TALL).

    Pan, Zhu, Wang, Lin and Caverlee (2024), Eq. 1 to 3, with groups in place of users.

    Attributes
    ----------
    alpha : float
        Weight of the penalty ``sum w^2`` that keeps weights near 1, in the unit of the signal, > 0.
    on_change : bool
        Whether the signal is the mean fall of the loss over a window, not the loss itself.
    gap : int
        Epochs with weights of 1 at the beginning, >= 0 (T). Before there is a signal they are 1
        as well.
    window : int
        Falls of the loss that are averaged, >= 1.
    as_printed : bool
        Whether weights are those of :func:`paper_weights`, with its floor, brought to a mean of 1.
    """

    alpha: float
    on_change: bool = False
    gap: int = 0
    window: int = 8
    as_printed: bool = False

    def weights(self, losses: Floats, n_users: npt.NDArray[np.int64]) -> Floats:
        """Return the weights of groups: see :class:`WeightRule`."""
        weights, measured = _ones(losses, n_users)
        signal = loss_change(losses, self.window) if self.on_change else last_loss(losses)
        if len(losses) < self.gap or signal is None or not measured.any():
            return weights
        given = signal[measured], self.alpha, n_users[measured]
        weights[measured] = (
            paper_weights(*given, floor=PAPER_FLOOR, mean_one=True)
            if self.as_printed
            else water_filling(*given)
        )
        return weights


@dataclass(frozen=True)
class GroupDRO:
    """Weights that grow exponentially with the losses so far (Sagawa et al., 2020, Algorithm 1).

    Attributes
    ----------
    eta : float
        Step size, >= 0.
    balanced : bool
        Whether groups begin with the same share of the loss, as in the paper, and not with that of
        their users.
    """

    eta: float
    balanced: bool = False

    def weights(self, losses: Floats, n_users: npt.NDArray[np.int64]) -> Floats:
        """Return the weights of groups: see :class:`WeightRule`."""
        weights, measured = _ones(losses, n_users)
        if measured.any():
            of_measured = losses[:, measured], self.eta, n_users[measured]
            weights[measured] = group_dro(*of_measured, balanced=self.balanced)
        return weights


#: Smallest weight in TALL's code.
PAPER_FLOOR = 1e-8


def water_filling(
    losses: npt.ArrayLike, alpha: float, counts: npt.ArrayLike | None = None
) -> Floats:
    """Return the weights that maximise ``sum n w l - alpha sum n w^2`` with ``sum n w = sum n``.

    Weights are at least 0; this is TALL's Eq. 1, solved exactly: ``w = max((l - lambda) / 2 alpha,
    0)``, and lambda is that of the largest prefix of the sorted losses which lies above it.

    Parameters
    ----------
    losses : array of float, shape (n,)
        Losses of users, or mean losses of groups; any sign.
    alpha : float
        Weight of the penalty, >= 0. With 0 all weight is on the largest loss, and on all of that
        loss alike.
    counts : array of float, shape (n,), optional
        Users of each group, > 0; by default every entry is one user.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        Weight of a user of each entry, in the order of the losses.

    Raises
    ------
    ValueError
        If a loss is not finite, a count is not positive, `alpha` is negative, or there is no loss.
    """
    values, n = _checked(losses, counts)
    if not (math.isfinite(alpha) and alpha >= 0):
        raise ValueError(f"alpha is {alpha!r}; the weight of the penalty is finite and >= 0.")
    below = values - values.max()  # weights are the same for l + c, and rounding is less
    scale = -below.min()
    if scale == 0.0 or alpha >= scale / np.finfo(np.float64).eps:
        return np.ones_like(values)
    below, alpha = below / scale, alpha / scale  # and for c l with c alpha
    top = below == 0.0
    if alpha == 0.0 or 2.0 * alpha * n.sum() / n[top].sum() <= np.finfo(np.float64).eps:
        weights = np.zeros_like(below)
        weights[top] = 1.0
    else:
        order = np.argsort(-below, kind="stable")
        of_prefix = np.cumsum(n[order])
        level = (np.cumsum(n[order] * below[order]) - 2.0 * alpha * n.sum()) / of_prefix
        last = np.flatnonzero(below[order] > level).max()
        weights = np.maximum((below - level[last]) / (2.0 * alpha), 0.0)
    return np.asarray(weights * (n.sum() / (n * weights).sum()))


def paper_weights(
    losses: npt.ArrayLike,
    alpha: float,
    counts: npt.ArrayLike | None = None,
    *,
    floor: float = 0.0,
    mean_one: bool = False,
) -> Floats:
    """Return the weights of TALL's Eq. 2: ``w = max((l - lambda) / 2 alpha, floor)``.

    Its ``lambda = mean(l) - 2 alpha`` is the exact one only while no weight is at the floor; else
    the mean weight exceeds 1. Brought to a mean of 1, they are the exact weights of a larger alpha.

    Parameters
    ----------
    losses, counts
        As for :func:`water_filling`.
    alpha : float
        Weight of the penalty, > 0.
    floor : float
        Smallest weight, before they are brought to a mean of 1.
    mean_one : bool
        Whether they are.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        Weight of a user of each entry.

    Raises
    ------
    ValueError
        As :func:`water_filling`, and if `alpha` is 0.
    """
    values, n = _checked(losses, counts)
    if not (math.isfinite(alpha) and alpha > 0):
        raise ValueError(f"alpha is {alpha!r}; the printed rule divides by it, so it must be > 0.")
    mean = (n * values).sum() / n.sum()
    weights = np.maximum((values - mean) / (2.0 * alpha) + 1.0, floor)
    return np.asarray(weights * (n.sum() / (n * weights).sum()) if mean_one else weights)


def group_dro(
    losses: npt.ArrayLike, eta: float, counts: npt.ArrayLike, *, balanced: bool = False
) -> Floats:
    """Return the weights after exponentiated-gradient steps: ``q_j ~ q_j exp(eta l_j)`` each.

    Parameters
    ----------
    losses : array of float, shape (n_steps, n_groups)
        Mean loss of each group at every step.
    eta : float
        Step size, >= 0.
    counts : array of float, shape (n_groups,)
        Users of each group, > 0.
    balanced : bool
        Whether q begins uniform over groups, and not proportional to their users.

    Returns
    -------
    numpy.ndarray of float64, shape (n_groups,)
        Weight of a user of each group, ``q_j sum(n) / n_j``.

    Raises
    ------
    ValueError
        If a loss is not finite, a count is not positive, or `eta` is negative.
    """
    if not (math.isfinite(eta) and eta >= 0):
        raise ValueError(f"eta is {eta!r}; the step size is finite and >= 0.")
    total, n = _checked(np.sum(losses, axis=0), counts)
    steps = eta * (total - total.max())  # the largest exponent is 0
    shares = (np.ones_like(n) if balanced else n) * np.exp(steps)
    return np.asarray(shares / shares.sum() * (n.sum() / n))


def last_loss(losses: Floats) -> Floats | None:
    """Return the losses after the last epoch; None before the first."""
    return losses[-1] if len(losses) else None


def loss_change(losses: Floats, window: int) -> Floats | None:
    """Return the mean of the last falls of the loss (TALL's Eq. 3); None before there is one.

    Parameters
    ----------
    losses : numpy.ndarray of float64, shape (n_epochs, n_groups)
        Loss of each group after every epoch; a fall from one to the next is positive.
    window : int
        How many falls are averaged; all, while there are fewer.

    Raises
    ------
    ValueError
        If `window` is below 1.
    """
    if window < 1:
        raise ValueError(f"window is {window!r}; at least one change is averaged.")
    n_falls = min(window, len(losses) - 1)
    if n_falls < 1:
        return None
    return np.asarray((losses[-1 - n_falls] - losses[-1]) / n_falls)


def _ones(losses: Floats, n_users: npt.NDArray[np.int64]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return weights of 1, and which groups have users and a loss after every epoch."""
    return np.ones(len(n_users)), np.isfinite(losses).all(axis=0) & (n_users > 0)


def _checked(losses: npt.ArrayLike, counts: npt.ArrayLike | None) -> tuple[Floats, Floats]:
    values = np.asarray(losses, dtype=np.float64)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise ValueError(
            f"losses have shape {values.shape} and {int((~np.isfinite(values)).sum())} of them are "
            "not finite; give at least one finite loss, in one dimension."
        )
    n = np.ones_like(values) if counts is None else np.asarray(counts, dtype=np.float64)
    if n.shape != values.shape or not (np.isfinite(n) & (n > 0)).all():
        raise ValueError(
            f"counts are {n.tolist()!r} for {values.size} losses; give the number of users > 0 of "
            "each."
        )
    return values, n
