"""The surface over all mixes that a table of tried ones gives reason to believe in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recbole_groupmix.surface.coordinates import log_doses
from recbole_groupmix.surface.gaussian_process import (
    NUGGET_PRIOR,
    Fitted,
    FloatArray,
    Places,
    fit,
)
from recbole_groupmix.surface.history import History
from recbole_groupmix.surface.spread import Spread, luck_of_users

#: Median of the prior of length-scales on the axes of :func:`log_doses`.
LENGTH = 3.0
_LEAST_NUGGET_SD = 0.5
#: Standard deviation of the prior of the level of all effect sizes but Proportional's.
LEVEL_SD = 0.05
#: Effect sizes of losses beyond it count by their logarithm.
LOSS = 0.07
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Surface:
    """A Gaussian process of effect sizes over mixes.

    The effect size of a mix is its gain, relative to Proportional's score, over its
    :class:`~recbole_groupmix.surface.spread.Spread`: a mix that changes little of what users are
    shown can neither gain nor lose much, and Proportional's gain is 0. A mix without much data may lose
    20 %, and few gain as much: large losses count by their logarithm (:func:`bent`), so that they do not
    make as large gains likely.

    Attributes
    ----------
    history : History
        The rows that have a score.
    fitted : Fitted
        The process, of bent effect sizes.
    fitted_rows : array of bool, shape (n,)
        The rows that it was fitted to: all that are not Proportional; and Proportional's, whose gain is 0, where no
        spread is told or there is nothing else.
    spread : Spread
        What effect sizes are relative to.
    """

    history: History
    fitted: Fitted
    fitted_rows: npt.NDArray[np.bool_]
    spread: Spread

    def gains(self, weights: FloatArray) -> FloatArray:
        """Return the posterior mean of the gain of mixes, losses bent, float64 (m,)."""
        return self.spread(weights) * self.fitted.mean(places_of(weights, self.history.sizes))

    def joint_gains(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return posterior mean (m,) and covariance (m, m) of the gains of mixes, losses bent."""
        mean, covariance = self.fitted.joint(places_of(weights, self.history.sizes))
        spread = self.spread(weights)
        return spread * mean, spread[:, None] * covariance * spread[None, :]

    def straight(self, weights: FloatArray, gains: FloatArray) -> FloatArray:
        """Return gains of mixes with their losses as they are, float64 (m,)."""
        return straight(gains, self._losses(weights))

    def slopes(self, weights: FloatArray, gains: FloatArray) -> FloatArray:
        """Return how fast gains of mixes change with bent ones, float64 (m,), >= 1."""
        return np.asarray(np.exp(np.maximum(-gains, 0.0) / self._losses(weights)))

    def straightened(
        self, weights: FloatArray, gains: FloatArray, covariance: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return gains of mixes and their standard deviations, (m,) both, with losses as they are."""
        sd = self.slopes(weights, gains) * np.sqrt(np.maximum(np.diag(covariance), 0.0))
        return self.straight(weights, gains), sd

    def without(self, held_out: npt.NDArray[np.bool_]) -> Surface:
        """Return the surface of the same hyperparameters that some rows, bool (n,), had no part in."""
        kept = ~held_out[self.fitted_rows]
        if not kept.any():
            return self
        rows = self.fitted_rows & ~held_out
        return Surface(self.history, self.fitted.of_rows(kept), rows, self.spread)

    def _losses(self, weights: FloatArray) -> FloatArray:
        """Return the gains beyond which losses are bent, float64 (m,)."""
        return np.maximum(LOSS * self.spread(weights), _TINY)


def places_of(weights: FloatArray, sizes: FloatArray) -> Places:
    """Return where mixes lie on the axes of surfaces, with the level as the one term of a trend."""
    return Places(log_doses(weights, sizes), np.full((len(weights), 1), LEVEL_SD))


def relative_gains(history: History) -> FloatArray:
    """Return the scores relative to Proportional's, minus 1; absolute where that is 0."""
    return (history.scores - history.reference_score) / history.scale


def bent(gains: FloatArray, loss: float | FloatArray) -> FloatArray:
    """Return gains as they are and losses by their logarithm: ``-c log(1 + |gain| / c)``, c = `loss`."""
    return np.where(gains < 0, -loss * np.log1p(np.maximum(-gains, 0.0) / loss), gains)


def straight(gains: FloatArray, loss: float | FloatArray) -> FloatArray:
    """Return what :func:`bent` made gains of."""
    return np.where(gains < 0, -loss * np.expm1(np.maximum(-gains, 0.0) / loss), gains)


def fit_surface(history: History, *, of_scores: bool = False) -> Surface:
    """Fit a surface to a table.

    Parameters
    ----------
    history : History
        What was tried; rows that diverged are left out.
    of_scores : bool
        Whether it is the surface of the scores on these users, whose luck is then part of it and in
        which all mixes have one spread; by default of what all users like them would score, from
        which the scores differ by that luck.
    """
    known = history.rows(history.is_finite)
    spread = Spread.alike(known.sizes) if of_scores else Spread.of(known)
    of_rows = spread(known.weights)
    rows = (of_rows > 0) & ~known.reference
    if spread.about is None or not rows.any():
        rows = rows | known.reference
    scale = np.where(of_rows > 0, of_rows, 1.0)[rows]
    values = bent(relative_gains(known)[rows] / scale, LOSS)
    variances = np.zeros(len(values))
    if not of_scores:
        slope = np.exp(np.minimum(values, 0.0) / LOSS)  # of the bent effect sizes
        variances = luck_of_users(known)[rows] * (slope / scale) ** 2
    places = places_of(known.weights[rows], known.sizes)
    nugget = _nugget_prior(known, scale)
    fitted = fit(places, values, np.diag(variances), LENGTH, nugget=nugget)
    return Surface(known, fitted, rows, spread)


def _nugget_prior(history: History, spreads: FloatArray) -> tuple[float, float]:
    """Return mean and sd of log nugget, from repeats of Proportional where there are some."""
    repeats = relative_gains(history)[history.reference]
    seen = repeats.std(ddof=1) if len(repeats) > 1 else 0.0
    if not seen > 0:
        return NUGGET_PRIOR
    sd = max(_LEAST_NUGGET_SD, (2 * (len(repeats) - 1)) ** -0.5)
    return float(np.log(seen / np.median(spreads))), sd
