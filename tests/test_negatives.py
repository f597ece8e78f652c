import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_groupmix.core.uniform_negatives import UniformNegatives
from recbole_groupmix.engine.compiled_negatives import CompiledNegatives

N_USERS, N_ITEMS = 6, 9  # with the padding ids: users 1 to 5, items 1 to 8

pairs = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 8)), max_size=50).map(
    lambda rows: np.array(rows, dtype=np.int64).reshape(-1, 2)
)


class Fixed:
    """Stands for a Generator whose random() gives chosen numbers."""

    def __init__(self, numbers):
        self.numbers = np.asarray(numbers, dtype=np.float64)

    def random(self, size):
        assert size == self.numbers.size
        return self.numbers


@given(pairs)
def test_every_candidate_has_an_equal_part_of_the_unit_interval(rows):
    # The candidates in order must be the answers to the midpoints of c equal parts, and to the
    # largest number below the upper end of each part.
    negatives = UniformNegatives(rows[:, 0], rows[:, 1], N_USERS, N_ITEMS)
    for user in range(1, N_USERS):
        positives = set(rows[rows[:, 0] == user, 1].tolist())
        candidates = [item for item in range(1, N_ITEMS) if item not in positives]
        c = len(candidates)
        for offset in (0.5, 1 - 1e-9):
            numbers = (np.arange(c) + offset) / max(c, 1)
            drawn = negatives.draw(np.full(c, user), Fixed(numbers))
            assert drawn.tolist() == candidates


@pytest.mark.parametrize("n_items", [2, 4, 6, 1000, 3707, 2**20 + 1, 2**31])
def test_the_ends_of_the_unit_interval_give_the_first_and_the_last_item(n_items):
    one = np.array([1])
    negatives = UniformNegatives(np.array([2]), one, 3, n_items)  # user 1 has no positives
    below_one = 1 - 2.0**-53
    drawn = negatives.draw(np.array([1, 1]), Fixed([0.0, below_one]))
    assert drawn.tolist() == [1, n_items - 1]


def test_draws_are_uniform():
    # user 1: candidates 2, 3, 5, 7, 8 -> 10 000 draws each, standard deviation 89
    negatives = UniformNegatives(np.array([1, 1, 1]), np.array([4, 1, 6]), N_USERS, N_ITEMS)
    drawn = negatives.draw(np.full(50_000, 1), np.random.default_rng(0))
    assert drawn.dtype == np.int64
    times = np.bincount(drawn, minlength=N_ITEMS)
    assert times[[0, 1, 4, 6]].tolist() == [0, 0, 0, 0]
    assert times[[2, 3, 5, 7, 8]] == pytest.approx(10_000, abs=4 * 89)


def test_no_draw_is_a_positive_of_its_user_in_a_larger_set():
    rng = np.random.default_rng(1)
    users, items = rng.integers(1, 200, 20_000), rng.integers(1, 300, 20_000)
    negatives = UniformNegatives(users, items, 200, 300)
    asked = rng.permutation(np.repeat(users, 3))
    drawn = negatives.draw(asked, rng)
    assert drawn.min() >= 1
    assert drawn.max() < 300
    assert not np.isin(asked * 300 + drawn, users * 300 + items).any()


def test_repeated_pairs_count_once():
    users, items = np.array([1, 1, 2]), np.array([3, 5, 5])
    once = UniformNegatives(users, items, N_USERS, N_ITEMS)
    twice = UniformNegatives(np.tile(users, 2), np.tile(items, 2), N_USERS, N_ITEMS)
    asked = np.tile([1, 2, 3], 50)
    drawn = [sampler.draw(asked, np.random.default_rng(0)) for sampler in (once, twice)]
    assert (drawn[0] == drawn[1]).all()


def test_a_draw_uses_up_one_random_number():
    negatives = UniformNegatives(np.array([1]), np.array([3]), N_USERS, N_ITEMS)
    rng, again = np.random.default_rng(9), np.random.default_rng(9)
    parts = [negatives.draw(np.array([1, 2, 1]), rng), negatives.draw(np.array([5]), rng)]
    whole = negatives.draw(np.array([1, 2, 1, 5]), again)
    assert np.concatenate(parts).tolist() == whole.tolist()
    assert rng.random() == again.random()


