import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_groupmix.core import split

user_rows = st.lists(st.integers(1, 6), min_size=1, max_size=60).map(np.array)


def by_user(users, values):
    """Each user's values in the order of the user's rows."""
    return {int(user): values[users == user].tolist() for user in np.unique(users)}


def test_test_part_by_hand():
    # c:                        1  2  4  5  9  10  14  15
    # floor(c / 5), at least 1: -  1  1  1  1   2   2   3
    sizes = [1, 2, 4, 5, 9, 10, 14, 15]
    users = np.random.default_rng(0).permutation(np.repeat(np.arange(10, 18), sizes))
    mask = split.test_mask(users, seed=3)
    assert mask.dtype == bool
    taken = [int(mask[users == user].sum()) for user in range(10, 18)]
    assert taken == [0, 1, 1, 1, 1, 2, 2, 3]


def test_one_interaction_always_stays_in_training():
    users = np.array([7, 7, 8, 8, 8])  # floor(0.99 * 3) = 2, floor(0.99 * 2) = 1
    mask = split.test_mask(users, seed=0, test_ratio=0.99)
    assert [mask[:2].sum(), mask[2:].sum()] == [1, 2]


@pytest.mark.parametrize(("ratio", "percent"), [(0.2, 20), (0.29, 29), (0.07, 7), (0.1, 10)])
def test_the_floor_is_that_of_exact_arithmetic(ratio, percent):
    # floats: 0.29 * 100 = 28.999999999999996
    sizes = np.arange(1, 700)
    users = np.repeat(sizes, sizes)
    taken = np.bincount(users[split.test_mask(users, seed=0, test_ratio=ratio)], minlength=700)
    expected = [0] + [max(1, percent * int(c) // 100) for c in sizes[1:]]
    assert taken[1:].tolist() == expected


@given(user_rows, st.integers(2, 5))
def test_folds_of_a_user_differ_by_one_at_most(users, n_folds):
    folds = split.fold_of_interaction(users, n_folds, seed=1)
    assert folds.dtype == np.int64
    assert ((folds >= 0) & (folds < n_folds)).all()
    for own in by_user(users, folds).values():
        sizes = np.bincount(own, minlength=n_folds)
        assert sizes.max() - sizes.min() <= 1
        assert np.count_nonzero(sizes) == min(n_folds, len(own))


def test_left_over_interactions_are_spread_over_the_folds():
    # 6000 users with one interaction: each fold expects 1200 with standard deviation 31
    folds = split.fold_of_interaction(np.arange(6000), 5, seed=0)
    assert np.bincount(folds, minlength=5) == pytest.approx(1200, abs=4 * 31)


@given(user_rows, st.integers(0, 2**32))
def test_rows_of_other_users_in_between_make_no_difference(users, seed):
    ordered = np.sort(users)  # keeps the order of each user's rows
    for values in (
        lambda rows: split.test_mask(rows, seed),
        lambda rows: split.fold_of_interaction(rows, 3, seed),
    ):
        assert by_user(users, values(users)) == by_user(ordered, values(ordered))


def test_every_row_of_a_user_is_equally_likely_to_be_tested():
    # 20 000 users with 5 rows, one of them tested: 4000 per position, standard deviation 57
    users = np.repeat(np.arange(20_000), 5)
    mask = split.test_mask(users, seed=0).reshape(-1, 5)
    assert (mask.sum(axis=1) == 1).all()
    assert mask.sum(axis=0) == pytest.approx(4000, abs=4 * 57)


def test_every_row_of_a_user_is_equally_likely_in_every_fold():
    # 20 000 users with 3 rows in 3 folds, all 6 orders alike: 3333 of each, sd 53
    users = np.repeat(np.arange(20_000), 3)
    folds = split.fold_of_interaction(users, 3, seed=0).reshape(-1, 3)
    orders, times = np.unique(folds, axis=0, return_counts=True)
    assert len(orders) == 6
    assert times == pytest.approx(20_000 / 6, abs=4 * 53)


def test_folds_do_not_follow_the_test_part():
    # Of 5 rows dealt to 5 folds, the two test rows lie in neighbouring folds (in the circle)
    # for half of 20 000 users, standard deviation 71; for all if both used one shuffle.
    users = np.repeat(np.arange(20_000), 5)
    tested = split.test_mask(users, seed=4, test_ratio=0.4)
    folds = split.fold_of_interaction(users, 5, seed=4)[tested].reshape(-1, 2)
    apart = (folds[:, 0] - folds[:, 1]) % 5
    assert np.isin(apart, [1, 4]).sum() == pytest.approx(10_000, abs=4 * 71)


def test_same_seed_same_split_other_seed_other_split():
    users = np.random.default_rng(0).integers(1, 50, 2000)
    for values in (
        lambda seed: split.test_mask(users, seed),
        lambda seed: split.fold_of_interaction(users, 4, seed),
    ):
        assert (values(5) == values(5)).all()
        assert (values(5) != values(6)).any()


def test_no_interactions_give_an_empty_answer():
    empty = np.array([], dtype=np.int64)
    assert split.test_mask(empty, 0).shape == (0,)
    assert split.fold_of_interaction(empty, 2, 0).shape == (0,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda users: split.fold_of_interaction(users, 1, 0), "folds is 1"),
        (lambda users: split.fold_of_interaction(users, 2, -3), "seed is -3"),
        (lambda users: split.fold_of_interaction(users * 1.0, 2, 0), "dtype float64"),
        (lambda users: split.test_mask(users, -1), "seed is -1"),
        (lambda users: split.test_mask(users, 0, test_ratio=0.0), r"test_ratio is 0\.0"),
        (lambda users: split.test_mask(users, 0, test_ratio=1.0), r"test_ratio is 1\.0"),
        (lambda users: split.test_mask(users[None], 0), r"shape \(1, 4\)"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.array([1, 1, 2, 3]))


# --- folds in time --------------------------------------------------------------------------


def test_rolling_folds_by_hand():
    users = np.repeat([4, 7], [10, 5])
    folds = split.rolling_folds(users, 5, seed=0)
    assert folds[:10].tolist() == [split.NEVER] * 5 + [0, 1, 2, 3, 4]
    assert folds[10:13].tolist() == [split.NEVER] * 3
    assert 0 <= folds[13] < folds[14] < 5


@given(user_rows, st.integers(2, 5))
def test_rolling_folds_go_forward_in_blocks_of_a_size(users, n_folds):
    folds = split.rolling_folds(users, n_folds, seed=1)
    for own in by_user(users, folds).values():
        assert own == sorted(own)
        held = [fold for fold in own if fold != split.NEVER]
        assert len(held) == len(own) // 2 and all(0 <= fold < n_folds for fold in held)
        sizes = np.bincount(held, minlength=n_folds)
        assert sizes.max() - sizes.min() <= 1


def test_short_users_are_spread_over_the_rolling_folds():
    # 6000 users with one interaction to hold out: as above
    folds = split.rolling_folds(np.repeat(np.arange(6000), 2), 5, seed=0)
    assert np.bincount(folds[1::2], minlength=5) == pytest.approx(1200, abs=4 * 31)


@given(user_rows, st.integers(2, 5))
def test_last_folds_count_from_the_end(users, n_folds):
    folds = split.last_folds(users, n_folds)
    for own in by_user(users, folds).values():
        held = min(n_folds, len(own) - 1)
        assert own == [split.NEVER] * (len(own) - held) + list(range(held))[::-1]


@pytest.mark.parametrize("folds", [split.rolling_folds, lambda u, n, s: split.last_folds(u, n)])
def test_folds_in_time_need_two(folds):
    with pytest.raises(ValueError, match="at least 2"):
        folds(np.array([1, 1]), 1, 0)
