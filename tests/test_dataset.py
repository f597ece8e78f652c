"""Data sets: RecBole's filters and splits, and columns of every kind on every pandas."""

import numpy as np
import pytest
from helpers import experiment, write_data_set

from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.adapters.dataset import load_dataset
from recbole_groupmix.prepare.atomic import write_atomic

ALL = {"load_col": None}
USERS = {"user_id:token": ["a", "b", "c"], "group:token": ["G", "H", "G"]}
RATED = {
    "user_id:token": ["a", "a", "b", "b", "c"],
    "item_id:token": ["x", "y", "x", "z", "y"],
    "rating:float": [5, 1, 4, 2, 3],
}


def loaded(folder, **values):
    return load_dataset(
        GroupMixConfig("BPR", "d", values, folder=folder / "d", user_columns=("group",))
    )


def pairs(dataset):
    """Interactions as tokens, in order."""
    fields = ("user_id", "item_id")
    columns = [dataset.id2token(name, dataset.inter_feat[name].numpy()) for name in fields]
    return ["".join(pair) for pair in zip(*columns, strict=True)]


# --- filters --------------------------------------------------------------------------------


def test_rows_come_in_the_order_of_the_file(tmp_path):
    write_data_set(tmp_path, "d", RATED, USERS)
    dataset = loaded(tmp_path)
    assert pairs(dataset) == ["ax", "ay", "bx", "bz", "cy"]
    assert (dataset.user_num, dataset.item_num) == (4, 4)
    assert list(dataset.inter_feat.columns) == ["user_id", "item_id"]


def test_rows_below_a_threshold_are_dropped(tmp_path):
    # RecBole only labels them; c's single row is at the threshold and stays
    write_data_set(tmp_path, "d", RATED, USERS)
    columns = {"inter": ["user_id", "item_id", "rating"]}
    dataset = loaded(tmp_path, load_col=columns, threshold={"rating": 3})
    assert pairs(dataset) == ["ax", "bx", "cy"]


def test_val_interval_drops_rows_by_value_and_users_by_token(tmp_path):
    write_data_set(tmp_path, "d", RATED, USERS)
    columns = {"inter": ["user_id", "item_id", "rating"]}
    kept = loaded(tmp_path, load_col=columns, val_interval={"rating": "[2,4]"})
    assert pairs(kept) == ["bx", "bz", "cy"]
    # RecBole drops the users from .user, and interactions of absent users with them
    of_g = loaded(tmp_path, load_col=columns, val_interval={"group": ["G"]})
    assert pairs(of_g) == ["ax", "ay", "cy"]


def test_k_core_drops_users_and_items_until_all_have_enough(tmp_path):
    # z has one interaction: it goes; then b has one left and goes; then x has one and goes, ...
    inter = {
        "user_id:token": list("aaabbccc"),
        "item_id:token": list("vwxxzvwy"),
    }
    write_data_set(tmp_path, "d", inter, USERS)
    dataset = loaded(
        tmp_path, user_inter_num_interval="[2,inf)", item_inter_num_interval="[2,inf)"
    )
    assert pairs(dataset) == ["av", "aw", "cv", "cw"]
    assert dataset.user_num == 3 and "b" not in dataset.field2id_token["user_id"]


def test_repeated_interactions_are_dropped_on_request(tmp_path):
    inter = {
        "user_id:token": ["a", "b", "a", "a"],
        "item_id:token": ["x", "x", "x", "y"],
        "timestamp:float": [3, 2, 1, 4],
    }
    write_data_set(tmp_path, "d", inter, USERS)
    assert pairs(loaded(tmp_path)) == ["ax", "bx", "ax", "ay"]
    columns = {"inter": ["user_id", "item_id", "timestamp"]}
    assert pairs(loaded(tmp_path, load_col=columns, rm_dup_inter="first")) == ["ax", "bx", "ay"]


# --- given splits ---------------------------------------------------------------------------


