"""The Gaussian process with a known covariance of its noise."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from recbole_groupmix.surface.gaussian_process import (
    Hyperparameters,
    Places,
    condition,
    covariance,
    fit,
)


def places(points, basis=None):
    points = np.atleast_2d(np.asarray(points, dtype=float))
    return Places(points, np.zeros((len(points), 0)) if basis is None else np.asarray(basis))


def matern(r):
    return (1 + np.sqrt(5) * r + 5 * r**2 / 3) * np.exp(-np.sqrt(5) * r)


def test_the_posterior_of_two_points_is_the_formula():
    at = Hyperparameters(2.0, 0.5, np.array([3.0]))
    noise = np.array([[0.3, 0.2], [0.2, 0.4]])
    fitted = condition(places([[0.0], [1.5]]), np.array([1.0, -2.0]), noise, at)
    mean, variance = fitted.joint(places([[0.6]]))
    k = 4 * matern(np.array([0.6, 0.9]) / 3)  # to the new point
    a, b, c = 4 + 0.3 + 0.25, 4 * matern(0.5) + 0.2, 4 + 0.4 + 0.25
    inverse = np.array([[c, -b], [-b, a]]) / (a * c - b * b)
    assert mean == pytest.approx([k @ inverse @ [1.0, -2.0]], rel=1e-6)
    assert variance == pytest.approx(np.array([[4 - k @ inverse @ k]]), rel=1e-6)
    assert fitted.mean(places([[0.6]])) == pytest.approx(mean)


def test_noise_that_two_points_share_does_not_part_them():
    """Of two values with the same luck the difference is known, the level is not."""
    at = Hyperparameters(1.0, 1e-6, np.array([0.5]))
    two = places([[0.0], [5.0]])
    shared = condition(two, np.array([3.0, 1.0]), np.full((2, 2), 100.0), at)
    apart = condition(two, np.array([3.0, 1.0]), 100 * np.eye(2), at)
    mean = shared.mean(two)
    assert mean[0] - mean[1] == pytest.approx(2.0, abs=1e-3)
    assert np.abs(apart.mean(two)).max() < 0.05


def test_the_trend_goes_on_where_the_surface_has_ended():
    at = Hyperparameters(0.1, 1e-3, np.array([1.0]))
    line = np.arange(6.0)
    of_line = places(line[:, None], line[:, None])
    fitted = condition(of_line, 0.5 * line, np.zeros((6, 6)), at)
    assert fitted.mean(places([[40.0]], [[40.0]])) == pytest.approx([20.0], rel=0.02)


def test_the_fit_is_where_density_times_prior_is_largest():
    """No step of any hyperparameter is better: by scipy's density, without our gradient."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-3, 3, (25, 2))
    values = 0.1 * np.sin(points[:, 0]) + 0.01 * rng.standard_normal(25)
    noise = np.diag(rng.uniform(0, 1e-4, 25))
    fitted = fit(places(points), values, noise, 3.0)

    def density(theta):
        amplitude, nugget, *lengths = np.exp(theta)
        at = Hyperparameters(amplitude, nugget, np.array(lengths))
        total = covariance(places(points), places(points), at) + noise
        total += (nugget**2 + 1e-10) * np.eye(25)
        of_values = multivariate_normal(np.zeros(25), total).logpdf(values)
        of_lengths = np.full((2, 2), 0.7**2) + 0.5**2 * np.eye(2)
        prior = multivariate_normal(np.full(2, np.log(3.0)), of_lengths).logpdf(theta[2:])
        prior -= ((theta[0] - np.log(0.05)) / 0.7) ** 2 / 2
        return of_values + prior - (theta[1] - np.log(0.01)) ** 2 / 2

    best = np.log([fitted.at.amplitude, fitted.at.nugget, *fitted.at.lengths])
    for axis in range(4):
        for step in (-0.2, 0.2):
            assert density(best + step * np.eye(4)[axis]) < density(best) + 1e-3


def test_an_axis_without_effect_gets_the_longer_length():
    rng = np.random.default_rng(1)
    points = rng.uniform(-3, 3, (30, 2))
    fitted = fit(places(points), 0.1 * np.sin(points[:, 1]), np.zeros((30, 30)), 3.0)
    assert fitted.at.lengths[0] > 1.5 * fitted.at.lengths[1]


@pytest.mark.parametrize("n", [1, 2, 40])
def test_equal_places_and_values_can_be_fitted(n):
    fitted = fit(places(np.ones((n, 3))), np.zeros(n), np.zeros((n, n)), 3.0)
    mean, of_mean = fitted.joint(places(np.ones((2, 3))))
    assert np.isfinite(mean).all() and np.isfinite(of_mean).all()
