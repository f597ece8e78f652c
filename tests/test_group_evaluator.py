"""GroupEvaluator on RecBole's own loaders, models and trainers."""

import numpy as np
import pandas as pd
import pytest
import torch
from recbole.trainer import Trainer
from recbole.utils import init_seed
from recbole_project import RANKING_METRICS, project
from scipy.stats import t

from recbole_groupmix import GroupEvaluator
from recbole_groupmix.adapters.compat import recbole_compat, without_folders
from recbole_groupmix.evaluation import scoring
from recbole_groupmix.evaluation.intervals import cluster_intervals
from recbole_groupmix.evaluation.report import OVERALL
from recbole_groupmix.evaluation.scoring import users_per_batch

SET_LEVEL = ["ItemCoverage", "AveragePopularity", "GiniIndex", "ShannonEntropy", "TailPercentage"]


def _stock(config, loaders, net):
    """RecBole's own numbers; its collector cannot handle counts (`int` has no `.cpu`)."""
    with recbole_compat(), without_folders():
        trainer = Trainer(config, net) if list(net.parameters()) else None
        trainer.eval_collector.data_collect(loaders[0])
        return trainer.evaluate(loaders[2], load_best_model=False)


@pytest.mark.contract
@pytest.mark.parametrize("model", ["BPR", "LightGCN", "NeuMF", "MultiVAE"])
@pytest.mark.parametrize("mode", ["full", "uni5"])
def test_overall_and_means_of_users_are_recboles_numbers(tmp_path, model, mode):
    metrics = RANKING_METRICS if mode == "full" else RANKING_METRICS[:-1]
    config, loaders, net = project(tmp_path, model, metrics, mode)
    init_seed(11, True)  # sampled candidates are drawn anew at each evaluation
    wanted = _stock(config, loaders, net)
    init_seed(11, True)
    report = GroupEvaluator(config, loaders[2], "group").evaluate(net)
    assert set(report.metrics) == set(wanted)
    for metric, value in wanted.items():
        assert report.overall[metric] == pytest.approx(value, abs=1e-9)
        if metric != "gauc":  # weighted by RecBole, no plain mean of users
            assert report.per_user[metric].mean() == pytest.approx(value, abs=1e-9)
            by_group = report.per_user.groupby("group")[metric].mean()
            for group in report.groups:
                assert report.by_group.loc[group, metric] == pytest.approx(by_group[group])


def test_gauc_of_a_group_is_recboles_weighted_mean(tmp_path):
    config, loaders, net = project(tmp_path, metrics=["GAUC"])
    report = GroupEvaluator(config, loaders[2], "group").evaluate(net)
    positives = pd.Series(loaders[2]._dataset.inter_feat["user_id"].numpy()).value_counts()
    tokens = loaders[2]._dataset.field2id_token["user_id"]
    weight = report.per_user["user_id"].map({tokens[u]: n for u, n in positives.items()})
    for group in report.groups:
        mine = report.per_user["group"] == group
        wanted = np.average(report.per_user["gauc"][mine], weights=weight[mine])
        assert report.by_group.loc[group, "gauc"] == pytest.approx(wanted)


def test_a_second_evaluation_gives_the_same_report_and_leaves_the_model_as_it_was(tmp_path):
    config, loaders, net = project(tmp_path)
    evaluator = GroupEvaluator(config, loaders[2], "group")
    net.train()
    first, second = evaluator.evaluate(net), evaluator.evaluate(net)
    pd.testing.assert_frame_equal(first.table, second.table)
    pd.testing.assert_frame_equal(first.per_user, second.per_user)
    assert net.training
    assert not list(tmp_path.glob("log_tensorboard")) and not list(tmp_path.glob("saved"))


