import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_groupmix.core.statistics import resampling
from recbole_groupmix.core.statistics.bootstrap import (
    Change,
    _ratio,
    holm,
    mean_interval,
    relative_change,
    relative_changes,
)
from recbole_groupmix.core.statistics.fieller import fieller_of_pair
from recbole_groupmix.core.statistics.interval import (
    joined,
    p_of_tail,
    percentile_interval,
    spread_of_cells,
    spread_of_users,
    widened_tail,
)


def paired(n_repeats=3, n_users=60, seed=0, gain=1.1):
    """A skilled and an unskilled user differ more than the two models do."""
    rng = np.random.default_rng(seed)
    skill = rng.gamma(2.0, 0.1, n_users)
    baseline = skill * rng.lognormal(0, 0.1, (n_repeats, n_users))
    return gain * skill * rng.lognormal(0, 0.1, (n_repeats, n_users)), baseline


def all_changes(values, baseline, repeats):
    """The relative change in every possible resample, each as likely as the others."""
    n_repeats, n_users = values.shape
    rows = itertools.product(range(n_repeats), repeat=n_repeats) if repeats else [range(n_repeats)]
    return np.sort(
        [
            values[np.ix_(row, users)].mean() / baseline[np.ix_(row, users)].mean() - 1
            for row in map(list, rows)
            for users in map(list, itertools.product(range(n_users), repeat=n_users))
        ]
    )


# --- the interval ----------------------------------------------------------------------------


@pytest.mark.parametrize("repeats", [False, True])
def test_interval_and_p_are_those_of_all_possible_resamples(repeats):
    # few enough users and repeats to go through every resample: 4^4, or 4^4 * 2^2 of them
    values = np.array([[0.30, 0.10, 0.25, 0.05], [0.20, 0.30, 0.05, 0.10]])
    baseline = np.array([[0.20, 0.15, 0.20, 0.10], [0.25, 0.10, 0.20, 0.05]])
    exact = all_changes(values, baseline, repeats)
    # such few users have Fieller's interval; these are the percentiles that more have
    drawn = resampling.resampled_means([values - baseline, baseline], 0, 100_000, repeats)
    found = percentile_interval(drawn[:, 0] / drawn[:, 1], spread_of_users(4), 0.8)
    # each end lies between the exact quantiles half a percent to either side of it
    left_out = widened_tail(0.8, spread_of_users(4))
    for end, tail in [(found.low, left_out), (found.high, 1 - left_out)]:
        near = np.quantile(exact, [tail - 0.005, tail + 0.005])
        assert near[0] - 1e-9 <= end <= near[1] + 1e-9
    below = np.mean(exact <= 1e-12)
    assert 0.05 < below < 0.45
    assert found.p_more == pytest.approx(p_of_tail(below, spread_of_users(4)), abs=0.02)


@pytest.mark.parametrize(("n_users", "n_repeats"), [(60, 1), (60, 5), (20, 1), (20, 5)])
def test_few_users_have_fiellers_interval_joined_with_resamples_of_repeats(n_users, n_repeats):
    values, baseline = paired(n_repeats, n_users)
    found = relative_change(values, baseline, seed=0, n_boot=500)
    repeats = n_repeats == 5
    drawn = resampling.resampled_means([values - baseline, baseline], 0, 500, repeats)
    ratio = values.mean() / baseline.mean()
    spread = spread_of_cells(values - ratio * baseline) if repeats else spread_of_users(n_users)
    expected = percentile_interval(drawn[:, 0] / drawn[:, 1], spread, 0.95)
    if n_users == 20:
        fieller = fieller_of_pair(values, baseline, 0.95)
        expected = joined(expected, fieller) if repeats else fieller
    assert found.mean == pytest.approx(values.mean() / baseline.mean() - 1, abs=1e-12)
    assert [found.ci_low, found.ci_high, found.p] == pytest.approx(
        [expected.low, expected.high, expected.p], abs=1e-12
    )


