"""Options of a command: how arguments are split, and what a value may be."""

import re
from argparse import ArgumentTypeError
from pathlib import Path

import pytest

from recbole_groupmix.cli.options import (
    Parser,
    add_flag,
    flag,
    named,
    names,
    number,
    one_of,
    parse_options,
    place,
    source,
    split_arguments,
    whole_number,
)

# --- splitting -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], {}),
        (["--target=25"], {"target": "25"}),
        (["--target", "25"], {"target": "25"}),
        (["--target", "-5", "--trials=3"], {"target": "-5", "trials": "3"}),
        (["--target="], {"target": ""}),
        (["--target=a=b"], {"target": "a=b"}),
        (["--topk=[5, 10]"], {"topk": "[5, 10]"}),
        (["--force", "--out=x"], {"force": "true", "out": "x"}),
        (["--seed=1", "--seed", "1"], {"seed": "1"}),
        (["-m", "BPR", "-m=BPR", "-mBPR"], {"model": "BPR"}),
    ],
)
def test_options(arguments, options):
    assert split_arguments(arguments, {"force": "true"}, {"m": "model"}) == (options, [])


@pytest.mark.parametrize("arguments", [["x"], ["-t=3"], ["--"], ["--a"], ["--a", "--b=1"]])
def test_what_is_no_option(arguments):
    with pytest.raises(ValueError, match=re.escape(arguments[0])):
        parse_options(arguments)


def test_words_stand_anywhere_but_after_a_key():
    arguments = ["a", "--force", "b", "--out", "c", "-d", "--seed=1"]
    options = {"force": "true", "out": "c", "seed": "1"}
    assert split_arguments(arguments, {"force": "true"}, takes_words=True) == (
        options,
        ["a", "b", "-d"],
    )


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["true", "True", "YES", "yes", "1"])
def test_a_flag_that_is_set(text):
    assert flag(text) is True


@pytest.mark.parametrize("text", ["false", "FALSE", "No", "0"])
def test_a_flag_that_is_not_set(text):
    assert flag(text) is False


@pytest.mark.parametrize("text", ["", "x", "tru", "2", "None", " true", "y" * 9999])
def test_a_flag_that_is_neither(text):
    with pytest.raises(ArgumentTypeError, match=r"is .*; allowed are true, yes, 1, false, no, 0"):
        flag(text)


def test_whole_numbers_and_numbers_say_what_is_allowed():
    most = whole_number(1, 100, "because")
    assert most("0099") == 99
    for text in ("0", "-1", "1.5", "abc", "", "nan", "²"):
        with pytest.raises(ArgumentTypeError, match=r"is .*; it must be a whole number >= 1"):
            most(text)
    for text in ("101", "9" * 5000):
        with pytest.raises(ArgumentTypeError, match=r"is .*; it must be at most 100: because"):
            most(text)
    reach = number("it", least=1, most=1e6, beyond=True)
    assert reach("1e6") == 1e6
    for text in ("1", "0", "-1", "nan", "inf", "abc", "", "1e7", "9" * 5000):
        with pytest.raises(ArgumentTypeError, match=r"is .*; it is a number > 1 and at most 1e"):
            reach(text)
    assert number("it", most=1)("0") == 0


def test_words_and_places(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert names(" a, b,,c ") == ["a", "b", "c"] and names("") == []
    assert one_of("a", "b")("b") == "b"
    with pytest.raises(ArgumentTypeError, match="is 'c'; allowed are a, b"):
        one_of("a", "b")("c")
    assert place("~/x") == source("~/x") == str(tmp_path / "x")
    for read in (place, source):
        with pytest.raises(ArgumentTypeError, match="is ''; give it a value or leave it out"):
            read("")
        with pytest.raises(ArgumentTypeError, match="a path cannot hold a NUL"):
            read("a\0b")
    with pytest.raises(ArgumentTypeError, match="not UTF-8"):
        place("a\udc80")
    assert source("a\udc80") == "a\udc80"


def test_what_the_maths_refuses_is_called_as_the_user_did():
    with pytest.raises(ValueError, match=r"^--max_d is 9, too many$"), named("d", "--max_d"):
        raise ValueError("d is 9, too many")
    with pytest.raises(ValueError, match=r"^x is 9$"), named("d", "--max_d"):
        raise ValueError("x is 9")


# --- a parser ------------------------------------------------------------------------------------


@pytest.fixture
def parser():
    made = Parser(prog="groupmix x")
    made.add_argument("TABLE", nargs="*")
    made.add_argument("--most", type=whole_number(1, 9))
    made.add_argument("--metric")
    made.add_argument("--controls", nargs="?", const="all")
    add_flag(made, "--force", "replace it")
    return made


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ([], {}),
        (["--most", "3"], {"most": 3}),
        (["--metric=-x --most=2"], {"metric": "-x --most=2"}),
        (["a", "--force", "b"], {"TABLE": ["a", "b"], "force": True}),
        (["--force", "--force=true"], {"force": True}),
        (["--force=no", "-a"], {"TABLE": ["-a"], "force": False}),
        (["--controls", "a", "--controls=all"], {"TABLE": ["a"], "controls": "all"}),
        (["--controls=graph"], {"controls": "graph"}),
    ],
)
def test_only_what_was_given_is_returned(parser, arguments, given):
    assert parser.read(arguments) == (given, {})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--most=0"], "--most is '0'; it must be a whole number >= 1"),
        (["--force=x"], "--force is 'x'; allowed are"),
        (["--mos=3"], "unknown option --mos; x takes --most, --metric"),  # no abbreviations
        (["--TABLE=3"], "unknown option --TABLE"),
        (["--help=3"], "unknown option --help"),
        (["--most=3", "--most=4"], "--most is given twice: '3' and '4'"),
        (["--most"], "option --most needs a value"),
        (["--"], "unexpected argument '--'"),
    ],
)
def test_what_a_parser_refuses_is_one_line(parser, arguments, says):
    with pytest.raises(ValueError, match=re.escape(says)) as refused:
        parser.read(arguments)
    assert "\n" not in str(refused.value) and type(refused.value) is ValueError


def test_no_option_is_read_from_a_file(parser):
    Path("options").write_text("--most=3")
    assert parser.read(["@options"]) == ({"TABLE": ["@options"]}, {})
