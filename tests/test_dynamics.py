"""Fit of groups under repeated recommendation: printed cells, brute force, and what the theory says."""

import numpy as np
import pytest
from fit_dynamics import (
    SCORES,
    SELF_IMPACT,
    chapter_system,
    falls_with_strength,
    farthest_start,
    gap_rises,
    rates_at_equilibrium,
    reproduced,
    theorem_4,
)
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from recbole_groupmix.core.dynamics.equilibrium import System, equilibrium
from recbole_groupmix.core.dynamics.fit_states import fit_rates, joint_states, next_states
from recbole_groupmix.core.dynamics.policies import POLICIES
from recbole_groupmix.core.dynamics.scores import Scores
from recbole_groupmix.core.dynamics.transitions import compound, cross_impact

rate = st.floats(0.01, 0.99)
probabilities = st.lists(st.floats(0, 1), min_size=16, max_size=16).map(np.array)


def test_all_printed_cells():
    cells = reproduced()
    off = (cells["published"] - cells["ours"]).abs()
    assert len(cells) == 324 and cells["source"].nunique() == 4
    assert off.max() < 6e-5  # they are printed to four places


# --- policies: the best of many thresholds ---------------------------------------------------------


def utility(thetas, rates, shares, break_even):
    """Mean of 1 - c for a fit and -c for a misfit who is recommended."""
    gains = 0.0
    for theta, alpha, share in zip(thetas, rates, shares, strict=True):
        fit, misfit = (1 - ndtr((theta - mean) / 5) for mean in (5, -5))
        gains += share * ((1 - break_even) * alpha * fit - break_even * (1 - alpha) * misfit)
    return gains


@pytest.mark.parametrize("break_even", [0.5, 0.3])
def test_policies_are_the_best_of_many(break_even):
    rates, shares = np.array([0.3, 0.6]), np.array([0.25, 0.75])
    grid = np.linspace(-25, 25, 20_001)
    accepted = [
        alpha * (1 - ndtr((grid - 5) / 5)) + (1 - alpha) * (1 - ndtr((grid + 5) / 5))
        for alpha in rates
    ]
    # second group's threshold of equal acceptance, for every threshold of the first
    partner = np.interp(-accepted[0], -accepted[1], grid)
    best = {
        "DP": max(
            range(len(grid)), key=utility([grid, partner], rates, shares, break_even).__getitem__
        ),
        "EqOpt": max(
            range(len(grid)), key=utility([grid, grid], rates, shares, break_even).__getitem__
        ),
    }
    single = [int(np.argmax(utility([grid], [alpha], [1.0], break_even))) for alpha in rates]
    expected = {
        "UN": grid[single],
        "DP": [grid[best["DP"]], partner[best["DP"]]],
        "EqOpt": [grid[best["EqOpt"]]] * 2,
    }
    for name, policy in POLICIES.items():
        found = policy(rates, shares, SCORES[0], break_even)
        np.testing.assert_allclose(
            found, expected[name], atol=0.006
        )  # the grid's steps are 0.0025


@given(st.tuples(rate, rate, rate), st.floats(0.05, 0.95), st.floats(1.5, 20))
def test_demographic_parity_solves_its_two_conditions(rates, break_even, sd):
    scores, shares, rates = Scores(-2, 5, sd), np.array([0.2, 0.3, 0.5]), np.array(rates)
    theta = POLICIES["DP"](rates, shares, scores, break_even)
    accepted = scores.accepted(theta, rates)
    assert np.ptp(accepted) < 1e-9
    if 1e-9 < accepted[0] < 1 - 1e-9:  # else hardly anybody is told apart
        assert shares @ scores.posterior(theta, rates) == pytest.approx(break_even, abs=1e-6)


def test_the_posterior_is_bayes_rule_and_score_of_its_inverse():
    scores, x, alpha = Scores(1, 4, 2), 3.2, 0.3
    fit, misfit = (np.exp(-(((x - mean) / 2) ** 2) / 2) for mean in (4, 1))
    gamma = alpha * fit / (alpha * fit + (1 - alpha) * misfit)
    assert scores.posterior(x, alpha) == pytest.approx(gamma)
    assert scores.score_of(gamma, alpha) == pytest.approx(x)


