"""Numbers and tables as people read them, written in one place."""

import json
import math

import numpy as np
import pytest

from recbole_groupmix.text.numbers import chance, count, duration, finite, or_null, percent, value
from recbole_groupmix.text.tables import WIDTH, aligned, markdown_table, paragraphs

ROWS = [["mix", "n", "note"], ["a", "10", "x"], ["long name", "7", ""]]


def test_cells_of_a_text_table_stand_below_each_other():
    assert aligned(ROWS) == [
        "mix         n  note",
        "a          10     x",
        "long name   7",
    ]
    assert aligned(ROWS, left=(0, 2), rule=True) == [
        "mix         n  note",
        "---------  --  ----",
        "a          10  x",
        "long name   7",
    ]
    assert aligned(ROWS, left=())[1].startswith("        a")


def test_a_cell_of_a_text_table_neither_steers_nor_breaks_the_line():
    (line,) = aligned([["a\x1b[2J\nb", "c"]])
    assert line == "a\\x1b[2J\\nb  c"


def test_a_markdown_table_says_which_columns_end_at_the_right():
    rows = [["group", "p|q"], ["<b>", "1"]]
    assert markdown_table(rows) == "| group | p\\|q |\n| --- | ---: |\n| &lt;b> | 1 |"
    assert markdown_table(rows, left=(1,), pad=True).splitlines() == [
        "|  group | p\\|q |",
        "| -----: | ---- |",
        "| &lt;b> | 1    |",
    ]


def test_further_lines_of_a_paragraph_are_set_in():
    lines = paragraphs(["word " * 40, "next"])
    assert len(lines) == 4 and lines[3] == "next" and max(map(len, lines)) <= WIDTH
    assert [line[:2] for line in lines[:3]] == ["wo", "  ", "  "]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (75.4, "75 s"),
        (89, "89 s"),
        (90, "2 min"),
        (720, "12 min"),
        (5400, "1.5 h"),
        (math.inf, "unknown"),
        (None, "unknown"),
    ],
)
def test_a_duration_is_said_as_people_say_it(seconds, text):
    assert duration(seconds) == text


def test_values_for_json_have_null_in_place_of_what_json_has_not():
    given = {"a": [1.5, math.nan, np.float32(np.inf)], "b": {"c": np.float64(0.1)}, "d": 3}
    plain = finite({**given, "e": True, "f": None, "g": "nan"})
    assert plain == {"a": [1.5, None, None], "b": {"c": 0.1}, "d": 3, "e": True, "f": None} | {
        "g": "nan"
    }
    assert json.dumps(plain, allow_nan=False)
    assert or_null(-math.inf) is None and or_null(np.float64(2)) == 2


def test_numbers_in_words():
    said = ["below 1 %", "1 %", "31 %", "99 %", "above 99 %"]
    assert [chance(p) for p in (0.0, 0.01, 0.314, 0.99, 0.995)] == said
    assert count(1, "repeat") == "1 repeat" and count(1000, "mix", "es") == "1,000 mixes"
    assert percent(-0.0001) == "+0.0%" and percent(0.123) == "+12.3%"
    assert value(None) == value(math.nan) == "undefined" and value(0.12345) == "0.1235"
