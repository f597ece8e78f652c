"""p-values corrected by the largest statistic: by hand, their level, and what depends on what."""

import numpy as np
import pytest

from recbole_groupmix.core.statistics.largest_statistic import largest_statistic_p


def test_by_hand():
    # two statistics, the second of another scale; standardised over all four rows
    values, null = [9.0, 100.0], np.array([[1.0, 0.0], [2.0, 300.0], [4.0, 200.0]])
    every = np.concatenate([[values], null])
    standard = (every - every.mean(axis=0)) / every.std(axis=0)
    largest = standard[1:].max(axis=1)
    expected = [(1 + (largest >= of).sum()) / 4 for of in standard[0]]
    np.testing.assert_allclose(largest_statistic_p(values, null), expected)
    assert expected == [0.25, 0.75]


@pytest.mark.parametrize("n", [19, 99])
@pytest.mark.parametrize("kind", ["independent", "dependent", "skewed"])
def test_the_level_is_that_of_all_statistics_for_any_number_of_relabellings(n, kind):
    rng = np.random.default_rng(1)
    drawn = rng.standard_normal((2000, n + 1, 14))
    if kind == "dependent":
        drawn += 3 * rng.standard_normal((2000, n + 1, 1))
    if kind == "skewed":
        drawn[:, :, :7] = drawn[:, :, :7] ** 2 * [1, 10, 1e-6, 1, 1, 1, 1]
    p = [largest_statistic_p(one[0], one[1:]) for one in drawn]
    share = np.mean([(of <= 0.05).any() for of in p])
    assert 0.033 < share < 0.067  # .05 by theory, standard error .005


def test_a_large_statistic_is_found_among_others():
    null = np.random.default_rng(2).standard_normal((99, 6))
    values = np.array([0.1, 8.0, -9.0, 0.3, 0.0, 0.2])
    p = largest_statistic_p(values, null)
    assert p[1] == 0.01 and (np.delete(p, 1) > 0.5).all() and p[2] == 1.0


def test_what_never_varies_takes_no_part():
    null = np.random.default_rng(3).standard_normal((19, 1))
    alone = largest_statistic_p([0.5], null)
    constant = np.full((19, 1), 0.3)
    both = largest_statistic_p([0.5, 0.3], np.hstack([null, constant]))
    assert both.tolist() == [alone[0], 1.0]


@pytest.mark.parametrize(
    ("values", "null"), [([1.0], [[1.0, 2.0]]), ([1.0], [1.0]), ([1.0], np.zeros((0, 1)))]
)
def test_shapes(values, null):
    with pytest.raises(ValueError, match="values has shape"):
        largest_statistic_p(values, null)