def test_policies_agree_where_groups_do():
    rates, shares = np.full(2, 0.37), np.array([0.5, 0.5])
    found = [policy(rates, shares, SCORES[1], 0.5) for policy in POLICIES.values()]
    np.testing.assert_allclose(found, found[0][0], atol=1e-9)


# --- one step -------------------------------------------------------------------------------------


@given(st.floats(-1, 1))
def test_compound_is_either_order_of_two_changes(strength):
    own, cross = SELF_IMPACT[0], cross_impact(strength)
    chain = {0: own, 1: cross}
    for y, d, other in np.ndindex(2, 2, 2):
        expected = 0.0
        for order in ((0, 1), (1, 0)):
            fits = float(y)
            for change in order:
                decision = (d, other)[change]
                fits = fits * chain[change][1, decision] + (1 - fits) * chain[change][0, decision]
            expected += fits / 2
        assert compound(own, cross)[y, d, other] == pytest.approx(expected, abs=1e-12)


def test_without_cross_impact_only_the_own_decision_matters():
    both = compound(SELF_IMPACT, cross_impact(0.0))
    np.testing.assert_allclose(both, np.broadcast_to(SELF_IMPACT[..., None], both.shape))


@given(rate, rate, st.floats(0, 1), st.floats(-15, 15), st.floats(-15, 15), probabilities)
def test_fit_rates_follow_the_recursion_of_the_dissertation(
    j, k, between, theta_j, theta_k, drawn
):
    """Eq. 5.3 and 5.5 for j, from alpha, beta and lambda."""
    low = max(0.0, j + k - 1)
    beta = low + between * (min(j, k) - low)
    T = drawn.reshape(2, 2, 2, 2)
    below_j, below_k = SCORES[0].rejected(theta_j), SCORES[1].rejected(theta_k)
    after = 0.0
    for y, weight, fits_k in ((0, 1 - j, (k - beta) / (1 - j)), (1, j, beta / j)):
        no_k = (1 - fits_k) * below_k[0] + fits_k * below_k[1]
        for d, d_other in np.ndindex(2, 2):
            chance = (below_j[y], 1 - below_j[y])[d] * (no_k, 1 - no_k)[d_other]
            after += weight * T[0, y, d, d_other] * chance
    states = next_states(joint_states(j, k, beta), np.stack([below_j, below_k]), T)
    assert fit_rates(states)[0] == pytest.approx(after, abs=1e-9)
    assert states.sum() == pytest.approx(1.0)


def test_a_step_is_what_happens_to_many_users():
    n, rng = 200_000, np.random.default_rng(4)
    system = chapter_system("DP,EqOpt", -0.5, 0.75)
    states = joint_states([0.3, 0.6], [0.4, 0.5], [0.2, 0.25])
    thresholds, after = system.thresholds(states), system.step(states)
    for group in (0, 1):
        state = np.divmod(rng.choice(4, n, p=states[group].ravel()), 2)
        scores = [
            rng.normal(np.where(state[i], s.fit, s.unfit), s.sd) for i, s in enumerate(SCORES)
        ]
        chosen = [(scores[i] >= thresholds[group, i]).astype(int) for i in (0, 1)]
        T = system.transitions[group]
        fits = [rng.random(n) < T[i, state[i], chosen[i], chosen[1 - i]] for i in (0, 1)]
        for y in np.ndindex(2, 2):
            share = ((fits[0] == y[0]) & (fits[1] == y[1])).mean()
            p = after[group][y]
            assert abs(share - p) < 4 * np.sqrt(p * (1 - p) / n)


# --- equilibria -----------------------------------------------------------------------------------


