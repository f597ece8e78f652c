"""The group of every user, from what stands in a data set's files."""

import numpy as np
import pytest
from helpers import experiment, groups_of_users, write_data_set

from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.dataset import load_dataset
from recbole_groupmix.adapters.groups import EMPTY_GROUP, Groups, read_groups


def loaded(folder, tokens, column="group:token", users=None, more=None, **values):
    """Data set of users u1, u2, ... with two items each and the given group tokens."""
    names = [f"u{k}" for k in range(1, len(tokens) + 1)]
    active = names if users is None else users
    write_data_set(
        folder,
        "d",
        {
            "user_id:token": [name for name in active for _ in range(2)],
            "item_id:token": ["x", "y"] * len(active),
        },
        {"user_id:token": names, column: tokens, **(more or {})},
    )
    return load_dataset(
        GroupMixConfig("BPR", "d", values, folder=folder / "d", user_columns=("group",))
    )


def group_of_each(groups, dataset):
    """Group name by external user token."""
    tokens = dataset.field2id_token["user_id"]
    return {
        str(tokens[user]): groups.names[index] if index >= 0 else None
        for user, index in enumerate(groups.of_user)
    }


def test_every_user_has_the_group_of_the_file(tmp_path):
    dataset = loaded(tmp_path, ["b", "a", "b"])
    groups = read_groups(dataset, "group")
    assert (groups.field, groups.names) == ("group", ("a", "b"))
    assert group_of_each(groups, dataset) == {"[PAD]": None, "u1": "b", "u2": "a", "u3": "b"}
    assert groups.of_user.dtype == np.int64
    assert groups.users("b").tolist() == dataset.token2id("user_id", ["u1", "u3"]).tolist()


@pytest.mark.parametrize(
    "tokens",
    [
        ["NA", "007", "no", "1-5", "NaN", "null", "None", "True"],
        ["7", "007", "07", "7.0", "1e3", "1_000"],
        ["nan", "<NA>", "#N/A", "-inf", "n/a", "-1.#IND"],
        ["25", "+25", "(empty)", "[25]", "é", "два слова", "a:b"],
    ],
)
def test_tokens_stay_what_they_are(tmp_path, tokens):
    dataset = loaded(tmp_path, tokens)
    groups = read_groups(dataset, "group")
    assert sorted(groups.names) == sorted(tokens)
    expected = {f"u{k}": token for k, token in enumerate(tokens, start=1)}
    assert group_of_each(groups, dataset) == {"[PAD]": None, **expected}


def test_user_and_item_tokens_stay_what_they_are_too(tmp_path):
    users = ["NA", "null", "007", "7"]
    write_data_set(
        tmp_path,
        "d",
        {"user_id:token": users, "item_id:token": ["nan", "N/A", "1", "01"]},
        {"user_id:token": users, "group:token": ["a", "b", "a", "b"]},
    )
    config = GroupMixConfig("BPR", "d", folder=tmp_path / "d", user_columns=("group",))
    dataset = load_dataset(config)
    assert dataset.field2id_token["user_id"].tolist() == ["[PAD]", *users]
    assert dataset.field2id_token["item_id"].tolist() == ["[PAD]", "nan", "N/A", "1", "01"]
    assert list(group_of_each(read_groups(dataset, "group"), dataset).values())[1:] == list("abab")


def test_names_are_in_numeric_order_where_all_are_numbers(tmp_path):
    assert read_groups(loaded(tmp_path, ["10", "9", "1", "56"]), "group").names == (
        "1",
        "9",
        "10",
        "56",
    )
    assert read_groups(loaded(tmp_path / "b", ["10", "9", "x"]), "group").names == ("10", "9", "x")


def test_users_without_a_token_are_counted_and_refused(tmp_path):
    dataset = loaded(tmp_path, ["a", "", "b", "", "b"])
    with pytest.raises(ValueError, match=r"2 of 5 users .*'group'.*--empty_group=keep"):
        read_groups(dataset, "group")


def test_users_without_a_token_are_kept_as_a_group_by_option(tmp_path):
    dataset = loaded(tmp_path, ["a", "", "b", "", "b"])
    groups = read_groups(dataset, "group", "keep")
    assert groups.names == ("a", "b", EMPTY_GROUP)
    assert group_of_each(groups, dataset) == {
        "[PAD]": None,
        "u1": "a",
        "u2": EMPTY_GROUP,
        "u3": "b",
        "u4": EMPTY_GROUP,
        "u5": "b",
    }
    # keeping is no group where nobody is without a token
    assert read_groups(loaded(tmp_path / "b", ["a", "b"]), "group", "keep").names == ("a", "b")


