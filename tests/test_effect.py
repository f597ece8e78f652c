import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_groupmix.core.statistics.effect import effect_size, user_differences

BASELINE = np.array([0.5, 0.5, 0.5, 0.5, 0.5])
VALUES = np.array([0.9, 0.3, 0.6, 0.5, 0.7])  # differences +0.4, -0.2, +0.1, 0, +0.2


def test_effect_sizes_by_hand():
    found = effect_size(VALUES, BASELINE)
    # mean 0.5 / 5 = 0.1; squares around it .09 + .09 + 0 + .01 + .01 = .2, variance .2 / 4
    assert found.d == pytest.approx(0.1 / math.sqrt(0.05))
    # sizes .1 .2 .2 .4 have ranks 1, 2.5, 2.5, 4; the loss has one 2.5: (7.5 - 2.5) / 10
    assert found.rank_biserial == pytest.approx(0.5)
    assert (found.gain, found.lose, found.tie) == pytest.approx((3 / 5, 1 / 5, 1 / 5))


def test_repeats_are_averaged_first():
    # differences of repeat 1 and 2: +.4 and -.2 -> +.1; 0 and 0; -.3 and +.1 -> -.1; .2 and .2
    values = np.array([[0.9, 0.5, 0.2, 0.7], [0.3, 0.5, 0.6, 0.7]])
    baseline = np.full((2, 4), 0.5)
    assert user_differences(values, baseline) == pytest.approx([0.1, 0, -0.1, 0.2])
    found = effect_size(values, baseline)
    assert (found.gain, found.lose, found.tie) == (0.5, 0.25, 0.25)
    assert found.rank_biserial == pytest.approx((1.5 - 1.5 + 3) / 6)
    assert found == effect_size(values.mean(axis=0), baseline.mean(axis=0))


def test_a_user_with_nan_anywhere_is_left_out():
    values = np.stack([VALUES, VALUES])
    baseline = np.stack([BASELINE, BASELINE])
    values[1, 0] = baseline[0, 4] = np.nan
    assert user_differences(values, baseline) == pytest.approx([-0.2, 0.1, 0.0])
    assert effect_size(values, baseline).tie == pytest.approx(1 / 3)


def test_rounding_is_a_tie_at_every_scale():
    for scale in (1e-6, 1.0, 1e6):
        baseline = scale * np.array([0.1, 0.2, 0.3])
        found = effect_size(baseline * (1 + 4e-16), baseline)
        assert found.tie == 1
        assert math.isnan(found.rank_biserial)


def test_equal_sizes_share_a_rank_in_spite_of_rounding():
    # 0.3 - 0.2 and 0.8 - 0.7 differ in the last digits: both rank 1.5, so the signs cancel
    found = effect_size(np.array([0.3, 0.7]), np.array([0.2, 0.8]))
    assert found.rank_biserial == 0


def test_undefined_is_nan():
    same = effect_size(BASELINE, BASELINE)
    assert math.isnan(same.d)
    assert math.isnan(same.rank_biserial)
    assert same.tie == 1
    constant = effect_size(BASELINE + 0.1 * np.array([1, 1, 1, 1, 1]), BASELINE)
    assert math.isnan(constant.d)  # no spread
    assert constant.rank_biserial == 1


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=30).map(np.array))
def test_exchanging_the_arrays_turns_the_signs(differences):
    there = effect_size(differences, np.zeros(len(differences)))
    back = effect_size(np.zeros(len(differences)), differences)
    assert (there.gain, there.lose, there.tie) == (back.lose, back.gain, back.tie)
    assert there.gain + there.lose + there.tie == pytest.approx(1)
    assert there.d == pytest.approx(-back.d, nan_ok=True)
    assert there.rank_biserial == pytest.approx(-back.rank_biserial, nan_ok=True)
    assert math.isnan(there.rank_biserial) or -1 <= there.rank_biserial <= 1


@pytest.mark.parametrize(
    ("values", "baseline", "message"),
    [
        (np.ones(1), np.ones(1), "1 of 1 users"),
        (np.array([1.0, np.nan, np.nan]), np.ones(3), "1 of 3 users"),
        (np.ones(3), np.ones((1, 3)), r"\(3,\) but the baseline \(1, 3\)"),
        (np.ones((1, 1, 3)), np.ones((1, 1, 3)), r"\(1, 1, 3\); they must be"),
        (np.ones((0, 3)), np.ones((0, 3)), r"\(0, 3\); they must be"),
        (np.float64(1), np.float64(1), r"\(\); they must be"),
        (np.array([np.inf, 1]), np.ones(2), "infinite"),
        (np.ones(2), np.array([1, -np.inf]), "infinite"),
    ],
)
def test_refusals(values, baseline, message):
    with pytest.raises(ValueError, match=message):
        effect_size(values, baseline)
