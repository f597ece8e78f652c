"""The surface over all mixes that a table of tried ones gives reason to believe in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.search.coordinates import log_doses
from recbole_groupmix.core.search.gaussian_process import (
    NUGGET_PRIOR,
    Fitted,
    FloatArray,
    condition,
    fit,
)
from recbole_groupmix.core.search.history import History

#: Median of the prior of length-scales on the axes of :func:`log_doses`, for a group of mean size.
LENGTH = 3.0
#: A group of a quarter of the users of another has a length-scale twice as long.
_BY_SIZE = -0.5
_LEAST_NUGGET_SD = 0.5


@dataclass(frozen=True, eq=False)
class Surface:
    """A Gaussian process over mixes; gains are relative to Proportional's score.

    Attributes
    ----------
    history : History
        The rows that it was fitted to, each with a score.
    fitted : Fitted
        The process, of relative gains.
    """

    history: History
    fitted: Fitted

    def gains(self, weights: FloatArray) -> FloatArray:
        """Return the posterior mean of the gain of mixes, float64 (m,)."""
        means = self.fitted.mean(self._points(np.vstack([weights, self._proportional])))
        return np.asarray(means[:-1] - means[-1])

    def joint_gains(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return posterior mean (m,) and covariance (m, m) of the gains of mixes."""
        points = self._points(np.vstack([weights, self._proportional]))
        mean, covariance = self.fitted.joint(points)
        with_reference = covariance[:-1, -1]
        of_gains = covariance[:-1, :-1] - with_reference[:, None] - with_reference[None, :]
        return mean[:-1] - mean[-1], of_gains + covariance[-1, -1]

    def without(self, held_out: npt.NDArray[np.bool_]) -> Surface:
        """Return the surface of the same hyperparameters that some rows, bool (n,), had no part in."""
        kept = ~held_out
        values, noise = relative_gains(self.history), self.fitted.noise
        of_kept = noise[np.ix_(kept, kept)]
        points = self.fitted.points[kept]
        fitted = condition(points, values[kept], of_kept, self.fitted.at)
        return Surface(self.history, fitted)

    @property
    def _proportional(self) -> FloatArray:
        return np.ones((1, len(self.history.groups)))

    def _points(self, weights: FloatArray) -> FloatArray:
        return log_doses(weights, self.history.sizes)


def relative_gains(history: History) -> FloatArray:
    """Return the scores relative to Proportional's, minus 1; absolute where that is 0."""
    scale = _scale(history)
    return (history.scores - history.reference_score) / scale


def noise_of_users(history: History) -> FloatArray:
    """Return the covariance of relative gains over draws of users, float64 (n, n).

    ``D D' / (u (u - 1))`` of the centred differences of u users: mixes that are alike share the luck of
    their users. 0 with fewer than two users, of whom nothing can be told.
    """
    centred = history.differences - history.differences.mean(axis=1, keepdims=True)
    u = centred.shape[1]
    if u < 2:
        return np.zeros((len(history), len(history)))
    return np.asarray(centred @ centred.T / (u * (u - 1)) / _scale(history) ** 2)


def fit_surface(history: History, *, of_scores: bool = False) -> Surface:
    """Fit a surface to a table.

    Parameters
    ----------
    history : History
        What was tried; rows that diverged are left out.
    of_scores : bool
        Whether it is the surface of the scores on these users, whose luck is then part of it; by
        default of what all users like them would score, from which the scores differ by that luck.
    """
    known = history.rows(history.is_finite)
    points = log_doses(known.weights, known.sizes)
    noise = np.zeros((len(known), len(known))) if of_scores else noise_of_users(known)
    relative_size = known.sizes / known.sizes.mean()
    lengths = LENGTH * np.r_[1.0, relative_size**_BY_SIZE]
    values = relative_gains(known)
    return Surface(known, fit(points, values, noise, lengths, nugget=_nugget_prior(known)))


def _nugget_prior(history: History) -> tuple[float, float]:
    """Return mean and sd of log nugget, from repeats of Proportional where there are some."""
    repeats = relative_gains(history)[history.reference]
    spread = repeats.std(ddof=1) if len(repeats) > 1 else 0.0
    if not spread > 0:
        return NUGGET_PRIOR
    return float(np.log(spread)), max(_LEAST_NUGGET_SD, (2 * (len(repeats) - 1)) ** -0.5)


def _scale(history: History) -> float:
    return abs(history.reference_score) or 1.0
