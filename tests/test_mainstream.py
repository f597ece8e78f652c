import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_groupmix.core.groups.mainstream import mainstream_scores, niche_weights


def drawn(n_users=51, n_items=41, n=600, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(1, n_users, n), rng.integers(1, n_items, n)


def brute_force(users, items, n_users):
    sets = {user: set(items[users == user].tolist()) for user in set(users.tolist())}
    scores = np.full(n_users, np.nan)
    for user, own in sets.items():
        others = [len(own & other) / len(own | other) for v, other in sets.items() if v != user]
        if others:
            scores[user] = sum(others) / len(others)
    return scores


def test_three_users_by_hand():
    # sets {1, 2}, {2, 3}, {1, 2, 3, 4}; user 4 and the padding user have none
    users, items = np.array([1, 1, 2, 2, 3, 3, 3, 3]), np.array([1, 2, 2, 3, 1, 2, 3, 4])
    expected = [np.nan, (1 / 3 + 2 / 4) / 2, (1 / 3 + 2 / 4) / 2, (2 / 4 + 2 / 4) / 2, np.nan]
    found = mainstream_scores(users, items, 5, 5)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("n", [30, 600, 3000])  # many users without an item; many double pairs
def test_equals_a_double_loop_over_users(n):
    users, items = drawn(n=n)
    found = mainstream_scores(users, items, 51, 41)
    np.testing.assert_allclose(found, brute_force(users, items, 51), rtol=0, atol=1e-12)


@given(st.lists(st.tuples(st.integers(1, 7), st.integers(1, 5)), max_size=30))
def test_equals_a_double_loop_on_any_interactions(pairs):
    users = np.array([user for user, _ in pairs], dtype=np.int64)
    items = np.array([item for _, item in pairs], dtype=np.int64)
    found = mainstream_scores(users, items, 8, 6)
    np.testing.assert_allclose(found, brute_force(users, items, 8), rtol=0, atol=1e-12)
    assert ((found >= -1e-12) & (found <= 1 + 1e-12))[~np.isnan(found)].all()


def test_permuting_users_permutes_and_permuting_items_keeps():
    users, items = drawn()
    scores = mainstream_scores(users, items, 51, 41)
    rng = np.random.default_rng(1)
    new_user = np.append(0, rng.permutation(np.arange(1, 51)))
    new_item = np.append(0, rng.permutation(np.arange(1, 41)))
    found = mainstream_scores(new_user[users], items, 51, 41)
    np.testing.assert_allclose(found[new_user], scores, rtol=0, atol=1e-12)
    found = mainstream_scores(users, new_item[items], 51, 41)
    np.testing.assert_allclose(found, scores, rtol=0, atol=1e-12)


def test_rows_may_come_twice_and_in_any_order():
    users, items = drawn()
    order = np.random.default_rng(2).permutation(np.tile(np.arange(len(users)), 2))
    np.testing.assert_array_equal(
        mainstream_scores(users[order], items[order], 51, 41),
        mainstream_scores(users, items, 51, 41),
    )


def test_identical_users_score_one_and_disjoint_users_zero():
    users, items = np.repeat([1, 2, 3], 4), np.tile([2, 3, 5, 7], 3)
    np.testing.assert_array_equal(mainstream_scores(users, items, 4, 8)[1:], [1, 1, 1])
    alone = np.arange(1, 6)
    np.testing.assert_array_equal(mainstream_scores(alone, alone, 6, 6)[1:], np.zeros(5))


def test_ids_without_interactions_are_not_among_the_users():
    users, items = drawn()
    few = mainstream_scores(users, items, 51, 41)
    many = mainstream_scores(users, items, 500, 90)
    np.testing.assert_array_equal(many[:51], few)
    assert np.isnan(many[51:]).all()
    assert np.isnan(many[0])


def test_held_out_rows_make_no_difference_unless_they_are_given():
    users, items = drawn()
    train = np.arange(len(users)) % 5 != 0
    scores = mainstream_scores(users[train], items[train], 51, 41)
    changed = np.where(train, items, 41 - items)  # other held-out items, same training part
    np.testing.assert_array_equal(mainstream_scores(users[train], changed[train], 51, 41), scores)
    assert not np.array_equal(mainstream_scores(users, items, 51, 41), scores, equal_nan=True)


def test_chunks_do_not_change_the_scores():
    users, items = drawn()
    scores = mainstream_scores(users, items, 51, 41)
    for limit in ({"chunk_rows": 1}, {"chunk_rows": 7}, {"chunk_rows": 900}, {"memory_bytes": 1}):
        found = mainstream_scores(users, items, 51, 41, **limit)
        np.testing.assert_allclose(found, scores, rtol=0, atol=1e-13)


def peak_memory(n_users, n_items, n, memory_bytes):
    users, items = drawn(n_users, n_items, n)
    tracemalloc.start()
    try:
        scores = mainstream_scores(users, items, n_users, n_items, memory_bytes=memory_bytes)
        return tracemalloc.get_traced_memory()[1], scores
    finally:
        tracemalloc.stop()


def test_memory_stays_within_what_was_asked_for():
    # all pairs of 3,000 users at once, similarities alone, would take 72 MB
    peak, _ = peak_memory(3001, 501, 15_000, memory_bytes=2 * 2**20)
    assert peak < 6 * 2**20


@pytest.mark.slow
def test_twenty_thousand_users_fit_in_two_gigabytes():
    peak, scores = peak_memory(20_001, 7_644, 490_000, memory_bytes=256 * 2**20)
    assert peak < 300 * 2**20
    assert np.isfinite(scores[1:]).all()


def test_no_interactions_and_a_single_user_have_no_score():
    none = np.array([], dtype=np.int64)
    assert np.isnan(mainstream_scores(none, none, 3, 3)).all()
    assert np.isnan(mainstream_scores(np.array([1, 1]), np.array([1, 2]), 3, 3)).all()


@pytest.mark.parametrize(
    ("users", "items", "limits", "message"),
    [
        ([0, 1], [1, 1], {}, r"users holds the id 0 at position 0; ids lie in \[1, 4\)"),
        ([1, 4], [1, 1], {}, "users holds the id 4 at position 1"),
        ([1, 2], [1, 3], {}, r"items holds the id 3 at position 1; ids lie in \[1, 3\)"),
        ([1, 2], [0, 1], {}, "Add 1 to ids that start at 0"),
        ([1, 2], [1], {}, "users has 2 and items 1 entries"),
        ([1.0, 2.0], [1, 1], {}, "users has .* dtype float64"),
        ([[1, 2]], [[1, 1]], {}, r"users has shape \(1, 2\)"),
        ([1, 2], [1, 1], {"chunk_rows": 0}, "chunk_rows is 0"),
        ([1, 2], [1, 1], {"memory_bytes": 0}, "memory_bytes 0"),
    ],
)
def test_refusals(users, items, limits, message):
    with pytest.raises(ValueError, match=message):
        mainstream_scores(np.array(users), np.array(items), 4, 3, **limits)


@pytest.mark.parametrize("power", [0.5, 1.0, 1.5, 3.0])
def test_niche_weights_equal_a_loop_and_have_mean_1_and_least_0(power):
    scores = mainstream_scores(*drawn(), 51, 41)
    low, high = np.nanmin(scores), np.nanmax(scores)
    raw = {u: ((high - s) / (high - low)) ** power for u, s in enumerate(scores) if s == s}
    mean = sum(raw.values()) / len(raw)
    found = niche_weights(scores, power)
    expected = [raw[u] / mean if u in raw else 1.0 for u in range(51)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    known = found[~np.isnan(scores)]
    assert known.min() == 0 and known.mean() == pytest.approx(1, abs=1e-12)
    assert (np.argsort(known) == np.argsort(-scores[~np.isnan(scores)])).all()


def test_niche_weights_of_power_0_and_of_equal_scores_are_1():
    scores = mainstream_scores(*drawn(n=30), 51, 41)  # some users have no score
    assert (niche_weights(scores, 0.0) == 1).all()
    assert (niche_weights(np.array([np.nan, 0.25, 0.25]), 1.5) == 1).all()
    assert (niche_weights(np.full(3, np.nan), 1.5) == 1).all()


@pytest.mark.parametrize("power", [-0.5, np.nan, np.inf])
def test_niche_weights_refuse_a_power(power):
    with pytest.raises(ValueError, match=r"power is .* >= 0"):
        niche_weights(np.array([np.nan, 0.1, 0.2]), power)
