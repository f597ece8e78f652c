"""Sequential models in runs: rows, histories, batches and metrics are those of RecBole itself."""

import re
import shutil

import numpy as np
import pytest
import torch
from command import run_arguments
from helpers import experiment, job, write_timed
from recbole.data import create_dataset
from recbole.data.utils import data_preparation
from recbole.trainer import Trainer
from recbole.utils import get_model, init_seed
from test_bad_input import refused_command
from test_recbole_split import METRICS, TOPK, recboles_metrics

from recbole_groupmix.adapters.compat import recbole_compat, without_folders
from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.held_out import user_metrics
from recbole_groupmix.adapters.seeding import global_seed
from recbole_groupmix.core.mix import Mix
from recbole_groupmix.training.one_by_one import OneByOne, build_model, training_batches

LEAVE_ONE_OUT = {"split": {"LS": "valid_and_test"}, "order": "TO"}
RATIOS = {"split": {"RS": [0.6, 0.1, 0.3]}, "order": "TO"}
SMALL = {
    "hidden_size": 8,
    "inner_size": 16,
    "n_heads": 1,
    "n_layers": 1,
    "MAX_ITEM_LIST_LENGTH": 5,
    "embedding_size": 8,
}
PROPORTIONAL = Mix({"B": 14 / 22, "C": 8 / 22}, 1.0)


@pytest.fixture(scope="module")
def timed(tmp_path_factory):
    return write_timed(tmp_path_factory.mktemp("timed"))


def sequential(folder, model="SASRec", **more):
    return experiment(folder, model=model, gpu_id="", **{**SMALL, **more})


def of_recbole(folder, model="SASRec", eval_args=LEAVE_ONE_OUT, **more):
    """Return configuration, data set and loaders of a run of RecBole's own."""
    values = {
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "train_neg_sample_args": None,
        "eval_args": eval_args,
        "seed": 2020,
        "gpu_id": "",
        **SMALL,
        **more,
    }
    config = GroupMixConfig(model, "tiny", values, folder=folder / "tiny")
    with recbole_compat():
        init_seed(config["seed"], config["reproducibility"])
        return config, data_preparation(config, create_dataset(config))


def lines(inter):
    """Rows as tuples: user, item, history."""
    columns = (inter[name].tolist() for name in ("user_id", "item_id", "item_id_list"))
    return [(user, item, *history) for user, item, history in zip(*columns, strict=True)]


def untrained(ex, cls, seed=1):
    with global_seed(seed), recbole_compat():
        net = cls(ex.config, ex.dataset_of(ex.part(0)))
        for parameter in net.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return net


# --- rows and histories -----------------------------------------------------------------------


@pytest.mark.contract
@pytest.mark.parametrize("args", [LEAVE_ONE_OUT, RATIOS, {**RATIOS, "group_by": "none"}])
def test_rows_and_histories_are_recboles(timed, args):
    _, (train, valid, test) = of_recbole(timed, eval_args=args)
    ex = sequential(timed, eval_args=args)
    ours = lines(ex.dataset.inter_feat)
    of_train, of_test = ([ours[row] for row in part] for part in (ex.split.train, ex.split.test))
    theirs = [lines(part._dataset.inter_feat) for part in (train, valid, test)]
    assert sorted(of_train) == sorted(theirs[0] + theirs[1])
    assert sorted(of_test) == sorted(theirs[2]) and of_test


def test_leave_one_out_in_time_is_the_default_and_names_the_same_run(timed):
    assert (
        sequential(timed).settings["eval_args"]
        == (sequential(timed, eval_args=LEAVE_ONE_OUT).settings["eval_args"])
    )


