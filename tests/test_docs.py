"""Files and links of the pages exist, and the code in docs/evaluator.md runs as it stands."""

import re
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")])
#: Files as they are named in code: those with capitals stand for any name.
NAMED = re.compile(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|toml))`|python ((?:[\w.-]+/)+[\w-]+\.py)")
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.skipif(np.__version__ >= "2", reason="the tutorial uses RecBole's own Config")
@pytest.mark.filterwarnings("ignore")
def test_the_evaluator_tutorial_runs_as_it_stands(repository, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tutorial"])  # RecBole's Config reads it
    text = (repository / "docs" / "evaluator.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    assert len(blocks) == 11
    scope = {}
    with ExitStack() as stack:
        for name in ("bool", "int", "float", "complex", "object", "str", "long", "unicode"):
            if name not in vars(np):  # RecBole's Config leaves its aliases behind
                stack.callback(vars(np).pop, name, None)
        for block in blocks:
            exec(compile(block, "docs/evaluator.md", "exec"), scope)
    printed = capsys.readouterr().out
    assert "| group | users | recall@20 | ndcg@20 |" in printed
    assert scope["report"].groups == ["F", "M"]
    assert "'other')" in printed
    assert scope["table"]["value"].between(0, 1).all()


def files_named(text):
    """Return the files that a page names, those with a placeholder left out."""
    names = {quoted or started for quoted, started in NAMED.findall(text)}
    return sorted(name for name in names if not re.search(r"[A-Z]{2}", name))


def exists(name):
    """Whether a file is in the repository or the package; a bare name may be anywhere there."""
    if (REPOSITORY / name).is_file() or (REPOSITORY / "recbole_groupmix" / name).is_file():
        return True
    return "/" not in name and any((REPOSITORY / "recbole_groupmix").rglob(name))


def heads(text):
    """Return the anchors of the titles of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.S), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken_links(page):
    """Return the links of a page to files and titles that do not exist."""
    broken = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        name, _, title = link.partition("#")
        file = page.parent / name if name else page
        if not file.exists() or (title and title not in heads(file.read_text(encoding="utf-8"))):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_links_of_a_page_exist(page):
    absent = [name for name in files_named(page.read_text(encoding="utf-8")) if not exists(name)]
    assert not absent and not broken_links(page)


def test_a_stale_page_is_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A title\n[a](#a-title) [b](#b) [c](gone.md#x) `core/gone.py` `cli/NAME.py`")
    assert files_named(page.read_text()) == ["core/gone.py"]
    assert not exists("core/gone.py") and exists("core/mix.py")
    assert broken_links(page) == ["#b", "gone.md#x"]
