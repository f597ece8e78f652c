"""What comes from outside: files, YAML and JSON, paths and names, letters of figures."""

import logging
import os
import socket

import matplotlib
import pandas as pd
import pytest
import yaml
from matplotlib.figure import Figure

from recbole_groupmix.core.mix import Mix
from recbole_groupmix.files import bounded as files
from recbole_groupmix.files import parse, paths
from recbole_groupmix.settings.yaml_files import read_settings_file
from recbole_groupmix.text import figures
from recbole_groupmix.text import untrusted as names

# --- files ---------------------------------------------------------------------------------------


def test_only_regular_files_of_a_bounded_length_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ten").write_bytes(b"0123456789")
    (tmp_path / "link").symlink_to("ten")
    os.mkfifo("pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        for name, kind in (
            ("pipe", "a pipe"),
            ("zero", "a device"),
            ("/dev/null", "a device"),
            ("socket", "a socket"),
            (".", "a folder"),
        ):
            with pytest.raises(ValueError, match=f"it is {kind}, not a regular file"):
                files.read_bytes_bounded(name)
    assert files.read_text_bounded("link", 10) == "0123456789"
    with pytest.raises(ValueError, match="more than 9 bytes"):
        files.read_text_bounded("ten", 9)
    with pytest.raises(FileNotFoundError):
        files.read_bytes_bounded("missing")


def test_text_is_utf_8_and_its_lines_end_as_open_makes_them_end(tmp_path):
    file = tmp_path / "text"
    file.write_bytes("a\r\nb\rc\né".encode())
    assert files.read_text_bounded(file) == file.read_text(encoding="utf-8") == "a\nb\nc\né"
    file.write_bytes(b"\xff")
    with pytest.raises(UnicodeDecodeError):
        files.read_text_bounded(file)


def test_a_file_inside_a_folder_has_a_plain_name(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "outside").touch()
    (folder / "out").symlink_to(tmp_path / "outside")
    (folder / "in").symlink_to("model.pth")
    (folder / "model.pth").touch()
    for name in ("model.pth", "in", "..model", "a b"):
        assert paths.file_inside(folder, name) == folder / name
    for name in (
        "../outside",
        "/etc/passwd",
        "a/b",
        "..",
        ".",
        "",
        "a\\b",
        "a\0b",
        3,
        None,
        ["x"],
    ):
        with pytest.raises(ValueError, match="is not the plain name"):
            paths.file_inside(folder, name)
    with pytest.raises(ValueError, match="leads out"):
        paths.file_inside(folder, "out")


def test_the_home_folder_is_put_in_once(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths.user_path("~/runs", "x") == str(tmp_path / "runs")
    assert paths.user_path("~", "x") == str(tmp_path)
    for same in ("runs", "./~", "a/~/b", "", "a~"):
        assert paths.user_path(same, "x") == same
    with pytest.raises(ValueError, match="x; that user has no home folder here"):
        paths.user_path("~nobody-of-this-name/runs", "x")
    with pytest.raises(ValueError, match="x; a path cannot hold a NUL"):
        paths.user_path("a\0b", "x")


# --- YAML and JSON -------------------------------------------------------------------------------

_BOMB = "\n".join(
    f"k{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else 'x'}]" for n in range(11)
)
_CHAIN = "\n".join(f"k{n}: &a{n} [{f'*a{n - 1}' if n else 'x'}]" for n in range(3000))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 20_000, "50 levels"),
        ("{a: " * 20_000, "50 levels"),
        ("- " * 20_000 + "x", "50 levels"),
        (_BOMB, "aliases expanded"),
        (_BOMB.replace("[", "{<<: [").replace("]", "]}"), "aliases expanded"),
        (_CHAIN, "aliases expanded"),
        ("a: &a [*a]", "contains itself"),
        ("a: " + "9" * 5000, "4,300 digits"),
        ("a: " + ":".join(["1"] * 3000), "4,300 digits"),
        ("a: 0x" + "f" * 9000, "4,300 digits"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("a: [", "expected"),
        ("a: b\n---\na: c", "single document"),
    ],
)
def test_yaml_that_is_refused_in_one_line(text, says):
    with pytest.raises(ValueError, match=says) as refused:
        parse.parse_yaml_bounded(text)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 1000


def test_yaml_of_settings_is_read_as_ever():
    text = "a: &x [1, 2.5, -3]\nb: *x\nc: {d: [*x, *x]}\ne: 2001-01-01\nf: 0x10\ng: 1:30\n"
    assert parse.parse_yaml_bounded(text) == yaml.safe_load(text)
    assert parse.parse_yaml_bounded("") is None
    alpha = {f"group {n}": 1 / 2000 for n in range(2000)}
    mix = Mix(alpha, 1.0).to_dict()
    assert parse.parse_yaml_bounded(yaml.safe_dump(mix)) == mix


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 200_000, "nested too deep"),
        ('{"a": ' + "9" * 5000 + "}", "4,300 digits"),
        ("{", "Expecting property name"),
    ],
)
def test_json_that_is_refused(text, says):
    with pytest.raises(ValueError, match=says):
        parse.parse_json_bounded(text)
    assert parse.parse_json_bounded(b'{"a": [1, null]}') == {"a": [1, None]}


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "ml-100k-25-BPR",
        "café ñ",
        "日本",
        "a_b.c+d",
        "(empty)",
        " lead",
        "50%",
        "[5, 10]",
        "..",
        "1=2",
    ],
)
def test_folders_of_ordinary_names_are_called_as_ever(name):
    assert names.safe_file_name(name, "-BPR-0123abcd") == f"{name}-BPR-0123abcd"
    if not name.endswith("."):
        assert names.safe_file_name(name) == name


