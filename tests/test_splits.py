"""Changes pooled over splits: by brute force, against one split, and what their intervals hold."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_groupmix.core.statistics import splits as module
from recbole_groupmix.core.statistics.fieller import fieller_interval
from recbole_groupmix.core.statistics.interval import p_over_cells, percentile_interval
from recbole_groupmix.core.statistics.permutation import permutation_test
from recbole_groupmix.core.statistics.resampling import _DOMAIN
from recbole_groupmix.core.statistics.splits import MIN_SPLITS, pooled_changes
from recbole_groupmix.core.statistics.two_tests import compared_changes


def drawn(n_splits=5, n_repeats=5, n_users=60, seed=0, gain=0.03, missing=0.0):
    """Values and baseline of users whose levels, splits and repeats differ."""
    rng = np.random.default_rng(seed)
    shape = n_splits, n_repeats, n_users
    base = rng.uniform(0.2, 0.8, n_users) + rng.normal(0, 0.05, (n_splits, 1, n_users))
    base = np.clip(base + rng.normal(0, 0.02, shape), 0, None)
    values = base * (1 + gain) + rng.normal(0, 0.01, (n_splits, n_repeats, 1))
    values = np.clip(values + rng.normal(0, 0.05, shape), 0, None)
    gone = rng.random((n_splits, n_users)) < missing
    return tuple(np.where(gone[:, None, :], np.nan, array) for array in (values, base))


def pooled(pair, **options):
    (change,) = pooled_changes([pair], **{"seed": 1, "n_boot": 200, **options})
    return change


def by_hand(pair):
    """Return the change as it is defined: users' means over the splits in which they are."""
    sums = [0.0, 0.0]
    for user in range(pair[0].shape[2]):
        for side, array in enumerate(pair):
            means = [array[s, :, user].mean() for s in range(len(array))]
            known = [
                mean
                for s, mean in enumerate(means)
                if not np.isnan(pair[0][s, :, user] + pair[1][s, :, user]).any()
            ]
            sums[side] += sum(known) / len(known) if known else 0.0
    return sums[0] / sums[1] - 1


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize(("n_splits", "n_repeats"), [(2, 1), (3, 6), (5, 1), (6, 5)])
def test_the_estimate_by_hand(n_splits, n_repeats, missing):
    pair = drawn(n_splits, n_repeats, 40, missing=missing)
    assert pooled(pair).mean == pytest.approx(by_hand(pair))


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize(("n_splits", "n_repeats"), [(2, 1), (3, 6), (5, 1), (6, 5)])
def test_the_interval_by_brute_force(n_splits, n_repeats, missing):
    """Every resample is written out: its users, its splits, and the repeats of each of these."""
    n_boot, n_users, seed = 100, 70, 7
    values, base = drawn(n_splits, n_repeats, n_users, missing=missing)
    rng = np.random.default_rng(np.random.SeedSequence([_DOMAIN, seed]))
    slots = []  # of each place of a resample: which split stands there, and which repeats of it
    for place in range(n_splits):
        of = np.full(n_boot, place)
        if n_splits >= 5:
            of = rng.integers(0, n_splits, size=n_boot)
        repeats = np.tile(np.arange(n_repeats), (n_boot, 1))
        if n_repeats >= 5:
            repeats = rng.integers(0, n_repeats, size=(n_boot, n_repeats))
        slots.append((of, repeats))
    known = ~(np.isnan(values) | np.isnan(base)).any(axis=1)
    users = np.flatnonzero(known.any(axis=0))
    assert len(users) > 60
    drawn_users = users[rng.integers(0, len(users), size=(n_boot, len(users)))]
    n_where = known.sum(axis=0)
    changes = []
    for b in range(n_boot):
        total = np.zeros(2)
        for of, repeats in slots:
            split = of[b]
            for user in drawn_users[b]:
                if known[split, user]:
                    for side, array in enumerate((values, base)):
                        total[side] += array[split, repeats[b], user].mean() / n_where[user]
        changes.append(total[0] / total[1] - 1)
    change = pooled((values, base), seed=seed, n_boot=n_boot)
    splits = module._Splits.of(values, base)
    assert not splits.needs_fieller
    expected = percentile_interval(np.array(changes), module._spread(splits), 0.95)
    assert (change.ci_low, change.ci_high) == pytest.approx((expected.low, expected.high))
    assert change.p_interval == pytest.approx(expected.p)


