"""Fine-tuning of closed forms: EASE of the target near the model of all users, and user factors."""

import json
from dataclasses import replace

import numpy as np
import pytest
from command import call, run_arguments, run_folder
from helpers import experiment, job

from recbole_groupmix.adapters.closed_form import EASE
from recbole_groupmix.core.linear.ease import ease, ease_towards
from recbole_groupmix.core.mix import baselines
from recbole_groupmix.experiment.part import Part
from recbole_groupmix.rivals.fine_tuned import RIVAL
from recbole_groupmix.rivals.recipe import Recipe
from recbole_groupmix.rivals.rival import Reference
from recbole_groupmix.training.closed_form import systems
from recbole_groupmix.training.closed_form.back_end import ClosedForms
from recbole_groupmix.training.closed_form.gram_cache import rows_of
from recbole_groupmix.training.job import Job

REFERENCE = Reference(1, {"reg_weight": 20.0})


def ease_experiment(folder, **options):
    return experiment(folder, model="EASE", lambdas=[5, 20], **options)


def job_at(ex, mu, part=0):
    recipe = RIVAL.recipe(ex, part, {"mu": mu}, REFERENCE)
    return Job("fine_tuned", recipe, part, 0, 1, {"mu": mu})


def similarity(ex, *jobs):
    return [fit.model.item_similarity.numpy() for fit in ClosedForms().train(ex, jobs)]


def proportional_job(ex, part=0):
    mix = baselines(ex.n_users, "A")["proportional"]
    return job(ex, "proportional", mix, part, 0, 1, {"reg_weight": 20.0})


@pytest.mark.parametrize("part", [0, 1, 2])
def test_the_targets_training_rows_are_solved_near_all_users_of_the_part(tiny, part):
    ex = ease_experiment(tiny)
    x = rows_of(ex, ex.part(part)).toarray().astype(np.float64)
    mine = x[ex.groups.users("A")]
    wanted = ease_towards(mine.T @ mine, 30.0, ease(x.T @ x, 20.0))
    (found,) = similarity(ex, job_at(ex, 30.0, part))
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert np.abs(wanted - ease(x.T @ x, 20.0)).max() > 0.01


def test_a_large_mu_is_proportional_and_its_metrics_are(tiny):
    ex = ease_experiment(tiny)
    for part in (0, 1):
        pooled, near = similarity(ex, proportional_job(ex, part), job_at(ex, 1e9, part))
        assert np.abs(near - pooled).max() < 1e-4
    asked = [replace(proportional_job(ex, 1), targets=("A",)), job_at(ex, 1e9, 1)]
    scores = [fit.curve.means("A")[0] for fit in ClosedForms().train(ex, asked)]
    assert scores[0] == pytest.approx(scores[1]) and scores[0] > 0


def test_all_users_are_scored_from_their_history(tiny):
    # as after a first training on all users; no_augmentation would hide them
    ex = ease_experiment(tiny, graph="positive")
    (fit,) = ClosedForms().train(ex, [job_at(ex, 30.0)])
    assert fit.model.interaction_matrix[ex.groups.users("C")].nnz > 0


def test_the_pooled_model_of_a_part_is_solved_once_for_all_mus(tiny, monkeypatch):
    ex, solved = ease_experiment(tiny), []
    monkeypatch.setattr(systems, "ease", lambda *args: solved.append(args[1]) or ease(*args))
    jobs = [job_at(ex, mu, part) for part in (1, 2) for mu in (10.0, 100.0, 1000.0)]
    found = similarity(ex, *jobs)
    assert solved == [20.0, 20.0]
    assert len({matrix.tobytes() for matrix in found}) == 6


def test_a_point_is_one_model_whose_knobs_are_told_by_the_job_alone(tiny):
    ex = ease_experiment(tiny)
    (fit,) = ClosedForms().train(ex, [job_at(ex, 30.0, 1)])
    assert len(fit.curve) == 1 and fit.curve.options == [{}]


