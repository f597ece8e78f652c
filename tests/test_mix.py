import json
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_groupmix.core.effective_size import effective_sample_size
from recbole_groupmix.core.mix import (
    Mix,
    augmentation_sizes,
    baselines,
    check_groups,
    group_weights,
    mix_from_weights,
    no_augmentation,
    proportional,
    stratified,
)

SIZES = {"18": 30, "25": 10, "35": 60}  # target "25": n - n_0 = 90

counts = st.lists(st.integers(1, 10**6), min_size=2, max_size=12).map(
    lambda sizes: {f"g{i}": size for i, size in enumerate(sizes)}
)


@st.composite
def counts_and_mix(draw):
    n_users = draw(counts)
    raw = np.array(draw(st.lists(st.floats(0, 1), min_size=len(n_users), max_size=len(n_users))))
    raw[1] += 0.1  # so that there is something to share out
    alpha = raw[1:] / raw[1:].sum()
    names = list(n_users)[1:]
    return n_users, Mix(dict(zip(names, alpha.tolist(), strict=True)), draw(st.floats(0, 4)))


# --- Mix -------------------------------------------------------------------------------------


def test_mix_keeps_plain_floats_in_the_given_order():
    mix = Mix({"b": np.float32(0.25), "a": np.float64(0.75)}, 1)
    assert list(mix.alpha.items()) == [("b", 0.25), ("a", 0.75)]
    assert {type(x) for x in [*mix.alpha.values(), mix.alpha_aug]} == {float}


def test_mix_does_not_change_with_the_mapping_it_was_made_from():
    alpha = {"a": 0.5, "b": 0.5}
    mix = Mix(alpha, 1.0)
    alpha["a"] = 0.9
    mix.to_dict()["alpha"]["b"] = 0.9
    assert mix == Mix({"a": 0.5, "b": 0.5}, 1.0)


def test_mix_survives_pickle_json_and_hashing():
    mix = Mix({"1-5": 1 / 3, "007": 2 / 3}, 1.7)
    assert pickle.loads(pickle.dumps(mix)) == mix
    assert Mix.from_dict(json.loads(json.dumps(mix.to_dict()))) == mix
    turned = Mix({"007": 2 / 3, "1-5": 1 / 3}, 1.7)
    assert turned == mix
    assert hash(turned) == hash(mix)
    assert mix != Mix(mix.alpha, 1.6)


@pytest.mark.parametrize(
    ("alpha", "alpha_aug", "message"),
    [
        ({}, 1.0, "one share per augmentation group"),
        ([0.5, 0.5], 1.0, "one share per augmentation group"),
        ({25: 1.0}, 1.0, "write '25' in quotes"),
        ({"a": 1.2, "b": -0.2}, 1.0, r"alpha of group 'b' is -0\.2"),
        ({"a": float("nan"), "b": 1.0}, 1.0, "alpha of group 'a' is nan"),
        ({"a": "1.0"}, 1.0, r"alpha of group 'a' is '1\.0'"),
        ({"a": True}, 1.0, "alpha of group 'a' is True"),
        ({"a": 0.5, "b": 0.4}, 1.0, r"sums to 0\.9 over the groups 'a', 'b'"),
        ({"a": 0.5, "b": 0.500002}, 1.0, r"sums to 1\.000002"),
        ({"a": 1.0}, -0.1, r"alpha_aug is -0\.1"),
        ({"a": 1.0}, float("inf"), "alpha_aug is inf"),
    ],
)
def test_mix_refuses(alpha, alpha_aug, message):
    with pytest.raises(ValueError, match=message):
        Mix(alpha, alpha_aug)


def test_a_sum_that_is_off_by_rounding_is_accepted_as_it_is():
    assert Mix({"a": 0.3333333, "b": 0.6666662}, 1.0).alpha == {"a": 0.3333333, "b": 0.6666662}


@pytest.mark.parametrize("data", [{"alpha": {"a": 1.0}}, {"alpha": {}, "alpha_aug": 1, "x": 2}, 3])
def test_from_dict_refuses_other_keys(data):
    with pytest.raises(ValueError, match="exactly the keys 'alpha' and 'alpha_aug'"):
        Mix.from_dict(data)


