"""Rules that turn losses into weights: worked values, a solver, and what holds for any losses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from recbole_groupmix.core.schedule import Schedule
from recbole_groupmix.core.weight_rules import (
    Adaptive,
    GroupDRO,
    group_dro,
    loss_change,
    paper_weights,
    water_filling,
)

LOSSES = st.lists(st.floats(-5, 5), min_size=1, max_size=12)
ALPHAS = st.floats(1e-3, 10)


def _counted(draw):
    losses = draw(LOSSES)
    counts = st.lists(st.integers(1, 50), min_size=len(losses), max_size=len(losses))
    return np.array(losses), np.array(draw(counts))


counted = st.composite(_counted)()


def test_worked_values():
    # prefixes of (3, 2, 1, 0): lambda_k = (sum - 2 a N) / k = 1, 1.5, 4/3, 1; the largest k with
    # l_k > lambda_k is 2, so w = (l - 1.5) / .5 = (3, 1)
    np.testing.assert_allclose(water_filling([3, 2, 1, 0], 0.25), [3, 1, 0, 0], atol=1e-12)
    # the printed lambda is the mean minus 2 a, 1.5 - .5 = 1: w = (l - 1) / .5, with sum 6, not 4
    np.testing.assert_allclose(paper_weights([3, 2, 1, 0], 0.25), [4, 2, 0, 0], atol=1e-12)
    # a = 2: lambda = (6 - 16) / 4 = -2.5 in both, w = (l + 2.5) / 4
    wanted = [1.375, 1.125, 0.875, 0.625]
    for rule in (water_filling, paper_weights):
        np.testing.assert_allclose(rule([3, 2, 1, 0], 2.0), wanted, atol=1e-12)
    # order kept: prefixes of (.5, .3, .1, 0, -.2) give lambda 0, .15, 2/15, .1, ...; k = 2 is the
    # largest whose loss lies above, w = (l - .15) / .1
    losses = [0.5, 0.1, -0.2, 0.0, 0.3]
    np.testing.assert_allclose(water_filling(losses, 0.05), [3.5, 0, 0, 0, 1.5], atol=1e-12)
    # mean .14, lambda .04: w = (4.6, .6, 0, 0, 2.6), whose sum is 7.8 for five users
    assert paper_weights(losses, 0.05).sum() == pytest.approx(7.8)


def test_groups_are_users_who_share_a_loss():
    # (20 + 30 + 30 - 50) / 100 = .3: w = (L - .3) / .5
    n, losses = np.array([10, 30, 60]), np.array([2.0, 1.0, 0.5])
    weights = water_filling(losses, 0.25, n)
    np.testing.assert_allclose(weights, [3.4, 1.4, 0.4], atol=1e-12)
    np.testing.assert_allclose(water_filling(np.repeat(losses, n), 0.25), np.repeat(weights, n))


@pytest.mark.parametrize("n", [5, 8, 40])
@pytest.mark.parametrize("alpha", [1e-3, 0.02, 0.08, 0.3, 2.0])
def test_water_filling_is_the_maximum(n, alpha):
    losses = np.random.default_rng(n).normal(size=n)
    found = minimize(
        lambda w: alpha * w @ w - w @ losses,
        np.ones(n),
        jac=lambda w: 2 * alpha * w - losses,
        bounds=[(0, None)] * n,
        constraints={"type": "eq", "fun": lambda w: w.sum() - n, "jac": np.ones_like},
        method="SLSQP",
        options={"ftol": 1e-16, "maxiter": 5000},
    )
    np.testing.assert_allclose(water_filling(losses, alpha), found.x, atol=1e-6)


@given(counted, ALPHAS, st.floats(-100, 100), st.floats(0.01, 100))
def test_what_holds_for_any_losses(losses_of, alpha, shift, factor):
    losses, n = losses_of
    weights = water_filling(losses, alpha, n)
    assert (n * weights).sum() == pytest.approx(n.sum(), abs=1e-9)
    order = np.argsort(losses, kind="stable")
    assert (weights >= 0).all() and (np.diff(weights[order]) >= -1e-12 * n.sum()).all()
    # a shift rounds the losses themselves by 1e-14, which alpha = .001 magnifies
    for same in (
        water_filling(losses + shift, alpha, n),
        water_filling(*_times(losses, alpha, factor), n),
    ):
        np.testing.assert_allclose(same, weights, atol=1e-9 * n.sum())


def _times(losses, alpha, factor):
    return losses * factor, alpha * factor


@given(counted, ALPHAS)
def test_the_printed_rule_is_the_exact_one_of_a_larger_alpha(losses_of, alpha):
    losses, n = losses_of
    mean = (n * losses).sum() / n.sum()
    printed = paper_weights(losses, alpha, n)
    if losses.min() >= mean - 2 * alpha:
        np.testing.assert_allclose(printed, water_filling(losses, alpha, n), atol=1e-8)
    larger = (n * np.maximum(losses - mean + 2 * alpha, 0)).sum() / (2 * n.sum())
    assert larger >= alpha - 1e-12
    exact = water_filling(losses, larger, n)
    brought = paper_weights(losses, alpha, n, mean_one=True)
    np.testing.assert_allclose(brought, exact, atol=1e-8)


def test_limits_of_alpha():
    losses = [0.2, 0.7, 0.1, 0.7]
    assert water_filling(losses, 0.0).tolist() == [0, 2, 0, 2]
    np.testing.assert_allclose(water_filling(losses, 1e-300), [0, 2, 0, 2])
    np.testing.assert_allclose(water_filling(losses, 1e300), np.ones(4))
    assert water_filling([0.7] * 3, 0.0, [1, 2, 3]).tolist() == [1, 1, 1]
    assert water_filling([1e-320, 0.0], 1.0).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: water_filling([1.0, np.nan], 1.0), "1 of them are not finite"),
        (lambda: water_filling([], 1.0), "at least one"),
        (lambda: water_filling([1.0], -1.0), "alpha is -1.0"),
        (lambda: water_filling([1.0, 2.0], 1.0, [3, 0]), r"counts are \[3.0, 0.0\]"),
        (lambda: paper_weights([1.0], 0.0), "must be > 0"),
        (lambda: group_dro([[1.0]], -0.1, [1]), "eta is -0.1"),
        (lambda: loss_change(np.ones((3, 1)), 0), "window is 0"),
    ],
)
def test_what_has_no_weights(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_the_signal_is_the_mean_fall_over_the_window():
    trace = np.array([[5.0, 4.0], [4.0, 4.0], [2.0, 3.5], [1.5, 2.0], [1.0, 2.0]])
    assert loss_change(trace[:1], 3) is None  # no fall yet
    assert loss_change(trace[:2], 3).tolist() == [1.0, 0.0]  # fewer than the window
    # falls of the last three epochs: (2, .5, .5) and (.5, 1.5, 0)
    np.testing.assert_allclose(loss_change(trace, 3), [1.0, 2 / 3])
    # two equal groups, alpha .5: w = 1 + (c - mean) / (2 alpha) = 1 -+ 1/6
    rule = Adaptive(alpha=0.5, on_change=True, window=3)
    np.testing.assert_allclose(rule.weights(trace, np.array([7, 7])), [7 / 6, 5 / 6])


def test_a_rule_waits_for_its_gap_and_leaves_out_what_has_no_loss():
    trace, n = np.array([[2.0, 1.0, np.nan, 9.0], [2.0, 1.0, np.nan, 9.0]]), np.array([5, 5, 4, 0])
    for gap, last in [(0, 1), (1, 1), (2, 2)]:
        rule = Adaptive(alpha=0.5, gap=gap)
        for length in range(last):
            assert rule.weights(trace[:length], n).tolist() == [1, 1, 1, 1]
        # of ten users with a loss; the mean is 1.5, so w = 1 +- .5
        np.testing.assert_allclose(rule.weights(trace[:last], n), [1.5, 0.5, 1, 1])
    nothing = np.full((1, 4), np.nan)
    for rule in (Adaptive(alpha=0.5), GroupDRO(1.0), GroupDRO(1.0, balanced=True)):
        assert rule.weights(nothing, n).tolist() == [1, 1, 1, 1]


def test_group_dro_follows_the_steps_of_the_paper():
    trace, n, eta = np.array([[2.0, 1.0, 0.5], [1.5, 1.0, 0.7]]), np.array([10, 30, 60]), 0.8
    for balanced in (False, True):
        q = np.full(3, 1 / 3) if balanced else n / n.sum()
        for losses in trace:  # Algorithm 1, one step after the other
            q = q * np.exp(eta * losses)
            q /= q.sum()
        weights = GroupDRO(eta, balanced).weights(trace, n)
        np.testing.assert_allclose(weights, q * 100 / n)
        assert (n * weights).sum() == pytest.approx(100, abs=1e-9)
    # before any loss: as many users as there are, or all groups alike
    np.testing.assert_allclose(GroupDRO(eta).weights(trace[:0], n), np.ones(3))
    np.testing.assert_allclose(GroupDRO(eta, True).weights(trace[:0], n), 100 / 3 / n)
    assert np.isfinite(group_dro(trace * 1e6, eta, n)).all()


def test_a_schedule_holds_its_changes_alone():
    schedule = Schedule().then(1, np.ones(2)).then(2, np.array([1.5, 0.5]))
    schedule = schedule.then(3, np.array([1.5, 0.5])).then(4, np.array([1.0, 1.0]))
    assert schedule.changes == ((2, (1.5, 0.5)), (4, (1.0, 1.0)))
    assert [schedule.begins(epoch) for epoch in (1, 2, 3)] == [None, (1.5, 0.5), None]
    by_epoch = [[1, 1], [1.5, 0.5], [1.5, 0.5], [1, 1], [1, 1]]
    assert schedule.by_epoch(5, 2).tolist() == by_epoch
    assert schedule.mean(5, 2).tolist() == [1.2, 0.8]
    assert schedule.mean(1, 2).tolist() == [1, 1] == Schedule().mean(3, 2).tolist()
