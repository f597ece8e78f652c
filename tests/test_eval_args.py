"""``eval_args``: what is refused, what is part of a run's name, and runs under them."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml
from command import call, one_line, run_arguments, run_folder
from helpers import (
    experiment,
    groups_of_users,
    interactions,
    write_data_set,
    write_timed,
    write_tiny,
)

from recbole_groupmix import GroupEvaluator, load_run, load_test_data
from recbole_groupmix.report.run.splits import families
from recbole_groupmix.search.identity import run_folder as folder_of
from recbole_groupmix.settings.eval_args import DEFAULTS, EvalArgs
from recbole_groupmix.settings.merge import final_settings, merge_settings


def merged(eval_args, **more):
    return merge_settings({"dataset": "tiny", "target": "A", "eval_args": eval_args, **more})


# --- settings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (3, "must be a mapping"),
        ({"splt": {"RS": [8, 1, 1]}}, "did you mean 'split'"),
        ({"split": None}, "'LS': 'test_only'"),
        ({"split": {"TS": [8, 1, 1]}}, "split must be"),
        ({"split": {"RS": [8, 1, 1], "LS": "test_only"}}, "split must be"),
        ({"split": {"RS": [0.8, 0.2]}}, "three numbers"),
        ({"split": {"RS": 0.8}}, "three numbers"),
        ({"split": {"RS": [0.8, -0.1, 0.3]}}, "three numbers"),
        ({"split": {"RS": [0.8, float("nan"), 0.1]}}, "three numbers"),
        ({"split": {"RS": [True, 0, 1]}}, "three numbers"),
        ({"split": {"RS": [10**400, 0, 1]}}, "three numbers"),
        ({"split": {"RS": [0.8, 0.2, 0]}}, "nothing for test"),
        ({"split": {"RS": [0, 0.2, 0.8]}}, "nothing for train"),
        ({"split": {"LS": "valid_only"}}, "no test part"),
        ({"split": {"LS": ["test_only"]}}, "LS must be one of valid_and_test, test_only"),
        ({"order": "OT"}, "order must be RO, random, or TO, by time"),
        ({"group_by": "item"}, "group_by must be user or none"),
        ({"mode": "labelled"}, "mode must be full, labeled"),
        ({"mode": "uni0"}, "uniN or popN"),
        ({"mode": "unit"}, "uniN or popN"),
        ({"mode": 99}, "uniN or popN"),
        ({"mode": {"valid": "full", "tset": "uni9"}}, "valid (the folds) and test"),
        ({"rows": "recbole"}, "leave it out"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_choices(given, says):
    with pytest.raises(ValueError) as caught:
        merged(given)
    message = str(caught.value)
    assert message.startswith("eval_args is ") and "(given)" in message and says in message
    assert "\n" not in message


@pytest.mark.parametrize("given", [None, {}, {"mode": "full"}, {"mode": {"test": "full"}}])
def test_the_default_is_not_written(given):
    settings = merged(given)
    assert "eval_args" not in settings.values and not settings.notes
    assert EvalArgs.of(settings) == EvalArgs(False, False, False, True, "full", "full")


def test_entries_that_are_not_given_have_their_defaults():
    args = merged({"order": "TO"})["eval_args"]
    assert args == {**DEFAULTS, "order": "TO", "mode": {"valid": "full", "test": "full"}} | {
        "rows": "recbole"
    }
    only_test = merged({"mode": {"test": "pop3"}})
    assert EvalArgs.of(only_test).valid == "pop3"  # as in RecBole
    mixed = merged({"mode": {"valid": "full", "test": "pop3"}})
    assert (EvalArgs.of(mixed).valid, EvalArgs.of(mixed).test) == ("full", "pop3")


@pytest.mark.parametrize(
    "given", [{"order": "TO"}, {"mode": "uni9"}, {"split": {"LS": "test_only"}, "group_by": None}]
)
def test_final_settings_are_final(given):
    settings = merged(given)
    again = final_settings(settings)
    assert again.values == settings.values and again.notes == settings.notes


def test_a_given_split_of_files_wins():
    settings = merged({"order": "TO", "mode": "uni9"}, benchmark_filename=["train", "test"])
    assert EvalArgs.of(settings) == EvalArgs(False, False, False, True, "uni9", "uni9")
    assert settings.notes == (
        "order of eval_args (given) has no effect: benchmark_filename gives the split",
    )


def test_grouping_changes_nothing_where_last_rows_are_left_out():
    settings = merged({"split": {"LS": "test_only"}, "group_by": "none"})
    assert "group_by of eval_args (given) has no effect: LS" in settings.notes[0]


@pytest.mark.parametrize("given", [{"order": "RO"}, {"mode": "uni9"}])
def test_a_seed_that_recbole_cannot_have(given):
    with pytest.raises(ValueError, match=r"seed is 4294967296.*below 4294967296"):
        merged(given, seed=2**32)
    assert merged({"mode": "full"}, seed=2**32).seed == 2**32


def test_one_rule_of_ranked_items_at_a_time():
    with pytest.raises(
        ValueError, match=r"rank_items is 'target'.*draws negatives from all items"
    ):
        merged({"mode": {"valid": "full", "test": "uni9"}}, rank_items="target")
    assert merged({"order": "RO"}, rank_items="target").rank_items == "target"


def test_files_and_the_command_line_give_the_same(tmp_path):
    Path("a.yaml").write_text("eval_args: {split: {RS: [8, 1, 1]}, mode: {test: uni9}}\n")
    of_file = merge_settings({"dataset": "tiny"}, ["a.yaml"])
    folder = write_tiny(tmp_path / "data")
    text = "{'split':{'RS':[8,1,1]},'mode':{'test':'uni9'}}"
    status, _, err = call(*run_arguments(folder, eval_args=text, search=None, trials=0))
    assert status == 0, err
    written = yaml.safe_load((run_folder() / "config.yaml").read_text())["configuration"]
    assert written["eval_args"] == of_file["eval_args"]
    assert "no effect" not in err


# --- identity -------------------------------------------------------------------------------


def test_other_eval_args_are_part_of_the_name_of_a_run(tmp_path):
    write_timed(tmp_path)
    given = [
        None,
        {"mode": "full"},
        {"split": {"RS": [0.8, 0.1, 0.1]}},  # what RecBole writes into every configuration
        {"split": {"RS": [0.8, 0, 0.2]}},
        {"mode": "uni9"},
        {"mode": {"valid": "full", "test": "uni9"}},
        {"split": {"RS": [0.8, 0, 0.2]}, "mode": "uni9"},
        {"order": "TO"},
    ]
    names = [
        folder_of(experiment(tmp_path, **({} if e is None else {"eval_args": e})), {})[0].path.name
        for e in given
    ]
    assert names[0] == names[1] and len(set(names)) == len(names) - 1


def test_runs_of_versions_that_did_not_obey_them_keep_their_split(tmp_path):
    folder = write_tiny(tmp_path / "data")
    assert call(*run_arguments(folder, trials=0))[0] == 0
    file = run_folder() / "model.yaml"
    saved = yaml.safe_load(file.read_text())
    _, _, train = load_run(run_folder())
    saved["settings"]["eval_args"] = {"split": {"RS": [0.5, 0.2, 0.3]}}
    file.write_text(yaml.safe_dump(saved))
    _, _, again = load_run(run_folder())
    assert len(again) == len(train)


# --- bad data -------------------------------------------------------------------------------


def refused(folder, eval_args, **more):
    result = call(*run_arguments(folder, **{"eval_args": eval_args, **more}))
    assert not one_line(*result) and result[0] == 2
    assert not Path("runs").exists()
    return result[2].splitlines()[-1]


def test_a_split_in_time_needs_times(tmp_path):
    line = refused(write_tiny(tmp_path / "data"), {"order": "TO"})
    assert "order TO of eval_args (on the command line) needs the time" in line
    assert "'timestamp' of tiny.inter is not there" in line and "TIME_FIELD" in line
    timed = write_timed(tmp_path / "timed")
    line = refused(timed, {"order": "TO"}, TIME_FIELD="item_id")
    assert "has type 'token'; write item_id:float" in line
    line = refused(timed, {"order": "TO"}, load_col="~", unload_col={"inter": ["timestamp"]})
    assert "timestamp is in tiny.inter and is not loaded" in line


def test_an_interaction_without_a_time_is_refused(tmp_path):
    write_data_set(
        tmp_path,
        "tiny",
        {
            "user_id:token": ["a", "a", "b", "b"],
            "item_id:token": ["x", "y", "x", "z"],
            "timestamp:float": [1, "", 2, 3],
        },
        {"user_id:token": ["a", "b"], "group:token": ["A", "B"]},
    )
    line = refused(tmp_path, {"order": "TO"}, topk=1)
    assert "1 of 4 interactions of tiny have no timestamp, by which interactions are split" in line


def test_more_negatives_than_items(tmp_path):
    line = refused(write_tiny(tmp_path), {"mode": "uni41"})
    assert "mode uni41 of eval_args (on the command line) asks for 41 negatives" in line
    assert "'tiny' has 40 items" in line


@pytest.mark.parametrize("mode", ["uni1", "pop1"])
def test_a_user_who_knows_all_items(tmp_path, mode):
    users, items = ["a", "a", "a", "b"], ["x", "y", "z", "x"]
    write_data_set(
        tmp_path,
        "tiny",
        {"user_id:token": users, "item_id:token": items},
        {"user_id:token": ["a", "b"], "group:token": ["A", "B"]},
    )
    line = refused(tmp_path, {"mode": mode}, topk=1)
    assert f"mode {mode} of eval_args" in line and "user a of 'tiny' knows all 3" in line


def few_rows_in_c(folder, n):
    """The tiny data set with only n interactions of each user of group C."""
    users, items = interactions()
    groups = groups_of_users()
    first = [k for k, u in enumerate(users) if groups[u - 1] != "C" or k in _first(users, u, n)]
    write_data_set(
        folder,
        "tiny",
        {
            "user_id:token": [f"u{users[k]}" for k in first],
            "item_id:token": [f"i{items[k]}" for k in first],
        },
        {"user_id:token": [f"u{u + 1}" for u in range(len(groups))], "group:token": groups},
    )
    return folder


def _first(users, user, n):
    return (users == user).nonzero()[0][:n]


def test_a_target_whose_test_part_is_empty(tmp_path):
    folder = few_rows_in_c(tmp_path, 1)
    line = refused(folder, {"split": {"LS": "test_only"}}, target="C")
    assert "the test part holds no interaction of target 'C' (8 users)" in line
    line = refused(folder, {"split": {"RS": [8, 1, 1]}}, target="C")
    assert "the test part holds no interaction of target 'C'" in line


def test_more_folds_than_interactions_to_leave_out(tmp_path):
    folder = few_rows_in_c(tmp_path, 4)  # one is test, and one is always trained on
    line = refused(folder, {"split": {"LS": "test_only"}}, target="C", folds=3)
    assert "fold 3 of 3 holds no interaction of target 'C' (8 users)" in line
    assert "use fewer folds" in line
    ex = experiment(folder, target="C", folds=2, eval_args={"split": {"LS": "test_only"}})
    ex.check_parts(2)
    assert call(
        *run_arguments(folder, target="A", folds=3, eval_args={"split": {"LS": "test_only"}})
    )[0] in (0, 1)


# --- runs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "eval_args",
    [
        {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "uni9"},
        {"order": "TO", "group_by": "none", "mode": {"valid": "full", "test": "pop5"}},
        {"split": {"RS": [0.6, 0.2, 0.2]}},
    ],
)
@pytest.mark.parametrize("model", ["BPR", "EASE"])
def test_the_evaluator_gives_a_model_the_metrics_that_its_run_wrote(tmp_path, model, eval_args):
    data = write_timed(tmp_path / "data")
    status, _, err = call(*run_arguments(data, model=model, eval_args=eval_args))
    assert status in (0, 1), err
    folder = run_folder()
    config, net, _ = load_run(folder)
    evaluator = GroupEvaluator(
        config, load_test_data(folder), "group", metrics=["Recall", "NDCG"], topk=[5, 10]
    )
    mine = evaluator.evaluate(net).per_user.set_index("user_id")
    frame = pd.read_parquet(folder / "metrics.parquet")
    frame = frame[(frame["mix"] == "data_mix") & (frame["k"] == 10)]
    for metric in ("recall", "ndcg"):
        written = frame[frame["metric"] == metric].set_index("user_id")["value"]
        assert len(written) == len(mine)
        pd.testing.assert_series_equal(
            mine[f"{metric}@10"].loc[written.index], written, check_names=False, rtol=0, atol=1e-6
        )


@pytest.mark.parametrize("command", ["check", "report", "resume", "all targets"])
def test_commands_agree_on_the_split(undrawn, tmp_path, command):
    data = write_timed(tmp_path / "data")
    args = {"split": {"LS": "valid_and_test"}, "order": "TO"}
    arguments = run_arguments(data, model="EASE", eval_args=args)
    if command == "check":
        _, *settings = arguments
        status, out, err = call("check", *settings, "--relabellings=19")
        assert status == 0, err
        return
    if command == "all targets":
        arguments = run_arguments(data, model="EASE", eval_args=args, target="all")
    status, out, err = call(*arguments)
    assert status in (0, 1), err
    if command == "resume":
        again, second, _ = call(*arguments)
        assert again == status and second.splitlines()[-1] == out.splitlines()[-1]
    if command == "report":
        status, out, err = call("report", run_folder())
        assert status == 0, err


def test_seeds_with_one_test_part_are_not_pooled_as_splits():
    def runs(values):
        return [
            SimpleNamespace(
                config={"configuration": {**values, "seed": seed}, "data": {}},
                result={"search": {"trials": 0}, "seed": seed},
            )
            for seed in (1, 2)
        ]

    at_random, in_time = ({"split": {"RS": [8, 1, 1]}, "order": order} for order in ("RO", "TO"))
    of_files = {"benchmark_filename": ["train", "test"]}
    assert len(families(runs(merged(at_random).values))) == 1
    assert families(runs(merged(in_time).values)) == []
    assert families(runs(merged(None, **of_files).values)) == []
