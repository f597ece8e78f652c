"""Group influence and the search by gradient on a data set, against what runs measure."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from command import call, run_arguments
from helpers import experiment, write_tiny

from recbole_groupmix.adapters.closed_form import EASE
from recbole_groupmix.adapters.held_out import user_metrics
from recbole_groupmix.core.linear.ease import regularized_inverse
from recbole_groupmix.core.linear.mix_gradient import ease_loss_gradient, held_out_losses
from recbole_groupmix.core.mix import group_weights
from recbole_groupmix.core.statistics.two_tests import compared_changes
from recbole_groupmix.exact.gradient import gradient_search
from recbole_groupmix.exact.influence import influence_frame, influence_table, measured_changes
from recbole_groupmix.exact.loss_influence import LossProblem, loss_influence
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.settings.merge import merge_settings

LAM = 20.0


def ease_on(folder, **options):
    return experiment(folder, model="EASE", reg_weight=LAM, **options)


def values_with(ex, weights, lam=LAM):
    """Precision@10 of every user on test, by a model that is solved for the users' weights."""
    ex.config["reg_weight"] = lam
    net = EASE(ex.config, ex.dataset_of(ex.part(0)))
    net.fit(np.array([*weights, 0.0])[ex.groups.of_user])
    return user_metrics(net, ex.part(0).held_out, [10], ["precision"])["precision@10"]


@pytest.fixture(scope="module")
def found(tiny):
    ex = ease_on(tiny)
    changes = measured_changes(ex, LAM, metric="precision@10", more=0.5)
    return ex, influence_frame(ex, changes, 500)


def test_there_is_a_row_for_every_pair_of_groups_and_change(found):
    _, table = found
    assert len(table) == 3 * 3 * 3
    assert len(table.drop_duplicates(["change", "group", "target"])) == 27
    assert table.set_index("target")["users"].to_dict() == {"A": 10, "B": 14, "C": 8}


@pytest.mark.parametrize(("change", "weight"), [("without", 0.0), ("more", 1.5)])
def test_effects_are_those_of_models_solved_anew(found, change, weight):
    ex, table = found
    of_target = ex.groups.of_user[ex.part(0).held_out.users]
    before = values_with(ex, [1.0, 1.0, 1.0])
    rows = table[table["change"] == change].set_index(["group", "target"])
    moved = 0
    for i, group in enumerate("ABC"):
        weights = np.ones(3)
        weights[i] = weight
        after = values_with(ex, weights)
        for j, target in enumerate("ABC"):
            row, mine = rows.loc[group, target], of_target == j
            assert row["proportional"] == pytest.approx(before[mine].mean())
            assert row["value"] == pytest.approx(after[mine].mean())
            (expected,) = compared_changes(
                [(after[mine][None], before[mine][None])], seed=2020, n_boot=500
            )
            assert (row["mean"], row["ci_low"], row["p"]) == pytest.approx(
                (expected.mean, expected.ci_low, expected.p), nan_ok=True
            )
            assert not row["p_holm"] < row["p"]
            moved += row["value"] != row["proportional"]
    assert moved >= 4


@pytest.mark.parametrize("part", [0, 1])
def test_the_loss_of_more_data_is_the_slope_of_the_loss(found, part):
    # numerically: solve for G + 1e-4 G_j in float64, with the padding item left out
    ex, table = found
    held_out = ex.part(part).held_out
    x = held_out.masked.toarray()[:, 1:].astype(float)
    relevant = held_out.relevant.toarray()[:, 1:]
    group = ex.groups.of_user[held_out.users]
    trained = np.zeros(ex.shape)
    trained[ex.part(part).users, ex.part(part).items] = 1
    trained, group_of_row = trained[1:, 1:], ex.groups.of_user[1:]

    def losses(weights):
        p = regularized_inverse((trained * weights[group_of_row][:, None]).T @ trained, LAM)
        return held_out_losses(x - x @ p / np.diag(p), x > 0, relevant)[0]

    if part:
        table = loss_influence(ex, LAM, part=part, more=0.5, n_boot=10)
    rows = table[table["change"] == "loss"].set_index(["group", "target"])
    assert len(rows) == 9
    before = losses(np.ones(3))
    for i, source in enumerate("ABC"):
        step = 1e-4 * np.eye(3)[i]
        slope = (losses(np.ones(3) + step) - losses(np.ones(3) - step)) / 2e-4
        for j, target in enumerate("ABC"):
            mine, row = group == j, rows.loc[source, target]
            expected = 0.5 * slope[mine].mean() / before[mine].mean()
            assert row["mean"] == pytest.approx(expected, rel=1e-2, abs=1e-6)