def test_users_without_a_token_are_left_out_by_a_list_of_groups(tmp_path):
    with pytest.raises(ValueError, match="leave them out by --val_interval, a list of the groups"):
        read_groups(loaded(tmp_path, ["a", "", "b", "b"]), "group")
    kept = {"group": ["a", "b"]}
    dataset = loaded(tmp_path / "kept", ["a", "", "b", "b"], val_interval=kept)
    groups = read_groups(dataset, "group")
    assert group_of_each(groups, dataset) == {"[PAD]": None, "u1": "a", "u3": "b", "u4": "b"}
    (removed,) = dataset.removed
    assert "2 of 8 interactions are left out, with them 1 of 4 users" in str(removed)
    # a user who is in no file stays, and the way out that was taken is not offered again
    names = ["u1", "u2", "u3", "stranger"]
    options = {"users": names, "val_interval": kept}
    dataset = loaded(tmp_path / "more", ["a", "", "b"], **options)
    with pytest.raises(ValueError, match=r"^1 of 3 users .* are not in d\.user") as caught:
        read_groups(dataset, "group")
    assert "val_interval" not in str(caught.value)


def test_a_group_that_is_called_like_the_kept_one_is_not_mixed_up_with_it(tmp_path):
    dataset = loaded(tmp_path, ["a", "", EMPTY_GROUP])
    with pytest.raises(ValueError, match=r"\(empty\), .*another name"):
        read_groups(dataset, "group", "keep")


def test_users_absent_from_the_user_file_are_users_without_a_group(tmp_path):
    # RecBole drops their interactions before anybody can see them
    options = {"users": ["u1", "u2", "stranger"], "tokens": ["a", "b"]}
    dataset = loaded(tmp_path, **options)
    said = (
        r"1 of 3 users \(2 of 6 interactions\) are not in d\.user; .*=True, .*--empty_group=keep"
    )
    with pytest.raises(ValueError, match=said):
        read_groups(dataset, "group")
    groups = read_groups(dataset, "group", "keep")
    assert group_of_each(groups, dataset)["stranger"] == EMPTY_GROUP
    assert dataset.removed == ()
    same = loaded(tmp_path, filter_inter_by_user_or_item=False, **options)
    assert read_groups(same, "group", "keep").n_users(same.inter_feat["user_id"].numpy()) == {
        "a": 1,
        "b": 1,
        EMPTY_GROUP: 1,
    }


def test_users_absent_from_the_user_file_are_dropped_where_that_was_asked_for(tmp_path):
    options = {"users": ["u1", "u2", "stranger"], "tokens": ["a", "b"]}
    dataset = loaded(tmp_path, filter_inter_by_user_or_item=True, **options)
    assert read_groups(dataset, "group").names == ("a", "b")
    (removed,) = dataset.removed
    assert str(removed).startswith(
        "users that are not in d.user (filter_inter_by_user_or_item): 2 of 6 interactions are "
        "left out, with them 1 of 3 users and 0 of 2 items; "
    )


def test_both_kinds_of_users_without_a_group_are_told_apart(tmp_path):
    dataset = loaded(tmp_path, ["a", "", "b"], users=["u1", "u2", "u3", "stranger"])
    said = r"2 of 4 users .* have no group: 1 are not in d\.user, 1 have no value in .*'group'"
    with pytest.raises(ValueError, match=said) as caught:
        read_groups(dataset, "group")
    ways = ("out by --filter_inter_by_user", "those without a value out by --val_interval")
    assert all(way in str(caught.value) for way in ways)


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "a\r", "\u2028x"])
def test_a_group_name_is_one_line(tmp_path, name):
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "d.inter").write_text("user_id:token\titem_id:token\n1\tx\n2\ty\n")
    text = f'user_id:token\tgroup:token\n1\t"{name}"\n2\tb\n'
    (folder / "d.user").write_text(text, newline="")
    config = GroupMixConfig("BPR", "d", folder=folder, user_columns=("group",))
    dataset = load_dataset(config)
    with pytest.raises(ValueError, match=r"'group' of d\.user holds .* tab or a line break"):
        read_groups(dataset, "group")


