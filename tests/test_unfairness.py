from dataclasses import astuple, replace
from itertools import combinations
from statistics import mean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_groupmix.core.groups.ranking_unfairness import ranking_unfairness
from recbole_groupmix.core.groups.unfairness import pairwise_unfairness, unfairness

nan = float("nan")
FOUR = ("value", "absolute", "underestimation", "overestimation")


def columns(rows):
    """Arrays of (group, item, rating, prediction), in the order that `unfairness` takes them."""
    group, item, rating, prediction = (np.array(column) for column in zip(*rows, strict=True))
    return prediction, rating, item, group


def four(found):
    return [getattr(found, name) for name in FOUR]


def by_loops(rows, first, second, variant, missing):
    """The four measures, parity and the number of items used, by loops over rows."""
    sides = [[row for row in rows if row[0] in side] for side in (first, second)]
    used = []
    for item in {row[1] for row in rows}:
        errors = [[p - r for _, i, r, p in side if i == item] for side in sides]
        if all(errors) or (missing == "zero" and any(errors)):
            used.append(errors)
    if not (all(sides) and used):
        parity = (
            abs(mean(r[3] for r in sides[0]) - mean(r[3] for r in sides[1])) if all(sides) else nan
        )
        return [nan] * 4 + [parity, 0]

    def average(outer, inner):
        def side(errors):
            return outer(mean(inner(e) for e in errors)) if errors else 0.0

        return mean(abs(side(a) - side(b)) for a, b in used)

    def same(x):
        return x

    def below(x):
        return max(0.0, -x)

    def above(x):
        return max(0.0, x)

    found = [average(same, same)]
    for clip in (abs, below, above):
        found.append(average(clip, same) if variant == "paper" else average(same, clip))
    parity = abs(mean(row[3] for row in sides[0]) - mean(row[3] for row in sides[1]))
    return [*found, parity, len(used)]


eighths = st.integers(0, 40).map(lambda n: n / 8)
rated = st.lists(
    st.tuples(st.integers(-1, 3), st.integers(0, 4), eighths, eighths), min_size=1, max_size=40
)
readings = st.tuples(st.sampled_from(["paper", "code"]), st.sampled_from(["skip", "zero"]))

# Three users, three items, group 0 is user a, group 1 users b and c:
#           item 1        item 2        item 3
#   a    4 -> 3 (-1)   2 -> 4 (+2)      unseen
#   b    3 -> 4 (+1)   5 -> 5 ( 0)   1 -> 2 (+1)
#   c    5 -> 3 (-2)      unseen     4 -> 2 (-2)
# so D_0 = -1, 2, none and D_1 = -1/2, 0, -1/2.
HAND = [
    (0, 1, 4, 3.0),
    (0, 2, 2, 4.0),
    (1, 1, 3, 4.0),
    (1, 2, 5, 5.0),
    (1, 3, 1, 2.0),
    (1, 1, 5, 3.0),
    (1, 3, 4, 2.0),
]


def test_paper_by_hand():
    found = unfairness(*columns(HAND), 0, 1)
    assert found.value == pytest.approx((1 / 2 + 2) / 2)
    assert found.absolute == pytest.approx((1 / 2 + 2) / 2)
    assert found.underestimation == pytest.approx((1 / 2 + 0) / 2)
    assert found.overestimation == pytest.approx((0 + 2) / 2)
    assert found.parity == pytest.approx((4 + 5 + 2 + 3 + 2) / 5 - (3 + 4) / 2 + 0.6)
    assert (found.n_items_used, found.n_items) == (2, 3)


def test_paper_by_hand_with_an_item_that_one_group_has_not_seen():
    # on item 3 group 0 counts as D = 0 against -1/2
    found = unfairness(*columns(HAND), 0, 1, missing="zero")
    assert four(found) == pytest.approx([3 / 3, 3 / 3, 1 / 3, 2 / 3])
    assert found.parity == unfairness(*columns(HAND), 0, 1).parity
    assert (found.n_items_used, found.n_items) == (3, 3)