def test_large_samples_give_the_normal_interval():
    values = np.random.default_rng(2).gamma(4.0, 0.1, (1, 4000))
    mean, low, high = mean_interval(values, seed=0, n_boot=4000, confidence=0.9)
    half = NormalDist().inv_cdf(0.95) * values.std() / math.sqrt(4000)
    assert mean == pytest.approx(values.mean(), rel=1e-12)
    assert [mean - low, high - mean] == pytest.approx([half, half], rel=0.06)


def test_a_wider_confidence_gives_a_wider_interval():
    values, baseline = paired()
    narrow, wide = (relative_change(values, baseline, seed=0, confidence=c) for c in (0.5, 0.99))
    assert wide.ci_low < narrow.ci_low < narrow.mean < narrow.ci_high < wide.ci_high


def test_pairing_makes_the_interval_narrower():
    values, baseline = paired(n_users=300)
    apart = np.random.default_rng(1).permutation(baseline, axis=1)
    together = relative_change(values, baseline, seed=0)
    unpaired = relative_change(values, apart, seed=0)
    assert together.mean == pytest.approx(unpaired.mean, abs=1e-12)
    assert together.ci_high - together.ci_low < 0.5 * (unpaired.ci_high - unpaired.ci_low)


def test_repeats_are_resampled_from_five_on():
    for n_repeats, resampled in [(4, False), (5, True)]:
        values, baseline = paired(n_repeats)
        values = values * np.linspace(0.8, 1.2, n_repeats)[:, None]  # repeats that differ
        options = {
            flag: relative_change(values, baseline, seed=0, n_boot=2000, resample_repeats=flag)
            for flag in (None, True, False)
        }
        assert options[None] == options[resampled]
        assert options[True] != options[False]
        widths = [options[flag].ci_high - options[flag].ci_low for flag in (True, False)]
        assert widths[0] > 1.5 * widths[1]
        means = [
            mean_interval(values, seed=0, n_boot=500, resample_repeats=flag)
            for flag in (None, resampled)
        ]
        assert means[0] == means[1]


@pytest.mark.parametrize("n_repeats", [1, 6])
def test_the_size_of_a_chunk_makes_no_difference(monkeypatch, n_repeats):
    values, baseline = paired(n_repeats)
    whole = relative_change(values, baseline, seed=3, n_boot=501)
    monkeypatch.setattr(resampling, "_CHUNK", 60 * 7)
    parts = relative_change(values, baseline, seed=3, n_boot=501)
    for field in ("mean", "ci_low", "ci_high", "p"):
        assert getattr(parts, field) == pytest.approx(getattr(whole, field), abs=1e-12)


def test_same_seed_same_interval_other_seed_other_interval():
    values, baseline = paired()
    first, again, other = (
        relative_change(values, baseline, seed=s, n_boot=300) for s in (1, 1, 2)
    )
    assert first == again
    assert first.mean == other.mean
    assert first.ci_low != other.ci_low


def test_pairs_of_equal_shape_share_their_resamples(monkeypatch):
    gap = paired(n_repeats=1, n_users=61, seed=4)
    gap[0][0, 5] = np.nan  # leaves 60 users, as many as the first two pairs have
    pairs = [
        paired(1, 60, seed=1),
        paired(6, 60, seed=2),
        paired(1, 60, seed=3),
        gap,
        paired(1, 70, seed=5),
        paired(1, 40, seed=6),  # too few users for resamples alone
    ]
    alone = [relative_change(*pair, seed=3, n_boot=300) for pair in pairs]
    made = []
    counts = resampling.resample_counts
    monkeypatch.setattr(
        resampling, "resample_counts", lambda *a: (made.append(a[1:]), counts(*a))[1]
    )
    together = relative_changes(pairs, seed=3, n_boot=300)
    for one, other in zip(together, alone, strict=True):
        assert vars(one) == pytest.approx(vars(other), abs=1e-12)
    assert sorted(made) == [(300, 6), (300, 60), (300, 60), (300, 70)]
    assert relative_changes([], seed=3) == []


