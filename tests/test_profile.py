"""Profile curves: every point against a model that is solved anew, noise, files and bad input."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from command import call
from helpers import experiment

from recbole_groupmix.adapters.closed_form import EASE, WeightedSVD
from recbole_groupmix.adapters.held_out import user_metrics
from recbole_groupmix.core.budget_curve import BUDGETS, parts_of_score
from recbole_groupmix.core.linear.mix_gradient import held_out_losses
from recbole_groupmix.core.mix import Mix, group_weights
from recbole_groupmix.core.names import BUDGET
from recbole_groupmix.core.statistics.bootstrap import relative_change
from recbole_groupmix.exact.profile import Point, factors_of, profile
from recbole_groupmix.exact.profile_files import difference, fold_mean
from recbole_groupmix.text.numbers import percent_interval

MIX = Mix({"B": 0.7, "C": 0.3}, 0.5)
MODELS = {"EASE": (EASE, {"reg_weight": 20.0}), "WeightedSVD": (WeightedSVD, {})}


def measured(ex, net_class, weights):
    """Mean recall@5 and log loss of the target on every fold, by models of all users' weights."""
    found = []
    for fold in (1, 2):
        part = ex.part(fold)
        by_group = weights(part.n_users)
        net = net_class(ex.config, ex.dataset_of(part))
        net.fit(np.array([*(by_group[name] for name in "ABC"), 0.0])[ex.groups.of_user])
        held_out = ex.target_held_out(part)
        recall = user_metrics(net, held_out, [5], ["recall"])["recall@5"].mean()
        # the loss from the model's matrix in float64, without the padding item
        x = held_out.masked.toarray()[:, 1:].astype(float)
        if net_class is EASE:
            matrix = net.item_similarity.numpy().astype(float)[1:, 1:]
        else:
            vectors = net.item_vectors.numpy().astype(float)[1:]
            matrix = vectors @ vectors.T
        relevant = held_out.relevant.toarray()[:, 1:]
        found.append((recall, held_out_losses(x @ matrix, x > 0, relevant)[0].mean()))
    return np.array(found).T


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("mix", [None, MIX])
def test_every_point_is_a_model_solved_anew(tiny, model, mix):
    net_class, options = MODELS[model]
    options = {**options, "embedding_size": 3, "valid_metric": "recall@5"}
    ex = experiment(tiny, model=model, **options)
    seen = []
    found = profile(ex, mix, "m", factors_of(3, 4.0), lambda *n: seen.append(n))
    assert list(found.curves) == ["B", "C", BUDGET]
    assert seen[-1] == (2 * 13, 2 * 13)  # the mix, 2 x 2 and 8 further budgets
    if "reg_weight" in options:
        ex.config["reg_weight"] = options["reg_weight"]
    distinct = set()
    for name, points in found.curves.items():
        if name == BUDGET:
            assert [point.alpha_aug for point in points] == pytest.approx(BUDGETS)
        else:
            assert [point.factor for point in points] == [0.25, 1, 4]
        for point in points:

            def weights(n_users, name=name, factor=point.factor):
                base = group_weights(mix, n_users, "A") if mix else dict.fromkeys("ABC", 1.0)
                touched = "BC" if name == BUDGET else name
                return {g: w * factor if g in touched else w for g, w in base.items()}

            recall, loss = measured(ex, net_class, weights)
            np.testing.assert_allclose(point.values["recall@5"], recall)
            np.testing.assert_allclose(point.values["loss"], loss, rtol=1e-5)
            distinct.add(round(loss.mean(), 8))
            counts = ex.n_users
            of_others = sum(counts[g] * w for g, w in weights(counts).items() if g != "A")
            budget = of_others / (counts["B"] + counts["C"])
            assert point.alpha_aug == pytest.approx(budget)
            if name != BUDGET:
                assert point.weight == pytest.approx(weights(counts)[name])
    assert len(distinct) == 13  # the mix is one point of all three curves


