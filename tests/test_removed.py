"""Whatever loading leaves out is counted, said and kept in the result; nothing goes in silence."""

import json

import pytest
import ten_lines
from command import call, run_arguments, run_folder
from helpers import experiment, write_data_set, write_tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.dataset import load_dataset
from recbole_groupmix.adapters.groups import read_groups
from recbole_groupmix.adapters.item_classes import read_item_classes
from recbole_groupmix.core.mix import baselines
from recbole_groupmix.core.names import DATA_MIX, THEORY
from recbole_groupmix.experiment.measured_users import KNOWN, NO_TRAINING, Measured, measured_users
from recbole_groupmix.settings.merge import merge_settings

LABELLED = {"inter": ["user_id", "item_id", "label"]}


def written(folder, rows, users, columns="user_id:token\titem_id:token", items=None):
    """Write a data set d as text, a string of cells a row; return its folder."""
    place = folder / "d"
    place.mkdir(parents=True, exist_ok=True)
    (place / "d.inter").write_text("\n".join([columns, *rows, ""]))
    (place / "d.user").write_text("\n".join(["user_id:token\tgroup:token", *users, ""]))
    if items is not None:
        (place / "d.item").write_text("\n".join(["item_id:token\tgenre:token_seq", *items, ""]))
    return place


def loaded(place, **values):
    return load_dataset(GroupMixConfig("BPR", "d", values, folder=place, user_columns=("group",)))


def counts(dataset):
    return [(r.n_rows, r.n_users, r.n_items) for r in dataset.removed]


# --- any small data set -----------------------------------------------------------------------


cells = {
    "user": st.sampled_from(["a", "b", "c", "stranger", "", '"d e"', '"f']),
    "item": st.sampled_from(["x", "y", "z", ""]),
    "label": st.sampled_from("11110"),
}


@given(
    st.lists(st.tuples(*cells.values()), min_size=1, max_size=12),
    st.lists(st.sampled_from(["a", "b", "c", '"d e"', '"f']), unique=True, min_size=1),
    st.integers(1, 3),
    st.booleans(),
)
@settings(max_examples=150)
def test_counts_are_those_of_a_reader_of_ten_lines(tmp_path_factory, rows, users, least, labelled):
    folder = tmp_path_factory.mktemp("any")
    lines = ["\t".join(row) for row in rows]
    groups = [f"{user}\t{'GH'[i % 2]}" for i, user in enumerate(users)]
    place = written(folder, lines, groups, "user_id:token\titem_id:token\tlabel:float")
    values = {"user_inter_num_interval": f"[{least},inf)", "filter_inter_by_user_or_item": True}
    values["load_col"] = LABELLED if labelled else {"inter": LABELLED["inter"][:2]}
    unclosed = '"f' in users or any('"f' in row for row in rows)
    plain = [tuple(cell.strip('"') for cell in row) for row in rows]
    listed = {user.strip('"') for user in users}
    left, steps = ten_lines.left(plain, listed, least, labelled=labelled)
    if unclosed or not left:
        with pytest.raises(ValueError, match=r"begins with|is left|is empty"):
            loaded(place, **values)
        return
    dataset = loaded(place, **values)
    tokens = [
        dataset.id2token(field, dataset.inter_feat[field].numpy()).tolist()
        for field in ("user_id", "item_id")
    ]
    assert list(zip(*tokens, strict=True)) == [row[:2] for row in left]
    assert [removed.n_rows for removed in dataset.removed] == steps


# --- labels -----------------------------------------------------------------------------------

RATED = ["a\tx\t1", "a\ty\t0", "b\tx\t1", "b\tz\t0", "c\ty\t1"]
USERS = ["a\tG", "b\tH", "c\tG"]
LABEL = "user_id:token\titem_id:token\tlabel:float"


def test_rows_labelled_0_by_the_file_go_as_those_below_a_threshold_do(tmp_path):
    place = written(tmp_path, RATED, USERS, LABEL)
    for more in ({}, {"threshold": {"label": 1}}):
        dataset = loaded(place, load_col=LABELLED, **more)
        assert dataset.inter_num == 3 and counts(dataset) == [(2, 0, 1)]
    assert loaded(place).inter_num == 5  # where nobody loads the label, all are positive


