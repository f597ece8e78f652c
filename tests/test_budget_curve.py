"""The budget curve: which budget is chosen, intervals over users, and what its shape says."""

import math

import numpy as np
import pytest

from recbole_groupmix.core.budget_curve import (
    BUDGETS,
    BudgetPoint,
    budget_curve,
    nearest_to_as_is,
    parts_of_score,
    reading,
)
from recbole_groupmix.core.statistics.bootstrap import relative_change
from recbole_groupmix.core.statistics.two_tests import Compared


def curve(changes, users=200, noise=0.02, seed=0):
    """Return the curve of a target whose metric changes as given, by budget."""
    rng = np.random.default_rng(seed)
    base = rng.uniform(0.2, 0.4, users)
    by_budget = {
        budget: base * (1 + change + noise * rng.standard_normal(users))
        for budget, change in changes.items()
    }
    return budget_curve(by_budget, base, seed=1)


def test_the_best_budget_is_chosen_and_of_equals_the_nearest_to_1():
    assert nearest_to_as_is({0.3: 0.2, 1.0: 0.1, 4.0: math.nan}) == 0.3
    assert nearest_to_as_is({0.0: 0.2, 0.5: 0.2, 2.0: 0.2}) == 0.5
    assert nearest_to_as_is({4.0: 0.2, 2.0: 0.2, 1.0: 0.2}) == 1.0
    assert nearest_to_as_is({0.3: math.nan}) is None
    assert nearest_to_as_is({}) is None


def test_the_parts_of_the_users_have_the_score_of_the_folds_as_their_mean():
    users = [["a", "b", "c"], ["b"]]
    values = [np.array([0.1, 0.2, 0.6]), np.array([0.5])]
    parts = parts_of_score(users, values)
    assert np.mean(list(parts.values())) == pytest.approx((0.3 + 0.5) / 2)
    # b's .2 is a third of a fold, its .5 all of one; each fold is half of the score of 3 users
    assert parts["b"] == pytest.approx(3 * (0.2 / 3 + 0.5) / 2)


def test_points_are_paired_changes_against_proportional():
    rng = np.random.default_rng(3)
    base, half = rng.random((2, 60))
    low, here, high = budget_curve({2.0: base, 0.5: half}, base, seed=5)
    alone = relative_change(half[None], base[None], seed=5)
    assert (low.budget, here.budget, high.budget) == (0.5, 1.0, 2.0)
    ends = (low.change.mean, low.change.ci_low, low.change.ci_high)
    assert ends == (alone.mean, alone.ci_low, alone.ci_high)
    assert low.p_holm == pytest.approx(min(1, 2 * low.change.p)) and low.change.p >= alone.p
    assert high.change.mean == high.change.ci_low == high.change.ci_high == 0
    assert here.change.mean == 0 and math.isnan(here.p_holm) and here.verdict == 0


def test_as_many_users_are_needed_as_for_any_interval():
    with pytest.raises(ValueError, match="users"):
        budget_curve({0.5: [0.1]}, [0.2], seed=0)


FLAT = dict.fromkeys(BUDGETS, 0.0)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (FLAT, "Flat: no budget can be told from 1"),
        ({**FLAT, 0.3: 0.06, 0.2: 0.05}, "A peak below 1 (+"),
        ({**FLAT, 0.3: 0.06, 4.0: 0.1}, "A peak above 1 (+9.9 % at 4)"),
        ({**FLAT, 0.0: -0.2, 0.05: -0.1}, "It falls only towards 0 (from 0.05 down)"),
        ({**FLAT, 4.0: -0.1}, "It falls only beyond 1 (from 4 up)"),
        ({**FLAT, 0.0: -0.2, 4.0: -0.1}, "It falls on both sides (from 0 down and from 4 up)"),
        ({**FLAT, 0.0: -0.2, 0.3: 0.06}, "A peak below 1"),
    ],
)
def test_the_shape_is_read(changes, says):
    assert reading(curve(changes)).startswith(says)


def test_a_change_within_the_noise_is_no_peak():
    assert reading(curve({**FLAT, 0.3: 0.03}, users=20, noise=0.5)).startswith("Flat")
    # the correction over the budgets counts: .02 is no mark among eight
    points = [BudgetPoint(0.3, Compared(0.05, 0.01, 0.09, 0.02, 0.01), 0.16)]
    assert reading(points).startswith("Flat")
    assert points[0].verdict == 0
