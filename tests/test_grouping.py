import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_groupmix.core.groups.binning import activity, cut, quantile_groups
from recbole_groupmix.core.groups.grouping import Grouping, cross, small_groups

nan, inf = float("nan"), float("inf")


def test_a_grouping_counts_and_names_its_users():
    grouping = Grouping(np.array([1, -1, 0, 1]), ("F", "M", "X"))
    assert grouping.counts().tolist() == [1, 2, 0]
    assert grouping.labels() == ["M", None, "F", "M"]


def test_a_grouping_cannot_change():
    codes = np.array([0, 1])
    grouping = Grouping(codes, ("F", "M"))
    codes[0] = 1
    assert grouping.codes.tolist() == [0, 1]
    assert grouping.codes.dtype == np.int64
    with pytest.raises(ValueError, match="read-only"):
        grouping.codes[0] = 1


@pytest.mark.parametrize(
    ("codes", "names", "message"),
    [
        ([0, 2], ("F", "M"), r"code 2 at position 1 is not one of the 2 groups"),
        ([-2], ("F",), "code -2 at position 0"),
        ([0.0], ("F",), "dtype float64"),
        ([[0]], ("F",), r"shape \(1, 1\)"),
        ([0], ("F", "M", "F"), "'F' is given twice"),
        ([0], (3,), "name 3 is not a string"),
    ],
)
def test_a_grouping_refuses(codes, names, message):
    with pytest.raises(ValueError, match=message):
        Grouping(np.array(codes), names)


# --- crossing --------------------------------------------------------------------------------


def test_crossed_groups_are_the_combinations_that_occur():
    gender = ["M", "F", "M", None, "F", "M"]
    age = ["18", "5", "5", "18", "", "18"]
    grouping = cross([gender, age])
    assert grouping.names == ("F|5", "M|5", "M|18")
    assert grouping.codes.tolist() == [2, 0, 1, -1, -1, 2]


def test_one_column_keeps_its_tokens():
    grouping = cross([["b|c", "a", nan, "b|c"]])
    assert grouping.names == ("a", "b|c")
    assert grouping.labels() == ["b|c", "a", None, "b|c"]


def test_groups_cut_from_numbers_can_be_crossed():
    ages = cut(np.array([20, 30, nan]), [18, 25, 35], ["young", "old"])
    assert cross([["F", "M", "M"], ages.labels()]).labels() == ["F|young", "M|old", None]


def test_whole_numbers_are_ordered_as_numbers():
    assert cross([["10", "9", "2"]]).names == ("2", "9", "10")
    assert cross([["10", "9", "2a"]]).names == ("10", "2a", "9")


tokens = st.sampled_from(["1", "2", "x y", None])


@given(st.lists(st.tuples(tokens, tokens, tokens), min_size=1, max_size=20))
def test_two_users_share_a_group_if_and_only_if_all_tokens_agree(rows):
    grouping = cross(list(zip(*rows, strict=True)))
    assert (grouping.counts() > 0).all()
    for row, label in zip(rows, grouping.labels(), strict=True):
        assert label == (None if None in row else "|".join(row))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([], "sequence of columns"),
        (["FMF"], "sequence of columns"),
        ([["F"], ["1", "2"]], r"\[1, 2\] entries"),
        ([["a|b", "a"], ["c", "b|c"]], r"'a\|b' of column 0 contains the separator"),
        ([["F", 3]], "column 0 holds 3 at position 1.*cut a numeric column"),
    ],
)
def test_cross_refuses(columns, message):
    with pytest.raises(ValueError, match=message):
        cross(columns)


def test_another_separator_keeps_names_apart():
    columns = [["a|b", "a"], ["c", "b|c"]]
    assert cross(columns, separator=" x ").labels() == ["a|b x c", "a x b|c"]


# --- cutting ---------------------------------------------------------------------------------


def test_bins_hold_their_left_edge_only():
    values = np.array([17.9, 18, 24.9, 25, 34.9, 35, nan, -inf])
    grouping = cut(values, [18, 25, 35])
    assert grouping.codes.tolist() == [-1, 0, 0, 1, 1, -1, -1, -1]
    assert grouping.names == ("[18, 25)", "[25, 35)")


def test_infinite_edges_leave_the_ends_open():
    grouping = cut(np.array([-5, 0, 10**9]), [-inf, 0, inf], ["below", "above"])
    assert grouping.labels() == ["below", "above", "above"]
    assert cut(np.array([0.0]), [-inf, 0.1, inf]).names == ("[-inf, 0.1)", "[0.1, inf)")


def test_large_edges_keep_all_their_digits():
    assert cut(np.array([1]), [978300760, 978300761]).names == ("[978300760, 978300761)",)


@given(
    st.lists(st.floats(-5, 5) | st.just(nan), max_size=20),
    st.lists(st.integers(-5, 5), min_size=2, max_size=6, unique=True).map(sorted),
)
def test_every_value_is_in_the_one_bin_that_holds_it(values, bins):
    codes = cut(np.array(values), bins).codes
    for value, code in zip(values, codes, strict=True):
        holding = [i for i in range(len(bins) - 1) if bins[i] <= value < bins[i + 1]]
        assert [code] == (holding or [-1])


