"""Any small files, any values of keys, any damage: one line, or numbers that are right.

``FUZZ=20`` in the environment draws twenty times as many examples, for a search by hand.
"""

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
import ten_lines
import yaml
from command import SMALL_RUN, call, one_line, raises_one_line, run_arguments, run_folder, tree
from hypothesis import HealthCheck, Phase, event, example, given, settings
from hypothesis import strategies as st

from recbole_groupmix import load_run
from recbole_groupmix.compare.files import read_runs
from recbole_groupmix.compare.tables import runs_of_tables
from recbole_groupmix.record.finished_run import read_folders
from recbole_groupmix.settings.keys import known_keys
from recbole_groupmix.settings.rows import OUR_KEYS

SMALLEST = {"dataset": "d", "trials": 0, "epochs": 1, "eval_step": 1, "topk": "[2]"}


def fuzz(examples):
    """Return the settings of a test of so many examples in CI."""
    return settings(
        max_examples=examples * int(os.environ.get("FUZZ", "1")),
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # runs are too long to shrink
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

ODD = [
    "nan",
    "NA",
    "None",
    "1.0",
    "01",
    " u1",
    "u1 ",
    "男",
    "é",
    "\u2028",
    "\x85",
    "a,b",
    "#",
    "'",
]
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


@fuzz(16)
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


# --- keys ----------------------------------------------------------------------------------------

#: Where a large number that is fine makes the run long, or a small one another run than the small.
COSTS = {"epochs", "trials", "repeats", "folds", "embedding_size", "train_batch_size", "eval_step"}
PLACES = {"dataset", "data_path", "target", "group_field"}
key = st.sampled_from(sorted(OUR_KEYS - PLACES)) | st.sampled_from(sorted(known_keys() - PLACES))
number = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([2**31, 2**63, 2**64, 10**400, -(2**63) - 1, 1e-320, 1e308, 0.5, -0.5]),
    st.floats(),
)
text = st.sampled_from(
    ["", "x", "user_id", "label", "[2,inf)", "cpu", "0", "-1", "a b", "é", "{", "a: b", "x/y"]
)
value = st.recursive(
    st.one_of(st.none(), st.booleans(), number, text),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(text, number), inner, max_size=2)
    ),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Folder with a small data set ``d``."""
    folder = tmp_path_factory.mktemp("data") / "d"
    folder.mkdir()
    rows = [[f"u{n}", f"i{(n + k) % 7}", "1"] for n in range(8) for k in range(5)]
    written(folder / "d.inter", INTER, rows, "\n")
    written(folder / "d.user", USER, [[f"u{n}", "AB"[n % 2], "3"] for n in range(8)], "\n")
    return folder.parent


@fuzz(16)
@given(st.dictionaries(key, value, min_size=1, max_size=2), st.booleans())
def test_any_keys(place, data, given, by_file):
    place()
    given = {k: v for k, v in given.items() if k not in COSTS or not is_many(v)}
    before = {**SMALLEST, "data_path": data}
    before = {**before, **{k: None for k in given if k in {*SMALL_RUN, *SMALLEST}}}
    arguments = [f"--{key}={v}" for key, v in given.items()]
    if by_file:
        Path("keys.yaml").write_text(yaml.safe_dump(given, allow_unicode=True))
        arguments = ["--config_files=keys.yaml"]
    there = tree()
    status, out, err = call(*run_arguments(before.pop("data_path"), **before), *arguments)
    event(f"status {status}")
    if not one_line(status, out, err):
        assert status == 2 and tree() == there, err


def is_many(found):
    """Whether a value is a number of a size that a run takes long for."""
    return isinstance(found, (int, float)) and found > 3


# --- run folders ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """Arguments and folder of an undisturbed run; only to be read."""
    place = tmp_path_factory.mktemp("whole") / "runs"
    arguments = run_arguments(data, **{**SMALLEST, "trials": 1})
    status, _, err = call(*arguments, f"--output_dir={place}")
    assert status == 0, err
    return arguments, run_folder(place)


def files_of(folder):
    """Return the files of a run, in order; the lock holds nothing."""
    return sorted(f for f in folder.rglob("*") if f.is_file() and f.name != ".lock")


def put(content, at, json_value):
    """Put a value of JSON in the place of another: the at-th that stands after a colon."""
    starts = [i + 1 for i in range(len(content)) if content[i : i + 1] in (b":", b"[")]
    start = starts[at % len(starts)] if starts else 0
    end = min((i for i in range(start, len(content)) if content[i : i + 1] in b",}]\n"), default=0)
    return content[:start] + json.dumps(json_value).encode() + content[max(start, end) :]


def damage(folder, how, which, at, mask, json_value):
    """Damage a file of a run folder; return it."""
    files = files_of(folder)
    file = files[which % len(files)]
    content = file.read_bytes()
    place = at % max(1, len(content))
    if how == "cut":
        os.truncate(file, place)
    elif how == "flip":
        file.write_bytes(content[:place] + bytes([content[place] ^ mask]) + content[place + 1 :])
    elif how == "value":
        file.write_bytes(put(content, at, json_value))
    elif how == "swap":
        other = files[at % len(files)]
        file.write_bytes(other.read_bytes())
        other.write_bytes(content)
    else:
        file.unlink()
        if how == "folder":
            file.mkdir()
    return file


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.sampled_from(["", "x", "A", "../x", "é"]), number),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text, inner, max_size=2),
    max_leaves=3,
)


@fuzz(9)
@example("value", 15, 400, 1, [1e16, []])  # pyarrow says a line too many
@given(
    st.sampled_from(["cut", "flip", "flip", "value", "swap", "remove", "folder"]),
    st.integers(0, 99),
    st.integers(0, 10**5),
    st.sampled_from([1, 128, 255]),
    json_values,
)
def test_any_damage_of_a_run_folder(place, whole, how, which, at, mask, json_value):
    place()
    arguments, undisturbed = whole
    folder = Path("runs") / undisturbed.name
    shutil.copytree(undisturbed, folder)
    file = damage(folder, how, which, at, mask, json_value)
    before = tree()
    raises_one_line(lambda runs: read_folders([runs]), folder)
    raises_one_line(load_run, folder)
    raises_one_line(lambda runs: runs_of_tables(read_runs([runs])), folder)
    assert tree() == before  # who reads writes nothing
    if one_line(*call(*arguments)):
        load_run(folder)
        again, first = (
            {**json.loads((runs / "result.json").read_text()), "seconds": 0}
            for runs in (folder, undisturbed)
        )
        # a score that is another number is what that file is there to say
        assert again == first or (file.name == "trials.jsonl" and how in ("flip", "value"))