def test_set_level_metrics_by_group_are_recboles_on_those_users(tmp_path):
    config, loaders, net = project(tmp_path, metrics=SET_LEVEL)
    with pytest.raises(ValueError, match=r"itemcoverage.*train_data"):
        GroupEvaluator(config, loaders[2], "group")
    evaluator = GroupEvaluator(config, loaders[2], "group", train_data=loaders[0])
    report = evaluator.evaluate(net)
    # by hand: coverage of group A is the number of distinct items in its lists over all items
    users = torch.from_numpy(evaluator.groups.users("A"))
    users = users[torch.isin(users, loaders[2]._dataset.inter_feat["user_id"])]
    scores = net.full_sort_predict({"user_id": users}).view(len(users), -1).detach()
    used = loaders[2]._sampler.used_ids
    relevant = loaders[2]._dataset.inter_feat
    for row, user in enumerate(users.tolist()):
        mine = set(relevant["item_id"][relevant["user_id"] == user].tolist())
        scores[row, [0, *(used[user] - mine)]] = -torch.inf
    shown = scores.topk(5, dim=1).indices.unique()
    wanted = len(shown) / loaders[2]._dataset.item_num
    assert report.by_group.loc["A", "itemcoverage@5"] == pytest.approx(wanted)
    rows = report.table.set_index(["metric", "group"])
    assert np.isnan(rows.loc[("itemcoverage@5", "A"), "ci_low"])
    assert np.isfinite(rows.loc[("averagepopularity@5", "A"), "ci_low"])  # a mean over users


def test_value_metrics_by_group(tmp_path):
    config, loaders, net = project(
        tmp_path,
        "NeuMF",
        ["MAE", "RMSE", "LogLoss", "AUC"],
        "uni3",
        valid_metric="AUC",
    )
    report = GroupEvaluator(config, loaders[2], "group").evaluate(net)
    rows = report.table.set_index(["metric", "group"])
    for metric in ("mae", "rmse", "logloss"):
        row = rows.loc[(metric, OVERALL)]
        assert row["ci_low"] < row["value"] < row["ci_high"]
    assert np.isnan(rows.loc[("auc", OVERALL), "ci_low"])
    assert 0 <= rows.loc[("auc", "A"), "value"] <= 1


def test_report_in_all_its_forms(tmp_path):
    config, loaders, net = project(tmp_path)
    report = GroupEvaluator(config, loaders[2], "group").evaluate(net)
    values = report.by_group
    assert list(values.index) == ["A", "B", "C", OVERALL]
    worst = report.worst_group.loc["recall@5"]
    assert worst["value"] == values.loc[["A", "B", "C"], "recall@5"].min()
    assert report.difference["recall@5"] == np.ptp(values.loc[["A", "B", "C"], "recall@5"])
    assert report.target("B").loc["recall@5", "value"] == values.loc["B", "recall@5"]
    with pytest.raises(ValueError, match="'Z' is not a group"):
        report.target("Z")
    text = report.to_markdown(["recall@5"])
    assert "| A | " in text
    table, note = text.split("\n\n")
    assert table.count("\n") == 5  # a header, a rule, three groups and all users
    assert note.startswith("Fewer than 30 users: A (10), B (14), C (")
    assert OVERALL not in note and "In simulations" in note
    folder = report.save(tmp_path / "report")
    long = pd.read_parquet(folder / "per_user.parquet")
    assert set(long.columns) == {"user_id", "group", "metric", "value"}
    assert {f.name for f in folder.iterdir()} == {
        "groups.csv", "per_user.parquet", "report.md", "report.json",
    }  # fmt: skip
    assert report.to_frame() is not report.table


def test_groups_from_several_columns_from_a_mapping_and_what_is_refused(tmp_path):
    config, loaders, net = project(tmp_path)
    crossed = GroupEvaluator(config, loaders[2], ["group", "group"])
    assert crossed.groups.names == ("A x A", "B x B", "C x C")
    given = GroupEvaluator(config, loaders[2], {"u1": "x", "u2": "x", "u30": "y"})
    report = given.evaluate(net)
    assert set(report.per_user.query("group == 'x'")["user_id"]) == {"u1", "u2"}
    assert (report.per_user["group"] == "").sum() == len(report.per_user) - 3
    with pytest.raises(ValueError, match="no column 'age'"):
        GroupEvaluator(config, loaders[2], "age")
    with pytest.raises(ValueError, match="no evaluated user"):
        GroupEvaluator(config, loaders[2], {"nobody": "x"})
    with pytest.raises(ValueError, match="no metric named 'recal'"):
        GroupEvaluator(config, loaders[2], "group", metrics=["Recal"])