@pytest.mark.parametrize("lam", [3.0, LAM, 300.0])
@pytest.mark.parametrize("part", [0, 1])
def test_a_row_sums_up_to_the_effect_of_less_lambda(tiny, part, lam):
    ex = ease_on(tiny)
    problem = LossProblem(ex, part)
    changes = problem.changes(dict.fromkeys("ABC", lam), 0.01)
    summed = sum(changes.after[group] - changes.before for group in "ABC")
    shifted = [
        problem.changes(dict.fromkeys("ABC", lam * factor)).before for factor in (0.999, 1.001)
    ]
    np.testing.assert_allclose(summed, 5 * (shifted[0] - shifted[1]), rtol=2e-2, atol=2e-5)


@pytest.fixture(scope="module")
def blocks():
    given = {"dataset": "blockmix", "target": "A", "model": "EASE", "topk": [5], "folds": 5}
    return Experiment(merge_settings(given))


@pytest.mark.parametrize("part", [0, 1])
def test_the_own_lambda_is_that_of_least_loss(blocks, part):
    problem = LossProblem(blocks, part)
    own = problem.lambdas()
    assert len(set(own.values())) == 4
    best = problem.changes(own)
    for target, lam in own.items():
        mine = best.of_target(blocks, target)
        loss = best.before[mine].mean()
        for factor in (0.02, 0.5, 0.8, 1.25, 2, 50):
            other = problem.changes(dict.fromkeys(own, lam * factor))
            assert other.before[mine].mean() > loss, (target, factor)
        slopes = [(best.after[group] - best.before)[mine].mean() for group in own]
        assert abs(sum(slopes)) < 0.1 * np.abs(slopes).max()
    frame = loss_influence(blocks, part=part, n_boot=10)
    assert frame.groupby("target")["lambda"].first().to_dict() == pytest.approx(own)


def test_each_target_is_measured_at_its_own_lambda(blocks):
    changes = measured_changes(blocks, metric="precision@10")
    own = LossProblem(blocks).lambdas()
    for target, lam in list(own.items())[:2]:
        alone = measured_changes(blocks, lam, metric="precision@10")
        for ours, expected in zip(changes, alone, strict=True):
            mine = expected.of_target(blocks, target)
            assert ours.lambdas == pytest.approx(own) and expected.lambdas[target] == lam
            np.testing.assert_allclose(ours.before[mine], expected.before[mine], rtol=1e-5)
            for group in own:
                after = ours.after[group][mine], expected.after[group][mine]
                np.testing.assert_allclose(*after, rtol=1e-5)


def test_the_text_marks_what_is_beyond_chance():
    rows = [
        {"change": "without", "group": g, "target": "A", "users": 9, "lambda": 123.4, "mean": mean}
        | {"ci_low": mean - 0.01, "ci_high": mean + 0.01, "p_holm": p}
        for g, mean, p in (("A", -0.2, 0.01), ("B", 0.005, 0.6))
    ]
    line = influence_table(pd.DataFrame(rows)).splitlines()[1]
    assert line.split() == [
        "A",
        "9",
        "123",
        "-20.0%",
        "[-21.0%,",
        "-19.0%]*",
        "+0.5%",
        "[-0.5%,",
        "+1.5%]",
    ]
    loss = pd.DataFrame(rows).assign(change="loss")
    head, line = influence_table(loss, "loss").splitlines()
    assert head.split() == ["target", "users", "lambda", "A", "B", "sum"]
    assert line.split()[-1] == "-19.500%"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "precision"}, "metric is 'precision'; it must be one of"),
        ({"metric": "recall@41"}, "beyond the 40 items of 'tiny'"),
        ({"more": 0.0}, "more is 0.0; it must be a relative increase"),
    ],
)
def test_what_cannot_be_measured_is_refused(tiny, options, message):
    with pytest.raises(ValueError, match=message):
        measured_changes(ease_on(tiny), LAM, **{"metric": "precision@10", **options})


def test_other_models_are_refused(tiny):
    ex = experiment(tiny, model="WeightedSVD")
    for function in (measured_changes, lambda *a: gradient_search(*a, free=1 << 30)):
        with pytest.raises(ValueError, match=r"model is 'WeightedSVD'.*--model=EASE"):
            function(ex, LAM)


# --- the search by gradient -----------------------------------------------------------------


def test_the_search_ends_no_worse_than_it_starts_and_its_mix_has_its_weights(tiny):
    ex = ease_on(tiny)
    found = gradient_search(ex, LAM, free=1 << 30, most=8, follow=3)
    assert [one.optimum.loss for one in found] == sorted(one.optimum.loss for one in found)
    assert {one.start for one in found} == {"proportional", "stratified", "no_augmentation"}
    for one in found:
        assert one.optimum.loss < one.optimum.loss_at_start
        by_group = group_weights(one.mix, ex.n_users, "A")
        assert [by_group[g] for g in "ABC"] == pytest.approx(one.optimum.weights.tolist())


