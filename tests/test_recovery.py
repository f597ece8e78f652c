"""Matrix completion in the laboratory: the estimator, its error, and the radius."""

import numpy as np
import pytest
from scipy.stats import binom
from theory.recovery import (
    _CHUNK,
    radius,
    stylised_truth,
    subspace_errors,
    true_subspace,
    whole_users,
)

ITEM_CLASS = np.arange(30) % 3


def by_projections(observed, vectors):
    """Eq. 2 and Eq. 3 to the letter."""
    d = vectors.shape[1]
    right = np.linalg.svd(observed)[2][:d].T
    return np.linalg.norm(right @ right.T - vectors @ vectors.T) ** 2


@pytest.mark.parametrize("sizes", [(8, 6, 5), (20, 15, 10)])  # fewer users than items, and more
def test_equals_eq_2_and_eq_3(sizes):
    truth = stylised_truth(sizes, ITEM_CLASS)
    vectors = true_subspace(truth, 3)
    weights = np.linspace(0.5, 2, len(truth))
    found = subspace_errors(truth, 0.6, vectors, 5, seed=3, weights=weights)
    for draw, error in enumerate(found):
        rng = np.random.default_rng(np.random.SeedSequence([0x6C6162, 3, draw]))
        seen = rng.random(truth.shape) < 0.6
        observed = truth * seen * np.sqrt(weights)[:, None] / 0.6  # dividing by p changes nothing
        assert error == pytest.approx(by_projections(observed, vectors), abs=1e-9)


def test_all_entries_observed_recover_the_subspace():
    truth = stylised_truth([4, 3, 2], ITEM_CLASS)
    vectors = true_subspace(truth, 3)
    np.testing.assert_allclose(subspace_errors(truth, 1.0, vectors, 2), 0, atol=1e-12)
    # the subspace is spanned by the classes' indicators
    indicators = (np.arange(3)[:, None] == ITEM_CLASS).astype(float) / np.sqrt(10)
    np.testing.assert_allclose(vectors @ vectors.T, indicators.T @ indicators, atol=1e-12)


def test_a_class_without_users_costs_one_direction():
    # V has 2 of the 3 directions, and its third belongs to no singular value: 2 * 3 - 2 * 2
    truth = stylised_truth([4, 3, 0], ITEM_CLASS)
    vectors = true_subspace(stylised_truth([1, 1, 1], ITEM_CLASS), 3)
    np.testing.assert_allclose(subspace_errors(truth, 1.0, vectors, 1), 2)


def test_more_observations_and_more_users_help():
    vectors = true_subspace(stylised_truth([1, 1, 1], ITEM_CLASS), 3)

    def mean(n_users, p):
        truth = stylised_truth([n_users] * 3, ITEM_CLASS)
        return subspace_errors(truth, p, vectors, 40).mean()

    assert mean(8, 0.8) < mean(8, 0.5) < mean(8, 0.3)
    assert mean(16, 0.5) < mean(8, 0.5) < mean(4, 0.5)


def test_a_draw_depends_on_its_number_alone():
    truth = stylised_truth([5, 5, 5], ITEM_CLASS)
    vectors = true_subspace(truth, 3)
    few, many = (subspace_errors(truth, 0.5, vectors, n, seed=1) for n in (3, 9))
    np.testing.assert_array_equal(many[:3], few)
    assert len(set(many)) == 9
    assert (subspace_errors(truth, 0.5, vectors, 3, seed=2) != few).all()


def test_chunks_change_nothing(monkeypatch):
    truth = stylised_truth([5, 5, 5], ITEM_CLASS)
    vectors = true_subspace(truth, 3)
    whole = subspace_errors(truth, 0.5, vectors, 7)
    assert 7 * truth.size < _CHUNK
    monkeypatch.setattr("theory.recovery._CHUNK", 2 * truth.size)
    np.testing.assert_allclose(subspace_errors(truth, 0.5, vectors, 7), whole, atol=1e-12)


@pytest.mark.parametrize(
    ("exact", "whole"),
    [
        ([1.5, 2.5, 4.0], [2, 2, 4]),  # the sum is 8; the first of equal remainders goes up
        ([0.2, 0.3, 0.5], [0, 0, 1]),
        ([3.0, 4.0], [3, 4]),
        ([2.9999999999, 1.0], [3, 1]),  # rounding of sums leaves such numbers
    ],
)
def test_whole_users(exact, whole):
    assert whole_users(exact).tolist() == whole


def test_the_radius_and_its_interval():
    errors = np.arange(1.0, 1001) ** 2  # roots 1 to 1000
    found = radius(errors)
    assert found.value == pytest.approx(950.05)  # numpy's 0.95 quantile: 1 + .95 * 999
    # the number of values below the true quantile is binomial(1000, .95)
    ranks = binom(1000, 0.95)
    inside = ranks.cdf(found.high - 1) - ranks.cdf(found.low - 1)
    assert 0.95 <= inside < 0.97


def test_the_interval_covers():
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(400):
        found = radius(rng.random(200) ** 2)  # roots are uniform: the quantile .9 is .9
        found = radius(rng.random(200) ** 2, quantile=0.9)
        covered += found.low <= 0.9 <= found.high
    # 400 * .95 = 380 expected, standard deviation 4.4; the interval is somewhat too wide
    assert 366 <= covered <= 398


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"p": 0}, "p is 0"),
        ({"p": 1.2}, r"p is 1\.2"),
        ({"repeats": 0}, "repeats is 0"),
        ({"seed": -1}, "seed -1"),
        ({"weights": [1.0]}, r"weights have shape \(1,\)"),
        ({"weights": [-1.0] * 15}, "least value -1"),
        ({"truth": np.ones((5, 7))}, r"truth has shape \(5, 7\)"),
    ],
)
def test_bad_input(change, message):
    truth = stylised_truth([5, 5, 5], ITEM_CLASS)
    given = {"truth": truth, "p": 0.5, "target_vectors": true_subspace(truth, 3), "repeats": 1}
    with pytest.raises(ValueError, match=message):
        subspace_errors(**{**given, **change})


def test_other_bad_input():
    with pytest.raises(ValueError, match=r"d is 4, but .* rank 3"):
        true_subspace(stylised_truth([1, 1, 1], ITEM_CLASS), 4)
    with pytest.raises(ValueError, match=r"prevalence is \[-1\.0\]"):
        whole_users([-1])
    with pytest.raises(ValueError, match="20 draws are too few"):
        radius(np.ones(20))
    with pytest.raises(ValueError, match="quantile is 1"):
        radius(np.ones(20), quantile=1)