@pytest.fixture
def split(tmp_path):
    """Two users each of G and H; part names and their interactions."""
    parts = {
        "train": ("aabbccdd", "wxwxyzyz", [5, 1, 5, 5, 5, 5, 1, 5]),
        "valid": ("ac", "yw", [5, 5]),
        "test": ("abcda", "zyxwv", [5, 1, 5, 5, 5]),
    }
    users = {"user_id:token": list("abcd"), "group:token": list("GGHH")}
    write_data_set(tmp_path, "d", None, users)
    for name, (user, item, rating) in parts.items():
        columns = {"user_id:token": list(user), "item_id:token": list(item)}
        write_atomic(tmp_path / "d", "d", f"{name}.inter", {**columns, "rating:float": rating})
    return tmp_path


def test_the_last_part_of_a_given_split_is_the_test_part(split):
    parts = ["train", "valid", "test"]
    ex = experiment(split, dataset="d", target="G", benchmark_filename=parts, topk=[2])
    assert ex.dataset.file_size_list == [8, 2, 5]
    assert ex.is_test.tolist() == [False] * 10 + [True] * 5
    part = ex.part(0)
    assert sorted(part.rows.tolist()) == list(range(10))
    # v never trains; all four users have test items that they have not seen
    tokens = ex.dataset.field2id_token
    held_out = part.held_out.relevant.tocoo()
    found = {
        f"{tokens['user_id'][part.held_out.users[row]]}{tokens['item_id'][column]}"
        for row, column in zip(held_out.row, held_out.col, strict=True)
    }
    assert found == {"az", "av", "by", "cx", "dw"}


def test_a_threshold_goes_through_every_part_of_a_given_split(split):
    parts = ["train", "valid", "test"]
    ex = experiment(
        split,
        dataset="d",
        target="G",
        benchmark_filename=parts,
        topk=[2],
        threshold={"rating": 3},
        load_col={"inter": ["user_id", "item_id", "rating"]},
    )
    assert pairs(ex.dataset) == [
        *["aw", "bw", "bx", "cy", "cz", "dz"],
        "ay",
        "cw",
        "az",
        "cx",
        "dw",
        "av",
    ]
    assert ex.dataset.file_size_list == [6, 2, 4]
    assert np.flatnonzero(ex.is_test).tolist() == [8, 9, 10, 11]


def test_two_parts_make_a_split_too(split):
    ex = experiment(split, dataset="d", target="G", benchmark_filename=["train", "test"], topk=[2])
    assert ex.is_test.sum() == 5 and len(ex.users) == 13


# --- columns --------------------------------------------------------------------------------


def test_sequences_with_empty_cells_load(tmp_path):
    # trap: pandas 3 changed Series.agg(len) and fillna(inplace=True), both in RecBole's way
    items = {
        "item_id:token": ["x", "y", "z", "w"],
        "genre:token_seq": ["Drama NA", "", "007", ""],
        "vector:float_seq": ["0.5 1 2", "", "3", "4 5"],
    }
    write_data_set(tmp_path, "d", RATED, USERS, items)
    dataset = loaded(tmp_path, **ALL)
    genres = dataset.field2id_token["genre"].tolist()
    assert genres == ["[PAD]", "Drama", "NA", "007"]
    order = [dataset.token2id("item_id", name) for name in "xyzw"]
    rows = dataset.item_feat["genre"].numpy()
    assert rows[order].tolist() == [[1, 2], [0, 0], [3, 0], [0, 0]]
    assert rows[0].tolist() == [0, 0]
    vectors = dataset.item_feat["vector"].numpy()
    assert vectors[order].tolist() == [[0.5, 1, 2], [0, 0, 0], [3, 0, 0], [4, 5, 0]]


def test_sequences_of_items_without_a_row_are_empty(tmp_path):
    # z is in no row of .item; with filter_inter_by_user_or_item it would be dropped
    items = {"item_id:token": ["x", "y"], "genre:token_seq": ["a b", "b"]}
    write_data_set(tmp_path, "d", RATED, USERS, items)
    dataset = loaded(tmp_path, **ALL, filter_inter_by_user_or_item=False)
    z = dataset.token2id("item_id", "z")
    assert dataset.item_feat["genre"][z].tolist() == [0, 0]
    assert pairs(loaded(tmp_path, **ALL)) == ["ax", "ay", "bx", "cy"]


@pytest.mark.parametrize("column", ["genre:token_seq", "vector:float_seq"])
def test_a_sequence_column_of_users_does_not_stand_in_the_way(tmp_path, column):
    values = ["1 2", "", "3"]
    write_data_set(tmp_path, "d", RATED, {**USERS, column: values})
    dataset = loaded(tmp_path, **ALL)
    assert dataset.user_feat[column.partition(":")[0]].shape == (4, 2)
    assert dataset.user_feat["group"].tolist()[0] == 0