def test_labels_that_are_neither_0_nor_1_are_refused_with_the_way_out(tmp_path):
    place = written(tmp_path, [*RATED, "c\tz\t3"], USERS, LABEL)
    with pytest.raises(ValueError, match=r"label is the label of d .* holds 3; .*--threshold="):
        loaded(place, load_col=LABELLED)
    assert loaded(place, load_col=LABELLED, threshold={"label": 2}).inter_num == 1
    written(tmp_path, RATED, USERS, LABEL.replace("label:float", "label:token"))
    with pytest.raises(ValueError, match="of type 'token'; write label:float"):
        loaded(place, load_col=LABELLED)


@pytest.mark.parametrize("more", [{}, {"threshold": {"label": 1}}])
def test_a_missing_label_is_no_mean_of_the_others(tmp_path, more):
    place = written(tmp_path, [*RATED, "c\tz\t"], USERS, LABEL)
    with pytest.raises(ValueError, match="1 of 6 interactions of d have no label"):
        loaded(place, load_col=LABELLED, **more)
    kept = loaded(place, load_col=LABELLED, val_interval={"label": "(-inf,inf)"}, **more)
    assert counts(kept) == [(1, 0, 0), (2, 0, 1)]


def test_no_row_left_is_said_with_the_step(tmp_path):
    place = written(tmp_path, RATED, USERS, LABEL)
    with pytest.raises(ValueError, match=r"is left: .*threshold .*: 5 of 5 interactions"):
        loaded(place, load_col=LABELLED, threshold={"label": 9})
    with pytest.raises(ValueError, match=r"is left: .*user_inter_num_interval \[9,inf\)\): 5 of"):
        loaded(place, user_inter_num_interval="[9,inf)")


# --- other steps ------------------------------------------------------------------------------


def test_items_absent_from_a_loaded_item_file_are_counted(tmp_path):
    place = written(tmp_path, ["a\tx", "a\tz", "b\ty"], USERS, items=["x\tA", "y\tB"])
    everything = {"load_col": None}
    dataset = loaded(place, **everything)
    assert counts(dataset) == [(1, 0, 1)] and "not in d.item" in dataset.removed[0].step
    assert "--filter_inter_by_user_or_item=False" in str(dataset.removed[0])
    kept = loaded(place, **everything, filter_inter_by_user_or_item=False)
    assert kept.inter_num == 3 and kept.removed == ()


def test_values_outside_an_interval_are_counted_by_row_and_by_user(tmp_path):
    place = written(tmp_path, RATED, USERS, LABEL)
    dataset = loaded(place, load_col=LABELLED, val_interval={"label": "[1,1]", "group": ["G"]})
    assert counts(dataset) == [(2, 0, 1), (1, 1, 0)]
    assert "val_interval" in dataset.removed[1].step


def test_repeated_interactions_are_counted(tmp_path):
    place = written(tmp_path, ["a\tx", "a\tx", "b\ty"], USERS)
    assert counts(loaded(place, rm_dup_inter="first")) == [(1, 0, 0)]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("user_inter_num_interval", "12"),
        ("val_interval", {"label": ">=1"}),
        ("val_interval", {"group": [1]}),
    ],
)
def test_an_interval_that_cannot_be_read_is_no_warning(tmp_path, key, value):
    place = written(tmp_path, RATED, USERS, LABEL)
    with pytest.raises(ValueError, match=r"is not an interval|holds tokens"):
        loaded(place, load_col=LABELLED, **{key: value})


def test_a_user_on_two_lines_that_differ_is_refused(tmp_path):
    place = written(tmp_path, ["a\tx", "b\ty"], ["a\tG", "b\tH", "", "a\tH", "b\tH"])
    with pytest.raises(ValueError, match=r"d\.user holds user a on lines 2 and 5 with .* group;"):
        loaded(place)
    written(tmp_path, ["a\tx", "b\ty"], ["a\tG", "b\tH", "a\tG"])
    assert read_groups(loaded(place), "group").names == ("G", "H")


def test_of_an_item_on_two_lines_the_first_counts_and_is_said(tmp_path):
    items = ["x\tA", "y\tB", "x\tB"]
    place = written(tmp_path, ["a\tx", "b\ty"], ["a\tG", "b\tH"], items=items)
    dataset = loaded(place, load_col=None)
    assert "d.item holds item x on lines 2 and 4 with different genre" in dataset.notes[0]
    with pytest.raises(ValueError, match="item x on lines 2 and 4"):
        read_item_classes(dataset, "genre")
    written(tmp_path, ["a\tx", "b\ty"], ["a\tG", "b\tH"], items=["x\tA", '"y\tB'])
    with pytest.raises(ValueError, match=r"d\.item, line 3: a cell begins with"):
        read_item_classes(dataset, "genre")


