"""What a search believes: the posterior of tried mixes, chances, and diagnostics of the surface."""

from dataclasses import replace

import numpy as np
import pytest
from search_tables import GROUPS, N_USERS, less_of_a, table

from recbole_groupmix.surface.belief import belief, draws
from recbole_groupmix.surface.coordinates import box_draws, budgets_of
from recbole_groupmix.surface.history import History
from recbole_groupmix.surface.surface import bent, fit_surface, relative_gains, straight


def far_from_proportional(gain, luck, users, n=60, seed=3):
    """A table of draws from the whole box, in which small budgets gain."""
    rng = np.random.default_rng(seed)
    sizes = np.array([N_USERS[name] for name in GROUPS], dtype=float)
    weights = np.vstack([np.ones((1, 3)), box_draws(n - 1, rng, sizes)])
    gains = np.where(budgets_of(weights, sizes) < 0.15, gain, 0.0)
    taste = luck * rng.standard_normal((len(GROUPS), users))
    differences = 0.3 * (gains[:, None] + np.log((weights + 0.1) / 1.1) @ taste)
    scores = 0.3 + differences.mean(axis=1)
    return History(GROUPS, N_USERS, "t", weights, scores, differences, np.arange(n) == 0), gains


def test_a_gain_of_many_standard_errors_among_many_mixes_is_believed():
    """Most mixes gain nothing, which makes no luck of a gain of six standard errors."""
    history, gains = far_from_proportional(0.25, luck=0.18, users=222)
    found = belief(history)
    best = int(np.argmax(found.mean))
    errors = history.differences[best].std(ddof=1) / np.sqrt(222)
    assert history.differences[best].mean() / errors > 5
    assert gains[best] == 0.25
    believed = found.mean[best] / history.reference_score - 1
    assert 0.15 < believed < 0.3 and found.sd[best] / history.reference_score < 0.08
    assert found.chance_of_more(0.01) > 0.99


def test_luck_alone_far_from_proportional_is_not_believed():
    history, _ = far_from_proportional(0.0, luck=0.25, users=222)
    assert relative_gains(history).max() > 0.02  # which is what the luckiest scores
    found = belief(history)
    assert found.mean.max() / history.reference_score - 1 < 0.01
    assert np.argmax(found.mean) == 0


def test_a_mix_near_proportional_can_gain_little_and_proportional_nothing():
    history, _ = far_from_proportional(0.25, luck=0.25, users=222)
    surface = fit_surface(history)
    weights = np.array([[1.0, 1.0, 1.0], [1.02, 1.0, 0.99], [0.05, 0.05, 0.05]])
    _, covariance = surface.joint_gains(weights)
    sd = np.sqrt(np.diag(covariance))
    assert surface.gains(weights)[0] == 0 and sd[0] == 0
    assert 0 < sd[1] < 0.1 * sd[2]


def test_the_mean_of_lucky_scores_is_shrunk_and_of_certain_ones_not():
    lucky, certain = table(12, luck=1.0, users=30), table(12, less_of_a, luck=0.3, users=9000)
    for history, least, most in ((lucky, -0.5, 0.5), (certain, 0.8, 1.2)):
        found = belief(history)
        place = int(np.argmax(history.scores))
        share = (found.mean[place] / history.reference_score - 1) / relative_gains(history)[place]
        assert least <= share <= most
        assert (found.sd[1:] > 0).all() and found.sd[0] == pytest.approx(0, abs=1e-6)


def test_a_large_gain_is_likely_and_found_and_luck_alone_is_not():
    sure = belief(table(16, less_of_a, luck=0.1, users=200))
    assert sure.chance_of_more(0.01) > 0.95
    assert sure.chance_of_more(0.9) < 0.05
    flat = belief(table(16, luck=0.02, users=200))
    assert flat.chance_of_more(0.01) < 0.05


def test_the_best_mix_is_most_probably_the_best_and_equal_mixes_share():
    history = table(10, less_of_a, luck=0.02)
    found = belief(history)
    assert found.best.sum() == pytest.approx(1)
    best = int(np.argmax(history.scores))
    assert np.argmax(found.best) == best
    twice = history.rows(np.r_[np.arange(10), best])
    of_twice = belief(twice).best
    assert of_twice[best] == of_twice[10] == pytest.approx(found.best[best] / 2, abs=0.1)


