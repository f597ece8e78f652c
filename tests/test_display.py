"""What a notebook shows: results as tables, names as text, and progress below a cell."""

import json
import pickle
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from command import SMALL_RUN
from helpers import write_tiny
from made_runs import write_run

from recbole_groupmix import run_groupmix
from recbole_groupmix.evaluation.report import GroupReport
from recbole_groupmix.run import RunResult
from recbole_groupmix.search import progress
from recbole_groupmix.text.html import html_notes, html_table

#: A name that is a tag, ends an attribute, and moves the writing to the left.
HOSTILE = '<img src=x onerror="alert(1)">&\u202e'
SHOWN = HOSTILE.replace("\u202e", "\\u202e")


class Page(HTMLParser):
    """The tags of a page, the cells of its tables and the texts of its paragraphs."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.tables, self.notes = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "p":
            self.notes.append("")

    def handle_data(self, text):
        if self.tags and self.tags[-1] in ("td", "th") and text.strip():
            self.tables[-1][-1][-1] += text
        elif self.tags and self.tags[-1] == "p" and text.strip():
            self.notes[-1] += text


def words(*texts):
    return " ".join(texts).split()


# --- tables --------------------------------------------------------------------------------------


def test_cells_and_notes_are_text():
    page = Page(html_table([["a", HOSTILE], ["1\n2", "3"]]) + html_notes([HOSTILE]))
    assert page.tables == [[["a", SHOWN], ["1\n2", "3"]]] and page.notes == [SHOWN]
    assert set(page.tags) == {"div", "table", "thead", "tbody", "tr", "th", "td", "p"}


def test_columns_of_words_are_on_the_left():
    rows = html_table([["a", "b", "c"]] * 2, left=(0, 2)).split("<tr>")[1:]
    for row in rows:
        assert [part[:4] for part in row.split("text-align: ")[1:]] == ["left", "righ", "left"]


# --- results -------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path):
    write_tiny(tmp_path)
    return {**SMALL_RUN, "topk": [5, 10], "data_path": str(tmp_path), "show_progress": False}


def test_a_result_is_a_dict_that_shows_its_table(small, capsys):
    result = run_groupmix("BPR", "tiny", config_dict=small)
    assert capsys.readouterr().out == ""  # silent by default
    content = json.loads((Path(result["run_folder"]) / "result.json").read_text())
    assert isinstance(result, dict) and result == {**content, "run_folder": result["run_folder"]}
    assert json.loads(json.dumps(result)) == result == pickle.loads(pickle.dumps(result))
    assert repr(result) == repr(dict(result))
    text, page = str(result), Page(result._repr_html_())
    assert text.startswith("tiny, target A of group, BPR") and "\nAnswer: " in text
    # as printed, where groups stand in rows below mixes once the table is wide
    table = page.tables[0]
    assert table[0][:4] == ["mix", "alpha_aug", "B", "C"]
    assert [row[0] for row in table[1:]] == [*result["mixes"], *result.get("rivals", {})]
    for row in table[1:]:
        mix = result["mixes"][row[0]]
        assert [float(cell) for cell in row[1:4]] == pytest.approx(
            [mix["alpha_aug"], *mix["alpha"].values()], abs=0.005
        )
        assert " ".join(row) not in text and all(cell in text for cell in row)
    assert page.tables[1][0][0] == "change against proportional"
    assert words(text).count("Answer:") == words(*page.notes).count("Answer:") == 1
    assert words(*page.notes[1:]) == words(text)[-len(words(*page.notes[1:])) :]


def test_an_index_shows_its_table(small):
    result = run_groupmix("EASE", "tiny", "all", config_dict={**small, "epochs": 1})
    page = Page(result._repr_html_())
    (table,) = page.tables
    lines = str(result).splitlines()
    assert words(*lines[2:][:1]) == words(*table[0])
    for line, row in zip(lines[4:], table[1:], strict=False):
        assert words(line) == words(*row)
    assert {row[0] for row in table[1:]} == {"A", "B", "C", ""}


def test_names_in_a_result_are_text(tmp_path):
    write_run(tmp_path / "run", users={HOSTILE: 30, "B": 20, "<b>": 12})
    result = RunResult(json.loads((tmp_path / "run" / "result.json").read_text()))
    page = Page(result._repr_html_())
    assert {"img", "b", "script"}.isdisjoint(page.tags)
    assert SHOWN in page.notes[0] or any(SHOWN in row for row in page.tables[0])
    assert "<b>" in page.tables[0][0]


def test_a_report_by_group_shows_its_table_and_notes():
    names = [HOSTILE, "few", "overall"]
    table = pd.DataFrame(
        {
            "metric": ["recall@10", "recall@10", "recall@10"],
            "group": names,
            "n_users": [500, 3, 503],
            "n_undefined": 0,
            "value": [0.25, 0.5, float("nan")],
            "ci_low": [0.2, 0.4, float("nan")],
            "ci_high": [0.3, 0.6, float("nan")],
        }
    )
    report = GroupReport(table, pd.DataFrame(), "group", {HOSTILE: 600})
    page = Page(report._repr_html_())
    assert page.tables == [
        [
            ["group", "users", "recall@10"],
            [SHOWN, "500 of 600", "0.2500 [0.2000, 0.3000]"],
            ["few", "3", "0.5000 [0.4000, 0.6000]"],
            ["overall", "503", "undefined"],
        ]
    ]
    (note,) = page.notes
    assert "few (3)" in note and note in report.to_markdown()
    assert "img" not in page.tags
    enough = report.table[report.table["group"] != "few"]
    assert "<p" not in GroupReport(enough, pd.DataFrame(), "group")._repr_html_()


# --- lines and bars ------------------------------------------------------------------------------


def test_lines_for_people_are_printed_or_given_to_a_function(small, capsys):
    lines = []
    first = run_groupmix("BPR", "tiny", config_dict=small, say=lines.append)
    assert capsys.readouterr().out == ""
    assert f"run folder {first['run_folder']}" in lines
    run_groupmix("BPR", "tiny", config_dict={**small, "output_dir": "other"}, say=True)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == len(lines)
    assert any(line.startswith("run folder other") for line in printed)


@pytest.mark.parametrize("say", ["yes", 1, None])
def test_another_say_is_refused(say):
    with pytest.raises(ValueError, match=f"say is {say!r}; give True, False or a function"):
        run_groupmix("BPR", "tiny", say=say)


def _kernel(monkeypatch, config):
    shell = SimpleNamespace(config=config)
    python = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", python)


@pytest.mark.parametrize(
    ("config", "in_notebook"), [({"IPKernelApp": {}}, True), ({"TerminalIPythonApp": {}}, False)]
)
def test_a_kernel_is_known_from_a_terminal(monkeypatch, config, in_notebook):
    assert progress.in_notebook() is False
    _kernel(monkeypatch, config)
    assert progress.in_notebook() is in_notebook


def test_without_an_interpreter_of_its_own_ipython_is_no_notebook(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert progress.in_notebook() is False


def _stage(show):
    bars = progress.Progress("folds", 2, 0, 5, show)
    bars.epoch("2 models, fold 0", 3, 5)
    bars.model()
    bars.close()


@pytest.mark.parametrize("show", [None, True, False])
def test_a_notebook_without_widgets_has_one_bar_of_text(monkeypatch, capsys, show):
    """Nested bars would move the cursor up, which the output of a cell cannot."""
    _kernel(monkeypatch, {"IPKernelApp": {}})
    monkeypatch.setattr(progress, "_widget", lambda: None)
    _stage(show)
    err = capsys.readouterr().err
    assert ("folds:  50%" in err) is (show is not False)
    assert "epoch" not in err and "\x1b[A" not in err and "models in" not in err


def test_a_notebook_with_widgets_has_two(monkeypatch, capsys):
    made = []

    class Widget(progress.tqdm):
        def __init__(self, **options):
            made.append(self)
            super().__init__(**options)

    _kernel(monkeypatch, {"IPKernelApp": {}})
    monkeypatch.setattr(progress, "_widget", lambda: Widget)
    _stage(None)
    models, epochs = made
    assert (models.n, models.total) == (1, 2)
    # a widget that ends before its total is drawn as failed; training may end early
    assert epochs.n == epochs.total == 3
    err = capsys.readouterr().err
    assert "folds:  50%" in err and "fold 0" in err


def test_tqdm_says_whether_there_are_widgets(monkeypatch):
    """The two names that are taken from tqdm's module for notebooks."""
    from tqdm import notebook

    monkeypatch.setattr(notebook, "IProgress", None)
    assert progress._widget() is None
    monkeypatch.setattr(notebook, "IProgress", object)
    assert progress._widget() is notebook.tqdm_notebook
    assert issubclass(notebook.tqdm_notebook, progress.tqdm)
