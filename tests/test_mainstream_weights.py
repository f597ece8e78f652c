"""The rival that weighs users by their distance from the mainstream."""

import numpy as np
import pytest
from command import call, run_arguments
from helpers import experiment, write_tiny

from recbole_groupmix.adapters.held_out import user_metrics
from recbole_groupmix.core.groups.mainstream import mainstream_scores, niche_weights
from recbole_groupmix.core.mix import group_weights
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.rivals.known import known_rivals
from recbole_groupmix.rivals.mainstream_weights import RIVAL
from recbole_groupmix.rivals.recipe import Recipe
from recbole_groupmix.rivals.rival import Reference
from recbole_groupmix.training.back_ends import back_end
from recbole_groupmix.training.job import Job

REFERENCE = Reference(epochs=4, options={"reg_weight": 0.01})


@pytest.fixture
def tiny(tmp_path):
    return write_tiny(tmp_path)


def test_each_part_weighs_users_by_its_own_training_rows(tiny):
    ex = experiment(tiny)
    assert known_rivals()["mainstream_weights"] is RIVAL and RIVAL.why_not(ex) is None
    points = RIVAL.points(ex, REFERENCE)
    assert points[0] == {"power": 1.5} and len(points) == 5
    assert all(point["power"] > 0 for point in points)  # 0 is to change nothing
    seen = []
    for index in range(3):
        recipe = RIVAL.recipe(ex, index, points[0], REFERENCE)
        part = ex.part(index)
        scores = mainstream_scores(part.users, part.items, *ex.shape)
        np.testing.assert_allclose(recipe.by_user, niche_weights(scores, 1.5), atol=1e-12)
        assert set(recipe.weights.values()) == {1.0} and recipe.options == {"reg_weight": 0.01}
        assert part.mainstream is part.mainstream  # computed once
        seen.append(recipe.by_user)
    assert not np.allclose(seen[1], seen[2])


def test_points_are_told_apart_and_power_0_is_proportional(tiny):
    ex = experiment(tiny)
    recipes = [RIVAL.recipe(ex, 0, point, REFERENCE) for point in RIVAL.points(ex, REFERENCE)]
    assert len({recipe.identity for recipe in recipes}) == len(recipes)
    assert (RIVAL.recipe(ex, 0, {"power": 0.0}, REFERENCE).by_user == 1).all()
    mix = RIVAL.implied_mix(ex, {"power": 0.0})
    assert set(group_weights(mix, ex.n_users, "A").values()) == {1.0}


def test_its_mix_has_the_mean_weights_of_groups_relative_to_the_target(tiny):
    ex = experiment(tiny)
    by_user = RIVAL.recipe(ex, ALL_OF_TRAIN, {"power": 1.5}, REFERENCE).by_user
    means = {name: by_user[ex.groups.users(name)].mean() for name in "ABC"}
    found = group_weights(RIVAL.implied_mix(ex, {"power": 1.5}), ex.n_users, "A")
    for name in "ABC":
        assert found[name] == pytest.approx(means[name] / means["A"], rel=1e-9)
    # the most mainstream user alone is the target: weight 0 is no mix
    top = int(np.nanargmax(ex.part(ALL_OF_TRAIN).mainstream))
    codes = np.where(np.arange(ex.shape[0]) == top, 0, 1)
    object.__setattr__(ex.groups, "of_user", np.append(-1, codes[1:]))
    object.__setattr__(ex.groups, "names", ("A", "B"))
    assert RIVAL.implied_mix(ex, {"power": 1.5}) is None


def test_held_out_rows_change_no_weight(tiny):
    ex, other = experiment(tiny), experiment(tiny)
    rng = np.random.default_rng(0)
    for index in range(3):  # other items in the rows that the part leaves out, before it is made
        part = ex.part(index)
        left_out = np.setdiff1d(np.arange(len(ex.users)), part.rows)
        other.items = ex.items.copy()
        other.items[left_out] = rng.permutation(ex.items[left_out])
        other._parts = {}
        one, two = (RIVAL.recipe(e, index, {"power": 2.0}, REFERENCE).by_user for e in (ex, other))
        np.testing.assert_array_equal(one, two)


def test_it_says_why_it_cannot_be_carried(tiny):
    why = RIVAL.why_not(experiment(tiny, weighting="sample"))
    assert why and "weighting sample" in why and "\n" not in why
    ex = experiment(tiny)
    ex.part(ALL_OF_TRAIN).__dict__["mainstream"] = np.array([np.nan, 0.5, 0.5])
    assert "equally near" in RIVAL.why_not(ex)


@pytest.mark.parametrize("backend", ["cpu", "recbole"])
def test_a_model_follows_the_weights(tiny, backend):
    ex = experiment(tiny, backend=backend, epochs=5, learning_rate=0.05, graph="all")
    plain = Recipe(dict.fromkeys("ABC", 1.0), options=REFERENCE.options)
    ones = RIVAL.recipe(ex, ALL_OF_TRAIN, {"power": 0.0}, REFERENCE)
    strong = RIVAL.recipe(ex, ALL_OF_TRAIN, {"power": 3.0}, REFERENCE)
    jobs = [Job("a", recipe, ALL_OF_TRAIN, 0, epochs=5) for recipe in (plain, ones, strong)]
    fits = [next(iter(back_end(ex).train(ex, [job]))) for job in jobs]
    held_out = ex.part(ALL_OF_TRAIN).held_out
    scores = [user_metrics(fit.model, held_out, [5], ["ndcg"])["ndcg@5"] for fit in fits]
    tables = [fit.model.item_embedding.weight.detach().numpy() for fit in fits]
    np.testing.assert_allclose(tables[0], tables[1], rtol=0, atol=1e-6)
    np.testing.assert_allclose(scores[0], scores[1], rtol=0, atol=1e-6)
    assert np.abs(tables[0] - tables[2]).max() > 1e-2


def test_it_is_a_row_of_a_run(tiny, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    groups = {"group_field": None, "group_by": "mainstream", "bins": 2, "target": "Q1"}
    status, out, err = call(*run_arguments(tiny, rivals="mainstream_weights", **groups))
    assert status == 0, err
    assert "mainstream_weights" in out