def test_users_without_interactions_belong_to_no_group(tmp_path):
    # u2 and u4 have no interactions: neither their empty token nor group c matters
    dataset = loaded(tmp_path, ["a", "", "b", "c"], users=["u1", "u3"])
    groups = read_groups(dataset, "group")
    assert groups.names == ("a", "b")
    assert group_of_each(groups, dataset) == {
        "[PAD]": None,
        "u1": "a",
        "u3": "b",
        "u2": None,
        "u4": None,
    }
    assert groups.n_users(dataset.inter_feat["user_id"].numpy()) == {"a": 1, "b": 1}


def test_a_single_group_is_refused(tmp_path):
    dataset = loaded(tmp_path, ["a", "a", "a"])
    with pytest.raises(ValueError, match=r"'group'.* the single group a;.*at least one other"):
        read_groups(dataset, "group")
    # a second group of users who do nothing is none
    dataset = loaded(tmp_path, ["a", "a", "b"], users=["u1", "u2"])
    with pytest.raises(ValueError, match="single group a"):
        read_groups(dataset, "group")


def test_no_token_at_all_is_no_group(tmp_path):
    dataset = loaded(tmp_path, ["", "", ""])
    with pytest.raises(ValueError, match="3 of 3 users"):
        read_groups(dataset, "group")
    with pytest.raises(ValueError, match=r"single group \(empty\)"):
        read_groups(dataset, "group", "keep")


def test_an_absent_column_lists_those_that_are_there(tmp_path):
    more = {"age:token": ["1", "2"], "score:float": [0.5, 1.5]}
    dataset = loaded(tmp_path, ["a", "b"], more=more)
    with pytest.raises(ValueError, match=r"d\.user .*'grp'.*: group, age, score\b") as error:
        read_groups(dataset, "grp")
    assert "--group_field" in str(error.value) and "\n" not in str(error.value)


def test_the_column_of_the_users_themselves_is_no_group_column(tmp_path):
    with pytest.raises(ValueError, match=r"'user_id'.*: group\."):
        read_groups(loaded(tmp_path, ["a", "b"]), "user_id")


def test_a_data_set_without_a_user_file_has_no_columns(tmp_path):
    write_data_set(tmp_path, "d", {"user_id:token": ["a", "b"], "item_id:token": ["x", "y"]})
    config = GroupMixConfig("BPR", "d", folder=tmp_path / "d", user_columns=("group",))
    with pytest.raises(ValueError, match=r"'group'.*: none\."):
        read_groups(load_dataset(config), "group")


@pytest.mark.parametrize(
    ("column", "tokens"),
    [("group:float", ["1", "2.5"]), ("group:token_seq", ["a b", "c"]), ("group:float_seq", "12")],
)
def test_only_a_token_column_is_a_group_column(tmp_path, column, tokens):
    kind = column.partition(":")[2]
    with pytest.raises(ValueError, match=f"'group'.*has type '{kind}'.*of type 'token'"):
        read_groups(loaded(tmp_path, tokens, column), "group")


def test_unknown_groups_are_answered_with_the_nearest():
    groups = Groups("age", ("18", "25", "56"), np.array([-1, 0, 1, 2]))
    assert groups.index("56") == 2
    with pytest.raises(ValueError, match=r"'255' is not a group in .*'age'.* 18, 25, 56.*'25'\?"):
        groups.index("255")
    with pytest.raises(ValueError, match=r"56$"):
        groups.index("zzz")


def test_counts_are_of_the_part_at_hand():
    # users 1 and 2 of x, 3 of y, 4 of none; user 2 is absent from this part
    groups = Groups("g", ("x", "y"), np.array([-1, 0, 0, 1, -1]))
    part = np.array([1, 1, 3, 3, 3])
    assert groups.n_users(part) == {"x": 1, "y": 1}
    assert groups.n_interactions(part) == {"x": 2, "y": 3}
    assert groups.n_users(np.array([2])) == {"x": 1, "y": 0}
    assert groups.table(part) == "x (1 user, 2 interactions), y (1 user, 3 interactions)"


def test_weights_are_spread_over_users():
    groups = Groups("g", ("x", "y"), np.array([-1, 0, 1, 1, -1]))
    assert groups.weights_of_users({"y": 2.5, "x": 0.5}).tolist() == [0, 0.5, 2.5, 2.5, 0]


def test_the_tiny_data_set_is_what_its_files_say(tiny):
    ex = experiment(tiny)
    assert ex.groups.n_users(ex.users) == {"A": 10, "B": 14, "C": 8}
    tokens = ex.dataset.field2id_token["user_id"]
    for user in range(1, 33):
        number = int(tokens[user][1:])
        assert ex.groups.names[ex.groups.of_user[user]] == groups_of_users()[number - 1]
