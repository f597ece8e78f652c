"""Tables read by the compiled parser are those that RecBole's own call reads."""

import random

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recbole_groupmix.adapters import read_table as module
from recbole_groupmix.adapters.read_table import read_table
from recbole_groupmix.files.quoted_cells import QuotedCells, check_quotes

COLUMNS = ("user_id:token", "tags:token_seq", "rating:float")
TYPES = {"user_id:token": str, "tags:token_seq": str, "rating:float": np.float64}
HEADER = "\t".join(COLUMNS) + "\n"


def outcome(path, parser="fast", columns=COLUMNS, delimiter="\t"):
    """Columns, types, index and bits of every value, or the error."""
    types = {name: TYPES[name] for name in columns}
    arguments = {"usecols": list(columns), "dtype": types, "delimiter": delimiter}
    try:
        with pytest.MonkeyPatch.context() as patch:
            if parser == "slow":
                patch.setattr(module, "_fast", lambda *a: None)
                patch.setattr(module, "check_quotes", lambda *a: QuotedCells(0, 0))
            frame = read_table(pd.read_csv, path, encoding="utf-8", engine="python", **arguments)
    except Exception as error:
        return type(error), str(error)
    bits = [
        [value.hex() if isinstance(value, float) else value for value in row]
        for row in frame.to_numpy(dtype=object).tolist()
    ]
    return list(frame.columns), [str(kind) for kind in frame.dtypes], list(frame.index), bits


def same(file, columns=COLUMNS):
    """Whether we read what RecBole's call reads, or both refuse; quotes in words of our own."""
    ours, theirs = outcome(file, columns=columns), outcome(file, "slow", columns)
    if "a cell begins with" in str(ours[1]):
        return isinstance(theirs[1], str)
    return ours == theirs


def is_fast(path, columns=COLUMNS, delimiter="\t"):
    given = {"usecols": list(columns), "dtype": {name: TYPES[name] for name in columns}}
    given |= {"delimiter": delimiter, "encoding": "utf-8", "engine": "python"}
    return module._fast(pd.read_csv, path, given) is not None


@pytest.mark.parametrize(
    ("rows", "fast"),
    [
        ("a\tx y\t1.5\nNA\t\t\n\tnull\t2\n", True),
        ('"a"\tx"y\t1\n', True),
        ("a\nb\tx\n\nc\tx\t1\n", True),  # short rows, an empty line
        ("a\tx\t1\r\nb\ty\t2\r\n", True),
        ("#a\t x \t 1 \n", True),
        ("Z\u00fcrich\tu\u2028v\t1", True),
        ("", True),
        ("\t\t0.0\n\t\r \t0.0\n", False),  # the compiled parser makes thousands of rows of it
        ("a\tx\t1\rb\ty\t2\r", False),
        ("a\tx\tone\n", False),
        ("a\tx\tnan\nb\tx\tinf\n", False),
        ("a\tx\t1\t2\n", False),
        ("a\tx\t1\nb\tx\t1\t2\n", False),
    ],
)
def test_odd_files_have_the_same_outcome(tmp_path, rows, fast):
    file = tmp_path / "d.inter"
    file.write_bytes((HEADER + rows).encode())
    assert is_fast(file) == fast
    assert outcome(file) == outcome(file, "slow")


token = st.text(st.characters(codec="utf-8", exclude_characters="\0\t"), max_size=6)
quoted = st.text(st.sampled_from('" \ta\n'), max_size=6)
number = st.floats().map(repr) | st.integers().map(str) | st.sampled_from(["", " 1", "1e5", "x"])


@given(st.lists(st.tuples(token, token, number), max_size=6), st.booleans())
@example([("a", "b", "0.1"), ("a", "b", "123456789.123456789")], True)
@example([("a", "b", "9223372036854775808"), ("a", "b", "")], True)
def test_any_table_has_the_same_outcome(tmp_path_factory, rows, whole):
    file = tmp_path_factory.mktemp("table") / "d.inter"
    text = HEADER + "".join("\t".join(row) + "\n" for row in rows)
    file.write_bytes(text.encode())
    assert same(file, COLUMNS if whole else COLUMNS[::2])