def test_series_agg_is_given_back(tmp_path):
    import pandas as pd

    before = pd.Series.agg, pd.read_csv
    write_data_set(tmp_path, "d", RATED, USERS)
    loaded(tmp_path)
    assert (pd.Series.agg, pd.read_csv) == before
    write_data_set(tmp_path, "d", {**RATED, "rating:float": list("12x45")}, USERS)
    with pytest.raises(ValueError, match="rating:float"):
        loaded(tmp_path, **ALL)
    assert (pd.Series.agg, pd.read_csv) == before


def test_missing_floats_become_the_mean(tmp_path):
    # of 18 and 30: (18 + 30) / 2; the padding row as well
    users = {**USERS, "age:float": [18, "", 30]}
    write_data_set(tmp_path, "d", RATED, users)
    assert loaded(tmp_path, **ALL).user_feat["age"].tolist() == [24, 18, 24, 30]


def test_columns_that_nobody_asks_for_are_not_loaded(tmp_path):
    # not even looked at: this file's other columns could not be read
    users = {**USERS, "age:float": ["?", "?", "?"]}
    items = {"item_id:token": ["x", "y", "z"], "year:float": ["?", "?", "?"]}
    write_data_set(tmp_path, "d", RATED, users, items)
    dataset = loaded(tmp_path)
    assert list(dataset.user_feat.columns) == ["user_id", "group"] and dataset.item_feat is None


def test_columns_that_were_asked_for_are_loaded_besides_the_group(tmp_path):
    write_data_set(tmp_path, "d", RATED, {**USERS, "age:float": [1, 2, 3]})
    columns = {"inter": ["user_id", "item_id"], "user": ["age"]}
    found = loaded(tmp_path, load_col=columns).user_feat.columns
    assert sorted(found) == ["age", "group", "user_id"]
    everything = {"inter": ["user_id", "item_id"], "user": "*"}
    found = loaded(tmp_path, load_col=everything).user_feat.columns
    assert sorted(found) == ["age", "group", "user_id"]


def test_rows_without_a_user_or_an_item_are_dropped_and_no_others(tmp_path):
    # trap: RecBole's filter drops the last row instead of the third
    inter = {"user_id:token": ["a", "", "b", "c"], "item_id:token": ["x", "y", "", "y"]}
    users = {"user_id:token": ["a", "b", "", "c"], "group:token": ["G", "H", "I", "G"]}
    write_data_set(tmp_path, "d", inter, users)
    dataset = loaded(tmp_path)
    assert pairs(dataset) == ["ax", "cy"]
    assert dataset.user_num == 4
    (removed,) = dataset.removed
    assert str(removed).startswith(
        "rows of d.inter without user_id or item_id: 2 of 4 interactions are left out, with them "
        "1 of 3 users and 0 of 2 items; "
    )
    assert dataset.notes == ("1 rows of d.user without user_id are left out",)


@pytest.mark.parametrize("column", ["user_id", "item_id"])
def test_a_given_split_must_be_whole(split, column):
    # RecBole applies no filter to given splits, and takes a missing user for the padding
    columns = {"user_id:token": ["a", "b"], "item_id:token": ["w", "x"]}
    columns[f"{column}:token"] = ["a", ""]
    write_atomic(split / "d", "d", "holes.inter", columns)
    with pytest.raises(ValueError, match=f"1 rows of d's given split .*'holes'.* no {column}"):
        loaded(split, benchmark_filename=["train", "holes"])


def test_other_encodings_and_separators_of_recbole_work(tmp_path):
    folder = tmp_path / "d"
    folder.mkdir()
    text = "user_id:token,item_id:token\na,x\nb,y\n"
    (folder / "d.inter").write_text(text, encoding="latin-1")
    text = "user_id:token,group:token\na,Zürich\nb,Bern\n"
    (folder / "d.user").write_text(text, encoding="latin-1")
    dataset = loaded(tmp_path, field_separator=",", encoding="latin-1")
    assert dataset.field2id_token["group"].tolist() == ["[PAD]", "Zürich", "Bern"]
