"""What a search could still come to believe, once more mixes are measured."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from recbole_groupmix.core.search.gaussian_process import (
    FloatArray,
    Hyperparameters,
    Places,
    covariance,
)
from recbole_groupmix.core.search.surface import Surface, noise_of_users, places_of

#: Standard deviations above 0 at which a gain is believed in: with a probability of 95 %.
CERTAIN = 1.645
_JITTER = 1e-10
_START = (0.03, 3.0, 0.003)


def largest_certain(
    surface: Surface, candidates: FloatArray, n: int, rng: np.random.Generator
) -> FloatArray:
    """Return draws of the largest gain that will be believed in after candidates are measured.

    A gain is believed in where its posterior mean is `CERTAIN` posterior standard deviations above 0.
    The gains of tried mixes and of candidates are jointly normal with what measuring the candidates would
    show: the gain, the luck of the same users, and the nugget. The users' luck never averages out, so
    a gain that these users cannot show counts for nothing: no search on them could find it.

    Parameters
    ----------
    surface : Surface
        With the users' noise.
    candidates : array of float, shape (m, n_groups)
        Untried mixes.
    n : int
        Number of draws.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    array of float64, shape (n,)
        Relative to Proportional's score; 0 where there is none to believe in.
    """
    history, at = surface.history, surface.fitted.at
    n_tried, sizes = len(history), history.sizes
    every = np.vstack([history.weights, candidates])
    places = places_of(np.vstack([every, np.ones((1, len(sizes)))]), sizes)
    prior = covariance(places, places, at)
    luck = luck_of_users(surface, every)
    luck[np.diag_indices_from(luck)] += at.nugget**2 + _JITTER
    seen, more = slice(0, n_tried), slice(n_tried, len(every))
    # f: gains of every mix; g: what is measured, of the tried ones already
    of_gain = (
        prior[:-1, :-1] - prior[-1:, :-1]
    )  # cov(f_i, surface_j), f_i being relative to Proportional
    of_seen = cho_factor(prior[seen, seen] + luck[seen, seen], lower=True)
    mean, before = surface.joint_gains(every)
    with_more = of_gain[:, more] - of_gain[:, seen] @ cho_solve(
        of_seen, prior[seen, more] + luck[seen, more]
    )
    cross = prior[seen, more] + luck[seen, more]
    of_more = prior[more, more] + luck[more, more] - cross.T @ cho_solve(of_seen, cross)
    of_more[np.diag_indices_from(of_more)] += _JITTER
    values, vectors = np.linalg.eigh(of_more)
    kept = values > 1e-12 * values.max()
    half = with_more @ (vectors[:, kept] / np.sqrt(values[kept]))
    left = np.sqrt(np.maximum(np.diag(before) - (half**2).sum(axis=1), _JITTER))
    drawn = mean + rng.standard_normal((n, half.shape[1])) @ half.T
    return np.asarray(np.where(drawn > CERTAIN * left, drawn, 0.0).max(axis=1))


def luck_of_users(surface: Surface, weights: FloatArray) -> FloatArray:
    """Return the covariance of the users' luck between mixes, tried or not, float64 (n, n).

    A Matern covariance of one length-scale, of the difference to Proportional's luck, and a part of
    each mix alone, fitted to the users' differences by maximum likelihood: u users are u draws.
    """
    history = surface.history
    sizes, u = history.sizes, history.differences.shape[1]
    known = noise_of_users(history)
    other = np.flatnonzero(np.diag(known) > 0)
    if len(other) == 0:
        return np.zeros((len(weights), len(weights)))
    known = known[np.ix_(other, other)]
    reach = np.sqrt(np.diag(known).mean())

    def loss(theta: npt.NDArray[np.float64]) -> float:
        model = _luck(np.exp(theta), history.weights[other], sizes)
        factor = cho_factor(model, lower=True)
        spread = np.trace(cho_solve(factor, known)) / 2
        away = ((theta - start) ** 2).sum() / 2
        return float((u - 1) * (np.log(np.diag(factor[0])).sum() + spread) + away)

    start = np.log([reach, 3.0, 0.1 * reach])
    found = minimize(
        loss, start, method="Nelder-Mead", options={"maxiter": 80, "xatol": 0.02, "fatol": 0.1}
    )
    return _luck(np.exp(found.x), weights, sizes)


def _luck(parameters: FloatArray, weights: FloatArray, sizes: FloatArray) -> FloatArray:
    amplitude, length, own = parameters
    points = places_of(np.vstack([weights, np.ones((1, len(sizes)))]), sizes).points
    places = Places(points, np.zeros((len(points), 0)))
    at = Hyperparameters(float(amplitude), 0.0, np.full(points.shape[1], length))
    whole = covariance(places, places, at)
    of_difference = whole[:-1, :-1] - whole[:-1, -1:] - whole[-1:, :-1] + whole[-1, -1]
    is_reference = (np.abs(weights - 1) < 1e-9).all(axis=1)
    of_difference[np.diag_indices_from(of_difference)] += (
        np.where(is_reference, 0.0, own**2) + _JITTER
    )
    return np.asarray(of_difference)
