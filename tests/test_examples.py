"""The examples run as they stand, with RecBole's own Config: on the stack that it supports."""

import os
import subprocess
import sys

import numpy as np
import pytest
from made_runs import USERS, write_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(np.__version__ >= "2", reason="RecBole's Config breaks under numpy 2"),
]


def _printed(repository, example, *arguments):
    script = repository / "examples" / example
    command = [sys.executable, "-W", "ignore", *map(str, [script, *arguments])]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _groups(text):
    """First cells of the rows of the first table."""
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return [row.split("|")[1].strip() for row in rows[2:]]


def test_every_example_is_tested(repository):
    """The notebooks: ``test_notebooks.py``."""
    assert {file.name for file in (repository / "examples").glob("*.py")} == {
        "stock_recbole.py", "saved_checkpoint.py", "compare_models.py", "sasrec_by_group.py",
        "dynamics_of_groups.py",
    }  # fmt: skip
    for file in (repository / "examples").glob("*.py"):
        assert len(file.read_text(encoding="utf-8").splitlines()) < 60


def test_a_stock_script_and_three_lines(repository):
    text = _printed(repository, "stock_recbole.py", "--epochs=1")
    assert _groups(text) == ["F", "M", "overall"]
    # RecBole's own numbers stand above the table, rounded to 4 digits as in the table
    recall = text.partition("'recall@20': ")[2][:6]
    assert f"| {recall} [" in text.splitlines()[-2]


def test_a_saved_checkpoint(repository, tmp_path):
    trained = _printed(repository, "saved_checkpoint.py", "--epochs=1")
    assert _groups(trained) == ["10s", "20s", "30s", "40s", "50s", "other", "overall"]
    (checkpoint,) = (tmp_path / "saved").glob("BPR-*.pth")
    assert _printed(repository, "saved_checkpoint.py", checkpoint) == trained
    assert [*(tmp_path / "saved").iterdir()] == [checkpoint]  # nothing was trained anew


def test_two_models_by_age(repository):
    text = _printed(repository, "compare_models.py", "--epochs=1")
    ages = ["under 25", "25 to 34", "35 to 49", "50 and over"]
    assert _groups(text)[:5] == [*ages, "overall"]
    assert "| 50 and over | recall@20 | LightGCN |   125 |" in text
    assert "fewer than 5 paired repeats" in text


def test_a_sequential_model_on_a_mix_by_both_weightings(repository):
    # users of few interactions, so that it takes seconds
    few = ("--epochs=1", "--user_inter_num_interval=[20,30)")
    text = _printed(repository, "sasrec_by_group.py", *few)
    tables = [part for part in text.split("\n\n") if part.strip()]
    assert [_groups(table) for table in tables] == [["F", "M", "overall"]] * 2
    assert tables[0] != tables[1]


def test_the_groups_of_a_run_under_repeated_recommendation(repository, tmp_path):
    folder = write_run(tmp_path / "run", effect=0.2)
    text = _printed(repository, "dynamics_of_groups.py", folder)
    lines = {line.split()[0]: line for line in text.splitlines()}
    assert all(str(n) in lines[group] for group, n in USERS.items())
    # a hit more often, a fit more often
    for group in USERS:
        served = [float(cell) for cell in lines[group].replace("|", " ").split()[2:]]
        assert (served[0] < served[1]) == (served[2] < served[3])