def test_a_stock_trainer_stops_on_a_target_group_and_tells_the_pace(tmp_path):
    config, loaders, net = project(tmp_path, epochs=4, stopping_step=0)
    with recbole_compat(), without_folders():
        trainer = Trainer(config, net)
    evaluator = GroupEvaluator(config, loaders[1], "group")
    evaluator.attach(trainer, target="B", metric="recall@5")
    with recbole_compat():
        best, result = trainer.fit(loaders[0], loaders[1], verbose=False, saved=False)
    curve = [entry["B"]["recall@5"] for entry in evaluator.history]
    assert best == max(curve) == result["recall@5[B]"]
    # stopping_step 0: the first evaluation below the best ends training
    assert len(curve) == 4 or curve[-1] < max(curve[:-1])
    pace = evaluator.learning_pace("recall@5")
    assert pace.loc["B", "value"] == max(curve)
    assert pace.loc["B", "evaluation"] == curve.index(max(curve)) + 1


def test_intervals_resample_users_with_all_their_rows():
    # two metrics at once; the second is constant, so its interval has no width
    rng = np.random.default_rng(0)
    values = rng.normal(5, 1, 400)
    top, bottom = np.c_[values, np.full(400, 2.0)], np.ones((400, 2))
    low, high = cluster_intervals(top, bottom, n_boot=4000)
    error = 1.96 * values.std() / np.sqrt(400)  # normal approximation
    assert low[0] == pytest.approx(values.mean() - error, abs=0.2 * error)
    assert high[0] == pytest.approx(values.mean() + error, abs=0.2 * error)
    assert low[1] == high[1] == 2.0
    assert np.isnan(cluster_intervals(top[:1], bottom[:1])).all()


def test_a_batch_holds_many_users_but_bounded(monkeypatch):
    cpu = torch.device("cpu")
    assert users_per_batch(3706, cpu) == 2**24 // (64 * 3706) == 70
    assert users_per_batch(10**9, cpu) == 1
    monkeypatch.setattr(scoring, "free_memory", lambda device: 10 * 64 * 3706 * 20)
    assert users_per_batch(3706, cpu) == 20  # a tenth of what is free


@pytest.mark.parametrize(("model", "at_once"), [("BPR", True), ("NeuMF", False)])
def test_models_that_score_pair_by_pair_keep_recboles_batches(
    tmp_path, monkeypatch, model, at_once
):
    # RecBole writes all pairs of a batch out for them: more users at a time would only take memory
    config, loaders, net = project(tmp_path, model)
    asked = []
    monkeypatch.setattr(scoring, "rebatched", lambda data, device: asked.append(data) or data)
    GroupEvaluator(config, loaders[2], "group").evaluate(net)
    assert asked == ([loaders[2]] if at_once else [])


def test_intervals_of_few_users_are_as_wide_as_students():
    # 9 users with a value and 5 without: Student's quantile of 8 degrees of freedom
    values = np.random.default_rng(3).normal(5, 1, 9)
    top = np.r_[values, np.zeros(5)][:, None]
    bottom = np.r_[np.ones(9), np.zeros(5)][:, None]
    low, high = cluster_intervals(top, bottom, n_boot=20_000)
    half = t.ppf(0.975, 8) * values.std(ddof=1) / 3
    assert [values.mean() - low[0], high[0] - values.mean()] == pytest.approx([half] * 2, rel=0.15)
    assert half > 1.15 * 1.96 * values.std() / 3  # what plain percentiles give
