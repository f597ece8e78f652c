"""Unfairness as a penalty: values by hand and against the measures, gradients against differences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_groupmix.core.groups.penalties import PENALTIES, Penalty
from recbole_groupmix.core.groups.unfairness import unfairness

# Two items; the first group's users are a and b, the second's is c.
#           item 5             item 9             item 7
#   a    3 -> 3.5 (+0.5)   1 -> 1   ( 0)
#   b    4 -> 3.5 (-0.5)                       2 -> 5 (+3)
#   c    2 -> 2.25 (+0.25) 5 -> 3   (-2)
# Item 7 is of one group only. Mean errors: item 5: 0 and 0.25; item 9: 0 and -2.
ITEMS = np.array([5, 9, 5, 7, 5, 9])
FIRST = np.array([True, True, True, True, False, False])
RATINGS = np.array([3.0, 1, 4, 2, 2, 5])
PREDICTED = np.array([3.5, 1, 3.5, 5, 2.25, 3])
GAPS = {  # by hand, of items 5 and 9
    ("value", "paper"): (-0.25, 2.0),
    ("absolute", "paper"): (-0.25, -2.0),
    ("underestimation", "paper"): (0.0, -2.0),
    ("overestimation", "paper"): (-0.25, 0.0),
    ("value", "code"): (-0.25, 2.0),
    ("absolute", "code"): (0.25, -2.0),  # item 5: mean |error| 0.5 against 0.25
    ("underestimation", "code"): (0.25, -2.0),  # (0 + 0.5) / 2 against 0
    ("overestimation", "code"): (0.0, 0.0),  # (0.5 + 0) / 2 against 0.25
}


@pytest.mark.parametrize(("kind", "variant"), GAPS)
def test_the_value_by_hand(kind, variant):
    one, two = GAPS[kind, variant]
    wanted = {
        "none": (abs(one) + abs(two)) / 2,
        "squared": (one**2 + abs(two)) / 2,  # the gap of item 5 is below 1, item 9's is not
        "huber": (one**2 / 2 + max(abs(two) - 0.5, 0)) / 2,
    }
    for smooth, value in wanted.items():
        penalty = Penalty(RATINGS, ITEMS, FIRST, kind, variant=variant, smooth=smooth)
        assert penalty(PREDICTED)[0] == pytest.approx(value, abs=1e-15)
        assert penalty.n_items_used == 2


def test_the_gradient_by_hand():
    """Of value: item 5, (0 - 0.25)^2 / 2; item 9, |0 + 2| / 2; the row of item 7 does not count."""
    _, gradient = Penalty(RATINGS, ITEMS, FIRST, "value")(PREDICTED)
    # 2 * -0.25 / 2 for each of two rows of the first group by half, with a minus for the second
    assert gradient == pytest.approx([-0.125, 0.5, -0.125, 0.0, 0.25, -0.5], abs=1e-15)


def test_parity_is_the_printed_square_below_one():
    # means of predictions: (3.5 + 1 + 3.5 + 5) / 4 = 3.25 and 2.625
    value, gradient = Penalty(RATINGS, ITEMS, FIRST, "parity")(PREDICTED)
    assert value == pytest.approx(0.625**2)
    assert gradient == pytest.approx([2 * 0.625 / 4] * 4 + [-2 * 0.625 / 2] * 2)


kinds = st.sampled_from(PENALTIES)
variants = st.sampled_from(["paper", "code"])


def drawn(seed):
    """Rows of 30 pairs of user and item; some items have one group only."""
    rng = np.random.default_rng(seed)
    items, first = rng.integers(0, 8, 30), rng.random(30) < 0.4
    items[:2], first[:2] = 3, [True, False]
    ratings = rng.integers(1, 6, 30).astype(float)
    return ratings, items, first, ratings + rng.normal(size=30)


@given(st.integers(0, 2**32 - 1), kinds, variants)
def test_without_smoothing_it_is_the_measure(seed, kind, variant):
    ratings, items, first, predicted = drawn(seed)
    measured = unfairness(predicted, ratings, items, (~first).astype(int), 0, variant=variant)
    penalty = Penalty(ratings, items, first, kind, variant=variant, smooth="none")
    assert penalty(predicted)[0] == pytest.approx(getattr(measured, kind), abs=1e-12)


@given(st.integers(0, 2**32 - 1), kinds, variants, st.sampled_from(["squared", "huber", "none"]))
def test_the_gradient_is_that_of_differences(seed, kind, variant, smooth):
    ratings, items, first, predicted = drawn(seed)
    penalty = Penalty(ratings, items, first, kind, variant=variant, smooth=smooth)
    gradient, step = penalty(predicted)[1], 1e-6
    for row in range(0, 30, 5):
        ahead, back = predicted.copy(), predicted.copy()
        ahead[row] += step
        back[row] -= step
        slopes = [(penalty(ahead)[0] - penalty(predicted)[0]) / step,
                  (penalty(predicted)[0] - penalty(back)[0]) / step]  # fmt: skip
        if abs(slopes[0] - slopes[1]) < 1e-4:  # else a kink lies between
            assert gradient[row] == pytest.approx(np.mean(slopes), abs=1e-4)
        else:
            assert min(slopes) - 1e-4 <= gradient[row] <= max(slopes) + 1e-4


@given(st.integers(0, 2**32 - 1), kinds, variants)
def test_names_of_groups_and_order_of_rows_do_not_matter(seed, kind, variant):
    ratings, items, first, predicted = drawn(seed)
    value, gradient = Penalty(ratings, items, first, kind, variant=variant)(predicted)
    order = np.random.default_rng(seed).permutation(30)
    again = Penalty(ratings[order], items[order] + 4, ~first[order], kind, variant=variant)
    other, permuted = again(predicted[order])
    assert other == pytest.approx(value, abs=1e-12)
    np.testing.assert_allclose(permuted, gradient[order], atol=1e-12)


def test_perfect_predictions_leave_nothing_but_parity():
    for kind in PENALTIES:
        value, gradient = Penalty(RATINGS, ITEMS, FIRST, kind)(RATINGS)
        assert (value == 0 and not gradient.any()) == (kind != "parity")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "under"}, "kind is 'under'; it must be one of value, absolute"),
        ({"variant": "other"}, "variant is 'other'"),
        ({"smooth": "l2"}, "smooth is 'l2'"),
        ({"in_first": FIRST[1:]}, "each needs one entry per row"),
        ({"in_first": np.ones(6, bool)}, "no item has rows of both groups"),
    ],
)
def test_bad_input_is_named(change, message):
    given = {"ratings": RATINGS, "items": ITEMS, "in_first": FIRST, "kind": "value", **change}
    with pytest.raises(ValueError, match=message):
        Penalty(**given)
    with pytest.raises(ValueError, match="there are 6 rows"):
        Penalty(RATINGS, ITEMS, FIRST, "value")(PREDICTED[1:])