def test_belief_depends_on_table_and_seed_alone():
    history = table(9, less_of_a, luck=0.3)
    first, again, other = belief(history, 4), belief(history, 4), belief(history, 5)
    np.testing.assert_array_equal(first.most, again.most)
    np.testing.assert_array_equal(first.best, again.best)
    assert (first.most != other.most).any()
    np.testing.assert_allclose(first.mean, other.mean)


@pytest.mark.parametrize("n", [1, 2, 3, 6, 120])
def test_tables_of_any_length_and_with_equal_scores(n):
    found = belief(table(n))
    assert np.isfinite(found.mean).all() and (found.sd >= 0).all()
    assert found.best.sum() == pytest.approx(1)
    assert 0 <= found.chance_of_more(0.01) <= 1
    assert np.isnan(found.optimism) == (n < 6)


def test_diverged_rows_are_left_out():
    history = table(9, less_of_a)
    scores, differences = history.scores.copy(), history.differences.copy()
    scores[3], differences[3] = np.nan, np.nan
    found = belief(replace(history, scores=scores, differences=differences))
    assert np.isnan(found.mean[3]) and np.isnan(found.sd[3]) and found.best[3] == 0
    rest = belief(history.rows(np.arange(9) != 3))
    np.testing.assert_allclose(np.delete(found.mean, 3), rest.mean)


def test_one_group_one_user_and_scores_of_zero():
    weights = np.array([[1.0], [0.0], [0.3], [2.0], [4.0]])
    differences = np.zeros((5, 1))
    reference = np.arange(5) == 0
    history = History(("b",), {"a": 3, "b": 5}, "a", weights, np.zeros(5), differences, reference)
    found = belief(history)
    assert np.isfinite(found.mean).all() and found.best.sum() == pytest.approx(1)


def test_repeats_of_proportional_show_the_noise_of_training():
    history = table(8)
    rows = history.rows([0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7])
    shift = 0.3 * np.array([0.02, -0.02, 0.02, -0.02, *np.zeros(7)])
    noisy = replace(
        rows, scores=rows.scores + shift, differences=rows.differences + shift[:, None]
    )
    assert fit_surface(noisy).fitted.at.nugget > 0.008 > fit_surface(rows).fitted.at.nugget


def test_losses_are_bent_and_come_back():
    gains = np.array([-0.5, -0.02, -1e-6, 0.0, 0.1])
    assert (np.diff(bent(gains, 0.02)) > 0).all() and bent(gains, 0.02)[0] > -0.07
    np.testing.assert_array_equal(bent(gains, 0.02)[3:], gains[3:])
    np.testing.assert_allclose(straight(bent(gains, 0.02), 0.02), gains, rtol=1e-9)


def test_large_losses_make_no_large_gain_likely():
    def uneven(weights):
        return -0.3 * np.log((weights.max(axis=1) + 0.1) / (weights.min(axis=1) + 0.1)) / 3

    history = table(14, uneven, luck=0.02)
    assert relative_gains(history).min() < -0.2
    assert belief(history).chance_of_more(0.03) < 0.1


def test_out_of_fold_correlation_sees_a_surface_and_no_noise():
    assert belief(table(30, less_of_a)).rank_correlation > 0.8
    rng = np.random.default_rng(2)
    history = table(8)  # few enough for the surface to go through all scores that it has seen
    scores = history.scores + np.where(history.reference, 0, 0.03 * rng.standard_normal(8))
    assert belief(replace(history, scores=scores)).rank_correlation < 0.5


def test_draws_of_a_singular_covariance_have_its_moments():
    half = np.array([[1.0], [2.0]])
    drawn = draws(np.array([5.0, 0.0]), half @ half.T, 4000, np.random.default_rng(0))
    np.testing.assert_allclose(2 * (drawn[:, 0] - 5), drawn[:, 1], atol=1e-6)
    assert drawn[:, 1].std() == pytest.approx(2, rel=0.05)
