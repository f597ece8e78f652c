import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from recbole_groupmix.core.budget_law import BudgetLaw, parse
from recbole_groupmix.core.mix import check_groups, proportional
from recbole_groupmix.core.samplers import (
    SAMPLERS,
    sample_dirichlet,
    sample_interaction_scaling,
    sample_proportional_perturbation,
    sample_trial,
)

SIZES = {"a": 30, "t": 10, "b": 60, "c": 90}
DRAW = {
    "dirichlet": sample_dirichlet,
    "proportional_perturbation": sample_proportional_perturbation,
    "interaction_scaling": sample_interaction_scaling,
}


def many(draw, n, **options):
    rng = np.random.default_rng(5)
    return np.array([list(draw(rng, SIZES, "t", **options).values()) for _ in range(n)])


@given(
    st.lists(st.integers(0, 10**5), min_size=1, max_size=10).filter(any),
    st.integers(0, 2**32),
    st.integers(0, 1000),
)
def test_every_trial_is_a_mix_of_the_groups_with_users(sizes, seed, trial):
    n_users = {"t": 1, **{f"g{i}": size for i, size in enumerate(sizes)}}
    name, mix = sample_trial(seed, trial, n_users, "t")
    assert name == SAMPLERS[trial % 3]
    check_groups(mix, n_users, "t")  # a share for an empty group would be refused
    assert math.fsum(mix.alpha.values()) == pytest.approx(1, abs=1e-12)
    assert list(mix.alpha) == [group for group in n_users if group != "t"]
    assert 0.5 <= mix.alpha_aug <= 2.0


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_single_augmentation_group_gets_everything(name):
    assert DRAW[name](np.random.default_rng(0), {"t": 4, "a": 7}, "t") == {"a": 1.0}


def test_dirichlet_has_the_moments_of_its_law():
    # g = 3, gamma = 0.7: mean 1/3, variance (1/3)(2/3) / (3 * 0.7 + 1) = 2 / 27.9
    shares = many(sample_dirichlet, 20_000)
    assert shares.mean(axis=0) == pytest.approx(1 / 3, abs=0.01)
    assert shares.var(axis=0) == pytest.approx(2 / 27.9, rel=0.04)


def test_dirichlet_concentration_is_gamma():
    # gamma = 7: variance (2/9) / 22
    assert many(sample_dirichlet, 20_000, gamma=7.0).var(axis=0) == pytest.approx(
        2 / 198, rel=0.04
    )


def test_perturbation_is_centred_uniform_noise_on_the_proportional_shares():
    # Proportional: 1/6, 1/3, 1/2. With scale 0.1 nothing is clipped; the noise has mean 0 and
    # variance scale^2 * (1/12) * (1 - 1/3), and lies within scale * 2/3.
    shares = many(sample_proportional_perturbation, 20_000, scale=0.1)
    noise = shares - np.array([1 / 6, 1 / 3, 1 / 2])
    assert noise.mean(axis=0) == pytest.approx(0, abs=0.001)
    assert noise.var(axis=0) == pytest.approx(0.01 / 18, rel=0.04)
    assert np.abs(noise).max() < 0.1 * 2 / 3


def test_perturbation_clips_negative_shares_and_rescales_the_rest():
    n_users = {"t": 1, "tiny": 1, "b": 500, "c": 499}
    rng, again = np.random.default_rng(3), np.random.default_rng(3)
    clipped = 0
    for _ in range(200):
        alpha = sample_proportional_perturbation(rng, n_users, "t")
        delta = again.random(3)
        shares = np.array([0.001, 0.5, 0.499]) + 0.25 * (delta - delta.sum() / 3)
        clipped += shares[0] < 0
        positive = np.where(shares > 0, shares, 0)
        assert list(alpha.values()) == pytest.approx(positive / positive.sum(), abs=1e-12)
    assert 50 < clipped < 150  # about half of the draws


def test_interaction_scaling_is_log_normal():
    # log(alpha_b / n_b) - log(alpha_a / n_a) = log a_b - log a_a ~ Normal(0, 2 * 0.5^2)
    shares = many(sample_interaction_scaling, 20_000)
    gap = np.log(shares[:, 1] / 60) - np.log(shares[:, 0] / 30)
    assert gap.mean() == pytest.approx(0, abs=0.02)
    assert gap.std() == pytest.approx(math.sqrt(0.5), rel=0.02)


@pytest.mark.parametrize(
    ("draw", "option"),
    [(sample_proportional_perturbation, "scale"), (sample_interaction_scaling, "sigma")],
)
def test_without_noise_the_shares_are_proportional(draw, option):
    alpha = draw(np.random.default_rng(0), SIZES, "t", **{option: 0.0})
    assert alpha == pytest.approx(dict(proportional(SIZES, "t").alpha), abs=1e-15)