# --- groups ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alpha", "message"),
    [
        ({"18": 0.5, "35": 0.4, "35+": 0.1}, r"group '35\+'.*are '18', '35'.*mean '35'\?"),
        ({"18": 0.5, "25": 0.2, "35": 0.3}, "names the target group '25'"),
        ({"18": 1.0}, "leaves out '35'.*share 0"),
    ],
)
def test_check_groups_refuses(alpha, message):
    with pytest.raises(ValueError, match=message):
        check_groups(Mix(alpha, 1.0), SIZES, "25")


def test_a_group_without_users_can_only_have_share_zero():
    n_users = {"t": 5, "a": 10, "empty": 0}
    with pytest.raises(ValueError, match=r"alpha of group 'empty' is 0\.5, .* 0 users"):
        check_groups(Mix({"a": 0.5, "empty": 0.5}, 1.0), n_users, "t")
    weights = group_weights(Mix({"a": 1.0, "empty": 0.0}, 2.0), n_users, "t")
    assert weights == {"t": 1.0, "a": 2.0, "empty": 0.0}
    for mix in baselines(n_users, "t").values():
        assert mix.alpha == {"a": 1.0, "empty": 0.0}


@pytest.mark.parametrize(
    ("n_users", "target", "message"),
    [
        ({"a": 1, "b": 2}, "c", "'c' is not a group; groups are 'a', 'b'"),
        ({"young": 1, "old": 2}, "yuong", "mean 'young'"),
        ({"a": 3}, "a", "only group"),
        ({"a": 0, "b": 2}, "a", "'a' has 0 users"),
        ({"a": 3, "b": 0}, "a", "nothing to augment with"),
        ({"a": 3, "b": -1}, "a", "group 'b' has -1 users"),
        ({"a": 3, "b": 1.5}, "a", r"group 'b' has 1\.5 users"),
    ],
)
def test_counts_are_checked(n_users, target, message):
    with pytest.raises(ValueError, match=message):
        augmentation_sizes(n_users, target)


# --- weights of Eq. 8 ------------------------------------------------------------------------


def test_weights_by_hand():
    # w_18 = 0.5 * 2 * 90 / 30 = 3, w_35 = 0.5 * 2 * 90 / 60 = 1.5
    mix = Mix({"18": 0.5, "35": 0.5}, 2.0)
    weights = group_weights(mix, SIZES, "25")
    assert weights == pytest.approx({"18": 3.0, "25": 1.0, "35": 1.5}, rel=1e-15)
    assert list(weights) == list(SIZES)


def test_baselines_by_hand():
    found = baselines(SIZES, "25")
    assert list(found) == ["proportional", "stratified", "no_augmentation"]
    assert found["proportional"] == Mix({"18": 30 / 90, "35": 60 / 90}, 1.0)
    assert found["stratified"] == Mix({"18": 0.5, "35": 0.5}, 1.0)
    assert found["no_augmentation"] == Mix({"18": 30 / 90, "35": 60 / 90}, 0.0)
    # stratified: w_18 = 90 / (2 * 30), w_35 = 90 / (2 * 60)
    weights = group_weights(found["stratified"], SIZES, "25")
    assert weights == pytest.approx({"18": 1.5, "25": 1.0, "35": 0.75}, rel=1e-15)
    weights = group_weights(found["no_augmentation"], SIZES, "25")
    assert weights == {"18": 0.0, "25": 1.0, "35": 0.0}


@given(counts)
def test_proportional_weights_are_exactly_one(n_users):
    weights = group_weights(proportional(n_users, "g0"), n_users, "g0")
    assert set(weights.values()) == {1.0}


def test_a_weight_that_is_close_to_one_but_not_by_rounding_stays():
    n_users = {"t": 1, "a": 1, "b": 1}
    mix = Mix({"a": 0.5 + 1e-12, "b": 0.5 - 1e-12}, 1.0)
    weights = group_weights(mix, n_users, "t")
    assert weights["a"] > 1.0 > weights["b"]


