"""RecBole's Config as we build it: values as they were given, columns that must be loaded."""

from pathlib import Path

import pytest
import recbole
import yaml
from helpers import write_tiny
from hypothesis import given
from hypothesis import strategies as st

from recbole_groupmix.adapters.config import GroupMixConfig
from recbole_groupmix.files.literal import literal


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", 0.1),
        ("1e-3", 0.001),
        ("5", 5),
        ("-5", -5),
        ("[5,10]", [5, 10]),
        ("['a', 'b']", ["a", "b"]),
        ("(1, 2)", (1, 2)),
        ("{'rating': 3}", {"rating": 3}),
        ("{'a': {'b': [1]}}", {"a": {"b": [1]}}),
        ("'quoted'", "quoted"),
        ("True", True),
        ("true", True),
        ("FALSE", False),
        ("None", None),
        ("~", None),
        ("null", None),
    ],
)
def test_literals_are_read(text, value):
    found = literal(text)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "1-5",  # eval: -4
        "2**10",
        "007",  # not a number of Python's
        "no",
        "BPR",
        "__import__('os').getcwd()",
        "[1, x]",
        "a b",
        "",
        " ",
        "{",
        "1,2 3",
        "nan",
        "b'bytes'",
        "{1, 2}",
        "1j",
        "...",
        "(" * 300,
        "\0",
    ],
)
def test_other_text_stays_text(text):
    assert literal(text) == text and type(literal(text)) is str


@given(st.text(max_size=30))
def test_any_text_is_read_without_an_error(text):
    known = (type(None), bool, int, float, str, tuple, list, dict)
    assert isinstance(literal(text), known)


@pytest.mark.parametrize("value", [None, 0, 0.5, True, [1, "2"], {"a": "1-5"}])
def test_values_that_are_no_text_pass(value):
    assert literal(value) is value


def test_values_inside_a_list_or_mapping_are_left_alone(tiny):
    values = {"threshold": {"rating": "3"}, "mlp_hidden_size": ["1-5", "64"]}
    config = GroupMixConfig("NeuMF", "tiny", values, folder=tiny / "tiny")
    assert config["threshold"] == {"rating": "3"} and config["mlp_hidden_size"] == ["1-5", "64"]


def test_the_callers_values_are_not_changed(tiny):
    values = {"learning_rate": "0.5", "load_col": {"inter": ["user_id", "item_id"]}}
    GroupMixConfig("BPR", "tiny", values, folder=tiny / "tiny", user_columns=("group",))
    assert values == {"learning_rate": "0.5", "load_col": {"inter": ["user_id", "item_id"]}}


def columns(folder, load_col, user_columns=("group",)):
    values = {} if load_col == "default" else {"load_col": load_col}
    return GroupMixConfig(
        "BPR", "tiny", values, folder=folder / "tiny", user_columns=user_columns
    )["load_col"]


PAIR = {"inter": ["user_id", "item_id"]}


@pytest.mark.parametrize(
    ("load_col", "expected"),
    [
        ("default", {**PAIR, "user": ["user_id", "group"]}),
        (PAIR, {**PAIR, "user": ["user_id", "group"]}),
        ({**PAIR, "user": ["age"]}, {**PAIR, "user": ["user_id", "age", "group"]}),
        (
            {**PAIR, "user": ["group", "user_id", "age"]},
            {**PAIR, "user": ["user_id", "group", "age"]},
        ),
        ({**PAIR, "user": "*"}, {**PAIR, "user": "*"}),
        ({**PAIR, "item": "*"}, {**PAIR, "item": "*", "user": ["user_id", "group"]}),
        (None, None),  # every column
    ],
)
def test_the_group_column_is_loaded_in_any_case(tiny, load_col, expected):
    assert columns(tiny, load_col) == expected


def test_no_column_is_added_where_none_is_asked_for(tiny):
    assert columns(tiny, PAIR, ()) == PAIR


def test_the_user_id_may_have_another_name(tiny):
    values = {"USER_ID_FIELD": "uid"}
    config = GroupMixConfig("BPR", "tiny", values, folder=tiny / "tiny", user_columns=("g",))
    assert config["load_col"]["user"] == ["uid", "g"]


def test_the_folder_is_recboles_rule_where_none_is_given(tmp_path):
    write_tiny(tmp_path)
    config = GroupMixConfig("BPR", "tiny", {"data_path": str(tmp_path)})
    assert config["data_path"] == str(tmp_path / "tiny")
    config = GroupMixConfig("BPR", "tiny", {"data_path": "elsewhere"}, folder=tmp_path / "tiny")
    assert config["data_path"] == str(tmp_path / "tiny")


def test_recboles_own_files_are_read_as_by_its_loader(tiny):
    loader = GroupMixConfig("BPR", "tiny", {"data_path": str(tiny)}).yaml_loader
    files = list((Path(recbole.__file__).parent / "properties").rglob("*.yaml"))
    assert len(files) > 100
    for file in files:
        text = file.read_text(encoding="utf-8")
        # by what they print, since nan is not equal to itself and 1 is equal to True
        assert repr(yaml.load(text, loader)) == repr(yaml.load(text, yaml.FullLoader)), file


def test_configurations_leave_pyyaml_as_it_is(tiny):
    keys = {"data_path": str(tiny)}
    GroupMixConfig("BPR", "tiny", keys)
    before = {key: list(found) for key, found in yaml.FullLoader.yaml_implicit_resolvers.items()}
    GroupMixConfig("BPR", "tiny", keys)
    assert yaml.FullLoader.yaml_implicit_resolvers == before