# --- the p-value -----------------------------------------------------------------------------


def test_equal_arrays_have_no_change():
    values, _ = paired()
    for n_repeats in (1, 6):
        same = np.tile(values[:1], (n_repeats, 1))
        assert relative_change(same, same.copy(), seed=0, n_boot=500) == Change(0, 0, 0, 1)


def test_a_change_that_no_resample_doubts_has_the_least_p():
    _, baseline = paired()
    found = relative_change(1.5 * baseline, baseline, seed=0, n_boot=999)
    assert [found.mean, found.ci_low, found.ci_high] == pytest.approx([0.5] * 3, abs=1e-12)
    assert found.p == pytest.approx(p_of_tail(1 / 1000, spread_of_users(60)))
    assert 2 / 1000 < found.p < 0.004  # Student's tail, of a mean of 60 users


def test_rounding_is_not_a_change():
    _, baseline = paired()
    found = relative_change(baseline * (1 + 1e-15), baseline, seed=0, n_boot=300)
    assert found.p == 1


def test_exchanging_the_arrays_keeps_p():
    values, baseline = paired(gain=1.0)
    there = relative_change(values, baseline, seed=0, n_boot=2000)
    back = relative_change(baseline, values, seed=0, n_boot=2000)
    assert there.p == back.p
    assert 0.01 < there.p < 1
    assert back.mean == pytest.approx(1 / (1 + there.mean) - 1)


# --- special data ----------------------------------------------------------------------------


def test_constant_data_have_an_interval_of_no_width():
    found = relative_change(np.full((6, 70), 0.3), np.full((6, 70), 0.2), seed=0, n_boot=300)
    assert found.mean == pytest.approx(0.5)
    assert found.ci_low == found.mean == found.ci_high
    assert mean_interval(np.full((2, 70), 0.3), seed=0, n_boot=300) == (0.3, 0.3, 0.3)


def test_a_user_without_a_value_is_left_out_of_both():
    values, baseline = paired()
    keep = np.ones(60, dtype=bool)
    keep[[4, 17]] = False
    expected = relative_change(values[:, keep], baseline[:, keep], seed=0, n_boot=300)
    expected_mean = mean_interval(values[:, keep], seed=0, n_boot=300)
    values[1, 4] = baseline[0, 17] = np.nan
    assert relative_change(values, baseline, seed=0, n_boot=300) == expected
    values[0, 17] = np.nan
    assert mean_interval(values, seed=0, n_boot=300) == expected_mean


def test_a_baseline_of_zero_has_no_relative_change():
    found = relative_change(np.ones((1, 9)), np.zeros((1, 9)), seed=0, n_boot=50)
    assert all(math.isnan(x) for x in (found.mean, found.ci_low, found.ci_high, found.p))


def test_a_baseline_of_few_users_leaves_the_interval_open_above():
    baseline = np.zeros((1, 9))
    baseline[0, 0] = 0.5
    found = relative_change(baseline + 0.1 * np.arange(9), baseline, seed=0, n_boot=200)
    assert found.mean == pytest.approx(3.6 / 0.5)
    assert found.ci_high == math.inf
    # 0 over 0 in a resample is no change
    ratios = _ratio(np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.0, 2.0]))
    assert ratios.tolist() == [0, math.inf, 0.5]


