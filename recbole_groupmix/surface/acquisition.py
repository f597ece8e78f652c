"""Which of many candidates a wave tries next: expected improvement, one after another."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from recbole_groupmix.surface.coordinates import candidate_pool
from recbole_groupmix.surface.gaussian_process import FloatArray
from recbole_groupmix.surface.history import History
from recbole_groupmix.surface.surface import Surface, fit_surface

_POOL, _INCUMBENTS = 1000, 5
_TINY = 1e-12


def most_promising(history: History, n: int, rng: np.random.Generator) -> FloatArray:
    """Return the weights of the n mixes to try next by the surface, float64 (n, n_groups).

    Parameters
    ----------
    history : History
        What was tried.
    n : int
        Number of mixes.
    rng : numpy.random.Generator
        Source of randomness.
    """
    surface = fit_surface(history, of_scores=True)
    pool = pool_near_the_best(history, surface, n, rng)
    return pool[choose_batch(surface, pool, n)]


def pool_near_the_best(
    history: History, surface: Surface, n: int, rng: np.random.Generator
) -> FloatArray:
    """Return candidates for n mixes, float64 (m, n_groups): draws, and mixes near the best ones.

    Parameters
    ----------
    history : History
        What was tried.
    surface : Surface
        Of its scores.
    n : int
        Number of mixes that are wanted.
    rng : numpy.random.Generator
        Source of randomness.
    """
    tried = surface.history.weights
    order = np.argsort(-surface.gains(tried), kind="stable")
    return candidate_pool(history, max(_POOL, 4 * n), rng, tried[order[:_INCUMBENTS]])


def choose_batch(surface: Surface, pool: FloatArray, n: int) -> list[int]:
    """Return the places in a pool of n mixes that together promise the most improvement.

    The first has the largest expected improvement over the best posterior mean of the tried mixes
    (so that a lucky score is not what has to be beaten). Each further one is chosen as if those before
    it had been measured and had scored their posterior means (the "kriging believer" of Ginsbourger et al.).

    Parameters
    ----------
    surface : Surface
        Of the scores.
    pool : array of float, shape (m, n_groups)
        Candidates.
    n : int
        Number of mixes; all candidates where there are fewer.
    """
    tried = surface.history.weights
    mean, covariance = surface.joint_gains(np.vstack([tried, pool]))
    best, open_ = float(mean[: len(tried)].max()), np.ones(len(mean), dtype=np.bool_)
    open_[: len(tried)] = False
    chosen: list[int] = []
    for _ in range(min(n, len(pool))):
        sd = np.sqrt(np.maximum(np.diag(covariance), _TINY))
        better = (mean - best) / sd
        log_gain = np.log(sd) + _log_expected_excess(better)
        place = int(np.argmax(np.where(open_, log_gain, -np.inf)))
        chosen.append(place - len(tried))
        open_[place] = False
        best = max(best, float(mean[place]))
        column = covariance[:, place]
        covariance = covariance - np.outer(column, column) / (column[place] + _TINY)
    return chosen


def _log_expected_excess(u: FloatArray) -> FloatArray:
    """Return ``log(phi(u) + u Phi(u))``, far below 0 by its expansion ``phi(u) / u^2``."""
    far = u < -6
    near = np.where(far, 0.0, u)
    excess = np.log(norm.pdf(near) + near * norm.cdf(near))
    below = np.where(far, u, -6.0)
    return np.asarray(np.where(far, norm.logpdf(below) - 2 * np.log(-below), excess))