def test_the_options_of_the_paper_are_the_defaults():
    for draw, option in [
        (sample_dirichlet, {"gamma": 0.7}),
        (sample_proportional_perturbation, {"scale": 0.25}),
        (sample_interaction_scaling, {"sigma": 0.5}),
    ]:
        named = draw(np.random.default_rng(1), SIZES, "t", **option)
        assert draw(np.random.default_rng(1), SIZES, "t") == named


def test_a_trial_depends_on_seed_and_number_alone():
    np.random.seed(0)  # noqa: NPY002 - the global state must make no difference
    first = [sample_trial(7, trial, SIZES, "t") for trial in range(9)]
    np.random.seed(1)  # noqa: NPY002
    again = [sample_trial(7, trial, SIZES, "t") for trial in reversed(range(9))][::-1]
    assert first == again
    other = [sample_trial(8, trial, SIZES, "t") for trial in range(9)]
    mixes = [mix for _, mix in first + other]
    assert len(set(mixes)) == 18


def test_a_trial_draws_from_the_sampler_it_names():
    # No share is 0 by interaction scaling, many are by clipping of a tiny group.
    n_users = {"t": 1, "tiny": 1, "b": 500, "c": 499}
    zero = dict.fromkeys(SAMPLERS, 0)
    for trial in range(300):
        name, mix = sample_trial(0, trial, n_users, "t")
        zero[name] += mix.alpha["tiny"] == 0
    assert zero["dirichlet"] == zero["interaction_scaling"] == 0
    assert zero["proportional_perturbation"] > 25
    # 100 factors exp(Normal(0, 0.5^2)) do not reach 0.2; a Dirichlet share of mean 1/3 does
    large = [sample_trial(0, trial, n_users, "t")[1].alpha["tiny"] > 0.2 for trial in range(300)]
    assert sum(large[0::3]) > 25
    assert sum(large[2::3]) == 0


@pytest.mark.parametrize(
    ("law", "expected"),
    [
        ("uniform(0.5, 2)", stats.uniform(0.5, 1.5)),
        ("log_uniform(0.05, 4)", stats.loguniform(0.05, 4)),
    ],
)
def test_budgets_follow_the_law_that_is_named(law, expected):
    law = parse(law)
    budgets = [sample_trial(0, i, SIZES, "t", law)[1].alpha_aug for i in range(3000)]
    assert stats.kstest(budgets, expected.cdf).pvalue > 0.01
    assert law.low <= min(budgets) and max(budgets) <= law.high


def test_a_law_of_one_budget_draws_it():
    for law in ("uniform(3, 3)", "log_uniform(3, 3)"):
        assert sample_trial(0, 1, SIZES, "t", parse(law))[1].alpha_aug == 3.0


def test_the_shares_of_a_trial_do_not_hang_on_the_law_of_budgets():
    for trial in range(9):
        _, mix = sample_trial(3, trial, SIZES, "t")
        _, other = sample_trial(3, trial, SIZES, "t", parse("log_uniform(0.05, 4)"))
        assert mix.alpha == other.alpha
        assert mix.alpha_aug != other.alpha_aug


@pytest.mark.parametrize(
    "text",
    [
        *("uniform", "uniform(1)", "normal(0.5, 2)", "uniform(a, b)", "uniform(2, 0.5)"),
        *("uniform(-1, 2)", "uniform(0.5, inf)", "uniform(nan, 2)", "log_uniform(0, 4)", "", "2"),
    ],
)
def test_what_names_no_law_of_budgets(text):
    with pytest.raises(ValueError):
        parse(text)


def test_a_law_is_written_as_it_is_read():
    for text in ("uniform(0, 2)", "log_uniform(0.05, 4)"):
        assert str(parse(text)) == text


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: sample_dirichlet(rng, SIZES, "t", gamma=0.0), r"gamma is 0\.0"),
        (lambda rng: sample_proportional_perturbation(rng, SIZES, "t", scale=-1), "scale is -1"),
        (lambda rng: sample_interaction_scaling(rng, SIZES, "t", sigma=math.nan), "sigma is nan"),
        (lambda rng: sample_trial(-1, 0, SIZES, "t"), "seed is -1"),
        (lambda rng: sample_trial(0, -1, SIZES, "t"), "trial is -1"),
        (lambda rng: BudgetLaw(2.0, 0.5), r"budgets are uniform\(2, 0\.5\); .* 0 <= lowest"),
        (lambda rng: BudgetLaw(0.5, math.inf), "both finite"),
        (lambda rng: BudgetLaw(0.0, 4.0, logarithmic=True), "0 < lowest"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.random.default_rng(0))