def test_lines_inside_cells_in_quotes_are_said(tmp_path):
    dataset = loaded(written(tmp_path, ['a\t"x\ny"', "b\tz"], USERS))
    assert dataset.notes == ("d.inter: cells in quotes hold 1 line breaks",)
    assert dataset.inter_num == 2


# --- a run ------------------------------------------------------------------------------------


def test_a_run_says_each_step_and_keeps_it_in_its_result(tmp_path):
    write_tiny(tmp_path)
    with open(tmp_path / "tiny" / "tiny.inter", "a") as file:
        file.write("u99\ti1\nu1\t\n")
    option = {"filter_inter_by_user_or_item": True, "trials": 0, "early_stopping": False}
    status, out, err = call(*run_arguments(tmp_path, **option, epochs=1, repeats=1))
    assert status == 0
    assert err.count("interactions are left out") == 2
    result = json.loads((run_folder() / "result.json").read_text())
    assert [step["n_rows"] for step in result["data"]["removed"]] == [1, 1]
    assert "not in tiny.user" in result["data"]["removed"][1]["step"]
    assert "10 of the target's 10 users" in out


def test_users_who_are_not_measured_are_counted_with_the_reason(tmp_path):
    # b knows the item of test, c does not train
    users = {"user_id:token": list("abcd"), "group:token": list("GGGH")}
    parts = {"train": ("aabd", "xyxy"), "test": ("abcd", "zxxz")}
    for name, (user, item) in parts.items():
        columns = {"user_id:token": list(user), "item_id:token": list(item)}
        write_data_set(tmp_path, "d", columns, users, suffix=f"{name}.inter")
    shared = experiment(
        tmp_path, dataset="d", target="G", benchmark_filename=["train", "test"], topk=[2]
    )
    assert measured_users(shared) == {
        "G": Measured(3, 1, {NO_TRAINING: 1, KNOWN: 1}),
        "H": Measured(1, 1, {}),
    }


@pytest.mark.parametrize(
    "name", [*baselines({"A": 1, "B": 1}, "A"), THEORY, DATA_MIX, "fine_tuned", "trial-0"]
)
def test_a_mix_of_ones_own_has_no_name_of_another_row(tiny, tmp_path, name):
    (tmp_path / "mix.yaml").write_text(f"name: {name}\nalpha: {{B: .5, C: .5}}\nalpha_aug: 1\n")
    status, _, err = call(*run_arguments(tiny, mix=tmp_path / "mix.yaml"))
    assert status == 2 and f"name '{name}' is the name of another row" in err


# --- keys -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("user_inter_num_interval", 12, "interval such as"),
        ("user_inter_num_interval", "abc", "interval such as"),
        ("item_inter_num_interval", "[5,2]", "interval such as"),
        ("val_interval", {"rating": ">=3"}, "rating must have an interval"),
        ("val_interval", "rating", "must name columns"),
        ("threshold", 7, "must name columns"),
        ("threshold", "{rating: 3}", "must name columns"),
        ("threshold", {"rating": "3"}, "least number"),
        ("threshold", {"a": 1, "b": 2}, "one column"),
        ("load_col", "{inter: [a]}", "with quotes"),
        ("load_col", {"inter": "user_id"}, "inter must list names"),
        ("unload_col", {"user": "*"}, "user must list names"),
        ("rm_dup_inter", False, "removes every copy"),
        ("rm_dup_inter", "oldest", "first and last"),
        ("filter_inter_by_user_or_item", "no", "true and false"),
    ],
)
def test_keys_about_data_that_recbole_would_ignore_are_refused(key, value, said):
    with pytest.raises(ValueError, match=f"^{key} is .*in mine.*{said}"):
        merge_settings({"dataset": "ml-100k", key: value}, where="in mine")


@pytest.mark.parametrize(
    "given",
    [
        {"user_inter_num_interval": "[5,inf)", "item_inter_num_interval": [2, 5]},
        {"val_interval": {"rating": "[3,inf)", "age": ["1", "2"], "year": [1990, 1999]}},
        {"load_col": {"inter": ["user_id"], "user": "*"}, "threshold": {"rating": 3.5}},
        {"load_col": None, "rm_dup_inter": "last", "filter_inter_by_user_or_item": False},
    ],
)
def test_values_that_recbole_can_use_stay_what_they_are(given):
    found = merge_settings({"dataset": "ml-100k", **given})
    assert {key: found[key] for key in given} == given