@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("n_users", [12, 80])
@pytest.mark.parametrize("n_repeats", [1, 3, 5, 8])
def test_one_split_is_todays_comparison(n_repeats, n_users, missing):
    """The same resamples and patterns of signs, so that only rounding differs."""
    values, base = drawn(1, n_repeats, n_users, missing=missing)
    options = {"seed": 3, "n_boot": 500, "n_permutations": 500}
    (today,) = compared_changes([(values[0], base[0])], **options)
    found = pooled((values, base), **options)
    for name in ("mean", "ci_low", "ci_high", "p_interval", "p_permutation", "p_repeats", "p"):
        assert getattr(found, name) == pytest.approx(getattr(today, name), abs=1e-12), name
    assert found.by_split == (pytest.approx(today.mean),)
    assert math.isnan(found.spread)


def test_equal_splits_are_one_split():
    """Splits that are copies of one: as many users, so the same change and the same interval."""
    values, base = drawn(1, 1, 80)
    one = pooled((values, base))
    three = pooled((np.repeat(values, 3, axis=0), np.repeat(base, 3, axis=0)))
    assert (three.mean, three.ci_low, three.ci_high) == pytest.approx(
        (one.mean, one.ci_low, one.ci_high)
    )
    assert three.p_permutation == pytest.approx(one.p_permutation)
    assert three.spread == pytest.approx(0, abs=1e-12)


def test_the_second_test_flips_the_signs_of_users():
    values, base = drawn(4, 2, 30, missing=0.3)
    with np.errstate(all="ignore"):
        means = [np.nanmean(array.mean(axis=1), axis=0) for array in (values, base)]
    expected = permutation_test(*means, seed=1)
    change = pooled((values, base), n_permutations=10_000)
    assert change.p_permutation == pytest.approx(expected)
    assert change.p == max(change.p_interval, change.p_permutation, change.p_repeats)


def test_two_to_four_splits_have_to_agree_for_a_mark():
    """The interval is over users alone, and narrow: all users gain in two splits of three."""
    base = np.repeat(np.random.default_rng(0).uniform(0.2, 0.8, 80)[None, None], 3, axis=0)
    for gains, at_most in (((0.1, 0.12, -0.1), 1.0), ((0.1, 0.11, 0.09), 0.05)):
        values = base * (1 + np.array(gains)[:, None, None])
        change = pooled((values, base), n_boot=2000, n_permutations=2000)
        assert change.p_interval < 0.01 and change.p_permutation < 0.01
        differences = (values - base)[:, 0]
        assert change.p_repeats == pytest.approx(p_over_cells(differences))
        assert (change.p < 0.05) == (at_most < 1)
    five = drawn(5, 1, 80)
    assert pooled(five).p_repeats == 0  # splits are in the interval


def test_few_users_have_fiellers_interval_of_their_means_at_the_least():
    values, base = drawn(3, 2, 12)
    means = [array.mean(axis=(0, 1)) for array in (values, base)]
    exact = fieller_interval(means[0] - means[1], means[1], least=-1.0)
    change = pooled((values, base))
    assert (change.ci_low, change.ci_high) == pytest.approx((exact.low, exact.high))
    mostly_none = tuple(
        np.repeat(array[:1] * (np.arange(12) < 3), 6, axis=0) for array in (values, base)
    )
    unbounded = pooled(mostly_none)  # six equal splits: percentiles alone would be finite
    assert unbounded.ci_high == math.inf and math.isfinite(unbounded.mean)
    wider = pooled(tuple(np.concatenate([array, array]) for array in (values, base)))  # 6 splits
    assert wider.ci_low <= exact.low + 1e-12 and wider.ci_high >= exact.high - 1e-12