@given(
    st.lists(st.tuples(token | quoted, quoted, st.sampled_from(["", "1", '"2"', '"'])), max_size=6)
)
@example([("1", '"ace', "1"), ("2", "bob", "1"), ("3", '"zed', "1")])
@example([("1", '"ace', "1"), ("2", "bob", "1")])
@example([('"a\tb"', '"c""d"', '"1"'), ('"e\nf"', "", "")])
@example([('""x', "", "")])
@example([("a", '\n"', '"')])  # a row of a single quoted blank
@settings(max_examples=200)
def test_cells_that_begin_with_quotes_have_the_same_outcome(tmp_path_factory, rows):
    file = tmp_path_factory.mktemp("table") / "d.inter"
    text = HEADER + "".join("\t".join(row) + "\n" for row in rows)
    file.write_bytes(text.encode())
    assert same(file)


def test_floats_have_the_same_bits(tmp_path):
    rng = random.Random(0)
    numbers = [rng.random() * 10.0 ** rng.randint(-300, 300) for _ in range(2000)]
    texts = [repr(n) for n in numbers] + [f"{rng.random():.25f}" for _ in range(2000)] + ["-0"]
    file = tmp_path / "d.inter"
    file.write_text(HEADER + "".join(f"a\tx\t{text}\n" for text in texts))
    assert is_fast(file)
    assert outcome(file) == outcome(file, "slow")


def test_separators_of_several_characters_are_left_to_the_slow_parser(tmp_path):
    file = tmp_path / "d.inter"
    file.write_text("::".join(COLUMNS) + "\na::x::1\n")
    assert not is_fast(file, delimiter="::")
    assert outcome(file, delimiter="::")[3] == [["a", "x", (1.0).hex()]]


# --- quotes -----------------------------------------------------------------------------------


def test_a_quote_that_swallows_lines_is_refused_with_its_line(tmp_path):
    file = tmp_path / "d.user"
    text = 'user_id:token\tnick:token\tgrp:token\n1\t"ace\tA\n2\tbob\tB\n3\t"zed\tA\n4\tkim\tB\n'
    file.write_text(text)
    frame = pd.read_csv(file, sep="\t")  # what the compiled parser makes of it
    assert frame["user_id:token"].tolist() == [1, 4]
    with pytest.raises(ValueError, match=r'^d\.user, line 2: a cell begins with " .*: "ace; '):
        check_quotes(file, "\t")
    file.write_text(text.replace('"ace', "ace"))  # a single one
    with pytest.raises(ValueError, match=r'^d\.user, line 4: .*: "zed; '):
        check_quotes(file, "\t")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, 0)),
        ('a"\tb"c\t5" tape\n', (0, 0)),  # quotes inside cells mean nothing
        ('"a"\t"b\tc"\t"say ""x"""\n""\n', (4, 0)),
        ('"a\nb\r\nc"\t"d\re"\r\n', (2, 3)),
        (' "a\n', (0, 0)),
    ],
)
def test_cells_in_quotes_are_counted_with_their_line_breaks(tmp_path, text, expected):
    file = tmp_path / "d.inter"
    file.write_bytes(text.encode())
    assert check_quotes(file, "\t") == expected
    file.write_bytes(text.replace("\t", ",").encode("utf-16"))
    assert check_quotes(file, ",", "utf-16") == expected


def test_the_line_is_counted_past_cells_in_quotes_and_long_cells_are_clipped(tmp_path):
    file = tmp_path / "d.inter"
    file.write_bytes(b'"a\nb"\tc\r\nd\t"' + b"e" * 200 + b"\n")
    with pytest.raises(ValueError, match=r'^d\.inter, line 3: .*: "e{29}\.\.\.; '):
        check_quotes(file, "\t")