def test_of_several_lambdas_every_point_takes_the_best_on_the_folds(tiny):
    options = {"model": "EASE", "valid_metric": "recall@5"}
    single = {
        lam: profile(experiment(tiny, reg_weight=lam, **options), None, "m", factors_of(3, 4.0))
        for lam in (1.0, 60.0)
    }
    ex = experiment(tiny, lambdas=[1, 60], **options)
    both = profile(ex, None, "m", factors_of(3, 4.0))
    chosen = set()
    for name, points in both.curves.items():
        for place, point in enumerate(points):
            tried = {lam: one.curves[name][place].values for lam, one in single.items()}
            best = max(tried, key=lambda lam, tried=tried: tried[lam]["recall@5"].mean())
            least = min(tried, key=lambda lam, tried=tried: tried[lam]["loss"].mean())
            assert (point.lams["recall@5"], point.lams["loss"]) == (best, least)
            np.testing.assert_array_equal(point.values["ndcg@5"], tried[best]["ndcg@5"])
            np.testing.assert_allclose(point.values["loss"], tried[least]["loss"], rtol=1e-5)
            chosen.add((best, least))
    assert any(best != least for best, least in chosen)


@pytest.mark.parametrize("mix", [None, Mix({"B": 0.7, "C": 0.3}, 0.6)])
def test_the_curve_of_the_budget_has_intervals_over_users(tiny, mix):
    ex = experiment(tiny, model="EASE", reg_weight=20.0, valid_metric="recall@5")
    found = profile(ex, mix, "m", factors_of(3, 4.0))
    own = 0.6 if mix else 1.0
    assert [point.budget for point in found.budgets] == sorted({*BUDGETS, own})
    ex.config["reg_weight"] = 20.0
    parts = {}
    for budget in (own, 4.0):
        users, values = [], []
        for fold in (1, 2):
            part = ex.part(fold)
            base = group_weights(mix, part.n_users, "A") if mix else dict.fromkeys("ABC", 1.0)
            by_group = {g: w * (budget / own if g != "A" else 1) for g, w in base.items()}
            net = EASE(ex.config, ex.dataset_of(part))
            net.fit(np.array([*(by_group[g] for g in "ABC"), 0.0])[ex.groups.of_user])
            held_out = ex.target_held_out(part)
            users.append([str(user) for user in held_out.users])
            values.append(user_metrics(net, held_out, [5], ["recall"])["recall@5"])
        parts[budget] = parts_of_score(users, values)
    of_4 = next(p for p in found.budgets if p.budget == 4.0)
    arrays = [np.array([list(parts[budget].values())]) for budget in (4.0, own)]
    expected = relative_change(*arrays, seed=ex.settings.seed)
    found_ends = (of_4.change.mean, of_4.change.ci_low, of_4.change.ci_high)
    assert found_ends == (expected.mean, expected.ci_low, expected.ci_high)
    point = found.curves[BUDGET][-1]
    level = found.centre.values["recall@5"].mean()
    assert of_4.change.mean == pytest.approx(point.values["recall@5"].mean() / level - 1)


def test_a_group_without_weight_has_no_curve(tiny):
    ex = experiment(tiny, model="EASE", reg_weight=20.0)
    only = profile(ex, Mix({"B": 1.0, "C": 0.0}, 1.0), "m", factors_of(3, 2.0))
    assert list(only.curves) == ["B", BUDGET]
    with pytest.raises(ValueError, match="gives no other group any weight"):
        profile(ex, Mix({"B": 0.5, "C": 0.5}, 0.0), "none", factors_of(3, 2.0))


def test_factors():
    assert factors_of(7, 8) == pytest.approx([1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8])
    assert factors_of(7, 5)[3] == 1.0


def test_the_noise_is_of_differences_fold_by_fold():
    # levels .2, .4, .6 of the mix; .03 more on each: the change is .03 / .4 without any noise
    centre = Point(1.0, 1.0, 1.0, {}, {"m": np.array([0.2, 0.4, 0.6])})
    point = Point(2.0, 2.0, 2.0, {}, {"m": np.array([0.23, 0.43, 0.63])})
    assert difference(point, centre, "m") == pytest.approx((0.075, 0.0), abs=1e-15)
    # standard deviation .2, over the root of 3 folds
    assert fold_mean(centre.values["m"]) == pytest.approx((0.4, 0.2 / np.sqrt(3)))
    uneven = Point(2.0, 2.0, 2.0, {}, {"m": np.array([0.2, 0.4, 0.72])})  # differences 0, 0, .12
    assert difference(uneven, centre, "m") == pytest.approx((0.1, 0.1))
    assert np.isnan(fold_mean(np.array([0.3]))[1])
    nothing = Point(1.0, 1.0, 1.0, {}, {"m": np.zeros(3)})
    assert np.isnan(difference(point, nothing, "m")).all()


