"""The generator of long-tailed interactions: sizes, tails, groups, and what it holds at once."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from helpers import read_atomic

from recbole_groupmix.prepare import long_tail, prepare
from recbole_groupmix.prepare.long_tail import LongTail

SMALL = LongTail(users=3_000, items=2_000, interactions=120_000, groups=3, seed=1)


def drawn(data):
    users, items = zip(*data.blocks(), strict=True)
    return np.concatenate(users), np.concatenate(items)


@pytest.fixture(scope="module")
def rows():
    return drawn(SMALL)


def test_sizes_are_exact_and_no_pair_comes_twice(rows):
    users, items = rows
    assert len(users) == len(np.unique(users * 2_000 + items)) == 120_000
    np.testing.assert_array_equal(np.bincount(users, minlength=3_000), SMALL.activity)
    assert items.min() >= 0
    assert items.max() < 2_000
    assert sorted(set(SMALL.group.tolist())) == [0, 1, 2]


@pytest.mark.parametrize("n", [3_000, 3_001, 1_499_999, 1_500_000])
def test_any_number_that_fits_is_met(n):
    counts = LongTail(users=3_000, items=2_000, interactions=n, groups=3).activity
    assert counts.sum() == n
    assert counts.min() >= 1
    assert counts.max() <= 500


def test_tails_are_those_of_movielens_25m():
    # its README and ratings: 20 at least, median 71, mean 153.8 a user; the most popular item has
    # 81,491 of 162,541 users, the median item 6 ratings
    counts = LongTail().activity
    assert counts.min() == 20
    assert 60 < np.median(counts) < 82
    assert counts.sum() == 25_000_095
    expected = LongTail().weights[0] * 25_000_095  # of draws, if all users were of one group
    assert 50_000 < expected.max() < 250_000
    assert 3 < np.median(expected) < 20


def test_popularity_has_a_head_and_a_tail(rows):
    counts = np.sort(np.bincount(rows[1], minlength=2_000))[::-1]
    assert counts[:200].sum() > 0.6 * counts.sum()  # a tenth of the items
    assert np.median(counts) < counts.mean() / 4


def test_popular_items_and_active_users_do_not_follow_from_ids(rows):
    for of_id in (np.bincount(rows[1], minlength=2_000), SMALL.activity, SMALL.group):
        rank = of_id.argsort().argsort()
        assert abs(np.corrcoef(rank, np.arange(len(rank)))[0, 1]) < 4 / np.sqrt(len(rank))


def test_groups_are_unequal_and_differ_in_taste(rows):
    sizes = np.bincount(SMALL.group)
    # shares 1 : 1/2 : 1/3 of 3,000, five standard errors
    assert np.abs(sizes / 3_000 - np.array([6, 3, 2]) / 11).max() < 5 * np.sqrt(0.25 / 3_000)
    users, items = rows
    table = np.zeros((3, long_tail.N_CLASSES))
    np.add.at(table, (SMALL.group[users], SMALL.item_class[items]), 1)
    shares = table / table.sum(axis=1, keepdims=True)
    assert 0.05 < np.abs(shares[0] - shares[1]).sum() / 2 < 0.6


def test_a_race_and_draws_one_by_one_have_one_law(monkeypatch):
    # 4 items of weight 8 : 4 : 2 : 2, two drawn; the first inclusion by hand:
    # P(0 in) = 1/2 + sum_j p_j p_0 / (1 - p_j) = 1/2 + (1/4)(1/2)/(3/4) + 2 (1/8)(1/2)/(7/8)
    expected = 1 / 2 + 1 / 6 + 1 / 7
    weights = np.array([[0.5, 0.25, 0.125, 0.125]])
    n = 20_000
    for many in (10**9, 1):  # a 4th of the items or more: the race; else one by one
        monkeypatch.setattr(long_tail, "_MANY", many if many == 1 else 1e-9)
        users, items = long_tail._drawn(
            np.random.default_rng(0),
            0,
            np.full(n, 2),
            np.zeros(n, int),
            weights,
            weights.cumsum(axis=1),
        )
        assert np.bincount(users).tolist() == [2] * n
        assert abs((items == 0).mean() * 2 - expected) < 5 * np.sqrt(0.25 / n)


def test_a_seed_gives_the_same_files_and_another_others(tmp_path):
    sizes = {"users": "300", "items": "200", "interactions": "4000", "groups": "2"}
    options = [{**sizes, "seed": seed} for seed in ("3", "3", "4")]
    made = [
        prepare("long_tail", out=tmp_path / str(i), options=each) for i, each in enumerate(options)
    ]
    texts = [(each.folder / "long_tail.inter").read_bytes() for each in made]
    assert texts[0] == texts[1] != texts[2]
    user = read_atomic(made[0].folder / "long_tail.user")
    inter = read_atomic(made[0].folder / "long_tail.inter")
    assert len(inter["item_id:token"]) == 4_000
    assert set(user["group:token"]) == {"g1", "g2"}
    assert set(inter["user_id:token"]) == set(user["user_id:token"])
    said = dict(line.split()[::2] for line in made[0].comparison_text.splitlines()[1:])
    of_user = dict(zip(user["user_id:token"], user["group:token"], strict=True))
    found = [of_user[token] for token in inter["user_id:token"]]
    assert {group: int(n.replace(",", "")) for group, n in said.items()} == {
        group: found.count(group) for group in ("g1", "g2")
    }
    note = (Path(made[0].folder) / "SOURCE.md").read_text()
    assert "--users=300" in note
    assert "--seed=3" in note


def test_a_name_keeps_several_beside_one_another(tmp_path):
    sizes = {"users": "300", "items": "200", "interactions": "4000", "name": "small"}
    made = prepare("long_tail", out=tmp_path, options=sizes)
    assert made.folder == tmp_path / "small"
    assert (made.folder / "small.inter").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"users": "many"}, "users is 'many'; give a whole number"),
        ({"groups": "1"}, "groups is 1; it must be at least 2"),
        ({"seed": "-1"}, "seed is -1"),
        ({"interactions": "100"}, r"between 162541 and \d+, a fourth"),
        ({"layout": "cup"}, "long_tail takes no --layout; it takes users, items"),
        ({"name": "a/b"}, "cannot be the name of files"),
        ({"name": "ml-1m"}, "another data set"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        prepare("long_tail", out=tmp_path, options=options)
    assert list(tmp_path.iterdir()) == []


def test_a_source_is_refused(tmp_path):
    with pytest.raises(ValueError, match="takes no source"):
        prepare("long_tail", tmp_path, tmp_path / "out")


def test_rows_are_not_held_at_once(monkeypatch):
    monkeypatch.setattr(long_tail, "_ROWS_AT_ONCE", 10_000)
    data = LongTail(users=20_000, items=2_000, interactions=800_000, groups=3)
    tracemalloc.start()
    n = sum(len(users) for users, _ in data.blocks())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n == 800_000
    assert peak < 800_000 * 16 / 2  # bytes of all users and items as int64; about 4 MB are used
