"""The surface over all mixes that a table of tried ones gives reason to believe in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recbole_groupmix.surface.coordinates import SMALLEST, log_doses
from recbole_groupmix.surface.gaussian_process import (
    NUGGET_PRIOR,
    Fitted,
    FloatArray,
    Places,
    condition,
    fit,
)
from recbole_groupmix.surface.history import History

#: Median of the prior of length-scales on the axes of :func:`log_doses`.
LENGTH = 3.0
_LEAST_NUGGET_SD = 0.5
#: The prior of the trend's coefficients: of the level, the squared log budget and the unevenness.
TREND_MEAN, TREND_SD = np.array([0.0, -0.005, -0.005]), np.array([0.3, 0.005, 0.005])
#: Losses beyond it count by their logarithm: for what is believed, and on the surface of the scores.
LOSS, LOSS_OF_SCORES = 0.01, 0.02


@dataclass(frozen=True, eq=False)
class Surface:
    """A Gaussian process over mixes; gains are relative to Proportional's score, and losses bent.

    A mix without much data may lose 20 %, and none gains as much: large losses count by their logarithm
    (:func:`bent`), so that they do not make as large gains likely.

    Attributes
    ----------
    history : History
        The rows that it was fitted to, each with a score.
    fitted : Fitted
        The process, of bent relative gains.
    loss : float
        Where losses are bent.
    """

    history: History
    fitted: Fitted
    loss: float

    def gains(self, weights: FloatArray) -> FloatArray:
        """Return the posterior mean of the gain of mixes, float64 (m,)."""
        means = self.fitted.mean(self._places(weights))
        return np.asarray(means[:-1] - means[-1] + self._before(weights))

    def joint_gains(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return posterior mean (m,) and covariance (m, m) of the gains of mixes."""
        places = self._places(weights)
        mean, covariance = self.fitted.joint(places)
        with_reference = covariance[:-1, -1]
        of_gains = covariance[:-1, :-1] - with_reference[:, None] - with_reference[None, :]
        gains = mean[:-1] - mean[-1] + self._before(weights)
        return gains, of_gains + covariance[-1, -1]

    def straightened(
        self, gains: FloatArray, covariance: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return gains and their standard deviations, (m,) both, with losses as they are."""
        sd = slopes(gains, self.loss) * np.sqrt(np.maximum(np.diag(covariance), 0.0))
        return straight(gains, self.loss), sd

    def without(self, held_out: npt.NDArray[np.bool_]) -> Surface:
        """Return the surface of the same hyperparameters that some rows, bool (n,), had no part in."""
        kept = ~held_out
        values, noise = _values(self.history, self.loss), self.fitted.noise
        of_kept = noise[np.ix_(kept, kept)]
        places = self.fitted.places[kept]
        fitted = condition(places, values[kept], of_kept, self.fitted.at)
        return Surface(self.history, fitted, self.loss)

    def _before(self, weights: FloatArray) -> FloatArray:
        """Return the gains that are expected a priori, float64 (m,); 0 for Proportional."""
        return np.asarray(trend_of(weights, self.history.sizes) @ TREND_MEAN)

    def _places(self, weights: FloatArray) -> Places:
        """Return the places of mixes, and of Proportional as the last."""
        proportional = np.ones((1, len(self.history.groups)))
        return places_of(np.vstack([weights, proportional]), self.history.sizes)


def trend_of(weights: FloatArray, sizes: FloatArray) -> FloatArray:
    """Return the terms of the trend: 1, the squared log budget, and how uneven the mix is.

    Unevenness is the mean square, over users, of the log weight relative to the budget. The coefficients
    are negative a priori: scores fall on all sides of Proportional where data of all groups are
    alike, and what does not is the surface's to say.
    """
    doses = log_doses(weights, sizes)
    budget = doses[:, 0] - np.log(1 + SMALLEST)
    uneven = (doses[:, 1:] - doses[:, :1]) ** 2 @ sizes / sizes.sum()
    return np.column_stack([np.ones(len(doses)), budget**2, uneven])


def places_of(weights: FloatArray, sizes: FloatArray) -> Places:
    """Return where mixes lie on the axes of surfaces, and their trend's terms by standard deviation."""
    return Places(log_doses(weights, sizes), trend_of(weights, sizes) * TREND_SD)


def relative_gains(history: History) -> FloatArray:
    """Return the scores relative to Proportional's, minus 1; absolute where that is 0."""
    scale = _scale(history)
    return (history.scores - history.reference_score) / scale


def bent(gains: FloatArray, loss: float) -> FloatArray:
    """Return gains as they are and losses by their logarithm: ``-c log(1 + |gain| / c)``, c = `loss`."""
    return np.where(gains < 0, -loss * np.log1p(np.maximum(-gains, 0.0) / loss), gains)


def slopes(gains: FloatArray, loss: float) -> FloatArray:
    """Return the slopes of :func:`straight` at bent gains, float64 (n,)."""
    return np.asarray(np.exp(np.maximum(-gains, 0.0) / loss))


def straight(gains: FloatArray, loss: float) -> FloatArray:
    """Return what :func:`bent` made gains of."""
    return np.where(gains < 0, -loss * np.expm1(np.maximum(-gains, 0.0) / loss), gains)


def _values(history: History, loss: float) -> FloatArray:
    """Return the bent gains minus those that are expected a priori."""
    expected = trend_of(history.weights, history.sizes) @ TREND_MEAN
    return np.asarray(bent(relative_gains(history), loss) - expected)


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
    places = places_of(known.weights, known.sizes)
    loss = LOSS_OF_SCORES if of_scores else LOSS
    slope = np.exp(np.minimum(bent(relative_gains(known), loss), 0.0) / loss)  # of the bent gains
    noise = np.zeros((len(known), len(known)))
    if not of_scores:
        noise = noise_of_users(known) * np.outer(slope, slope)
    fitted = fit(places, _values(known, loss), noise, LENGTH, nugget=_nugget_prior(known))
    return Surface(known, fitted, loss)


def _nugget_prior(history: History) -> tuple[float, float]:
    """Return mean and sd of log nugget, from repeats of Proportional where there are some."""
    repeats = relative_gains(history)[history.reference]
    spread = repeats.std(ddof=1) if len(repeats) > 1 else 0.0
    if not spread > 0:
        return NUGGET_PRIOR
    return float(np.log(spread)), max(_LEAST_NUGGET_SD, (2 * (len(repeats) - 1)) ** -0.5)


def _scale(history: History) -> float:
    return abs(history.reference_score) or 1.0