@pytest.mark.parametrize(
    ("values", "baseline", "options", "message"),
    [
        (np.ones((2, 1)), np.ones((2, 1)), {}, "1 of 1 users"),
        (np.full((1, 3), np.nan), np.ones((1, 3)), {}, "0 of 3 users"),
        (np.ones((2, 3)), np.ones((1, 3)), {}, r"\(2, 3\) but the baseline \(1, 3\)"),
        (np.ones(3), np.ones(3), {}, r"must be \(n_repeats, n_users\)"),
        (np.ones((0, 3)), np.ones((0, 3)), {}, r"shape \(0, 3\)"),
        (np.full((1, 3), np.inf), np.ones((1, 3)), {}, "infinite"),
        (np.ones((1, 3)), np.ones((1, 3)), {"seed": -1}, "seed is -1"),
        (np.ones((1, 3)), np.ones((1, 3)), {"n_boot": 0}, "n_boot 0"),
        (np.ones((1, 3)), np.ones((1, 3)), {"confidence": 95}, "confidence 95"),
    ],
)
def test_refusals(values, baseline, options, message):
    with pytest.raises(ValueError, match=message):
        relative_change(values, baseline, **{"seed": 0, **options})
    if values.shape == baseline.shape:
        with pytest.raises(ValueError, match=message):
            mean_interval(values, **{"seed": 0, **options})


# --- Holm ------------------------------------------------------------------------------------


def test_holm_by_hand():
    # ascending 0.01 * 4 = 0.04, 0.02 * 3 = 0.06, 0.03 * 2 = 0.06, 0.04 * 1 -> raised to 0.06
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.4, 0.9]) == pytest.approx([0.8, 0.9])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([0.3]) == [0.3]
    assert holm([]) == []


def test_holm_leaves_out_nan():
    found = holm([math.nan, 0.02, math.nan, 0.03])
    assert math.isnan(found[0])
    assert math.isnan(found[2])
    assert [found[1], found[3]] == pytest.approx([0.04, 0.04])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_keeps_order_and_lies_between_p_and_bonferroni(p_values):
    adjusted = holm(p_values)
    for p, q in zip(p_values, adjusted, strict=True):
        assert p <= q <= min(1.0, len(p_values) * p)
    by_p = [q for _, q in sorted(zip(p_values, adjusted, strict=True))]
    assert by_p == sorted(adjusted)


@pytest.mark.parametrize("p", [-0.1, 1.5])
def test_holm_refuses_what_is_no_p_value(p):
    with pytest.raises(ValueError, match=f"p-value {p} lies outside"):
        holm([0.5, p])


# --- coverage --------------------------------------------------------------------------------


def simulated(seed, n_repeats, by_user, by_cell):
    """A true change of 10 %, with log-normal noise (mean 1) per user and per user and repeat."""
    rng = np.random.default_rng(seed)
    n_users = 200

    def noise(sd, *shape):
        return rng.lognormal(-sd * sd / 2, sd, shape)

    skill = rng.gamma(2.0, 0.1, n_users)
    baseline = skill * noise(by_cell, n_repeats, n_users)
    change = 1.1 * noise(by_user, n_users)
    return skill * change * noise(by_cell, n_repeats, n_users), baseline


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_repeats", "by_user", "by_cell", "least", "most"),
    [
        (1, 0.5, 0.1, 0.93, 0.97),
        (5, 0.5, 0.1, 0.93, 0.97),
        # resampled users and resampled repeats both count the noise of a user in a repeat
        (5, 0.0, 0.3, 0.97, 1.0),
    ],
)
def test_the_interval_covers_the_true_change(n_repeats, by_user, by_cell, least, most):
    """1000 data sets: the share of intervals that cover has standard deviation 0.7 %."""
    covered = rejected = 0
    for draw in range(1000):
        values, baseline = simulated([77, draw], n_repeats, by_user, by_cell)
        found = relative_change(values, baseline, seed=draw, n_boot=600)
        covered += found.ci_low <= 0.1 <= found.ci_high
        null = relative_change(values / 1.1, baseline, seed=draw, n_boot=600)
        rejected += null.p <= 0.05
    assert least <= covered / 1000 <= most
    assert 1 - most <= rejected / 1000 <= 1 - least
