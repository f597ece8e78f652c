"""Groups from columns, numbers, training data and files, on RecBole's own data sets."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import interactions, mainstream_by_hand, write_data_set
from recbole.data import create_dataset, data_preparation
from recbole.model.general_recommender import BPR
from recbole.trainer import Trainer
from recbole.utils import init_seed

from recbole_groupmix import (
    GroupEvaluator,
    activity_groups,
    binned_groups,
    groups_from_csv,
    mainstream_groups,
)
from recbole_groupmix.adapters.compat import recbole_compat, without_folders
from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.dataset import dataset_class
from recbole_groupmix.evaluation.numeric_groups import _interactions
from recbole_groupmix.evaluation.report import OVERALL

N_USERS = 32
AGE = [10 + user for user in range(N_USERS)]  # u1 is 10, u32 is 41
PARTS = {"benchmark_filename": ["train", "valid", "test"]}


def _columns(**more):
    users = range(N_USERS)
    return {
        "user_id:token": [f"u{user + 1}" for user in users],
        "sex:token": ["F" if user % 2 else "M" for user in users],  # u1 is M, u2 is F
        "job:token": [("10", "9", "")[user % 3] for user in users],  # u1 has 10, u3 none
        "age:float": AGE,
        "years:token": AGE,
        "tags:token_seq": ["x y"] * N_USERS,
        **more,
    }


def _split(folder, train, valid, test, user=None):
    """Write a data set whose parts are given: pairs of user and item number each."""
    for part, (users, items) in {"train": train, "valid": valid, "test": test}.items():
        inter = {
            "user_id:token": [f"u{user}" for user in users],
            "item_id:token": [f"i{item}" for item in items],
        }
        write_data_set(folder, "d", inter, user or _columns(), suffix=f"{part}.inter")


def _parts():
    """Interactions of the helper, every fifth held out for test, and some of those for valid."""
    users, items = interactions()
    test = np.arange(len(users)) % 5 == 0
    return (users[~test], items[~test]), (users[test][:9], items[test][:9]), (
        users[test], items[test],
    )  # fmt: skip


def _project(
    folder, parts=None, user=None, columns=("sex", "job", "age", "years", "tags"), **more
):
    _split(folder, *(parts or _parts()), user)
    settings = {
        "data_path": str(folder),
        "load_col": {"inter": ["user_id", "item_id"], "user": ["user_id", *columns]},
        "metrics": ["Recall"],
        "valid_metric": "Recall@5",
        "topk": [5],
        "embedding_size": 4,
        **PARTS,
        **more,
    }
    config = GroupMixConfig("BPR", "d", settings)
    with recbole_compat():
        dataset = dataset_class("BPR", config["MODEL_TYPE"])(config)
        loaders = data_preparation(config, dataset)
    return config, loaders


def _net(config, loaders):
    init_seed(1, True)
    with recbole_compat():
        return BPR(config, loaders[0]._dataset)


def _of_token(groups, data):
    """Group of every user, by external token, of those who have one."""
    tokens = data._dataset.field2id_token["user_id"]
    return {
        str(tokens[user]): groups.names[code]
        for user, code in enumerate(groups.of_user)
        if code >= 0
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return _project(tmp_path_factory.mktemp("groupings"))


def test_columns_crossed_and_users_without_a_token(project):
    config, loaders = project
    one = GroupEvaluator(config, loaders[2], "job").groups
    assert one.names == ("9", "10", "(empty)")  # numbers in numeric order, no token last
    found = _of_token(one, loaders[2])
    assert (found["u1"], found["u2"], found["u3"]) == ("10", "9", "(empty)")
    two = GroupEvaluator(config, loaders[2], ["sex", "job"]).groups
    assert two.field == "sex x job"
    assert two.names == ("F x 9", "F x 10", "M x 9", "M x 10", "(empty)")
    found = _of_token(two, loaders[2])
    # u1: M, 10; u2: F, 9; u3: no job; u4: F, 10; u5: M, 9; u6: F, no job
    assert [found[f"u{user}"] for user in range(1, 7)] == [
        "M x 10", "F x 9", "(empty)", "F x 10", "M x 9", "(empty)",
    ]  # fmt: skip


def test_a_token_with_the_separator_cannot_be_crossed(tmp_path):
    jobs = ["a x b", *["c"] * (N_USERS - 1)]
    config, loaders = _project(tmp_path, user=_columns(**{"job:token": jobs}))
    with pytest.raises(ValueError, match=r"'a x b' of column 'job' contains ' x '.*dict"):
        GroupEvaluator(config, loaders[2], ["sex", "job"])
    assert GroupEvaluator(config, loaders[2], "job").groups.names == ("a x b", "c")
    taken = ["(empty)", "", *["c"] * (N_USERS - 2)]
    config, loaders = _project(tmp_path / "b", user=_columns(**{"job:token": taken}))
    with pytest.raises(ValueError, match=r"has the token \(empty\)"):
        GroupEvaluator(config, loaders[2], "job")


@pytest.mark.parametrize("field", ["age", "years"])  # a column of numbers, one of tokens
def test_numbers_cut_into_bins(project, field):
    config, loaders = project
    groups = binned_groups(loaders[2], field, [12, 20, 40.5])
    assert groups.names == ("[12, 20)", "[20, 40.5)")
    wanted = {  # ages 10, 11 (u1, u2) and 41 (u32) lie in no bin
        f"u{age - 9}": "[12, 20)" if age < 20 else "[20, 40.5)" for age in range(12, 41)
    }
    assert _of_token(groups, loaders[2]) == wanted
    assert groups.of_user[0] == -1  # the padding id
    labelled = binned_groups(loaders[2], field, [12, 20, 40.5], ["young", "old"])
    report = GroupEvaluator(config, loaders[2], labelled).evaluate(_net(config, loaders))
    assert report.groups == ["young", "old"]
    rows = report.table.set_index("group")
    assert rows.loc[OVERALL, "n_users"] == len(report.per_user)
    assert set(report.per_user.query("group == ''")["user_id"]) <= {"u1", "u2", "u32"}


def test_edges_are_decimals_although_recbole_holds_float32(tmp_path):
    share = np.tile([0.1, 0.3, 0.6, 0.7], N_USERS // 4)
    # float32(0.7) is 0.699999988, below the edge 0.7
    _, loaders = _project(
        tmp_path, user=_columns(**{"age:float": share}), numerical_features=["age"]
    )
    groups = binned_groups(loaders[2], "age", [0.1, 0.3, 0.7, 1])
    found = _of_token(groups, loaders[2])
    assert [found[f"u{user}"] for user in (1, 2, 3, 4)] == [
        "[0.1, 0.3)", "[0.3, 0.7)", "[0.3, 0.7)", "[0.7, 1)",
    ]  # fmt: skip


def test_what_cannot_be_cut_is_refused(project):
    _, loaders = project
    with pytest.raises(ValueError, match=r"'sex' of d\.user holds tokens that are not numbers"):
        binned_groups(loaders[2], "sex", [0, 1])
    with pytest.raises(ValueError, match=r"no value of user column 'age'.*lie in \[10, 41\]"):
        binned_groups(loaders[2], "age", [0, 0.5, 1])
    with pytest.raises(ValueError, match="at least two edges"):
        binned_groups(loaders[2], "age", [0])
    with pytest.raises(ValueError, match="give a RecBole data set or data loader"):
        binned_groups("test_data", "age", [0, 50])


def _sizes(groups):
    return np.bincount(groups.of_user[groups.of_user >= 0], minlength=len(groups.names))


def test_activity_in_training_quantiles(project):
    _, loaders = project
    users, _ = _parts()[0]
    count = dict(zip(*np.unique(users, return_counts=True), strict=True))
    assert len(count) == N_USERS
    groups = activity_groups(loaders[0], 4)
    assert groups.names == ("Q1", "Q2", "Q3", "Q4")
    assert _sizes(groups).tolist() == [8, 8, 8, 8]
    found = _of_token(groups, loaders[0])
    by_group = [
        [count[int(u[1:])] for u, g in found.items() if g == name] for name in groups.names
    ]
    for lower, upper in pairwise(by_group):
        assert max(lower) <= min(upper)
    assert activity_groups(loaders[0], 2, ["few", "many"]).names == ("few", "many")
    assert _sizes(activity_groups(loaders[0])).tolist() == [7, 7, 6, 6, 6]


def _jaccard(train):
    """Mean Jaccard similarity of every user to the others, by a double loop."""
    of_user = {}
    for user, item in zip(*train, strict=True):
        of_user.setdefault(f"u{user}", set()).add(item)
    return mainstream_by_hand(of_user)


def test_mainstream_quintiles_are_those_of_a_double_loop_over_training_items(project):
    _, loaders = project
    groups = mainstream_groups(loaders[0])
    assert groups.names == ("L", "ML", "M", "MH", "H")
    assert _sizes(groups).tolist() == [7, 7, 6, 6, 6]
    scores = _jaccard(_parts()[0])
    found = _of_token(groups, loaders[0])
    ranked = sorted(scores, key=scores.get)
    for name, size in zip(groups.names, np.cumsum([7, 7, 6, 6, 6]), strict=True):
        assert {user for user in ranked[:size] if found[user] == name} == {
            user for user in found if found[user] == name
        }
    assert mainstream_groups(loaders[0], 3).names == ("Q1", "Q2", "Q3")


@pytest.mark.parametrize("make", [activity_groups, mainstream_groups])
@pytest.mark.parametrize("change", ["permuted", "deleted", "other items"])
def test_hidden_rows_do_not_change_groups_of_training_data(project, tmp_path, make, change):
    train, valid, (users, items) = _parts()
    rng = np.random.default_rng(0)
    if change == "permuted":
        order = rng.permutation(len(users))
        users, items = users[order], items[order]
    elif change == "deleted":
        users, items = users[::4], items[::4]
    else:
        items = rng.permutation(items)
    _, loaders = _project(tmp_path, (train, valid, (users, items)))
    assert _of_token(make(loaders[0]), loaders[0]) == _of_token(make(project[1][0]), project[1][0])


def test_users_without_training_rows_are_in_no_quantile(tmp_path):
    train, valid, test = _parts()
    kept = ~np.isin(train[0], [3, 4])  # u3 and u4 are in test only
    config, loaders = _project(tmp_path, ((train[0][kept], train[1][kept]), valid, test))
    for make in (activity_groups, mainstream_groups):
        groups = make(loaders[0])
        assert _sizes(groups).tolist() == [6] * 5
        assert not {"u3", "u4"} & set(_of_token(groups, loaders[0]))
        GroupEvaluator(config, loaders[2], groups)


def test_quantiles_need_the_training_loader(project):
    _, loaders = project
    for make in (activity_groups, mainstream_groups):
        for held_out in loaders[1:]:
            with pytest.raises(ValueError, match=r"loader of held-out.*give the training loader"):
                make(held_out)
        with pytest.raises(ValueError, match="data set, which may hold held-out"):
            make(loaders[0]._dataset)
        with pytest.raises(ValueError, match="n is 99, but 32 of 33 users have a score"):
            make(loaders[0], 99)


def test_the_first_item_of_a_sequence_is_a_training_interaction(tmp_path):
    # u1: i1 to i5 in order; the last two are held out, so i1, i2, i3 are training interactions,
    # of which RecBole's training rows have i2 and i3 as targets
    inter = {
        "user_id:token": ["a"] * 5 + ["b"] * 4,
        "item_id:token": [*"12345", *"5432"],
        "timestamp:float": [*range(5), *range(4)],
    }
    write_data_set(tmp_path, "d", inter)
    settings = {
        "data_path": str(tmp_path),
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full"},
        "train_neg_sample_args": None,
    }
    config = GroupMixConfig("GRU4Rec", "d", settings)
    with recbole_compat():
        train = data_preparation(config, create_dataset(config))[0]
    users, items = (
        train._dataset.field2id_token[field][ids]
        for field, ids in zip(("user_id", "item_id"), _interactions(train._dataset), strict=True)
    )
    pairs = sorted(f"{user}{item}" for user, item in zip(users, items, strict=True))
    assert pairs == ["a1", "a2", "a3", "b4", "b5"]


def _csv(folder, text, name="groups.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_groups_from_a_file(project, tmp_path):
    config, loaders = project
    path = _csv(tmp_path, 'user_id,plan\nu1,"gold, old"\nu2,10\n\nu3,9\nu4,\n')
    groups = groups_from_csv(loaders[2], path)
    assert groups.field == "plan"
    assert groups.names == ("10", "9", "gold, old")  # not all numbers: sorted as text
    assert _of_token(groups, loaders[2]) == {"u1": "gold, old", "u2": "10", "u3": "9"}
    report = GroupEvaluator(config, loaders[2], groups).evaluate(_net(config, loaders))
    assert report.groups == list(groups.names)
    path = _csv(tmp_path, "\ufeffplan:token\tuser_id:token\tteam:token\nx\tu1\ty\n", "groups.tsv")
    assert _of_token(groups_from_csv(loaders[0], path, "team"), loaders[0]) == {"u1": "y"}
    assert _of_token(groups_from_csv(loaders[0]._dataset, path, "plan"), loaders[0]) == {"u1": "x"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("id,plan\nu1,a\n", "no column 'user_id'; its header is id, plan"),
        ("user_id\nu1\n", "which column .* Columns there: none"),
        ("user_id,a,b\nu1,x,y\n", "which column .* Columns there: a, b; name one"),
        ("user_id,a\nu1,x\nu2\n", "line 3 of .* has 1 cells, its header 2"),
        ("user_id,a\nu1,x\nu2,x\nu1,x\n", "1 users occur in .* more than once: u1"),
        (
            "user_id,a\nu1,x\n" + "".join(f"v{i},x\n" for i in range(7)),
            "7 users of .* not in data set d: v0, v1, v2, v3, v4 and 2 more; .*unknown='ignore'",
        ),
    ],
)
def test_files_that_are_refused(project, tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        groups_from_csv(project[1][2], _csv(tmp_path, text))


def test_files_that_are_not_there_not_text_or_of_other_users(project, tmp_path):
    _, loaders = project
    with pytest.raises(ValueError, match=r"none\.csv cannot be read"):
        groups_from_csv(loaders[2], tmp_path / "none.csv")
    (tmp_path / "b.csv").write_bytes(b"user_id,a\n\xff\xfe,x\n")
    with pytest.raises(ValueError, match=r"b\.csv cannot be read"):
        groups_from_csv(loaders[2], tmp_path / "b.csv")
    path = _csv(tmp_path, "user_id,a\nu1,x\nv1,y\n")
    with pytest.raises(ValueError, match="which column 'b' of"):
        groups_from_csv(loaders[2], path, "b")
    with pytest.raises(ValueError, match="unknown is 'drop'"):
        groups_from_csv(loaders[2], path, unknown="drop")
    assert _of_token(groups_from_csv(loaders[2], path, unknown="ignore"), loaders[2]) == {
        "u1": "x"
    }


def test_mappings_series_and_groups_of_another_data_set(project, tmp_path):
    config, loaders = project
    series = pd.Series({"u1": 10, "u2": 9, "u3": np.nan, "u4": None}, dtype=object)
    groups = GroupEvaluator(config, loaders[2], series).groups
    assert groups.names == ("9", "10")
    assert _of_token(groups, loaders[2]) == {"u1": "10", "u2": "9"}
    with pytest.raises(ValueError, match="1 users occur in the given groups more than once: u1"):
        GroupEvaluator(config, loaders[2], pd.Series(["a", "b"], index=["u1", "u1"]))
    with pytest.raises(ValueError, match=r"no evaluated user has a group.*such as 'u\d+'"):
        GroupEvaluator(config, loaders[2], {1: "a", 2: "b"})  # tokens are u1, u2
    train, valid, test = _parts()
    fewer = tuple((users[users < 9], items[users < 9]) for users, items in (train, valid, test))
    user = {name: values[:8] for name, values in _columns().items()}
    _, other = _project(tmp_path, fewer, user)
    with pytest.raises(ValueError, match="are of 9 user ids, but data set d has 33"):
        GroupEvaluator(config, loaders[2], activity_groups(other[0]))


def test_a_group_without_evaluated_users_is_nan_and_counted(tmp_path):
    train, valid, test = _parts()
    kept = test[0] <= 20  # of the users from u21 on none is evaluated
    config, loaders = _project(tmp_path, (train, valid, (test[0][kept], test[1][kept])))
    groups = binned_groups(loaders[2], "age", [10, 20, 30, 50])  # u1-u10, u11-u20, u21-u32
    evaluator = GroupEvaluator(config, loaders[2], groups)
    net = _net(config, loaders)
    report = evaluator.evaluate(net)
    row = report.table.set_index("group").loc["[30, 50)"]
    assert (row["n_users"], row["n_undefined"]) == (0, 0)
    assert np.isnan([row["value"], row["ci_low"], row["ci_high"]]).all()
    assert report.worst_group.loc["recall@5", "group"] != "[30, 50)"
    assert "| [30, 50) | 0 of 12 | undefined |" in report.to_markdown()
    report.save(tmp_path / "report")
    with recbole_compat(), without_folders():
        trainer = Trainer(config, net)
        evaluator.attach(trainer)
        trainer.evaluate(loaders[2], load_best_model=False)
    pace = evaluator.learning_pace("recall@5")
    assert set(pace.index) == {*evaluator.groups.names, OVERALL}
    assert np.isnan(pace.loc["[30, 50)", "evaluation"])
    assert pace.loc[OVERALL, "evaluation"] == 1


def test_small_groups_are_counted_over_evaluated_users(tmp_path):
    train, valid, test = _parts()
    kept = test[0] <= 14  # evaluated: u1 to u14
    config, loaders = _project(tmp_path, (train, valid, (test[0][kept], test[1][kept])))
    groups = binned_groups(loaders[2], "age", [10, 20, 22, 50])  # u1-u10, u11-u12, u13-u32
    n_users = GroupEvaluator(config, loaders[2], groups).evaluate(_net(config, loaders))
    n_users = n_users.table.set_index("group")["n_users"]
    assert n_users.tolist() == [10, 2, 2, 14]  # 20 users are in the third group, 2 evaluated
    with pytest.raises(
        ValueError,
        match=r"fewer than min_users = 3 users: \[20, 22\) \(2\), \[22, 50\) \(2\).*small=\"merge\"",
    ):
        GroupEvaluator(config, loaders[2], groups, min_users=3)
    merged = GroupEvaluator(config, loaders[2], groups, min_users=3, small="merge")
    assert merged.groups.names == ("[10, 20)", "other")
    found = _of_token(merged.groups, loaders[2])
    # users who are not evaluated go where their group goes
    assert {u for u, name in found.items() if name == "other"} == {f"u{k}" for k in range(11, 33)}
    report = merged.evaluate(_net(config, loaders))
    assert report.table.set_index("group")["n_users"].to_dict() == {
        "[10, 20)": 10, "other": 4, OVERALL: 14,
    }  # fmt: skip
    with pytest.raises(ValueError, match="together, still fewer than min_users = 5"):
        GroupEvaluator(config, loaders[2], groups, min_users=5, small="merge")
    with pytest.raises(ValueError, match="small is 'drop'"):
        GroupEvaluator(config, loaders[2], groups, min_users=1, small="drop")


def test_columns_that_are_refused_and_how_to_load_them(project, tmp_path):
    config, loaders = project
    for groups in ("yeers", ["job", "yeers"]):
        with pytest.raises(
            ValueError, match=r"d\.user has no column 'yeers'.*did you mean 'years'"
        ):
            GroupEvaluator(config, loaders[2], groups)
    with pytest.raises(ValueError, match="no column 'user_id' that can hold groups"):
        GroupEvaluator(config, loaders[2], "user_id")
    with pytest.raises(ValueError, match=r"'age' of d\.user holds numbers; .*binned_groups\("):
        GroupEvaluator(config, loaders[2], "age")
    with pytest.raises(ValueError, match=r"'tags' .* type 'token_seq', several values per user"):
        GroupEvaluator(config, loaders[2], "tags")
    with pytest.raises(ValueError, match="no column is named"):
        GroupEvaluator(config, loaders[2], [])
    config, loaders = _project(tmp_path, columns=["job"])
    wanted = (
        r"'sex' of d\.user was not loaded; set load_col: .*'user': \['user_id', 'job', 'sex'\]"
    )
    with pytest.raises(ValueError, match=wanted):
        GroupEvaluator(config, loaders[2], "sex")
    settings = {"load_col": {"inter": ["user_id", "item_id"]}}
    config, loaders = _project(tmp_path / "b", **settings)
    with pytest.raises(ValueError, match=r"was not loaded; .*'user': \['user_id', 'age'\]"):
        binned_groups(loaders[2], "age", [0, 50])
    config, loaders = _project(tmp_path / "c", load_col=None, unload_col={"user": ["sex"]})
    with pytest.raises(ValueError, match="take 'sex' out of unload_col"):
        GroupEvaluator(config, loaders[2], "sex")


class _Mute(torch.nn.Module):
    def full_sort_predict(self, interaction):
        raise NotImplementedError

    def predict(self, interaction):
        raise NotImplementedError


def test_models_that_cannot_rank_and_scores_that_are_nan(project, tmp_path, monkeypatch):
    config, loaders = project
    evaluator = GroupEvaluator(config, loaders[2], "sex")
    with pytest.raises(ValueError, match="model _Mute cannot be evaluated: it has neither"):
        evaluator.evaluate(_Mute())
    with pytest.raises(ValueError, match="Linear is not a RecBole model"):
        evaluator.evaluate(torch.nn.Linear(2, 2))
    net = _net(config, loaders)
    wanted = evaluator.evaluate(net)
    broken = _net(config, loaders)
    with torch.no_grad():
        broken.user_embedding.weight[5] = torch.nan
    with pytest.raises(ValueError, match="model BPR gave NaN scores in 1 of 32 rows"):
        evaluator.evaluate(broken)
    # the same with a user a batch, so that rows are collected before the evaluation fails
    monkeypatch.setattr("recbole_groupmix.evaluation.scoring.users_per_batch", lambda *_: 1)
    config, loaders = _project(tmp_path, eval_batch_size=1)
    evaluator = GroupEvaluator(config, loaders[2], "sex")
    with pytest.raises(ValueError, match="NaN scores in 1 of 1 rows"):
        evaluator.evaluate(broken)
    pd.testing.assert_frame_equal(evaluator.evaluate(net).table, wanted.table)


def test_metrics_of_another_kind_than_the_configuration_evaluates(project):
    config, loaders = project
    with pytest.raises(ValueError, match="metrics rmse are not for rankings"):
        GroupEvaluator(config, loaders[2], "sex", metrics=["RMSE", "Recall"])
