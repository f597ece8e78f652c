"""Calibrated lists against a loop over candidates, and their divergence by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_groupmix.core.calibration import (
    CANDIDATES,
    ItemProfiles,
    calibrated_lists,
    divergence,
    listed_first,
)
from recbole_groupmix.core.theory.class_shares import item_class_shares


def _kl(p, listed, shares):
    """KL(p || .99 q + .01 p) of a list of items, by its definition."""
    classed = [shares[item] for item in listed if shares[item].sum() > 0]
    q = np.mean(classed, axis=0) if classed else np.zeros(len(p))
    return sum(a * np.log(a / (0.99 * b + 0.01 * a)) for a, b in zip(p, q, strict=True) if a > 0)


def _candidates(row, length):
    """The best items, best first, with scores from 0 to 1."""
    order = sorted(np.flatnonzero(np.isfinite(row)), key=lambda i: (-row[i], i))
    pool = order[: CANDIDATES * length]
    low, high = float(row[pool[-1]]), float(row[pool[0]])
    spread = high - low
    return {i: (float(row[i]) - low) / spread if spread else 0.0 for i in pool}


def _data(seed, n_items, kinds, n_users=4, n_classes=4):
    rng = np.random.default_rng(seed)
    names = "abcd"
    labels = [
        list(rng.choice(list(names), rng.integers(0, 4), replace=False))
        for _ in range(n_items - 1)
    ]
    shares, _ = item_class_shares([["a", "b", "c", "d"], *labels])
    wanted = rng.dirichlet(np.full(n_classes, 0.5), n_users)
    wanted[0] = 0.0  # a user whose items have no class
    wanted[1] = [1.0, 0.0, 0.0, 0.0]
    scores = rng.integers(-kinds, kinds, (n_users, n_items)).astype(np.float32) / 3
    scores[rng.random(scores.shape) < 0.2] = -np.inf
    scores[-1, 2:] = -np.inf  # fewer candidates than places
    scores[:, 0] = 0.0
    return scores, wanted, shares


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**31),
    n_items=st.integers(6, 90),
    length=st.integers(1, 6),
    kinds=st.sampled_from([1, 4, 10**6]),
    trade_off=st.sampled_from([0.01, 0.3, 0.7, 1.0]),
)
def test_each_place_has_the_best_candidate(seed, n_items, length, kinds, trade_off):
    scores, wanted, shares = _data(seed, n_items, kinds)
    lists = calibrated_lists(scores, wanted, ItemProfiles.of_shares(shares), length, trade_off)
    for row, p, listed in zip(scores, wanted, lists, strict=True):
        left = _candidates(row, length)
        n = min(length, len(left))
        assert (listed[n:] == -1).all() and len(set(listed[:n])) == n
        for place, item in enumerate(listed[:n]):
            value = {
                i: (1 - trade_off) * s - trade_off * _kl(p, [*listed[:place], i], shares)
                for i, s in left.items()
            }
            assert value[item] >= max(value.values()) - 1e-9
            del left[item]


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**31),
    n_items=st.integers(6, 90),
    length=st.integers(1, 6),
    kinds=st.sampled_from([1, 4, 10**6]),
)
def test_without_trade_off_it_is_the_plain_ranking(seed, n_items, length, kinds):
    scores, wanted, shares = _data(seed, n_items, kinds)
    lists = calibrated_lists(scores, wanted, ItemProfiles.of_shares(shares), length, 0.0)
    for row, listed in zip(scores, lists, strict=True):
        order = np.argsort(-row, kind="stable")
        order = order[np.isfinite(row[order])][:length]
        assert listed[: len(order)].tolist() == order.tolist()


def test_users_without_shares_keep_the_plain_ranking():
    scores, wanted, shares = _data(3, 60, 10**6)
    items = ItemProfiles.of_shares(shares)
    plain, others = (calibrated_lists(scores, wanted, items, 5, c) for c in (0.0, 0.9))
    assert np.array_equal(plain[0], others[0])
    assert not np.array_equal(plain, others)


def test_divergence_by_hand():
    p, q = np.array([0.5, 0.5, 0.0]), np.array([1.0, 0.0, 0.0])
    # .5 log(.5 / .995) + .5 log(.5 / .005)
    assert divergence(p, q) == pytest.approx(0.5 * np.log(0.5 / 0.995) + 0.5 * np.log(100.0))
    both = divergence(np.stack([p, p, 0 * p]), np.stack([p, 0 * p, q]))
    np.testing.assert_allclose(both, [0.0, np.log(100.0), 0.0], atol=1e-15)


def test_a_list_by_hand():
    # the user has as many of a as of b; the best three items are of a, the fourth is of b
    shares, _ = item_class_shares([[], ["a"], ["a"], ["a"], ["b"], ["a", "b"]])
    scores = np.array([[-np.inf, 1.0, 0.9, 0.8, 0.5, 0.0]])
    half, items = np.array([[0.5, 0.5]]), ItemProfiles.of_shares(shares)
    assert calibrated_lists(scores, half, items, 2, 0.0).tolist() == [[1, 2]]
    # first item 1 has (1 - c) - 1.96 c, and item 5 of both classes has 0: c = .5 takes item 5, and
    # then 1 and 4 are as far from the shares, so 1; c = .3 takes 1 (.11), and then item 4
    # (.7 * .5 - 0) before item 2 (.7 * .9 - .3 * 1.96 = .04)
    assert calibrated_lists(scores, half, items, 2, 0.5).tolist() == [[5, 1]]
    assert calibrated_lists(scores, half, items, 2, 0.3).tolist() == [[1, 4]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [0.0, 1e-20, 1.0, 1e9, 1e30])
def test_listed_items_come_first_and_others_stay(dtype, size):
    rng = np.random.default_rng(1)
    scores = (size * rng.normal(size=(6, 50))).astype(dtype)
    scores[0] = -np.abs(scores[0]) - 5
    scores[1, 7] = np.nan
    scores[2] = -np.inf
    lists = np.stack([rng.choice(50, 20, replace=False) for _ in scores])
    lists[3, 4:] = -1
    raised = listed_first(scores, lists)
    assert raised.dtype == dtype
    for old, new, listed in zip(scores, raised, lists, strict=True):
        listed = listed[listed >= 0]
        others = np.setdiff1d(np.arange(50), listed)
        assert np.array_equal(new[others], old[others], equal_nan=True)
        assert (np.diff(new[listed]) < 0).all()
        assert np.nanmin(new[listed]) > np.nanmax(np.append(new[others], -np.inf))