def test_held_out_rows_change_nothing_of_the_model(tiny):
    ex = ease_experiment(tiny)
    (before,) = similarity(ex, job_at(ex, 30.0, 1))
    other = ease_experiment(tiny)
    rows = np.isin(np.arange(len(other.users)), other.part(1).rows)
    held = np.flatnonzero(~rows & ~other.is_test)
    other.items = other.items.copy()
    other.items[held] = other.items[held] % (other.shape[1] - 1) + 1
    other._parts[1] = Part.of_rows(
        1,
        other.users,
        other.items,
        rows,
        ~rows & ~other.is_test,
        other.groups,
        other.shape,
        str,
    )
    assert len(held) > 20 and (other.part(1).held_out.relevant != ex.part(1).held_out.relevant).nnz
    # all of train holds the held-out rows of the fold, so it has changed
    grams = [rows_of(e, e.part(1)) for e in (ex, other)]
    assert (grams[0] != grams[1]).nnz == 0
    (after,) = similarity(other, job_at(other, 30.0, 1))
    np.testing.assert_allclose(after, before, atol=1e-6)


@pytest.mark.parametrize("lam", [20.0, 1e-4])  # in float32 and in float64
def test_factors_of_users_are_weights_of_their_rows(tiny, lam):
    ex = ease_experiment(tiny)
    factors = np.random.default_rng(1).uniform(0.0, 2.0, ex.shape[0])
    recipe = Recipe({"A": 1.0, "B": 0.5, "C": 2.0}, by_user=factors, options={"reg_weight": lam})
    other = replace(recipe, by_user=factors[::-1].copy())  # the key does not tell them apart
    asked = [Job("own", each, 1, 0, 1, {"p": 1.0}) for each in (recipe, other)]
    found = similarity(ex, *asked)
    for each, matrix in zip(asked, found, strict=True):
        expected = EASE(each.config(ex), ex.dataset_of(ex.part(1)))
        expected.fit(ex.groups.weights_of_users(recipe.weights) * each.recipe.by_user)
        np.testing.assert_allclose(matrix, expected.item_similarity, rtol=1e-3, atol=1e-5)
    assert np.abs(found[0] - found[1]).max() > 0.01


def test_factors_of_1_are_none(tiny):
    ex = ease_experiment(tiny)
    plain = proportional_job(ex)
    ones = replace(plain, recipe=replace(plain.recipe, by_user=np.ones(ex.shape[0])))
    first, second = similarity(ex, plain, ones)
    np.testing.assert_allclose(first, second, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "model", "message"),
    [
        ({"l2": {"A": 2.0}}, "EASE", "neither an L2 weight"),
        ({"rule": object()}, "EASE", "nor weights that follow losses"),
        ({"towards": None}, "EASE", "needs both first and towards"),
        ({}, "WeightedSVD", "WeightedSVD minimises no distance"),
    ],
)
def test_what_a_closed_form_cannot_carry_out_is_not_ignored(tiny, changes, model, message):
    lambdas = {"lambdas": [5, 20]} if model == "EASE" else {"embedding_size": 4}
    ex = experiment(tiny, model=model, **lambdas)
    asked = job_at(ex, 30.0)
    asked = replace(asked, recipe=replace(asked.recipe, **changes))
    with pytest.raises(ValueError, match=message):
        list(ClosedForms().train(ex, [asked]))


def test_weighted_svd_says_why_it_has_no_fine_tuning(tiny):
    assert RIVAL.why_not(ease_experiment(tiny)) is None
    why = RIVAL.why_not(experiment(tiny, model="WeightedSVD", embedding_size=4))
    assert why is not None and "not the minimum of a loss" in why


def ran(data_path, *more, **options):
    options = {"epochs": None, "eval_step": None, "repeats": None, **options}
    status, _, err = call(
        *run_arguments(data_path, **options), "--model=EASE", "--rivals=fine_tuned", *more
    )
    assert status == 0, err


def fold_scores(folder):
    """Scores of the rival on the folds, by fold and mu."""
    lines = (folder / "trials.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    mine = [r for r in records if r["name"] == "fine_tuned"]
    return {(r["fold"], r["options"]["mu"]): r["score"] for r in mine}


def test_all_targets_at_once_find_what_one_target_finds(tiny):
    ran(tiny, "--lambdas=[20]", trials=3, target="A", output_dir="alone")
    ran(tiny, "--lambdas=[20]", trials=3, target="all", output_dir="together")
    alone = fold_scores(run_folder("alone"))
    index = json.loads((run_folder("together") / "index.json").read_text())
    assert len(alone) >= 6 and len(set(alone.values())) > 1
    together = fold_scores(run_folder("together") / index["targets"]["A"]["folder"])
    shared = alone.keys() & together.keys()
    assert len(shared) >= 6
    for key in shared:
        assert together[key] == pytest.approx(alone[key], abs=1e-9)
