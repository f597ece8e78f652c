"""Closed-form models through the pipeline: search, folds, lambda, result, resumption, refusals."""

import json

import numpy as np
import pandas as pd
import pytest
from command import call, run_arguments, run_folder, tree
from finished_runs import check_reproduced
from helpers import experiment, job

from recbole_groupmix import load_run
from recbole_groupmix.adapters.closed_form import EASE
from recbole_groupmix.core.mix import Mix, baselines
from recbole_groupmix.core.names import BASELINES
from recbole_groupmix.record.fold_summary import summary
from recbole_groupmix.settings.merge import final_settings, merge_settings
from recbole_groupmix.training.back_ends import back_end
from recbole_groupmix.training.closed_form import back_end as closed_form
from recbole_groupmix.training.closed_form.back_end import ClosedForms
from recbole_groupmix.training.closed_form.gram_cache import GramCache, rows_of
from recbole_groupmix.training.job import user_weights

MIX = Mix({"B": 0.3, "C": 0.7}, 0.8)
LAMBDAS = [5, 50, 500]


def ease_experiment(folder, **options):
    return experiment(folder, model="EASE", lambdas=LAMBDAS, **options)


def ran(data_path, *more, **options):
    options = {"epochs": None, "eval_step": None, "repeats": None, **options}
    status, out, err = call(*run_arguments(data_path, **options), *more)
    assert status == 0, err
    return out, err


def refused(data_path, *more, **options):
    options = {"epochs": None, "eval_step": None, "repeats": None, **options}
    status, _, err = call(*run_arguments(data_path, **options), *more)
    line = err.splitlines()[-1]
    assert status == 2 and line.startswith("groupmix: ")
    assert tree() == {}
    return line


# --- the grams -------------------------------------------------------------------------


@pytest.mark.parametrize("user_loss", ["sum", "mean"])
def test_the_gram_matrices_of_every_part_are_those_computed_afresh(tiny, user_loss):
    ex = ease_experiment(tiny, user_loss=user_loss, triplets="all")
    grams = GramCache(ex)
    for index in (0, 1, 2, 1):
        part = ex.part(index)
        x = rows_of(ex, part).toarray().astype(np.float64)
        assert x.sum() == len(part.users)
        if user_loss == "mean":  # each user's row times the root of N / (n c_u)
            counts = x.sum(axis=1, keepdims=True)
            factor = x.sum() / (counts > 0).sum() / np.maximum(counts, 1)
            x = np.sqrt(factor) * x
        for name, found in zip(ex.groups.names, grams.of_part(part), strict=True):
            rows = x[ex.groups.users(name)]
            np.testing.assert_allclose(found, rows.T @ rows, rtol=1e-6)


@pytest.mark.parametrize("graph", ["all", "positive"])
@pytest.mark.parametrize("name", ["own", "proportional", "no_augmentation"])
def test_a_job_solves_for_the_weights_of_eq_8(tiny, graph, name):
    ex = ease_experiment(tiny, graph=graph)
    mixes = {"own": MIX, **baselines(ex.n_users, "A")}
    for index in (0, 1):
        asked = job(ex, name, mixes[name], index, 0, 1, {"reg_weight": 20.0})
        (fit,) = ClosedForms().train(ex, [asked])
        part = ex.part(index)
        expected = EASE(asked.config(ex), ex.dataset_of(part))
        expected.fit(user_weights(ex, asked))
        np.testing.assert_allclose(
            fit.model.item_similarity, expected.item_similarity, rtol=1e-4, atol=1e-6
        )
        # under graph all, also users of weight 0 are scored from their history
        scored = fit.model.interaction_matrix[ex.groups.users("C")].nnz > 0
        assert scored == (graph == "all" or name != "no_augmentation")