@pytest.mark.parametrize("args", [LEAVE_ONE_OUT, RATIOS, {**RATIOS, "group_by": "none"}])
@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_user_is_scored_from_the_history_that_training_ends_with(timed, args, index):
    ex = sequential(timed, eval_args=args)
    part = ex.part(index)
    all_lines, inputs = lines(ex.dataset.inter_feat), lines(part.held_out.inputs.users)
    assert [line[0] for line in inputs] == part.held_out.users.tolist()
    for user, _, *history in inputs:
        last = [all_lines[row] for row in part.rows if ex.users[row] == user][-1]
        known = [item for item in last[2:] if item] + [last[1]]
        assert [item for item in history if item] == known[-5:]


# --- training -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("SASRec", {}),
        ("GRU4Rec", {"loss_type": "BPR", "train_neg_sample_args": {"sample_num": 1}}),
    ],
)
def test_the_unweighted_run_is_recboles_training_on_the_same_batches(timed, model, more):
    ex = sequential(timed, model, train_batch_size=64, epochs=2, **more)
    asked = job(ex, "own", PROPORTIONAL, 0, 0, 2)
    ours = next(OneByOne().train(ex, [asked])).model
    config, part, key = asked.config(ex), ex.part(0), (2020, 0)
    from recbole_groupmix.adapters.seeding import MODEL_NOISE, torch_seed

    with global_seed(torch_seed(MODEL_NOISE, *key)), recbole_compat(), without_folders():
        theirs = build_model(ex, part, None, key, config)
        trainer = Trainer(config, theirs)
        trainer.epochs = 2
        trainer.fit(training_batches(ex, asked, part), None, verbose=False, saved=False)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-5)
    fresh = untrained(ex, ex.model_class)
    assert not torch.allclose(next(iter(ours.parameters())), next(iter(fresh.parameters())))


# --- metrics ------------------------------------------------------------------------------------


@pytest.mark.contract
@pytest.mark.parametrize(
    ("model", "mode"),
    [("SASRec", "full"), ("GRU4Rec", "full"), ("SASRec", "uni7"), ("SASRec", "pop7")],
)
def test_metrics_are_recboles(timed, model, mode):
    args = {**LEAVE_ONE_OUT, "mode": mode}
    config, (_, _, loader) = of_recbole(timed, model, args)
    ex = sequential(timed, model, eval_args=args)
    net = untrained(ex, get_model(model))
    theirs = recboles_metrics(config, loader, net, 2020)
    ours = user_metrics(net, ex.part(0).held_out, TOPK, METRICS)
    assert set(ours) == set(theirs)
    for key, values in ours.items():
        assert len(values) == 32
        assert values.mean() == pytest.approx(theirs[key], abs=1e-9), key


@pytest.mark.parametrize("more", [{}, {"eval_args": RATIOS}, {"rank_items": "target"}])
def test_the_loader_of_test_measures_what_the_run_does(timed, more):
    ex = sequential(timed, **more)
    net = untrained(ex, ex.model_class)
    theirs = recboles_metrics(ex.config, ex.test_data(), net, 1)
    ours = user_metrics(net, ex.part(0).held_out, TOPK, METRICS)
    for key, values in ours.items():
        assert values.mean() == pytest.approx(theirs[key], abs=1e-9), key