def test_code_by_hand():
    # item 1: absolute errors 1 against (1 + 2) / 2, too low by 1 against 2 / 2, too high by 0
    # against 1 / 2; item 2: 2 against 0, 0 against 0, 2 against 0
    found = unfairness(*columns(HAND), 0, 1, variant="code")
    assert four(found) == pytest.approx([5 / 4, (1 / 2 + 2) / 2, 0, (1 / 2 + 2) / 2])
    # item 3: 0 against (1 + 2) / 2, 0 against 2 / 2, 0 against 1 / 2
    found = unfairness(*columns(HAND), 0, 1, variant="code", missing="zero")
    assert four(found) == pytest.approx([3 / 3, (1 / 2 + 2 + 3 / 2) / 3, 1 / 3, 3 / 3])


def test_opposite_deviations_are_unfair_in_value_but_not_in_absolute():
    rows = [(0, item, 3.0, 3.5) for item in range(4)] + [(1, item, 3.0, 2.5) for item in range(4)]
    assert four(unfairness(*columns(rows), 0, 1)) == [1, 0, 0.5, 0.5]


def test_perfect_predictions_are_fair_but_for_parity():
    rows = [(0, 1, 5.0, 5.0), (1, 1, 2.0, 2.0), (1, 2, 2.0, 2.0)]
    for variant in ("paper", "code"):
        found = unfairness(*columns(rows), 0, 1, variant=variant, missing="zero")
        assert [*four(found), found.parity] == [0, 0, 0, 0, 3]


def test_no_common_item_leaves_only_parity():
    rows = [(0, 1, 5.0, 4.0), (1, 2, 2.0, 3.0)]
    found = unfairness(*columns(rows), 0, 1)
    assert np.isnan(four(found)).all()
    assert (found.parity, found.n_items_used, found.n_items) == (1, 0, 2)


@pytest.mark.parametrize("missing", ["skip", "zero"])
def test_a_group_without_rows_leaves_nothing(missing):
    for found in (
        unfairness(*columns([(0, 1, 5.0, 4.0)]), 0, 7, missing=missing),
        unfairness(*columns([(0, 1, 5.0, 4.0)]), 0, missing=missing),
        unfairness(*columns([(-1, 1, 5.0, 4.0)]), 0, 1, missing=missing),
    ):
        assert np.isnan([*four(found), found.parity]).all()
        assert found.n_items_used == 0


@given(rated, readings)
def test_equals_loops_over_rows(rows, reading):
    variant, missing = reading
    rows_with_group = [row for row in rows if row[0] >= 0]
    named = columns(rows)
    options = {"variant": variant, "missing": missing}
    pairs = pairwise_unfairness(*named, 4, **options)
    assert list(pairs) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    for (g, h), found in pairs.items():
        expected = by_loops(rows_with_group, [g], [h], variant, missing)
        assert list(astuple(found)[:6]) == pytest.approx(expected, abs=1e-12, nan_ok=True)
        assert repr(unfairness(*named, g, h, **options)) == repr(found)
        swapped = unfairness(*named, h, g, **options)
        assert astuple(swapped) == pytest.approx(astuple(found), abs=1e-12, nan_ok=True)
    for target in range(4):
        rest = [group for group in range(4) if group != target]
        found = unfairness(*named, target, **options)
        expected = by_loops(rows_with_group, [target], rest, variant, missing)
        assert list(astuple(found)[:6]) == pytest.approx(expected, abs=1e-12, nan_ok=True)


@given(rated, st.sampled_from(["skip", "zero"]))
def test_value_is_under_plus_overestimation(rows, missing):
    paper = unfairness(*columns(rows), 0, 1, missing=missing)
    together = paper.underestimation + paper.overestimation
    assert paper.value == pytest.approx(together, rel=1e-14, abs=0, nan_ok=True)
    assert np.isnan(paper.value) or paper.value >= paper.absolute - 1e-12
    code = unfairness(*columns(rows), 0, 1, variant="code", missing=missing)
    assert repr(code.value) == repr(paper.value)
    assert np.isnan(code.value) or (
        code.value <= code.underestimation + code.overestimation + 1e-12
    )


finite = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(st.integers(0, 1), st.just(7), finite, finite), min_size=2))
def test_value_is_under_plus_overestimation_to_the_last_bit_on_an_item(rows):
    found = unfairness(*columns(rows), 0, 1, missing="zero")
    if found.n_items_used:
        assert found.value == found.underestimation + found.overestimation