def test_a_fold_is_solved_with_every_lambda(tiny):
    ex = ease_experiment(tiny)
    assert ex.settings.lambdas == [5.0, 50.0, 500.0]
    (fit,) = back_end(ex).train(ex, [job(ex, "own", MIX, 1)])
    singly = [
        next(ClosedForms().train(ex, [job(ex, "own", MIX, 1, options={"reg_weight": lam})]))
        for lam in ex.settings.lambdas
    ]
    assert fit.curve.options == [{"reg_weight": x} for x in (5.0, 50.0, 500.0)]
    scores = list(fit.curve.means("A"))
    assert scores == [one.curve.means("A")[0] for one in singly] and len(set(scores)) > 1
    points = fit.curve.points()
    assert [entry["reg_weight"] for entry in points] == LAMBDAS
    assert [entry["by_group"]["A"] for entry in points] == scores
    assert fit.epochs == 1 and fit.curve.epochs == [1, 1, 1]


def test_one_lambda_is_chosen_for_all_folds():
    # means over folds: 5 has (0.2 + 0.4) / 2 = 0.3, 50 has (0.3 + 0.35) / 2 = 0.325; the best of
    # each fold alone would be 50 and 5, with a mean of 0.35 that no model reached
    records = [
        {
            "score": max(pair),
            "epochs": 1,
            "tried": [
                {"options": {"reg_weight": lam}, "score": score}
                for lam, score in zip((5.0, 50.0), pair, strict=True)
            ],
        }
        for pair in ((0.2, 0.3), (0.4, 0.35))
    ]
    found = summary(records)
    assert found["options"] == {"reg_weight": 50.0}
    assert found["score"] == pytest.approx(0.325) and found["scores"] == [0.3, 0.35]


# --- runs -----------------------------------------------------------------------------------


@pytest.mark.smoke
@pytest.mark.parametrize("model", ["EASE", "WeightedSVD"])
@pytest.mark.parametrize("protocol", ["converged", "paper"])
def test_a_run_ends_in_a_result_and_a_model(tiny, model, protocol):
    out, _ = ran(tiny, model=model, protocol=protocol)
    folder = run_folder()
    result = json.loads((folder / "result.json").read_text())
    assert result["closed_form"] and result["repeats"] == 1
    assert result["embedding_size"] == (4 if model == "WeightedSVD" else None)
    assert set(result["test"]) == {"proportional", "stratified", "no_augmentation", "data_mix"}
    assert set(result["search"]["epochs"].values()) == {1}
    assert "there are no seeds" in out and "~" not in out and "repeat" not in out.split("\n")[0]
    metrics = pd.read_parquet(folder / "metrics.parquet")
    assert set(metrics["repeat"]) == {0} and metrics["value"].between(0, 1).all()
    check_reproduced(folder, "data_mix", tiny)


def test_the_lambda_of_each_mix_is_chosen_recorded_and_used(tiny):
    out, _ = ran(tiny, "--lambdas=[5,50,500]", model="EASE")
    folder = run_folder()
    search = json.loads((folder / "result.json").read_text())["search"]
    records = [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]
    for name, options in search["options"].items():
        mine = [r["tried"] for r in records if r["name"] == name]
        means = [np.mean([fold[i]["score"] for fold in mine]) for i in range(3)]
        assert options == {"reg_weight": LAMBDAS[int(np.argmax(means))]}
        assert search["cv"][name] == pytest.approx(max(means))
    _, model, _ = load_run(folder)
    chosen = search["options"][search["selected"]]["reg_weight"]
    assert model.reg_weight.item() == chosen
    assert f"data_mix reg_weight {chosen:g}" in " ".join(out.split())


def test_more_trials_go_on_where_the_run_ended(tiny, monkeypatch):
    ran(tiny, model="EASE", trials=1)
    solved = []
    original = closed_form._solve
    monkeypatch.setattr(
        closed_form, "_solve", lambda *args: solved.append(args[1]) or original(*args)
    )
    before = (run_folder() / "trials.jsonl").read_text()
    ran(tiny, model="EASE", trials=3)
    assert (run_folder() / "trials.jsonl").read_text().startswith(before)
    on_folds = {(job.name, job.part) for job in solved if job.part}
    on_folds -= {(name, 1) for name in BASELINES}  # the forecast's
    assert on_folds == {(f"trial-{i}", part) for i in (1, 2) for part in (1, 2)}


