"""The training length: smoothed curves, when a fold may end, and the length that folds agree on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_groupmix.core.training_length import Length, common_length, has_peaked, smoothed

GRID = np.arange(5, 505, 5)


def test_a_point_is_the_mean_over_ten_percent_on_either_side():
    epochs = [5, 10, 50, 55, 60, 100, 105, 110]
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    # 5: from 4.5 to 5.5, itself; 50: 45 to 55; 55: 49.5 to 60.5; 60: 54 to 66; 100: 90 to 110
    by_hand = [
        1,
        2,
        (3 + 4) / 2,
        (3 + 4 + 5) / 3,
        (4 + 5) / 2,
        (6 + 7 + 8) / 3,
        7,
        (6 + 7 + 8) / 3,
    ]
    by_hand[6] = (6 + 7 + 8) / 3  # 105: 94.5 to 115.5
    by_hand[7] = (6 + 7 + 8) / 3  # 110: 99 to 121, cut off by the end
    assert smoothed(epochs, values) == pytest.approx(by_hand)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(1, 7))
def test_smoothing_keeps_bounds_and_equals_a_loop(values, step):
    epochs = [step * (i + 1) for i in range(len(values))]
    found = smoothed(epochs, values)
    for at, value in zip(epochs, found, strict=True):
        near = [v for e, v in zip(epochs, values, strict=True) if abs(e - at) <= 0.1 * at + 1e-9]
        assert value == pytest.approx(np.mean(near))
        assert min(values) - 1e-12 <= value <= max(values) + 1e-12


@pytest.mark.parametrize(
    ("best", "waits"),
    [(100, 100), (200, 100), (300, 150), (20, 100)],  # half of the best length, or the patience
)
def test_a_fold_ends_after_its_patience(best, waits):
    # a rise by 1 an epoch and a fall as steep: a window's mean is highest in the middle of both
    curve = -np.abs(GRID - best)
    ends = next(n for n in range(1, len(GRID)) if has_peaked(GRID[:n], curve[:n], 100))
    assert GRID[ends - 1] == pytest.approx(best + waits, abs=0.1 * (best + waits))
    assert not has_peaked(GRID[: ends - 3], curve[: ends - 3], 100)


def test_a_flat_curve_is_at_its_peak_from_the_first_point_on():
    curve = np.zeros(len(GRID))
    assert has_peaked(GRID[:21], curve[:21], 100) and not has_peaked(GRID[:20], curve[:20], 100)
    assert common_length(GRID, [curve, curve], 500) == Length(5)


def test_the_length_is_that_of_the_mean_and_not_of_the_folds():
    # each fold has a lone spike where the others have none; their mean rises to 250
    folds = [-np.abs(GRID - 250) / 250 for _ in range(3)]
    for fold, at in zip(folds, (20, 60, 90), strict=True):
        fold[at] += 0.3
    assert [GRID[fold.argmax()] for fold in folds] != [250, 250, 250]
    # over folds a spike is .1, and over its window of some 20 points hardly more than .005
    assert common_length(GRID, folds, 500).epochs == pytest.approx(250, abs=15)


def test_a_peak_in_the_last_tenth_is_not_believed():
    rising = np.arange(len(GRID), dtype=float)
    # 195 and 200 have the same window, cut off by the end
    assert common_length(GRID[:40], [rising[:40]], 2000) == Length(195, train_to=300)
    # the shortest fold decides what all reached, the longest what is there already
    assert common_length(GRID[:80], [rising[:40], rising[:80]], 2000).train_to == 400
    assert common_length(GRID[:40], [rising[:40]], 250).train_to == 250
    assert common_length(GRID[:40], [rising[:40]], 200) == Length(195, at_cap=True)
    falling_after = -np.abs(GRID[:40] - 150.0)
    # -7 around 145, the mean of -15, -10, -5, 0 and -5; around 150 two more points of -15 come in
    assert common_length(GRID[:40], [falling_after], 2000) == Length(145)


def test_a_fold_without_points_is_refused():
    with pytest.raises(ValueError, match="curve of every fold"):
        common_length(GRID, [[], [1.0]], 500)
    with pytest.raises(ValueError, match="curve of every fold"):
        common_length(GRID, [], 500)