@pytest.mark.parametrize(
    ("change", "call", "message"),
    [
        ({}, {"variant": "thesis"}, "variant is 'thesis'"),
        ({}, {"missing": "drop"}, "missing is 'drop'"),
        ({}, {"first": 1, "second": 1}, "first is 1 and second 1"),
        ({}, {"first": -1}, "first is -1"),
        ({}, {"second": -1}, "second -1"),
        ({0: [nan, 1.0]}, {}, "predictions holds nan at row 0, one of 1 rows"),
        ({1: [1.0, np.inf]}, {}, "ratings holds inf at row 1"),
        ({1: [1.0]}, {}, r"ratings has shape \(1,\)"),
        ({2: [1]}, {}, r"items has shape \(1,\)"),
        ({3: [0, 1, 1]}, {}, r"groups has shape \(3,\)"),
        ({3: [0.0, 1.0]}, {}, "groups has dtype float64"),
        ({3: [0, -2]}, {}, "smallest code -2"),
    ],
)
def test_refusals(change, call, message):
    arrays = [[1.0, 2.0], [1.0, 2.0], [1, 1], [0, 1]]
    for place, column in change.items():
        arrays[place] = column
    with pytest.raises(ValueError, match=message):
        unfairness(*map(np.array, arrays), **{"first": 0, "second": 1, **call})


def test_pairwise_refusals():
    arrays = columns([(0, 1, 1.0, 1.0), (2, 1, 1.0, 1.0)])
    with pytest.raises(ValueError, match="code 2, but n_groups is 2"):
        pairwise_unfairness(*arrays, 2)
    with pytest.raises(ValueError, match="n_groups is 1"):
        pairwise_unfairness(*arrays, 1)


# --- top-k lists -----------------------------------------------------------------------------


def ranked_by_loops(top, relevant, groups, first, second, missing):
    users = [[u for u, g in enumerate(groups) if g in side] for side in (first, second)]
    items = {i for row in top for i in row if i >= 0} | {i for _, i in relevant}
    gaps, hit_gaps = [], []
    for item in items:
        shown = [[item in top[u] for u in side] for side in users]
        asked = [[(u, item) in relevant for u in side] for side in users]
        if any(map(any, shown + asked)) and all(users):
            exposure = [mean(map(int, side)) for side in shown]
            surplus = [e - mean(map(int, side)) for e, side in zip(exposure, asked, strict=True)]
            a, b = surplus
            gaps.append(
                (
                    abs(a - b),
                    abs(abs(a) - abs(b)),
                    abs(max(0, -a) - max(0, -b)),
                    abs(max(0, a) - max(0, b)),
                    abs(exposure[0] - exposure[1]),
                )
            )
        hits = [[int(item in top[u]) for u in side if (u, item) in relevant] for side in users]
        if all(hits) or (missing == "zero" and any(hits)):
            rates = [mean(side) if side else 1 for side in hits]
            hit_gaps.append(abs(rates[0] - rates[1]))
    overall = [[int(i in top[u]) for u, i in relevant if u in side] for side in users]
    both = all(overall)
    return [
        mean(hit_gaps) if hit_gaps and both else nan,
        abs(mean(overall[0]) - mean(overall[1])) if both else nan,
        *(map(mean, zip(*gaps, strict=True)) if gaps else [nan] * 5),
        len(hit_gaps) if both else 0,
        len(gaps),
    ]


def test_top_k_lists_by_hand():
    # group 0: user 0; group 1: users 1 and 2. k = 2.
    #           top 2    relevant    item      1     2     3     4    (5 for nobody)
    #   user 0  1, 2     1, 4        exposure  1     1     0     0    in group 0
    #   user 1  1, 3     3           demand    1     0     0     1
    #   user 2  2, 1     1, 3        exposure  1    1/2   1/2    0    in group 1
    #                                demand   1/2    0     1     0
    # surplus 0, 1, 0, -1 against 1/2, 1/2, -1/2, 0
    found = ranking_unfairness(
        np.array([[1, 2], [1, 3], [2, 1]]),
        np.array([0, 0, 1, 2, 2]),
        np.array([1, 4, 3, 1, 3]),
        np.array([0, 1, 1]),
        0,
    )
    assert found.surplus_gap == (1 / 2 + 1 / 2 + 1 / 2 + 1) / 4
    assert found.miscalibration_gap == (1 / 2 + 1 / 2 + 1 / 2 + 1) / 4
    assert found.undersupply_gap == (0 + 0 + 1 / 2 + 1) / 4
    assert found.oversupply_gap == (1 / 2 + 1 / 2 + 0 + 0) / 4
    assert found.exposure_gap == (0 + 1 / 2 + 1 / 2 + 0) / 4
    assert found.hit_rate_gap == 0  # item 1, the only one relevant in both: 1 of 1 and 1 of 1
    assert found.overall_hit_rate_gap == pytest.approx(2 / 3 - 1 / 2)
    assert (found.n_hit_items, found.n_items) == (1, 4)