# --- the command ----------------------------------------------------------------------------


def run_profile(folder, **options):
    given = {"dataset": "tiny", "data_path": folder, "group_field": "group", "target": "A"}
    given.update({"folds": 2, "topk": "[5]", "reg_weight": 20, "points": 3, "out": "found"})
    given.update(options)
    return call("profile", *(f"--{k}={v}" for k, v in given.items() if v is not None))


def test_the_files_and_the_text(tiny):
    status, out, err = run_profile(tiny)
    assert status == 0, err
    found = json.loads(Path("found/profile.json").read_text())
    about = ("dataset", "target", "model", "folds", "mix", "metric")
    expected = ["tiny", "A", "EASE", 2, "proportional", "recall@5"]
    assert [found[key] for key in about] == expected
    measures = {"precision@5", "recall@5", "ndcg@5", "hit@5", "mrr@5", "map@5", "loss"}
    assert {row["measure"] for row in found["rows"]} == measures
    assert len(found["rows"]) == (2 * 3 + len(BUDGETS)) * len(measures)
    table = pd.read_csv("found/profile.csv")
    assert len(table) == len(found["rows"])
    for row, (_, line) in zip(found["rows"], table.iterrows(), strict=True):
        assert row["mean"] == pytest.approx(np.mean(row["folds"])) == pytest.approx(line["mean"])
        if row["factor"] == 1:
            assert row["change"] == 0
    rows = {(r["group"], r["factor"]): r for r in found["rows"] if r["measure"] == "loss"}
    cell = rows["B", 8]
    assert f"{cell['change']:+.3%} ± {100 * cell['change_standard_error']:.3f}" in out
    assert re.search(r"held-out log loss at proportional: \d", out)
    assert out.rstrip().endswith("found")
    (best,) = (r for r in found["rows"] if r["ci_low"] is not None and r["alpha_aug"] == 0.5)
    shown = percent_interval(best["change"], best["ci_low"], best["ci_high"])
    assert re.search(rf"(?m)^0\.5 +\d\S+ +{re.escape(shown)} ", out)
    assert re.search("\n(Flat|A peak|It falls)", out)
    intervals = [r["alpha_aug"] for r in found["rows"] if r["ci_low"] is not None]
    assert intervals == pytest.approx(BUDGETS)  # of the metric, on the curve of the budget


def test_around_a_mix_of_a_file(tiny):
    content = {"name": "mine", **MIX.to_dict()}
    Path("mine.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    status, out, err = run_profile(
        tiny, mix="mine.yaml", model="WeightedSVD", reg_weight=None, embedding_size=4
    )
    assert status == 0, err
    assert "at mine:" in out
    found = json.loads(Path("found/profile.json").read_text())
    ex = experiment(tiny, model="WeightedSVD")
    weight = group_weights(MIX, ex.n_users, "A")["C"]
    of_c = {row["factor"]: row["weight"] for row in found["rows"] if row["group"] == "C"}
    assert of_c[8] == pytest.approx(8 * weight) and found["rows"][0]["reg_weight"] is None


def test_the_files_of_a_profile(tiny):
    status, _, err = run_profile(tiny, out=None, output_dir="here")
    assert status == 0 and "matplotlib" not in err
    folder = Path("here/profile-tiny-A-EASE-proportional")
    names = ["profile.csv", "profile.json", "profile.png"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert (folder / "profile.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "BPR", "reg_weight": None}, "model is 'BPR' .* closed form: EASE, WeightedSVD"),
        ({"points": 4}, "--points is 4; it must be odd"),
        ({"points": "x"}, "--points is 'x'"),
        ({"reach": 1}, "--reach is '1'; the largest factor of a weight is a number > 1"),
        ({"reach": "far"}, "--reach is 'far'; the largest factor"),
        ({"target": None}, "no target group given"),
        ({"out": "a_file"}, "--out is 'a_file', which is not a folder"),
        ({"mix": "none.yaml"}, "none.yaml"),
        ({"reg_weight": 0}, "lambda must be > 0"),
        ({"pionts": 3}, "unknown key 'pionts'"),
    ],
)
def test_bad_input(tiny, options, message):
    Path("a_file").touch()
    status, out, err = run_profile(tiny, **options)
    assert (status, out) == (2, "")
    assert len(err.strip().splitlines()) == 1 and re.search(message, err), err
    assert not Path("found").exists()