def test_one_category_alone_by_hand():
    """Without cross impact and constraints a group in a category is a line of one number."""
    for group, category in np.ndindex(2, 2):
        mean, T, alpha = (5, 3)[category], SELF_IMPACT[group], 0.5
        for _ in range(2000):
            theta = 25 / (2 * mean) * np.log((1 - alpha) / alpha)
            no = ndtr((theta + mean) / 5), ndtr((theta - mean) / 5)
            kept = [T[y, 0] * no[y] + T[y, 1] * (1 - no[y]) for y in (0, 1)]
            alpha = kept[0] * (1 - alpha) + kept[1] * alpha
        assert rates_at_equilibrium("UN,UN")[4, 4, group, category] == pytest.approx(
            alpha, abs=1e-8
        )


@pytest.mark.parametrize("policies", ["UN,UN", "DP,EqOpt"])
def test_starts_do_not_matter(policies):
    assert farthest_start(policies) < 1e-6


@pytest.mark.parametrize("fair", ["DP", "EqOpt"])
def test_a_fair_policy_beside_an_unconstrained_one(fair):
    assert theorem_4(fair) == (0, 162)
    assert gap_rises("UN", fair) == 0


@pytest.mark.parametrize("policies", ["UN,UN", "DP,UN", "EqOpt,EqOpt"])
def test_larger_probabilities_make_larger_fit_rates(policies):
    """Theorem 3, for each of the 16 probabilities of one group in one category."""
    grid = np.array([-0.75, -0.25, 0.5])
    system = chapter_system(policies, grid[:, None], grid[None, :])
    cross = cross_impact(np.stack(np.broadcast_arrays(grid[:, None], grid), axis=-1))
    start = joint_states(np.full((3, 3, 2), 0.5), 0.5, 0.25)
    before = equilibrium(system, start)
    for of_cross, y, d in np.ndindex(2, 2, 2):
        impacts = [np.broadcast_to(SELF_IMPACT, cross.shape).copy(), cross.copy()]
        impacts[of_cross][..., 0, y, d] += 0.01
        raised = impacts[of_cross] <= 1
        transitions = system.transitions.copy()
        transitions[..., 0, 0, :, :, :] = compound(*(i.clip(0, 1) for i in impacts))[
            ..., 0, :, :, :
        ]
        after = equilibrium(System(SCORES, system.policies, transitions, system.shares), before)
        change = (fit_rates(after) - fit_rates(before))[..., 0, 0]
        assert (change[raised[..., 0, y, d]] > 1e-6).all()


def test_cross_impact_on_both_categories_can_lower_a_fit_rate():
    """What the dissertation says of fair policies as well holds for unconstrained ones alone."""
    assert falls_with_strength("UN,UN") == []
    assert falls_with_strength("DP,UN")


# --- bad input ------------------------------------------------------------------------------------


def of_groups(shares=(0.5, 0.5), policies=("UN", "UN"), **others):
    return System(
        SCORES, policies, chapter_system("UN,UN", 0, 0).transitions, np.array(shares), **others
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Scores(1, 1, 1), "unfit < fit and sd > 0"),
        (lambda: Scores(0, float("nan"), 1), "not finite"),
        (lambda: cross_impact(1.5), "strength holds 1.5"),
        (lambda: compound(np.ones((2, 3)), np.ones((2, 2))), r"self_impact has shape \(2, 3\)"),
        (lambda: compound(np.full((2, 2), -0.1), np.ones((2, 2))), "self_impact holds -0.1"),
        (lambda: joint_states(0.5, 0.5, 0.6), "0.5 and 0.5 cannot have the joint rate 0.6"),
        (lambda: of_groups(policies=("UN", "EO")), "'EO' is unknown; choose from UN, DP, EqOpt"),
        (lambda: of_groups(shares=(0.5, 0.6)), "shares sums to 1.1"),
        (lambda: of_groups(shares=(0.2, 0.3, 0.5)), "transitions has shape"),
        (lambda: of_groups(break_even=1.0), "break_even is 1.0"),
        (lambda: of_groups().step(joint_states([0, 0.5], 0.5, 0)), "fit rate 0 or 1"),
        (lambda: equilibrium(of_groups(), joint_states([0.9, 0.5], 0.5, 0.4), most_steps=2), "after 2 steps"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
