"""Any small files, any values of keys, any damage: one line, or numbers that are right.

``FUZZ=20`` in the environment draws twenty times as many examples, for a search by hand.
"""

import json
import os
import shutil
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
import ten_lines
import yaml
from command import SMALL_RUN, call, one_line, raises_one_line, run_arguments, run_folder, tree
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from recbole_groupmix import load_run
from recbole_groupmix.compare.files import read_runs
from recbole_groupmix.compare.tables import runs_of_tables
from recbole_groupmix.pipeline.known_keys import known_keys
from recbole_groupmix.report.run_files import read_folders

SMALLEST = {"dataset": "d", "trials": 0, "epochs": 1, "eval_step": 1, "topk": "[2]"}


def fuzz(examples):
    """Return the settings of a test of so many examples in CI."""
    return settings(
        max_examples=examples * int(os.environ.get("FUZZ", "1")),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


@pytest.fixture
def place(tmp_path_factory, monkeypatch):
    """Return what makes a fresh folder and goes there; an example calls it first."""

    def fresh():
        folder = tmp_path_factory.mktemp("fuzz")
        monkeypatch.chdir(folder)
        (folder / "d").mkdir()
        return folder / "d"

    return fresh


# --- files ---------------------------------------------------------------------------------------

ODD = ["nan", "NA", "None", "1.0", "01", " u1", "u1 ", "男", "é", "\u2028", "\x85", "a,b", "#", "'"]
QUOTED = ['"u1"', '"i1"', '"', '""', '"u1', 'u"1', '"u"1', '"a""b"', '"a\tb"', '"a\nb"']
cell = st.sampled_from([*ODD, *QUOTED, "", "u0", "u1", "i1", "A", "0", "1", "0.5", "-1", "[PAD]"])
#: A change of one row of several: what, where, in which column, by which text.
change = st.tuples(
    st.sampled_from(["cell", "cell", "more", "less", "twice", "blank"]),
    st.integers(0, 99),
    st.integers(0, 2),
    cell,
)
INTER = "user_id:token\titem_id:token\tlabel:float"
USER = "user_id:token\tgroup:token\tage:float"
inter_header = st.sampled_from(
    [
        *[INTER] * 12,
        *(f"{INTER}\t{more}" for more in ("label:float", "x:float", "x:token", "", "x")),
        *(INTER.replace("\t", by) for by in (" ", ",", "\t\t", "\r\n")),
        *(INTER.replace(*pair) for pair in (("user_id", "user"), (":float", ""), ("token", "x"))),
        *(f"{before}{INTER}" for before in ("\ufeff", "\n", "# ", '"')),
        "item_id:token\tuser_id:token\tlabel:float",
        "",
    ]
)
user_header = st.sampled_from(
    [
        *[USER] * 12,
        *(f"\ufeff{USER}", USER.replace("\t", ";"), USER.replace("group", "user_id")),
        *(USER.replace("age", name) for name in ("group", "label", "item_id")),
        USER.replace("group:token", "group:token_seq"),
    ]
)
options = st.fixed_dictionaries(
    {},
    optional={
        "empty_group": st.sampled_from(["keep", "keep", "refuse"]),
        "user_inter_num_interval": st.sampled_from(["[2,inf)", "[4,inf)"]),
        "item_inter_num_interval": st.sampled_from(["[2,inf)", "[3,inf)"]),
        "rm_dup_inter": st.sampled_from(["first", "last"]),
        "filter_inter_by_user_or_item": st.booleans(),
        "load_col": st.just("{'inter':['user_id','item_id','label']}"),
        "threshold": st.just("{'label':1}"),
        "benchmark_filename": st.just("['train','test']"),
    },
)


@st.composite
def tables(draw):
    """Draw the rows of an .inter and of a .user file, mostly such as a run can use."""
    n_users = draw(st.integers(5, 8))
    users = [[f"u{n}", "AB"[n % 2], str(n)] for n in range(n_users)]
    label = st.sampled_from("11111110")
    inter = [
        [f"u{n}", f"i{item}", draw(label)]
        for n in range(n_users)
        for item in draw(st.lists(st.integers(0, 6), min_size=4, max_size=6, unique=True))
    ]
    for rows, most in ((inter, 4), (users, 2)):
        for what, at, column, text in draw(st.lists(change, max_size=most)):
            row = at % len(rows)
            if what == "cell":
                rows[row] = [text if i == column else old for i, old in enumerate(rows[row])]
            elif what == "more":
                rows[row] = [*rows[row], text]
            elif what == "less":
                rows[row] = rows[row][: column + 1]
            else:
                rows.insert(row, rows[row] if what == "twice" else [""])
    return inter, users


def written(file, header, rows, end):
    """Write a file and return its text."""
    text = end.join([header, *map("\t".join, rows), ""])
    file.write_bytes(text.encode())
    return text


def expected(parts, user, given):
    """Return how many rows each step removes, and the counts of every group that is left."""
    listed = ten_lines.columns(user)
    group = {row["user_id"]: row["group"] or "(empty)" for row in listed if row["user_id"]}
    rows = [
        (row["user_id"], row["item_id"], row["label"], part)
        for part, text in enumerate(parts)
        for row in ten_lines.columns(text)
    ]
    split = len(parts) > 1  # to which RecBole applies no filter
    least = [int(given.get(f"{k}_inter_num_interval", "[1")[1]) for k in ("user", "item")]
    by_file = given.get("filter_inter_by_user_or_item", False)
    left, steps = ten_lines.left(
        *(rows, group, *((1, 1) if split else least)),
        labelled="load_col" in given,
        by_file=by_file and not split,
        once="rm_dup_inter" in given and not split,
    )
    counts = {}
    for name in {row[0] for row in left}:
        trained = [row[3] == 0 for row in left if row[0] == name]
        n = len(trained)
        n_train = sum(trained) if split else n - min(max(1, n // 5), n - 1)
        of_group = counts.setdefault(group.get(name, "(empty)"), Counter())
        of_group.update(n_in_data=1, n_users=n_train > 0, n_interactions=n_train)
    return steps, counts


@fuzz(30)
@given(tables(), inter_header, user_header, st.sampled_from(["\n", "\n", "\r\n", "\r"]), options)
def test_any_files(place, rows, inter, user, end, given):
    folder = place()
    user = written(folder / "d.user", user, rows[1], end)
    parts = {"inter": rows[0]}
    if "benchmark_filename" in given:
        parts = {"train.inter": rows[0][::2], "test.inter": rows[0][1::2]}
    texts = [written(folder / f"d.{name}", inter, part, end) for name, part in parts.items()]
    status, out, err = call(*run_arguments(".", **SMALLEST, **given))
    line = err.splitlines()[-1]
    event(f"status {status}")
    if not one_line(status, out, err):
        assert status == 2 and not Path("runs").exists(), err
        assert "RecBole cannot load" not in line, line
        return
    result = json.loads((run_folder() / "result.json").read_text())
    steps, counts = expected(texts, user, given)
    assert [step["n_rows"] for step in result["data"]["removed"]] == steps
    keys = ("n_in_data", "n_users", "n_interactions")
    told = {group["name"]: [group[key] for key in keys] for group in result["groups"]}
    assert told == {name: [of_group[key] for key in keys] for name, of_group in counts.items()}