def test_nothing_asked_nothing_drawn():
    negatives = UniformNegatives(np.array([1]), np.array([3]), N_USERS, N_ITEMS)
    assert negatives.draw(np.array([], dtype=np.int64), np.random.default_rng(0)).shape == (0,)


def test_a_user_with_all_items_is_named_when_drawn():
    users = np.array([4] * 8 + [1])
    items = np.array([*range(1, 9), 2])
    negatives = UniformNegatives(users, items, N_USERS, N_ITEMS)
    assert 2 not in negatives.draw(np.full(100, 1), np.random.default_rng(0))
    with pytest.raises(ValueError, match="user with internal id 4 has all 8 items"):
        negatives.draw(np.array([1, 4]), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("users", "items", "message"),
    [
        ([0, 1], [1, 1], "user id 0 is out of range"),
        ([6, 1], [1, 1], r"user id 6 .* \[1, 6\)"),
        ([1, 1], [1, 9], r"item id 9 .* \[1, 9\)"),
        ([1, 1], [1], "2 users but 1 items"),
        ([1.0], [1], "dtype float64"),
    ],
)
def test_bad_pairs_are_refused(users, items, message):
    with pytest.raises(ValueError, match=message):
        UniformNegatives(np.array(users), np.array(items), N_USERS, N_ITEMS)


def test_a_user_without_negatives_is_called_by_name():
    users, items = np.array([2, 2]), np.array([1, 2])
    for names, says in (
        ({}, "user with internal id 2"),
        ({"name_of": "user u{}".format}, "user u2 "),
    ):
        negatives = UniformNegatives(users, items, 3, 3, **names)
        with pytest.raises(ValueError, match=f"{says}.*all 2 items"):
            negatives.draw(np.array([2]), np.random.default_rng(0))


def test_bad_draws_and_sizes_are_refused():
    negatives = UniformNegatives(np.array([1]), np.array([3]), N_USERS, N_ITEMS)
    with pytest.raises(ValueError, match="user id 0 is out of range"):
        negatives.draw(np.array([1, 0]), np.random.default_rng(0))
    with pytest.raises(ValueError, match="n_items is 1"):
        UniformNegatives(np.array([1]), np.array([1]), 2, 1)


@given(pairs, st.integers(0, 1000))
def test_the_compiled_draw_gives_the_same_items(rows, seed):
    table = UniformNegatives(rows[:, 0], rows[:, 1], N_USERS, N_ITEMS)
    users = np.random.default_rng(seed).integers(1, N_USERS, 40)
    full = set(np.flatnonzero(table.n_candidates == 0)) & set(users.tolist())
    if full:
        with pytest.raises(ValueError, match="all 8 items as positives"):
            CompiledNegatives(table).draw(users, np.random.default_rng(seed))
        return
    wanted = table.draw(users, np.random.default_rng(seed))
    got = CompiledNegatives(table).draw(users, np.random.default_rng(seed))
    assert np.array_equal(got, wanted)


@given(pairs, st.integers(0, 1000), st.sets(st.integers(0, 29)))
def test_some_rows_are_drawn_as_among_all(rows, seed, some):
    table = UniformNegatives(rows[:, 0], rows[:, 1], N_USERS, N_ITEMS)
    open_users = np.flatnonzero(table.n_candidates[1:]) + 1
    if not open_users.size:
        return
    users = np.sort(np.random.default_rng(seed).choice(open_users, 30))
    some = np.array(sorted(some), dtype=np.int64)
    every = table.draw(users, np.random.default_rng(seed))
    for draws in (table, CompiledNegatives(table)):
        rng = np.random.default_rng(seed)
        assert draws.draw(users, rng, some).tolist() == every[some].tolist()
        assert rng.random() == np.random.default_rng(seed).random(31)[-1]  # as many used up


@given(st.integers(0, 1000), st.sampled_from([1, 2, 40]), st.integers(0, 600))
def test_a_user_with_few_or_many_draws_gets_the_same_items(seed, n_draws, n_positives):
    rng = np.random.default_rng(seed)
    items = 1 + rng.choice(600, n_positives, replace=False)
    owners = rng.integers(1, 3, n_positives)
    table = UniformNegatives(np.append(owners, 3), np.append(items, 1), 4, 601)
    users = np.repeat([1, 3, 2, 1], n_draws)
    wanted = table.draw(users, np.random.default_rng(seed))
    got = CompiledNegatives(table).draw(users, np.random.default_rng(seed))
    assert np.array_equal(got, wanted)
