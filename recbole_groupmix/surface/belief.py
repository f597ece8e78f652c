"""What a search believes about the mixes that it tried, and about those that it did not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recbole_groupmix.core.statistics.rank_agreement import spearman
from recbole_groupmix.surface.coordinates import candidate_pool, divergences
from recbole_groupmix.surface.history import FloatArray, History
from recbole_groupmix.surface.surface import (
    Surface,
    fit_surface,
    relative_gains,
)

#: Candidates are within this divergence, in nats, of a mix that was tried.
NEAR = 0.3
_DRAWS, _POOL, _INCUMBENTS = 2000, 250, 5
_FOLDS, _TOP = 5, 0.2
_DOMAIN = 0x62656C69


@dataclass(frozen=True, eq=False)
class Belief:
    """The posterior of a search.

    Attributes
    ----------
    mean : array of float64, shape (n,)
        Posterior mean of the score of each tried mix; NaN for those that diverged.
    sd : array of float64, shape (n,)
        Posterior standard deviation of its difference to Proportional's; NaN for those.
    best : array of float64, shape (n,)
        Probability that the mix is the best of the tried; together 1, equal mixes share theirs.
    most : array of float64, shape (n_draws,)
        Draws of the largest gain, relative to Proportional's score, of all mixes near those tried.
    rank_correlation : float
        Spearman's correlation of the scores with what the surface says of each mix when it has not
        seen it, from cross-validation over mixes; NaN with fewer than 5 mixes.
    optimism : float
        Of the fifth of the mixes that it then says are the best, the mean gain that it says minus the
        mean gain that was measured, relative to Proportional's score; NaN with fewer than 5 mixes.
    """

    mean: FloatArray
    sd: FloatArray
    best: FloatArray
    most: FloatArray
    rank_correlation: float
    optimism: float

    def chance_of_more(self, least_gain: float) -> float:
        """Return the probability that a mix near those tried gains more than ``least_gain``.

        With all users like those measured, whose luck does not count.

        Parameters
        ----------
        least_gain : float
            Gain relative to Proportional's score; 0.01 is 1 %.
        """
        return float((self.most > least_gain).mean())


def belief(history: History, seed: int = 0) -> Belief:
    """Return the belief that a table gives reason to; a function of the table and the seed.

    Parameters
    ----------
    history : History
        What was tried; rows that diverged are left out.
    seed : int
        Seed of the candidates and of the draws from the posterior, >= 0.
    """
    rng = np.random.default_rng(np.random.SeedSequence([_DOMAIN, seed]))
    known = history.is_finite
    surface = fit_surface(history)
    tried = surface.history
    scale = abs(tried.reference_score) or 1.0
    gains, covariance = surface.joint_gains(tried.weights)
    mean, sd = np.full((2, len(history)), np.nan)
    best = np.zeros(len(history))
    told, sd_of_told = surface.straightened(tried.weights, gains, covariance)
    mean[known], sd[known] = tried.reference_score + scale * told, scale * sd_of_told
    best[known] = _chances_of_best(tried.weights, gains, covariance, rng)
    incumbents = tried.weights[np.argsort(-gains, kind="stable")[:_INCUMBENTS]]
    pool = candidate_pool(tried, _POOL, rng, incumbents)
    near = divergences(pool, tried.weights, tried).min(axis=1) <= NEAR
    every = np.vstack([tried.weights, pool[near]])
    most = draws(*surface.joint_gains(every), _DRAWS, rng).max(axis=1)
    of_scores = fit_surface(history, of_scores=True)
    return Belief(mean, sd, best, most, *diagnostics(of_scores, rng))


def draws(
    mean: FloatArray, covariance: FloatArray, n: int, rng: np.random.Generator
) -> FloatArray:
    """Return n draws of a normal vector, float64 (n, m); the covariance may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    half = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(mean + rng.standard_normal((n, len(mean))) @ half.T, dtype=np.float64)


def _chances_of_best(
    weights: FloatArray, mean: FloatArray, covariance: FloatArray, rng: np.random.Generator
) -> FloatArray:
    _, first, mix_of_row = np.unique(
        np.round(weights, 9) + 0.0, axis=0, return_index=True, return_inverse=True
    )
    mix_of_row = mix_of_row.reshape(-1)
    drawn = draws(mean[first], covariance[np.ix_(first, first)], _DRAWS, rng)
    wins = np.bincount(drawn.argmax(axis=1), minlength=len(first)) / _DRAWS
    return np.asarray((wins / np.bincount(mix_of_row))[mix_of_row], dtype=np.float64)


def diagnostics(surface: Surface, rng: np.random.Generator) -> tuple[float, float]:
    """Return rank correlation and optimism of a surface out of fold; see :class:`Belief`."""
    history = surface.history
    searched = np.flatnonzero(~history.reference)
    if len(searched) < _FOLDS:
        return np.nan, np.nan
    predicted, seen = np.empty(len(history)), relative_gains(history)
    fold = rng.permutation(len(searched)) % _FOLDS
    for number in range(_FOLDS):
        held_out = np.zeros(len(history), dtype=np.bool_)
        held_out[searched[fold == number]] = True
        weights = history.weights[held_out]
        gains = surface.without(held_out).gains(weights)
        predicted[held_out] = surface.straight(weights, gains)
    predicted, seen = predicted[searched], seen[searched]
    top = np.argsort(-predicted, kind="stable")[: max(round(_TOP * len(searched)), 1)]
    return float(spearman(predicted, seen)), float((predicted - seen)[top].mean())
