"""A Gaussian process with a known covariance of its noise: Matern 5/2, a length-scale for each axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

FloatArray = npt.NDArray[np.float64]

#: Prior of log amplitude and of log nugget: mean and standard deviation.
AMPLITUDE_PRIOR, NUGGET_PRIOR = (np.log(0.05), 0.7), (np.log(0.01), 1.0)
#: Prior of log length-scales: standard deviation of what all share, and of each one's own.
SHARED_SD, OWN_SD = 0.7, 0.5
_JITTER = 1e-10  # variance that is added to the diagonal
_MOST_STEPS = 60


@dataclass(frozen=True, eq=False)
class Places:
    """Where a surface is looked at.

    Attributes
    ----------
    points : array of float64, shape (n, n_axes)
        On the axes of the Matern kernel.
    basis : array of float64, shape (n, n_terms)
        Terms of the trend, each times the standard deviation of its coefficient's prior.
    """

    points: FloatArray
    basis: FloatArray

    def __getitem__(self, which: npt.NDArray[np.bool_] | slice) -> Places:
        """Return some of the places."""
        return Places(self.points[which], self.basis[which])


@dataclass(frozen=True)
class Hyperparameters:
    """What the kernel depends on.

    Attributes
    ----------
    amplitude : float
        Standard deviation of the surface.
    nugget : float
        Standard deviation of the noise that is independent from row to row.
    lengths : array of float64, shape (n_axes,)
        Length-scale of each axis.
    """

    amplitude: float
    nugget: float
    lengths: FloatArray


@dataclass(frozen=True, eq=False)
class Fitted:
    """A Gaussian process after its data were seen.

    Attributes
    ----------
    at : Hyperparameters
        The most probable ones.
    places : Places
        Where values were seen, n of them.
    values : array of float64, shape (n,)
        The values.
    noise : array of float64, shape (n, n)
        Known covariance of their noise.
    factor : tuple
        Cholesky factor of their covariance, noise included.
    solved : array of float64, shape (n,)
        That covariance's inverse times the values.
    """

    at: Hyperparameters
    places: Places
    values: FloatArray
    noise: FloatArray
    factor: tuple[FloatArray, bool]
    solved: FloatArray

    def mean(self, places: Places) -> FloatArray:
        """Return the posterior mean of the surface at m places, float64 (m,)."""
        return np.asarray(self._cross(places) @ self.solved, dtype=np.float64)

    def joint(self, places: Places) -> tuple[FloatArray, FloatArray]:
        """Return the posterior mean (m,) and covariance (m, m) of the surface at places."""
        cross = self._cross(places)
        lower = np.tril(self.factor[0])
        half = solve_triangular(lower, cross.T, lower=True, check_finite=False)
        prior = covariance(places, places, self.at)
        return np.asarray(cross @ self.solved), np.asarray(prior - half.T @ half)

    def of_rows(self, kept: npt.NDArray[np.bool_]) -> Fitted:
        """Return the process of the same hyperparameters after some of the values, bool (n,), alone."""
        noise = self.noise[np.ix_(kept, kept)]
        return condition(self.places[kept], self.values[kept], noise, self.at)

    def _cross(self, places: Places) -> FloatArray:
        return covariance(places, self.places, self.at)


def covariance(left: Places, right: Places, at: Hyperparameters) -> FloatArray:
    """Return the prior covariance of trend and surface between places, float64 (n, m)."""
    root = np.sqrt(5.0 * _squares(left.points, right.points, at.lengths))
    matern = at.amplitude**2 * (1 + root + root**2 / 3) * np.exp(-root)
    return np.asarray(left.basis @ right.basis.T + matern)


def _squares(left: FloatArray, right: FloatArray, lengths: FloatArray) -> FloatArray:
    a, b = left / lengths, right / lengths
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T
    return np.asarray(np.maximum(squares, 0.0), dtype=np.float64)


def fit(
    places: Places,
    values: FloatArray,
    noise: FloatArray,
    length: float,
    *,
    nugget: tuple[float, float] = NUGGET_PRIOR,
) -> Fitted:
    """Fit the hyperparameters by the most probable ones, and condition on the values.

    The values are a trend, a surface, noise of a known covariance, and a nugget: ``K = B B' + s^2 M(r) +
    noise + t^2 I``. Minus the log marginal likelihood and weak log-normal
    priors are minimised by L-BFGS with the exact gradient.

    Parameters
    ----------
    places : Places
        Where values were seen, n >= 1.
    values : array of float, shape (n,)
        What was seen, on the scale of effect sizes.
    noise : array of float, shape (n, n)
        Covariance of the noise; positive semidefinite, may be singular or 0.
    length : float
        Median of the prior of the length-scales.
    nugget : tuple of two float
        Mean and standard deviation of the prior of the logarithm of the nugget.
    """
    points, trend = places.points, places.basis @ places.basis.T
    n_axes = points.shape[1]
    medians = np.r_[AMPLITUDE_PRIOR[0], nugget[0], np.full(n_axes, np.log(length))]
    of_lengths = np.full((n_axes, n_axes), SHARED_SD**2) + OWN_SD**2 * np.eye(n_axes)
    precision = np.zeros((2 + n_axes, 2 + n_axes))
    precision[0, 0], precision[1, 1] = AMPLITUDE_PRIOR[1] ** -2, nugget[1] ** -2
    precision[2:, 2:] = np.linalg.inv(of_lengths)
    axes = (points[:, None, :] - points[None, :, :]) ** 2

    def loss(theta: FloatArray) -> tuple[float, FloatArray]:
        at = _unpack(theta)
        scaled = axes / at.lengths**2
        r = np.sqrt(scaled.sum(axis=2))
        root, decay = np.sqrt(5.0) * r, np.exp(-np.sqrt(5.0) * r)
        surface = at.amplitude**2 * (1 + root + root**2 / 3) * decay
        total = _total(trend + surface, noise, at)
        factor = cho_factor(total, lower=True, check_finite=False)
        solved = cho_solve(factor, values, check_finite=False)
        inverse = cho_solve(factor, np.eye(len(values)), check_finite=False)
        outer = 0.5 * (inverse - np.outer(solved, solved))
        # d Matern / d log l_k = s^2 5/3 (1 + root) e^-root d_k^2 / l_k^2
        by_square = outer * (at.amplitude**2 * 5 / 3 * (1 + root) * decay)
        gradient = np.r_[
            2 * (outer * surface).sum(),
            2 * at.nugget**2 * np.trace(outer),
            np.einsum("ij,ijk->k", by_square, scaled),
        ]
        away = precision @ (theta - medians)
        value = 0.5 * values @ solved + np.log(np.diag(factor[0])).sum()
        return float(value + 0.5 * (theta - medians) @ away), gradient + away

    bounds = [(middle - 5, middle + 5) for middle in medians]
    options = {"maxiter": _MOST_STEPS}
    found = minimize(loss, medians, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return condition(places, values, noise, _unpack(found.x))


def condition(
    places: Places, values: FloatArray, noise: FloatArray, at: Hyperparameters
) -> Fitted:
    """Return the process of given hyperparameters after values were seen; see :func:`fit`."""
    total = _total(covariance(places, places, at), noise, at)
    factor = cho_factor(total, lower=True, check_finite=False)
    return Fitted(at, places, values, noise, factor, cho_solve(factor, values, check_finite=False))


def _total(surface: FloatArray, noise: FloatArray, at: Hyperparameters) -> FloatArray:
    total = surface + noise
    total[np.diag_indices_from(total)] += at.nugget**2 + _JITTER
    return total


def _unpack(theta: FloatArray) -> Hyperparameters:
    amplitude, nugget = np.exp(theta[:2])
    return Hyperparameters(float(amplitude), float(nugget), np.exp(theta[2:]))
