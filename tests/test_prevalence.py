"""Prevalences, the bound of Theorem 3.1, and class shares from interactions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from theory.bounds import recovery_bound

from recbole_groupmix.core.theory.assumptions import assumptions, least_rate
from recbole_groupmix.core.theory.class_shares import (
    favourites,
    group_class_shares,
    item_class_shares,
    user_class_shares,
)
from recbole_groupmix.core.theory.prevalence import (
    check_shares,
    disparity,
    prevalence,
)
from recbole_groupmix.prepare.blockmix import COUNTS, generate

THETA_0 = [0.5, 0.3, 0.2]
THETA_AUG = [[0.0, 1.0, 0.0], [0.25, 0.25, 0.5]]


def test_prevalence_by_hand():
    # class 1: 10 * .5 + 20 * (.25 * 0 + .75 * .25) = 5 + 3.75
    # class 2: 10 * .3 + 20 * (.25 * 1 + .75 * .25) = 3 + 8.75
    # class 3: 10 * .2 + 20 * (.25 * 0 + .75 * .5) = 2 + 7.5
    sigma = prevalence([0.25, 0.75], THETA_0, THETA_AUG, 10, 20)
    np.testing.assert_allclose(sigma, [8.75, 11.75, 9.5], rtol=1e-15)
    assert sigma.sum() == pytest.approx(30)


def test_many_mixes_at_once():
    alphas = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5], [0.25, 0.75]]])
    sigma = prevalence(alphas, THETA_0, THETA_AUG, 10, 20)
    assert sigma.shape == (2, 2, 3)
    np.testing.assert_allclose(sigma[1, 1], [8.75, 11.75, 9.5])
    assert disparity(sigma).shape == (2, 2)


def test_disparity_and_bound_by_hand():
    assert disparity([2.0, 8.0, 4.0]) == 8 / 4
    # k = 3, m = 100, p = 1/2: sqrt(3 * 2 * log(100) / .5)
    assert recovery_bound([2.0, 8.0, 4.0], 100, 0.5) == pytest.approx(
        math.sqrt(12 * math.log(100))
    )


def test_a_class_nobody_prefers_makes_the_bound_infinite():
    assert disparity([0.0, 1.0]) == disparity([0.0, 0.0]) == math.inf
    np.testing.assert_array_equal(recovery_bound([[0.0, 1.0], [1.0, 1.0]], 10, 1) < 99, [0, 1])


@given(
    st.lists(st.floats(0.1, 100), min_size=1, max_size=6),
    st.floats(0.1, 10),
)
def test_more_users_of_the_same_mix_lower_the_bound(sigma, factor):
    # s_max / s_min^2 scales as 1 / factor
    np.testing.assert_allclose(disparity(np.array(sigma) * factor) * factor, disparity(sigma))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"theta_aug": [[0.5, 0.4, 0.2], [1, 0, 0]]}, r"row 0 of theta_aug sums to 1\.1"),
        ({"theta_aug": [[1, 0, 0], [0.5, 0.6, -0.1]]}, r"theta_aug holds -0\.1"),
        ({"theta_aug": [[1, 0]]}, r"theta_aug \(1, 2\)"),
        ({"theta_0": [0.5, 0.5, 0.5]}, r"row 0 of theta_0 sums to 1\.5"),
        ({"theta_0": [0.5, math.nan, 0.5]}, "theta_0 holds nan"),
        ({"theta_0": []}, r"theta_0 has shape \(0,\)"),
        ({"n_0": -1}, "n_0 is -1"),
        ({"n_aug": -0.5}, r"n_aug is -0\.5"),
        ({"n_aug": math.inf}, "n_aug is inf"),
        ({"n_0": 0, "n_aug": 0}, "both 0"),
        ({"alpha": [0.5, 0.6]}, r"row 0 of alpha sums to 1\.1"),
        ({"alpha": [1.0]}, "alpha has 1 shares, but theta_aug has 2 groups"),
    ],
)
def test_bad_settings(change, message):
    given = {"alpha": [0.5, 0.5], "theta_0": THETA_0, "theta_aug": THETA_AUG, "n_0": 1, "n_aug": 1}
    with pytest.raises(ValueError, match=message):
        prevalence(**{**given, **change})


@pytest.mark.parametrize("p", [0, -0.1, 1.01, math.nan])
def test_rates_that_are_no_probability(p):
    with pytest.raises(ValueError, match="p is"):
        recovery_bound([1.0, 2.0], 10, p)


def test_other_bad_values():
    with pytest.raises(ValueError, match="n_items is 1"):
        recovery_bound([1.0, 2.0], 1, 0.5)
    with pytest.raises(ValueError, match="sigma holds -1"):
        disparity([1.0, -1.0])
    with pytest.raises(ValueError, match="sigma has shape"):
        disparity([])
    with pytest.raises(ValueError, match="n_users is 0"):
        least_rate([0.5, 0.5], 0, 10)


def test_sums_may_be_off_by_rounding_only():
    check_shares([0.5, 0.5 + 9e-7], "x")
    with pytest.raises(ValueError, match="row 1 of x"):
        check_shares([[0.5, 0.5], [0.5, 0.5 + 2e-6]], "x")


def test_the_least_rate_by_hand():
    # (1 / .2)^2 log(100) / (50 * 100)
    assert least_rate([0.2, 0.8], 50, 100) == pytest.approx(25 * math.log(100) / 5000)
    assert least_rate([0.0, 1.0], 50, 100) == math.inf


def test_the_assumptions_by_hand():
    # 2 classes of 50 of 100 items; 40 users with 25 items each have half of a class
    held = assumptions([0.2, 0.8], 40, 100, 1000)
    assert held.b1 and held.rate == 0.5
    assert held.least_rate == least_rate([0.2, 0.8], 40, 100) == pytest.approx(0.0288, abs=1e-4)
    assert held.b2
    assert not assumptions([0.2, 0.8], 101, 100, 1000).b1
    assert assumptions([0.2, 0.8], 100, 100, 1000).b1
    assert not assumptions([0.01, 0.99], 40, 100, 1000).b2
    assert not assumptions([0.0, 1.0], 40, 100, 1000).b2
    assert assumptions([0.5, 0.5], 10, 100, 900).rate == 1  # more than a class has


# --- class shares from data ----------------------------------------------------------------------


def test_an_item_of_several_classes_is_shared_out_evenly():
    shares, classes = item_class_shares([["war", "drama"], ["drama"], [], ["war", "war"]])
    assert classes == ("drama", "war")
    assert shares.tolist() == [[0.5, 0.5], [1, 0], [0, 0], [0, 1]]
    with pytest.raises(ValueError, match="none of 2 items"):
        item_class_shares([[], []])


def test_users_and_groups_by_hand():
    item_shares = [[0.5, 0.5], [1, 0], [0, 0], [0, 1]]
    users, items = [0, 0, 0, 1, 2, 3, 3], [0, 1, 2, 3, 2, 0, 3]
    shares = user_class_shares(users, items, item_shares, 5)
    # user 0: (.5 + 1, .5) of 2 items with a class; 3: (.5, .5 + 1) / 2; 2 and 4 have none
    expected = [[0.75, 0.25], [0, 1], [0, 0], [0.25, 0.75], [0, 0]]
    np.testing.assert_allclose(shares, expected)
    # group 0 is users 0, 1 and 2 (who does not count), group 1 is user 3
    found = group_class_shares(shares, [0, 0, 0, 1, -1], 2)
    np.testing.assert_allclose(found, [[0.375, 0.625], [0.25, 0.75]])


def test_favourites_and_their_ties():
    shares = [[0.75, 0.25, 0], [0.4, 0.2, 0.4], [0, 0, 0], [1 / 3 + 1e-17, 1 / 3, 1 / 3]]
    expected = [[1, 0, 0], [0.5, 0, 0.5], [0, 0, 0], [1 / 3] * 3]
    np.testing.assert_allclose(favourites(shares), expected)


def test_a_group_without_any_class_is_refused():
    with pytest.raises(ValueError, match="group 1 has no user"):
        group_class_shares([[1.0], [0.0]], [0, 1], 2)
    with pytest.raises(ValueError, match="group 'old' has no user"):
        group_class_shares([[1.0], [0.0]], [0, 1], 2, ["young", "old"])


def test_indices_and_shapes_are_checked():
    with pytest.raises(ValueError, match=r"items holds the index 2"):
        user_class_shares([0], [2], [[1.0], [1.0]], 1)
    with pytest.raises(ValueError, match=r"users holds the index -1"):
        user_class_shares([-1], [0], [[1.0]], 1)
    with pytest.raises(ValueError, match="item_shares has shape"):
        user_class_shares([0], [0], [1.0], 1)


@pytest.mark.parametrize("kind", ["shares", "favourite"])
def test_blockmix_gives_back_the_shares_it_was_made_with(kind):
    data = generate()
    labels = [[data.classes[c]] for c in data.item_class]
    item_shares, classes = item_class_shares(labels)
    assert classes == data.classes
    shares = user_class_shares(*data.pairs.T, item_shares, len(data.users))
    if kind == "favourite":
        shares = favourites(shares)
    found = group_class_shares(shares, data.user_group, len(data.groups))
    counts = np.array(COUNTS)
    np.testing.assert_allclose(found, counts / counts.sum(axis=1, keepdims=True), rtol=1e-12)