@pytest.mark.parametrize(
    ("values", "bins", "labels", "message"),
    [
        ([1.0], [1], None, "at least two edges"),
        ([1.0], [1, 1], None, "larger than the one before"),
        ([1.0], [1, nan], None, "larger than the one before"),
        ([1.0], [1, 2, 3], ["a"], "1 labels for 3 edges; they make 2 bins"),
        ([1.0], [1, 2, 3], ["a", "a"], "'a' is given twice"),
        (["1"], [1, 2], None, "array of numbers"),
        ([[1.0]], [1, 2], None, r"shape \(1, 1\)"),
    ],
)
def test_cut_refuses(values, bins, labels, message):
    with pytest.raises(ValueError, match=message):
        cut(np.array(values), bins, labels)


# --- quantiles -------------------------------------------------------------------------------


def test_quintiles_by_hand():
    scores = np.array([0.9, nan, 0.1, 0.5, 0.3, 0.7, 0.8])
    grouping = quantile_groups(scores, 5)  # six scores: the lowest group has two
    assert grouping.names == ("L", "ML", "M", "MH", "H")
    assert grouping.labels() == ["H", None, "L", "ML", "L", "M", "MH"]


def test_equal_scores_are_split_by_position():
    many = np.tile([2.0, 1.0], 100)  # an unstable sort mixes these up
    codes = quantile_groups(many, 4).codes
    expected = np.empty(200, dtype=int)
    expected[1::2] = np.repeat([0, 1], 50)
    expected[::2] = np.repeat([2, 3], 50)
    np.testing.assert_array_equal(codes, expected)
    assert quantile_groups(many, 2, ["low", "high"]).names == ("low", "high")
    assert quantile_groups(many, 3).names == ("Q1", "Q2", "Q3")


@given(st.lists(st.floats(allow_nan=True), min_size=1, max_size=40), st.integers(1, 7))
def test_quantiles_are_level_and_ordered(scores, n):
    scores = np.array(scores)
    scored = ~np.isnan(scores)
    if scored.sum() < n:
        with pytest.raises(ValueError, match=f"n is {n}, but {scored.sum()} of {len(scores)}"):
            quantile_groups(scores, n)
        return
    grouping = quantile_groups(scores, n)
    assert np.ptp(grouping.counts()) <= 1
    assert ((grouping.codes >= 0) == scored).all()
    for code in range(n - 1):
        assert scores[grouping.codes == code].max() <= scores[grouping.codes == code + 1].min()


@pytest.mark.parametrize(
    ("n", "names", "message"),
    [
        (0, None, "n is 0, but 3 of 4 users have a score"),
        (4, None, "n is 4, but 3 of 4"),
        (2, ["low"], r"1 names \['low'\] for 2 groups"),
    ],
)
def test_quantiles_refuse(n, names, message):
    with pytest.raises(ValueError, match=message):
        quantile_groups(np.array([1.0, 2.0, nan, 3.0]), n, names)


# --- activity --------------------------------------------------------------------------------


def test_activity_counts_rows_of_users_who_have_some():
    found = activity(np.array([3, 1, 3, 3]), 5)
    np.testing.assert_array_equal(found, [nan, 1, nan, 3, nan])
    assert quantile_groups(found, 2).codes.tolist() == [-1, 0, -1, 1, -1]
    assert np.isnan(activity(np.array([], dtype=np.int64), 2)).all()


@pytest.mark.parametrize(
    ("users", "message"),
    [([0, 1], r"ids from 0 to 1; they lie in \[1, 3\)"), ([3], "from 3 to 3"), ([1.0], "float64")],
)
def test_activity_refuses(users, message):
    with pytest.raises(ValueError, match=message):
        activity(np.array(users), 3)


# --- small groups ----------------------------------------------------------------------------


def sized(**sizes):
    """A grouping of groups of the sizes given, and one user without a group."""
    return Grouping(np.append(np.repeat(np.arange(len(sizes)), [*sizes.values()]), -1), (*sizes,))


def test_small_groups_are_merged_and_stand_last():
    merged = small_groups(sized(a=1, b=3, c=2, d=4), 3, "merge")
    assert merged.names == ("b", "d", "other")
    assert merged.counts().tolist() == [3, 4, 3]
    assert merged.labels() == ["other", *"bbb", "other", "other", *"dddd", None]


def test_groups_without_users_are_left_out_when_merging():
    merged = small_groups(sized(a=0, b=3), 3, "merge")
    assert merged.names == ("b",)
    assert merged.labels() == ["b", "b", "b", None]


def test_a_small_group_called_other_is_merged_like_any_other():
    assert small_groups(sized(other=1, a=1, b=2), 2, "merge").names == ("b", "other")


def test_large_enough_groups_stay_as_they_are():
    grouping = sized(a=2, b=3)
    for action in ("refuse", "merge"):
        assert small_groups(grouping, 2, action) is grouping


@pytest.mark.parametrize(
    ("sizes", "min_users", "options", "message"),
    [
        ({"a": 1, "b": 3, "c": 0}, 3, {}, r"fewer than min_users = 3 users: a \(1\), c \(0\)"),
        ({"a": 1, "b": 3}, 3, {"action": "merge"}, "have 1 users together, still fewer"),
        ({"other": 3, "b": 2, "c": 2}, 3, {"action": "merge"}, "a group 'other' of at least 3"),
        ({"a": 1}, 1, {"action": "drop"}, "action is 'drop'"),
        ({"a": 1}, -1, {}, "min_users is -1"),
    ],
)
def test_small_groups_refuse(sizes, min_users, options, message):
    with pytest.raises(ValueError, match=message):
        small_groups(sized(**sizes), min_users, **options)