def test_items_of_the_history_are_ranked_and_may_be_the_answer(tmp_path):
    from helpers import write_data_set

    n = 6  # everybody takes items 1, 2, 3, 1 in this order
    write_data_set(
        tmp_path,
        "tiny",
        {
            "user_id:token": np.repeat([f"u{k}" for k in range(n)], 4).tolist(),
            "item_id:token": ["i1", "i2", "i3", "i1"] * n,
            "timestamp:float": list(range(4)) * n,
        },
        {
            "user_id:token": [f"u{k}" for k in range(n)],
            "group:token": ["A", "A", "A", "B", "B", "B"],
        },
    )
    ex = sequential(tmp_path, topk=[1, 3], eval_args={"split": {"LS": "test_only"}}, folds=2)
    held_out = ex.part(0).held_out
    first = ex.dataset.token2id("item_id", "i1")
    assert held_out.users.tolist() == [*range(1, n + 1)]
    assert held_out.relevant.indices.tolist() == [first] * n and held_out.masked.nnz == 0
    assert held_out.left_out().sum() == n  # padding alone


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"eval_args": "{'order':'RO'}"}, ["is RO", "SASRec learns sequences", "order: TO"]),
        (
            {"eval_args": "{'split':{'RS':[0.8,0.1,0.1]},'order':'RO'}"},
            ["is RO", "SASRec learns sequences"],
        ),
        (
            {"eval_args": "{'split':{'LS':'valid_only'}}"},
            ["no test part", "valid_and_test, test_only"],
        ),
        ({"eval_args": "{'split':{'LS':'last'}}"}, ["LS must be one of valid_and_test"]),
        ({"TIME_FIELD": "when"}, ["'when' of tiny.inter is not there", "TIME_FIELD"]),
        ({"loss_type": "BCE"}, ["loss_type is 'BCE'", "SASRec can have CE or BPR"]),
        ({"loss_type": "~"}, ["loss_type is None", "SASRec can have CE or BPR"]),
        ({"loss_type": "BPR", "model": "CORE"}, ["loss_type is 'BPR'", "CORE can have CE"]),
        ({"target": "all"}, ["--target=all", "not SASRec", "--target=GROUP"]),
        *(
            (
                {"MAX_ITEM_LIST_LENGTH": value},
                ["MAX_ITEM_LIST_LENGTH is", "a whole number above 0"],
            )
            for value in ("0", "-3", "many", "2.5", "True", "~")
        ),
    ],
)
def test_what_sequences_cannot_have_is_refused_in_one_line_before_training(timed, given, says):
    refused_command(*run_arguments(timed, **{"model": "SASRec", **SMALL, **given}), says=says)


def without_rows(text, which, keep):
    """Return the text of a file with no more than so many rows of some users."""
    header, *rows = text.splitlines()
    seen, kept = {}, [header]
    for row in rows:
        user = row.split("\t")[0]
        seen[user] = seen.get(user, 0) + 1
        if seen[user] <= keep or not re.fullmatch(which, user):
            kept.append(row)
    return "\n".join(kept) + "\n"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: re.sub(r"(?m)\t[^\t]*$", "", text), ["'timestamp'", "is not there"]),
        (lambda text: text.replace(":float", ":token"), ["type 'token'", "timestamp:float"]),
        (lambda text: re.sub(r"\t\d+\n", "\t\n", text, count=2), ["2 of 322", "no timestamp"]),
        (lambda text: re.sub(r"\t\d+\n", "\tnow\n", text, count=1), ["line 2", "'now'"]),
        (lambda text: without_rows(text, ".*", 1), ["no user of tiny has two interactions"]),
        (lambda text: without_rows(text, "u10|u[1-9]", 1), ["target 'A'", "no user"]),
        (lambda text: without_rows(text, "u10|u[1-9]", 2), ["target 'A'", "test part"]),
    ],
)
def test_data_without_sequences_are_refused_in_one_line_before_training(
    timed, tmp_path, change, says
):
    shutil.copytree(timed / "tiny", tmp_path / "own" / "tiny")
    file = tmp_path / "own" / "tiny" / "tiny.inter"
    file.write_text(change(file.read_text()))
    refused_command(*run_arguments("own", model="SASRec", **SMALL), says=says)


def test_users_with_a_single_row_are_left_out_with_a_note(timed, tmp_path):
    shutil.copytree(timed / "tiny", tmp_path / "own" / "tiny")
    file = tmp_path / "own" / "tiny" / "tiny.inter"
    file.write_text(without_rows(file.read_text(), "u1[23]", 1))
    ex = sequential(tmp_path / "own")
    assert "2 users have a single interaction, and so no sequence to learn" in ex.notes
    numbers = [ex.dataset.token2id("user_id", name) for name in ("u12", "u13")]
    assert not np.isin(numbers, ex.users).any()