def test_splits_are_drawn_from_five_on():
    """A change that depends on the split alone: none within it, all of it between splits."""
    rng = np.random.default_rng(0)
    base = np.repeat(rng.uniform(0.2, 0.8, 60)[None, None], MIN_SPLITS, axis=0)
    gains = 1 + np.linspace(-0.1, 0.1, MIN_SPLITS)[:, None, None]
    four = pooled((base[:4] * gains[:4], base[:4]))
    assert four.ci_high - four.ci_low < 1e-9
    assert four.spread == pytest.approx(np.std(gains[:4].ravel(), ddof=1))
    five = pooled((base * gains, base), n_boot=2000)
    # t with 4 degrees of freedom, of five equally spaced gains: 2.78 x .079 / sqrt(5) = .098
    assert five.ci_low < -0.07 and five.ci_high > 0.07
    assert five.ci_high - five.ci_low > 0.15
    assert module._spread(module._Splits.of(base * gains, base)) == pytest.approx((4, 1.25**0.5))


def test_where_splits_agree_users_decide_the_degrees_of_freedom():
    values, base = drawn(1, 1, 80)
    splits = module._Splits.of(*(np.repeat(array, 6, axis=0) for array in (values, base)))
    assert module._spread(splits) == pytest.approx((79, (80 / 79) ** 0.5))


def test_changes_are_those_of_each_pair_alone():
    pairs = [drawn(5, 5, 60, seed=s, missing=0.1 * s) for s in range(3)] + [drawn(5, 5, 60)]
    together = pooled_changes(pairs, seed=1, n_boot=200)
    alone = [pooled(pair) for pair in pairs]
    for one, other in zip(together, alone, strict=True):
        for name in ("mean", "ci_low", "ci_high", "p_interval", "p_permutation"):
            assert getattr(one, name) == pytest.approx(getattr(other, name))


@given(
    st.integers(1, 6), st.integers(1, 6), st.integers(2, 8), st.integers(0, 99), st.floats(0.1, 9)
)
def test_properties(n_splits, n_repeats, n_users, seed, scale):
    pair = drawn(n_splits, n_repeats, n_users, seed)
    change = pooled(pair, n_boot=50, n_permutations=50)
    assert change.ci_low <= change.mean <= change.ci_high
    assert 0 < change.p_interval <= 1 and 0 < change.p_permutation <= 1
    assert change.n_users == n_users and len(change.by_split) == n_splits
    # a factor of all values, the order of users: nothing changes
    scaled = pooled(tuple(array * scale for array in pair), n_boot=50, n_permutations=50)
    for name in ("mean", "ci_low", "ci_high"):
        assert getattr(scaled, name) == pytest.approx(getattr(change, name), rel=1e-6, abs=1e-9)
    backwards = pooled(tuple(array[:, :, ::-1] for array in pair))
    assert backwards.mean == pytest.approx(change.mean)
    same = pooled((pair[1], pair[1]), n_boot=50)
    assert (same.mean, same.ci_low, same.ci_high, same.p) == (0, 0, 0, 1)


def test_no_change_from_a_baseline_of_nothing():
    values, base = drawn(3, 1, 20)
    change = pooled((values, np.zeros_like(base)))
    assert all(math.isnan(getattr(change, name)) for name in ("mean", "ci_low", "ci_high", "p"))
    base[0] = 0.0
    assert math.isnan(pooled((values, base)).by_split[0])


@pytest.mark.parametrize(
    ("pair", "options", "message"),
    [
        ((np.ones((2, 3)), np.ones((2, 3))), {}, "must be \\(n_splits, n_repeats, n_users\\)"),
        ((np.ones((2, 0, 3)), np.ones((2, 0, 3))), {}, "must be \\(n_splits"),
        ((np.ones((2, 1, 3)), np.ones((2, 1, 4))), {}, "the same repeats and users in both"),
        ((np.full((2, 1, 3), np.inf), np.ones((2, 1, 3))), {}, "infinite"),
        ((np.full((2, 1, 3), np.nan), np.ones((2, 1, 3))), {}, "0 of 3 users"),
        ((np.ones((2, 1, 3)), np.ones((2, 1, 3))), {"seed": -1}, "seed is -1"),
        ((np.ones((2, 1, 3)), np.ones((2, 1, 3))), {"n_boot": 0}, "n_boot 0"),
        ((np.ones((2, 1, 3)), np.ones((2, 1, 3))), {"n_permutations": 0}, "n_permutations 0"),
        ((np.ones((2, 1, 3)), np.ones((2, 1, 3))), {"confidence": 1.0}, "confidence 1.0"),
    ],
)
def test_what_cannot_be_pooled(pair, options, message):
    with pytest.raises(ValueError, match=message):
        pooled(pair, **options)
