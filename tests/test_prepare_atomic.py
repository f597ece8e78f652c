import os

import pytest
from helpers import read_atomic
from hypothesis import given
from hypothesis import strategies as st

from recbole_groupmix.prepare.atomic import parse_atomic, write_atomic

RAW_TOKENS = ["007", "NA", "no", "1-5", "0", "nan", "1e3", "", " x ", "it's", 'a"b', "é"]


def test_a_file_is_the_header_and_one_line_a_row(tmp_path):
    path = write_atomic(
        tmp_path, "toy", "inter", {"user_id:token": ["a", "b"], "rating:float": [1, 2.5]}
    )
    assert path == tmp_path / "toy.inter"
    assert path.read_bytes() == b"user_id:token\trating:float\na\t1\nb\t2.5\n"


def test_tokens_are_never_parsed(tmp_path):
    columns = {"user_id:token": [str(i) for i in range(len(RAW_TOKENS))], "g:token": RAW_TOKENS}
    assert read_atomic(write_atomic(tmp_path, "toy", "user", columns)) == columns


readable = st.text(st.characters(exclude_characters="\t\n\r", exclude_categories=["Cs"])).filter(
    lambda value: not value.startswith('"')
)


@given(rows=st.lists(st.tuples(readable.filter(bool), readable), max_size=8))
def test_whatever_can_be_written_is_read_back(tmp_path_factory, rows):
    columns = {"a:token": [a for a, _ in rows], "b:token_seq": [b for _, b in rows]}
    folder = tmp_path_factory.mktemp("atomic")
    assert read_atomic(write_atomic(folder, "toy", "item", columns)) == columns


@pytest.mark.parametrize("value", ["a\tb", "a\nb", "a\rb", '"quoted" title'])
def test_values_that_recbole_could_not_read_back_are_refused(tmp_path, value):
    with pytest.raises(ValueError, match=r"movie_title:token_seq of toy\.item holds"):
        write_atomic(tmp_path, "toy", "item", {"movie_title:token_seq": ["fine", value]})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("field", ["user_id", "user_id:int", ":token", "user id:token"])
def test_a_header_names_field_and_type(tmp_path, field):
    with pytest.raises(ValueError, match="field:type"):
        write_atomic(tmp_path, "toy", "user", {field: ["a"]})


def test_columns_of_different_lengths_are_refused(tmp_path):
    with pytest.raises(ValueError, match="'a:token': 1, 'b:token': 2"):
        write_atomic(tmp_path, "toy", "user", {"a:token": ["x"], "b:token": ["x", "y"]})


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"cannot write .*file.*toy\.user: Not a directory"):
        write_atomic(tmp_path / "file", "toy", "user", {"user_id:token": ["a"]})


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    old = write_atomic(tmp_path, "toy", "user", {"user_id:token": ["old"]})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ValueError, match="No space left on device"):
        write_atomic(tmp_path, "toy", "user", {"user_id:token": ["new"]})
    assert os.listdir(tmp_path) == ["toy.user"]
    assert old.read_text() == "user_id:token\nold\n"


def test_a_malformed_line_is_named_by_its_number():
    lines = ["user_id:token\tg:token", "1\tx", "", "2"]
    with pytest.raises(ValueError, match=r"line 4 of here has 1 tab-separated fields.*2"):
        parse_atomic(lines, "here")


def test_a_header_alone_gives_empty_columns():
    assert parse_atomic(["a:token\tb:token"], "here") == {"a:token": [], "b:token": []}


@pytest.mark.parametrize("lines", [[], [""], ["1\t2"], ["a:token\ta:token"]])
def test_a_file_without_an_atomic_header_is_refused(lines):
    with pytest.raises(ValueError, match="not the header of an atomic file"):
        parse_atomic(lines, "here")