@st.composite
def lists(draw):
    n_users, k = draw(st.integers(1, 7)), draw(st.integers(1, 3))
    row = st.lists(st.integers(0, 5), min_size=k, max_size=k, unique=True)
    top = [draw(row) for _ in range(n_users)]
    for items in top:
        if draw(st.booleans()):
            items[-1] = -1
    pairs = st.tuples(st.integers(0, n_users - 1), st.integers(0, 5))
    groups = draw(st.lists(st.integers(-1, 2), min_size=n_users, max_size=n_users))
    return top, draw(st.lists(pairs, unique=True, max_size=20)), groups


@given(lists(), st.sampled_from(["skip", "zero"]))
def test_top_k_lists_equal_loops_over_users(case, missing):
    top, relevant, groups = case
    pairs = np.array(relevant, dtype=np.int64).reshape(-1, 2)
    arrays = np.array(top), pairs[:, 0], pairs[:, 1], np.array(groups)
    for g, h in combinations(range(3), 2):
        found = ranking_unfairness(*arrays, g, h, missing=missing)
        expected = ranked_by_loops(top, relevant, groups, [g], [h], missing)
        assert list(astuple(found)) == pytest.approx(expected, abs=1e-12, nan_ok=True)
    for target in range(3):
        rest = [group for group in range(3) if group != target]
        found = ranking_unfairness(*arrays, target, missing=missing)
        expected = ranked_by_loops(top, relevant, groups, [target], rest, missing)
        assert list(astuple(found)) == pytest.approx(expected, abs=1e-12, nan_ok=True)
        together = found.undersupply_gap + found.oversupply_gap
        assert found.surplus_gap == pytest.approx(together, abs=1e-12, nan_ok=True)


def test_groups_served_alike_are_served_fairly():
    top = np.array([[1, 2], [3, 4]] * 2)
    rows, items = np.array([0, 1, 2, 3]), np.array([1, 5, 1, 5])
    found = ranking_unfairness(top, rows, items, np.array([0, 0, 1, 1]), 0)
    assert replace(found, n_hit_items=0, n_items=0) == type(found)(*[0.0] * 7, 0, 0)
    assert (found.n_hit_items, found.n_items) == (2, 5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({0: [1, 2]}, r"top_items has shape \(2,\)"),
        ({0: [[1, 1], [1, 2]]}, "top_items holds the item 1 twice for the user in row 0"),
        ({0: [[1.0, 2.0], [1.0, 2.0]]}, "top_items has dtype float64"),
        ({1: [1, 1], 2: [4, 4]}, "relevant pairs hold the item 4 twice for the user in row 1"),
        ({1: [0, 2]}, "rows from 0 to 2, but top_items has 2 rows"),
        ({1: [-1, 0]}, "rows from -1 to 0"),
        ({2: [1]}, r"relevant_items \(1,\)"),
        ({2: [1, -1]}, "holds the item -1"),
        ({3: [0]}, r"groups \(1,\)"),
        ({1: [0], 2: [1], 3: [0, -2]}, "groups holds the code -2"),
    ],
)
def test_top_k_refusals(change, message):
    arrays = [[[1, 2], [1, 2]], [0, 1], [1, 1], [0, 1]]
    for place, column in change.items():
        arrays[place] = column
    with pytest.raises(ValueError, match=message):
        ranking_unfairness(*map(np.array, arrays), 0)


def test_a_group_is_not_compared_with_itself():
    with pytest.raises(ValueError, match="first is 0 and second 0"):
        ranking_unfairness(*map(np.array, [[[1], [2]], [0, 1], [1, 1], [0, 1]]), 0, 0)