def test_the_starts_of_least_loss_are_followed(tiny):
    ex = ease_on(tiny)
    every = gradient_search(ex, LAM, free=1 << 30, most=1, follow=3)
    at_start = {one.start: one.optimum.loss_at_start for one in every}
    best, second, _ = sorted(at_start, key=at_start.__getitem__)
    for follow, wanted in ((1, {best}), (2, {best, second})):
        found = gradient_search(ex, LAM, free=1 << 30, most=1, follow=follow)
        assert {one.start for one in found} == wanted


def test_the_loss_at_the_start_is_that_of_the_folds(tiny):
    # by hand from float64 rows of each fold, without the padding item
    ex = ease_on(tiny)
    found = gradient_search(ex, LAM, free=1 << 30, most=1, starts=["proportional"])
    losses = []
    for index in (1, 2):
        part = ex.part(index)
        x = np.zeros(ex.shape)
        x[part.users, part.items] = 1
        held_out = ex.target_held_out(part)
        mine = x[held_out.users, 1:]
        relevant = held_out.relevant.toarray()[:, 1:]
        grams = (x.T @ x)[None, 1:, 1:]
        losses.append(ease_loss_gradient(grams, [1.0], LAM, mine > 0, relevant).loss)
    assert found[0].optimum.loss_at_start == pytest.approx(np.mean(losses), rel=1e-5)


def test_strange_starts_and_too_little_memory_are_refused(tiny):
    ex = ease_on(tiny)
    with pytest.raises(ValueError, match=r"starts are \['best'\]; allowed are proportional"):
        gradient_search(ex, LAM, free=1 << 30, starts=["best"])
    with pytest.raises(ValueError, match="follow is 0"):
        gradient_search(ex, LAM, free=1 << 30, follow=0)
    with pytest.raises(ValueError, match=r"Gram matrices of 2 folds need .* --max_memory"):
        gradient_search(ex, LAM, free=1000)


# --- the commands ---------------------------------------------------------------------------


def given(folder):
    return ["--dataset=tiny", f"--data_path={folder}", "--group_field=group", "--topk=[5,10]"]


def test_influence_as_a_command(tiny):
    status, out, err = call(
        "influence", *given(tiny), "--reg_weight=20", "--metric=recall@5", "--out=table.csv"
    )
    assert status == 0, err
    assert "Without the users of a group" in out and "One percent more" in out
    fixed = pd.read_csv("table.csv")
    assert len(fixed) == 27 and set(fixed["lambda"]) == {20}
    status, out, err = call(
        "influence", *given(tiny), "--metric=recall@5", "--d=2", "--out=own.json"
    )
    assert status == 0, err
    found = json.loads(Path("own.json").read_text())
    assert len(set(found["lambda"].values())) > 1
    rows = {row["target"]: row["lambda"] for row in found["rows"]}
    assert rows == pytest.approx(found["lambda"])


def test_influence_says_which_targets_are_left_out_and_why(tmp_path):
    folder = write_tiny(tmp_path / "data", sizes={"A": 10, "B": 14, "C": 8, "D": 1})
    status, out, err = call("influence", *given(folder), "--reg_weight=20", "--out=some.json")
    assert status == 0, err
    (line,) = [line for line in out.splitlines() if line.startswith("Left out as a target: ")]
    why = "of whose 1 user 1 can be measured on test, and 2 are the least"
    assert line == f"Left out as a target: D, {why}."
    found = json.loads(Path("some.json").read_text())
    assert found["left_out"] == {"D": why}
    assert {row["target"] for row in found["rows"]} == {*"ABC"}


def test_the_mix_of_the_gradient_goes_into_a_run(tiny):
    status, out, err = call(
        *("gradient", *given(tiny), "--target=A", "--folds=2", "--most=5", "--reg_weight=20"),
        "--out=mine.yaml",
    )
    assert status == 0, err
    assert out.count("from ") == 1 and out.rstrip().endswith("mine.yaml")
    content = yaml.safe_load(Path("mine.yaml").read_text(encoding="utf-8"))
    assert set(content) == {"name", "alpha", "alpha_aug"}
    arguments = run_arguments(tiny, model="EASE", mix="mine.yaml", epochs=None, eval_step=None)
    status, out, err = call(*arguments)
    assert status == 0, err
    assert "gradient " in out


def test_commands_refuse_in_one_line(tiny):
    status, _, err = call("influence", *given(tiny), "--reg_weight=0")
    assert status == 2 and "lambda must be > 0" in err
    for model in ("LightGCN", "FM"):
        status, _, err = call("influence", *given(tiny), f"--model={model}")
        assert status == 2 and "--model=EASE" in err.splitlines()[-1]
    status, _, err = call("gradient", *given(tiny))
    assert status == 2 and "no target group given" in err
