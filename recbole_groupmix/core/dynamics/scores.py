"""Scores by which a recommender tells users who fit with an item category from those who do not."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, ndtr, ndtri

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """Normal distributions of the fit score of an item category, the same for all groups of users.

    ``G_y = N(mean_y, sd^2)`` of a user whose fit state is y (Yao's dissertation, Section 5.6.1). One
    sd makes ``G_1 / G_0`` strictly increasing, so that optimal policies are thresholds; the same
    distributions for all groups are its Assumption 3.b.

    Parameters
    ----------
    unfit, fit : float
        Mean score of users who do not fit (y = 0) and who do (y = 1); ``unfit < fit``.
    sd : float
        Standard deviation of both, > 0.

    Raises
    ------
    ValueError
        If a number is not finite, ``unfit`` is not below ``fit``, or ``sd`` is not positive.
    """

    unfit: float
    fit: float
    sd: float

    def __post_init__(self) -> None:
        """Check the three numbers."""
        if not all(map(math.isfinite, (self.unfit, self.fit, self.sd))):
            raise ValueError(f"{self} holds a number that is not finite; give finite ones.")
        if not (self.unfit < self.fit and self.sd > 0):
            raise ValueError(f"{self} must have unfit < fit and sd > 0.")

    def rejected(self, threshold: npt.ArrayLike) -> FloatArray:
        """Return the probability of a score below a threshold, for y = 0 and 1 on a new last axis."""
        means = np.array([self.unfit, self.fit])
        below: FloatArray = ndtr((np.asarray(threshold)[..., None] - means) / self.sd)
        return below

    def accepted(self, threshold: npt.ArrayLike, rates: npt.ArrayLike) -> FloatArray:
        """Return the share of users with a score of at least a threshold, where ``rates`` fit."""
        above, rates = 1.0 - self.rejected(threshold), np.asarray(rates)
        share: FloatArray = rates * above[..., 1] + (1.0 - rates) * above[..., 0]
        return share

    def density(self, score: npt.ArrayLike, rates: npt.ArrayLike) -> FloatArray:
        """Return the density of the composite distribution at a score, where ``rates`` fit."""
        means, rates = np.array([self.unfit, self.fit]), np.asarray(rates)
        z = (np.asarray(score)[..., None] - means) / self.sd
        of_state = np.exp(-(z**2) / 2) / (self.sd * math.sqrt(2 * math.pi))
        value: FloatArray = rates * of_state[..., 1] + (1.0 - rates) * of_state[..., 0]
        return value

    @property
    def slope(self) -> float:
        """Return the slope of the log odds of a fit in the score, 1/(unit of the score)."""
        return (self.fit - self.unfit) / self.sd**2

    def posterior(self, score: npt.ArrayLike, rates: npt.ArrayLike) -> FloatArray:
        """Return gamma, the probability that a user of this score fits, where ``rates`` fit."""
        middle = (self.unfit + self.fit) / 2
        log_odds = self.slope * (np.asarray(score) - middle) + logit(np.asarray(rates))
        gamma: FloatArray = expit(log_odds)
        return gamma

    def score_of(self, posterior: float, rates: npt.ArrayLike) -> FloatArray:
        """Return the score at which `posterior` has a value: its inverse."""
        log_odds = logit(posterior) - logit(np.asarray(rates))
        score: FloatArray = log_odds / self.slope + (self.unfit + self.fit) / 2
        return score

    def bracket(self, accepted: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return two thresholds between which a share of users is accepted, whoever fits."""
        z = -ndtri(np.asarray(accepted, dtype=np.float64))
        return self.unfit + self.sd * z, self.fit + self.sd * z
