"""The code in docs/evaluator.md runs as it stands."""

import re
import sys
from contextlib import ExitStack

import numpy as np
import pytest


@pytest.mark.skipif(np.__version__ >= "2", reason="the tutorial uses RecBole's own Config")
@pytest.mark.filterwarnings("ignore")
def test_the_evaluator_tutorial_runs_as_it_stands(repository, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tutorial"])  # RecBole's Config reads it
    text = (repository / "docs" / "evaluator.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    assert len(blocks) == 10
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