def test_keys_of_training_are_said_to_have_no_effect(tiny):
    _, err = ran(tiny, model="EASE", repeats=5, epochs=7, learning_rate=0.1, trials=0)
    for key in ("repeats is 5", "epochs is 7", "learning_rate is 0.1"):
        assert f"note: {key} (on the command line) and has no effect: EASE is solved" in err
    result = json.loads((run_folder() / "result.json").read_text())
    assert result["repeats"] == 1


def test_reg_weight_fixes_lambda(tiny):
    ran(tiny, model="EASE", reg_weight=30, trials=0)
    search = json.loads((run_folder() / "result.json").read_text())["search"]
    assert set(map(str, search["options"].values())) == {"{'reg_weight': 30.0}"}


# --- refusals -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--reg_weight=0", "reg_weight is 0 (on the command line); lambda must be > 0"),
        ("--lambdas=[100,0]", "lambdas is [100, 0] (on the command line); lambda must be > 0"),
        ("--lambdas=[]", "lambdas is [] (on the command line); lambda must be > 0"),
        ("--lambdas=many", "lambdas is 'many' (on the command line); lambda must be > 0"),
        ("--lambdas=[inf]", "lambda must be > 0"),
        ("--backend=cpu", "backend is 'cpu' (on the command line), but EASE is solved"),
        ("--max_memory=0.00001", "EASE on the 40 items of 'tiny' needs about"),
        ("--reg_weight=1e-12", "singular to float64's precision; use a larger lambda"),
    ],
)
def test_what_cannot_be_solved_is_refused_before_anything_is_written(tiny, option, message):
    assert message in refused(tiny, option, model="EASE")


def test_too_many_items_are_refused_with_the_figure_and_the_way_out(tiny):
    # 3 groups twice and 8 more matrices of 41 x 41 numbers of 4 bytes: 94,136 bytes
    err = refused(tiny, "--max_memory=0.00001", model="EASE")
    assert "8.77e-05 GiB" in err and "1e-05 GiB" in err  # 94136 / 2**30
    assert "--model=WeightedSVD" in err and "--max_memory" in err


def test_both_keys_of_lambda_are_refused(tiny):
    err = refused(tiny, "--reg_weight=10", "--lambdas=[1,2]", model="EASE")
    assert "give one" in err


def test_a_choice_of_lambda_without_folds_is_refused(tiny):
    err = refused(tiny, "--lambdas=[1,2]", model="EASE", protocol="paper", trials=0)
    assert "there are no folds to choose it on" in err


def test_a_rank_beyond_the_target_is_refused(tiny):
    err = refused(tiny, model="WeightedSVD", embedding_size=11)
    assert "embedding_size is 11" in err and "allow 1 to 10 (10 users, 36 items)" in err


def test_lambdas_are_refused_for_models_that_are_trained(tiny):
    assert "BPR does not read" in refused(tiny, "--lambdas=[1,2]")


def test_tune_sends_to_run(tiny):
    status, _, err = call("tune", "--dataset=tiny", f"--data_path={tiny}", "--model=EASE")
    assert status == 2 and "--lambdas=" in err


def test_settling_twice_changes_nothing():
    given = {"dataset": "ml-100k", "target": "25", "model": "EASE", "reg_weight": 7}
    once = merge_settings(given)
    assert once["lambdas"] == [7.0]
    assert final_settings(once).values == once.values


def test_the_mean_over_a_users_interactions_counts_under_both_protocols(tiny):
    # the protocol paper samples triplets, which would make a mean a sum; nothing is sampled here
    scores = {}
    for protocol in ("paper", "converged"):
        for user_loss in ("sum", "mean"):
            ran(
                tiny,
                model="EASE",
                protocol=protocol,
                user_loss=user_loss,
                reg_weight=5,
                trials=0,
                output_dir=f"{protocol}-{user_loss}",
            )
            file = run_folder(f"{protocol}-{user_loss}") / "result.json"
            scores[protocol, user_loss] = json.loads(file.read_text())["test"]
    for user_loss in ("sum", "mean"):
        assert scores["paper", user_loss] == scores["converged", user_loss]
    assert scores["paper", "sum"] != scores["paper", "mean"]