HOSTILE = [
    *("a/b", "a\\b", "$25k-$50k", "<script>alert(1)</script>", "a\"b'c`d", "a\nb", "a\x1b[31mb"),
    *("a:b", "a|b", "a*b?", "x\u202ey", "x\ud800y", "-rf", "~", "a;b&c!", "L" * 300, "日" * 300),
    *("con.", "end "),
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_folders_are_harmless_and_stay_apart(name, tmp_path):
    plain = names.safe_file_name(name)
    assert len(plain.encode()) <= 200
    assert not set(plain) & set("<>:\"/\\|?*$`';&!") and plain.isprintable()
    assert not plain.startswith(("-", "~")) and not plain.endswith((".", " "))
    (tmp_path / plain).mkdir()
    others = [names.safe_file_name(f"{name}{more}") for more in ("", "x", "/", "_", "LL")]
    assert others[0] == plain and len(set(others)) == len(others)
    with_hash = names.safe_file_name(name, "-BPR-0123abcd")
    assert with_hash.endswith("-BPR-0123abcd") and len(with_hash.encode()) <= 200


def test_a_terminal_is_not_steered():
    shown = names.escaped("a\x1b[31mb\nc\td\x9b\u202ee\ud800 日本 é")
    assert shown == "a\\x1b[31mb\nc\\td\\x9b\\u202ee\\ud800 日本 é"
    assert names.escaped_cell("a\nb") == "a\\nb"


@pytest.mark.parametrize("text", ["=1+1", "+a", "-a", "@a", "=cmd|'/C calc'!A0", "\t=1", "-"])
def test_a_spreadsheet_sees_no_formula(text):
    frame = pd.DataFrame({"group": [text, "a"], "value": [-1.5, 2.0], text: ["-1.5", "+3"]})
    table = names.csv_safe(frame)
    assert table["group"].tolist() == [f"'{text}", "a"]
    assert table["value"].tolist() == [-1.5, 2.0]
    assert table[f"'{text}"].tolist() == ["-1.5", "+3"]  # numbers in text are no formulas
    assert frame["group"].tolist() == [text, "a"]


def test_markdown_shows_names_and_nothing_else():
    assert names.markdown_cell("a|b\nc `d` <img> [x](y)") == r"a\|b c \`d\` &lt;img> [x]\(y)"
    plain = "p < 0.05, +1.2% [+0.1%, +3.4%]* data_mix"
    assert names.markdown_cell(plain) == names.markdown_text(plain) == plain
    assert names.markdown_text("`groupmix check` of <b>") == r"`groupmix check` of &lt;b>"


def test_values_in_messages_are_short():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert names.short_repr("abc") == "'abc'" and names.short_repr([1, 2.5]) == "[1, 2.5]"
    for value in ("x" * 10_000, list(range(10_000)), 16**9000, deep):
        assert len(names.short_repr(value)) < 250
    while deep:  # so that not all of it is freed at once
        deep = deep[0]


# --- figures -------------------------------------------------------------------------------------


def _figure_with(text):
    def draw():
        figure = Figure(layout="constrained")
        figure.subplots().set_title(text)
        return figure

    return draw


@pytest.mark.parametrize("text", ["$25k-$50k", "$100k_$up_", "$$", "$\\frac{", "a\nb", "\\$5$"])
def test_a_name_in_a_figure_is_no_formula(text, tmp_path):
    with figures.figure_of_names(_figure_with(text)) as picture:
        picture.savefig(tmp_path / "x.svg", metadata={"Date": None})
        title = picture.axes[0].title
        assert title.get_text() == text and not title.get_parse_math()
    assert matplotlib.rcParams["text.parse_math"] is not False  # as it was before


def test_letters_that_the_font_lacks_come_from_another_or_are_named_once(
    tmp_path, monkeypatch, caplog, recwarn
):
    asked = []

    def fonts_with(points):
        asked.append(points)
        return ["DejaVu Sans Mono"], frozenset({0x65E5})

    monkeypatch.setattr(figures, "fonts_with", fonts_with)
    caplog.set_level(logging.WARNING)
    with figures.figure_of_names(_figure_with("日本 a")) as picture:
        picture.savefig(tmp_path / "x.png")
        family = picture.axes[0].title.get_fontfamily()
    assert asked == [frozenset({0x65E5, 0x672C})]
    assert family[-1] == "DejaVu Sans Mono"
    assert caplog.messages == [
        "no installed font has 日 U+65E5 CJK UNIFIED IDEOGRAPH-65E5: figures show a box there; "
        "install one, such as Noto Sans CJK"
    ]
    assert [w for w in recwarn if "Glyph" in str(w.message)] == []


def test_fonts_are_found_by_their_letters():
    chosen, nowhere = figures.fonts_with(frozenset({ord("a"), 0x10FFFD}))
    assert len(chosen) == 1 and nowhere == {0x10FFFD}


# --- words of others ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError("Couldn't deserialize thrift: No more data\n"),
            "Couldn't deserialize thrift: No more data",
        ),
        (FileNotFoundError(2, "No such file", "x"), "No such file"),
        (ValueError("a\n\tb"), "a b"),
        (KeyError(), "KeyError"),
    ],
)
def test_what_another_library_says_is_one_line(error, said):
    assert names.error_text(error) == said


def test_a_settings_file_that_is_no_yaml_is_said_in_one_line(tmp_path):
    (tmp_path / "x.yaml").write_text("a: [1\nb: }")
    with pytest.raises(ValueError, match="is not valid YAML: ") as caught:
        read_settings_file(tmp_path / "x.yaml")
    assert "\n" not in str(caught.value)
