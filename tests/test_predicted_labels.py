"""Runs under mode labeled: predicted labels are measured beside rankings, as RecBole measures them."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from command import call, run_arguments, run_folder
from helpers import experiment, job, write_contexts
from recbole.data.dataloader import NegSampleEvalDataLoader
from recbole.trainer import Trainer
from test_context_models import COLUMNS, LAYERS, PROPORTIONAL
from test_labelled_training import LABELS, of_recbole

from recbole_groupmix.adapters.compat import recbole_compat, without_folders
from recbole_groupmix.core.value_metrics import VALUE_METRICS
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


@pytest.mark.contract
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
    assert ranked.sum() == len(ex.part(0).held_out.users)


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
        ({"rank_items": "group", "eval_args": {"mode": "uni9"}}, "rank_items"),
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
        labelled(folder).check_measured()