@given(counts_and_mix())
def test_augmentation_users_weigh_the_budget_together(case):
    # sum_j n_j * alpha_j * alpha_aug * (n - n_0) / n_j = alpha_aug * (n - n_0)
    n_users, mix = case
    weights = group_weights(mix, n_users, "g0")
    sizes = augmentation_sizes(n_users, "g0")
    total = sum(sizes[name] * weights[name] for name in sizes)
    assert total == pytest.approx(mix.alpha_aug * sum(sizes.values()), rel=1e-6, abs=1e-12)


# --- the bridge ------------------------------------------------------------------------------


def test_bridge_by_hand():
    # over the target's weight: w_18 = 3, w_35 = 1.5; sum n_j w_j = 90 + 90 = 180 = 2 * 90
    mix = mix_from_weights({"18": 6.0, "25": 2.0, "35": 3.0}, SIZES, "25")
    assert mix == Mix({"18": 0.5, "35": 0.5}, 2.0)


@given(counts_and_mix())
def test_bridge_undoes_weights(case):
    n_users, mix = case
    weights = group_weights(mix, n_users, "g0")
    back = mix_from_weights({name: 3 * w for name, w in weights.items()}, n_users, "g0")
    assert back.alpha_aug == pytest.approx(mix.alpha_aug, rel=1e-6)
    if mix.alpha_aug > 1e-300:  # below, weights lose digits
        assert back.alpha == pytest.approx(dict(mix.alpha), rel=1e-6, abs=1e-9)


@given(counts)
def test_bridge_of_unit_weights_is_proportional(n_users):
    assert mix_from_weights(dict.fromkeys(n_users, 1.0), n_users, "g0") == proportional(
        n_users, "g0"
    )


def test_bridge_of_target_only_weights_is_no_augmentation():
    weights = {"18": 0, "25": 4, "35": 0}
    assert mix_from_weights(weights, SIZES, "25") == no_augmentation(SIZES, "25")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"18": 1.0, "25": 0.0, "35": 1.0}, "weight of target group '25' is 0"),
        ({"18": -1.0, "25": 1.0, "35": 1.0}, r"weight of group '18' is -1\.0"),
        ({"18": 1.0, "25": 1.0}, "groups '18', '25', but the groups are '18', '25', '35'"),
    ],
)
def test_bridge_refuses(weights, message):
    with pytest.raises(ValueError, match=message):
        mix_from_weights(weights, SIZES, "25")


def test_stratified_shares_are_equal():
    assert stratified({"t": 1, "a": 1, "b": 5, "c": 9}, "t").alpha == dict.fromkeys("abc", 1 / 3)


# --- effective sample size -------------------------------------------------------------------


def test_effective_sample_size_by_hand():
    # (1 + 1 + 2)^2 / (1 + 1 + 4) = 16 / 6
    assert effective_sample_size(np.array([1.0, 1.0, 2.0])) == pytest.approx(Fraction(16, 6))
    assert effective_sample_size(np.array([0.0, 7.0, 0.0])) == 1.0
    assert effective_sample_size(np.full(40, 0.3)) == pytest.approx(40)


@given(
    st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=30),
    st.sampled_from([1e-200, 0.1, 1.0, 1e200]),
)
def test_effective_sample_size_has_no_scale_and_lies_between_one_and_n(weights, scale):
    values = np.array(weights)
    size = effective_sample_size(values * scale)
    assert size == pytest.approx(effective_sample_size(values), rel=1e-12)
    assert 1 - 1e-12 <= size <= values.size * (1 + 1e-12)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, -2.0], r"1 of 2 weights .* first is -2\.0"),
        ([np.nan, 1.0], "negative or not finite"),
        ([0.0, 0.0], "none of the 2 weights is positive"),
        ([], "none of the 0 weights"),
    ],
)
def test_effective_sample_size_refuses(weights, message):
    with pytest.raises(ValueError, match=message):
        effective_sample_size(np.array(weights))
