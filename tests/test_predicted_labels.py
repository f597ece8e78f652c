"""Runs under mode labeled: predicted labels are measured beside rankings, as RecBole measures them."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from command import call, run_arguments, run_folder
from helpers import experiment, job, write_contexts
from recbole.data.dataloader import NegSampleEvalDataLoader
from recbole.trainer import Trainer
from sklearn.metrics import roc_auc_score
from test_context_models import COLUMNS, LAYERS, PROPORTIONAL
from test_labelled_training import LABELS, of_recbole

from recbole_groupmix.adapters.compat import recbole_compat, without_folders
from recbole_groupmix.adapters.held_out import user_metrics
from recbole_groupmix.adapters.labelled_rows import scores_of_rows
from recbole_groupmix.adapters.reranked import Reranked
from recbole_groupmix.core.value_metrics import VALUE_METRICS
from recbole_groupmix.experiment.labels import labels_of
from recbole_groupmix.record.finished_run import read_folder
from recbole_groupmix.report.frame.text_tables import markdown
from recbole_groupmix.report.page import run_sections
from recbole_groupmix.report.run.labels import labels_sections
from recbole_groupmix.search.measured import test_metrics as measured_on_test
from recbole_groupmix.training.one_by_one import OneByOne

MODE = {"mode": "labeled"}


@pytest.fixture(scope="module")
def contexts(tmp_path_factory):
    return write_contexts(tmp_path_factory.mktemp("contexts"))


def labelled(folder, model="FM", **more):
    values = {**COLUMNS, **LAYERS, **LABELS, "eval_args": MODE, **more}
    return experiment(folder, model=model, gpu_id="", **values)


# --- as RecBole measures them -------------------------------------------------------------------


# no contract test: RecBole's own reading does not run on the newest pandas
@pytest.mark.parametrize("model", ["FM", "DeepFM", "NeuMF"])
def test_means_over_a_groups_users_are_recboles_figures_of_its_own_labelled_loader(
    contexts, model
):
    args = {"split": {"RS": [0.7, 0, 0.3]}, "order": "RO"}
    ex = labelled(contexts, model, eval_args={**args, **MODE})
    (fit,) = OneByOne().train(ex, [job(ex, "own", PROPORTIONAL, 0, 0, 3)])
    ours = measured_on_test(ex, fit)
    config, (_, _, loader) = of_recbole(contexts, args, model, metric_decimal_place=17)
    whole = loader._dataset
    tokens = whole.id2token("user_id", whole.inter_feat["user_id"].numpy())
    group_of = ours.drop_duplicates("user_id").set_index("user_id")["group"]
    for group in ("A", "B", "C"):
        rows = np.flatnonzero(group_of.loc[tokens].to_numpy() == group)
        part = NegSampleEvalDataLoader(config, whole.copy(whole.inter_feat[rows]), None)
        with recbole_compat(), without_folders():
            theirs = Trainer(config, fit.model).evaluate(part, load_best_model=False)
        assert set(theirs) == set(VALUE_METRICS)
        for metric, figure in theirs.items():
            mine = ours[(ours["group"] == group) & (ours["metric"] == metric)]["value"]
            # RecBole takes means of 32-bit numbers
            assert mine.mean() == pytest.approx(figure, abs=1e-7), (group, metric)
    assert set(ours[ours["metric"].isin(VALUE_METRICS)]["k"]) == {0}


def test_users_without_a_held_out_positive_have_labels_and_no_rank(contexts):
    ex = labelled(contexts, threshold={"rating": 5})
    (fit,) = OneByOne().train(ex, [job(ex, "own", PROPORTIONAL, 0, 0, 1)])
    frame = measured_on_test(ex, fit)
    wide = frame.pivot(index="user_id", columns=["metric", "k"], values="value")
    ranked, scored = wide["recall", 10].notna(), wide["logloss", 0].notna()
    assert scored.all() and 0 < ranked.sum() < len(ranked)
    held_out = ex.part(0).held_out
    tokens = ex.dataset.id2token("user_id", held_out.users)
    assert {*wide.index[ranked]} == {*tokens}
    ndcg = user_metrics(fit.model, held_out, [10], ["ndcg"])["ndcg@10"]
    assert wide["ndcg", 10].loc[tokens].to_numpy() == pytest.approx(ndcg)


@pytest.mark.parametrize("model", ["FM", "NeuMF"])
def test_a_curve_follows_the_auc_of_each_group_on_its_fold(contexts, model):
    ex = labelled(contexts, model, valid_metric="AUC")
    assert ex.settings.valid_metric == "auc"
    asked = job(ex, "own", PROPORTIONAL, 1, eval_step=1, epochs=2)
    (fit,) = OneByOne().train(ex, [replace(asked, every_group=True)])
    rows = np.flatnonzero(ex.split.rows_of(1)[1])
    labels, group = labels_of(ex)[rows], ex.groups.of_user[ex.users[rows]]
    scores = scores_of_rows(fit.model, ex.dataset, rows)
    found = fit.curve.points()[-1]["by_group"]
    for index, name in enumerate(ex.groups.names):
        mine = group == index
        assert found[name] == pytest.approx(roc_auc_score(labels[mine], scores[mine]), abs=1e-9)
    assert fit.curve.means("A")[-1] == found["A"]
    values = fit.curve.values_of("A")
    assert values.counts.dtype == np.float32
    assert values.counts[-1].mean() == pytest.approx(found["A"], abs=1e-6)
    assert values.n_relevant.sum() == (group == ex.groups.index("A")).sum()
    (alone,) = OneByOne().train(ex, [asked])  # the users of the target alone
    assert alone.curve.means("A") == pytest.approx(fit.curve.means("A"), abs=1e-12)


def test_lists_that_are_ranked_anew_leave_predictions_as_they_are(contexts):
    ex = labelled(contexts)
    (fit,) = OneByOne().train(ex, [job(ex, "own", PROPORTIONAL, 0, 0, 1)])
    again = Reranked(fit.model, lambda scores, users: -scores, ex.dataset.get_item_feature())
    rows = np.arange(9)
    theirs = scores_of_rows(fit.model, ex.dataset, rows)
    assert np.array_equal(scores_of_rows(again, ex.dataset, rows), theirs)


def test_sampled_candidates_stand_beside_held_out_positives(contexts):
    ex = labelled(contexts, eval_args={"mode": "uni2"})
    labels, rows, held_out = labels_of(ex), np.flatnonzero(ex.is_test), ex.part(0).held_out
    for place, user in enumerate(held_out.users):
        mine = rows[ex.users[rows] == user]
        relevant = {*held_out.relevant[place].indices}
        assert relevant <= {*ex.items[mine[labels[mine] > 0]]}
        ranked = held_out.catalogues.ranked[held_out.catalogues.of_row[place]]
        others = {*np.flatnonzero(ranked)} - relevant
        assert 0 < len(others) <= 2 * len(relevant) and not others & {*ex.items[mine]}


# --- whole runs ---------------------------------------------------------------------------------


def arguments(folder, **more):
    given = {
        "model": "FM",
        "target": "A",
        "threshold": LABELS["threshold"],
        "train_neg_sample_args": None,
        "load_col": COLUMNS["load_col"],
        "numerical_features": COLUMNS["numerical_features"],
        "eval_args": MODE,
        "repeats": 2,
        **more,
    }
    texts = {key: str(value) for key, value in given.items()}
    return run_arguments(folder, **texts)


@pytest.fixture(scope="module")
def whole(contexts, tmp_path_factory):
    place = tmp_path_factory.mktemp("whole")
    status, out, err = call(*arguments(contexts, output_dir=place / "runs"))
    assert status == 0, err
    return run_folder(place / "runs"), out, err


def test_a_run_tells_of_labels_beside_its_rankings(whole):
    folder, out, err = whole
    assert "FM learns labels" in err
    assert "Ranked on test and folds: all items; labels are predicted besides." in err
    result = json.loads((folder / "result.json").read_text())
    frame = pd.read_parquet(folder / "metrics.parquet")
    mine = frame[(frame["group"] == "A") & (frame["mix"] == "proportional")]
    for metric in VALUE_METRICS:
        mean = mine[mine["metric"] == metric]["value"].mean()
        assert result["test"]["proportional"][metric] == pytest.approx(mean)
        assert f"{mean:.4f}" in out
        assert result["change"]["no_augmentation"][metric]["p"] is not None
    assert "auc (more is better)" in out and "logloss (less is better)" in out
    assert result["valid_metric"] == "recall@10" and "here recall@10" in out


def test_the_page_shows_them(whole):
    run = read_folder(whole[0])
    (labels,) = [section for section in run_sections(run) if section.name == "labels"]
    section = markdown("run", [labels])
    assert "| mix | auc (more is better) | logloss (less is better) |" in section
    value = run.result["test"]["proportional"]["auc"]
    assert f"| proportional | {value:.4f} |" in section


def test_a_run_that_only_ranks_says_nothing_of_labels(contexts, tmp_path):
    status, out, err = call(*arguments(contexts, output_dir=tmp_path / "runs", eval_args={}))
    assert status == 0, err
    folder = run_folder(tmp_path / "runs")
    assert "logloss" not in out and "learns labels" in err
    assert not {*pd.read_parquet(folder / "metrics.parquet")["metric"]} & {*VALUE_METRICS}
    assert labels_sections(read_folder(folder)) == []


def test_a_run_goes_on_where_it_was_stopped(whole, contexts, tmp_path):
    folder, out, _ = whole
    shutil.copytree(folder, tmp_path / "runs" / folder.name)
    copy = tmp_path / "runs" / folder.name
    lost = sorted((copy / "repeats").glob("proportional-*-1.parquet"))[0]
    without = pd.read_parquet(lost)
    without[without["k"] > 0].to_parquet(lost)  # as of a run that only ranks
    for name in ("result.json", "metrics.parquet"):
        (copy / name).unlink()
    status, again, err = call(*arguments(contexts, output_dir=tmp_path / "runs"))
    assert status == 0, err
    assert again.splitlines()[:-1] == out.splitlines()[:-1]  # the last line is the folder
    pd.testing.assert_frame_equal(
        pd.read_parquet(copy / "metrics.parquet"), pd.read_parquet(folder / "metrics.parquet")
    )


def test_rows_are_chosen_by_auc(contexts, tmp_path):
    asked = arguments(contexts, output_dir=tmp_path / "runs", valid_metric="AUC", trials=3)
    status, out, err = call(*asked)
    assert status == 0, err
    folder = run_folder(tmp_path / "runs")
    result = json.loads((folder / "result.json").read_text())
    assert result["valid_metric"] == "auc" and "change auc" in out and "auc chooses rows" in out
    run = read_folder(folder)
    assert run.shown[0] == "auc"
    scores = {name: of for name, of in result["search"]["cv"].items() if name.startswith("trial")}
    assert result["search"]["selected"] == max(scores, key=scores.get)
    for fold, values in run.fold_values("proportional").items():
        line = next(t for t in run.trials if t["name"] == "proportional" and t["fold"] == fold)
        at = values.epochs.index(line["epochs"])
        assert values.values[at].mean() == pytest.approx(line["score"], abs=1e-6)
    sections = {section.name: section for section in run_sections(run)}
    assert {"labels", "search", "users"} <= {*sections}
    (single_users,) = sections["users"].figures  # no parts of the group, which have no AUC of it
    assert "what the user adds" in single_users.caption
    kept = (folder / "curves.jsonl").read_text().splitlines()
    (folder / "curves.jsonl").write_text("\n".join(kept[:-3]) + "\n")
    (folder / "result.json").unlink()
    status, again, err = call(*asked)
    assert status == 0, err
    assert again.splitlines()[:-1] == out.splitlines()[:-1]


def test_tables_of_labels_can_be_compared(whole, tmp_path):
    frame = pd.read_parquet(whole[0] / "metrics.parquet")
    for mix in ("proportional", "no_augmentation"):
        frame[frame["mix"] == mix].drop(columns="mix").to_parquet(tmp_path / f"{mix}.parquet")
    files = [tmp_path / "proportional.parquet", tmp_path / "no_augmentation.parquet"]
    status, out, err = call("compare", *files, "--metric=auc,recall@10")
    assert status == 0, err
    assert "auc" in out and "auc@0" not in out


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"train_neg_sample_args": {"sample_num": 1}},
            r"mode labeled of eval_args .*FM is trained on sampled negatives; .*--train_neg_sample",
        ),
        (
            {"model": "BPR", "train_neg_sample_args": {"sample_num": 1}},
            r"BPR cannot be trained on labels; models that can: general: NeuMF; context-aware: AFM,",
        ),
        ({"eval_args": {"mode": "labelled"}}, "mode must be full, labeled, or uniN"),
        (
            {"valid_metric": "AUC", "eval_args": {"mode": {"valid": "full", "test": "labeled"}}},
            r"valid_metric is 'auc' .*needs mode labeled of eval_args, --eval_args=",
        ),
        (
            {"valid_metric": "LogLoss"},
            r"valid_metric is 'LogLoss' .*of which less is better; .*: auc, or one of precision",
        ),
        ({"valid_metric": "auc@10"}, "valid_metric is 'auc@10' .*or auc under mode labeled"),
    ],
)
def test_labels_that_cannot_be_predicted_are_refused_before_training(contexts, given, message):
    with pytest.raises(ValueError, match=message) as error:
        labelled(contexts, **given)
    assert "\n" not in str(error.value)


def test_a_target_with_labels_of_one_kind_is_refused(tmp_path):
    folder = write_contexts(tmp_path)
    file, users = folder / "tiny" / "tiny.inter", folder / "tiny" / "tiny.user"
    group = dict(line.split("\t")[:2] for line in users.read_text().splitlines())
    header, *lines = file.read_text().splitlines()
    at = header.split("\t").index("rating:float")
    cells = [line.split("\t") for line in lines]
    for row in cells:
        if group[row[0]] == "A":
            row[at] = "5"
    file.write_text("\n".join([header, *map("\t".join, cells)]) + "\n")
    with pytest.raises(
        ValueError, match=r"all \d+ test .* target 'A' are labelled 1, .*threshold"
    ):
        labelled(folder).check_parts(0)


def test_a_fold_with_labels_of_one_kind_is_refused_where_auc_chooses(contexts):
    ex = labelled(contexts, valid_metric="AUC", folds=2)
    held, mine = ex.split.rows_of(1)[1], ex.groups.of_user[ex.users] == ex.groups.index("A")
    labels = ex.dataset.inter_feat[ex.dataset.label_field]
    labels[torch.from_numpy(held & mine)] = 1.0
    with pytest.raises(
        ValueError, match=r"all \d+ fold 1 interactions of target 'A' are labelled 1"
    ):
        ex.check_parts(2)
    by_rank = labelled(contexts, folds=2)
    by_rank.dataset.inter_feat[ex.dataset.label_field][torch.from_numpy(held & mine)] = 1.0
    by_rank.check_parts(2)
