"""The folder of a run: identity, records that survive a kill, files that are whole or absent."""

import errno
import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, TypedDict

import pytest
import yaml
from command import tree
from hypothesis import given
from hypothesis import strategies as st

from recbole_groupmix.record.folder import RunFolder
from recbole_groupmix.settings.identity import VOLATILE, configuration, hash8

VALUES = {"seed": 1, "learning_rate": 0.1, "topk": [5, 10], "trials": 3, "output_dir": "runs"}
DATA = {"n_users": 3, "sha256": "ab"}
CONFIG = {"configuration": configuration(VALUES), "data": DATA, "trials": 3}


@pytest.fixture
def folder():
    place = RunFolder(Path("runs/one"))
    place.open(CONFIG)
    return place


# --- identity ------------------------------------------------------------------------------------


def test_the_name_depends_on_what_decides_results_only():
    name = hash8(VALUES)
    assert len(name) == 8 and int(name, 16) >= 0
    assert hash8(dict(reversed(VALUES.items()))) == name
    for key in VOLATILE:
        assert hash8({**VALUES, key: "other"}) == name, key
    assert hash8({**VALUES, "seed": 2}) != name
    assert hash8({**VALUES, "reg_weight": 0.1}) != name
    assert hash8({**VALUES, "topk": [10, 5]}) != name


def test_the_name_is_the_same_in_every_process_and_version():
    # sha256 of '{"learning_rate": 0.1, "rules": 2, "seed": 1, "topk": [5, 10]}', by sha256sum
    assert hash8(VALUES) == "b0ad145e"


def test_values_that_yaml_does_not_know_are_written_as_text():
    plain = configuration({"model": object, "cut": (1, 2), "path": Path("a/b")})
    assert plain["cut"] == [1, 2] and plain["path"] == "a/b" and isinstance(plain["model"], str)
    assert yaml.safe_load(yaml.safe_dump(plain)) == plain


def test_open_writes_what_was_asked(folder):
    assert yaml.safe_load((folder.path / "config.yaml").read_text()) == {
        "configuration": {"learning_rate": 0.1, "rules": 2, "seed": 1, "topk": [5, 10]},
        "data": DATA,
        "trials": 3,
    }
    assert sorted(tree()) == ["runs", "runs/one", "runs/one/.lock", "runs/one/config.yaml"]


def test_open_again_continues(folder):
    folder.append("trials.jsonl", {"name": "a", "fold": 0})
    again = RunFolder(folder.path)
    again.open({**CONFIG, "trials": 9})
    assert again.records("trials.jsonl", OfFold) == [{"name": "a", "fold": 0}]
    assert yaml.safe_load((folder.path / "config.yaml").read_text())["trials"] == 9


# Windows locks for a handle, as flock does, so that a process bars itself; and it has no fcntl.
_ON_WINDOWS = """
import fcntl, os, pathlib, sys, types, weakref
def locking(file, mode, size, flock=fcntl.flock, exclusive=fcntl.LOCK_EX | fcntl.LOCK_NB):
    assert (mode, size) == (2, 1) and os.lseek(file, 0, os.SEEK_CUR) > os.fstat(file).st_size
    try:
        flock(file, exclusive)
    except BlockingIOError as error:
        raise PermissionError(13, "Permission denied") from error
sys.modules["fcntl"] = None
sys.modules["msvcrt"] = types.SimpleNamespace(locking=locking, LK_NBLCK=2)
sys.platform, real = "win32", sys.platform
import recbole_groupmix.record.lock
sys.platform = real
del sys.modules["fcntl"], sys.modules["msvcrt"]  # subprocess asks for them, too
"""
_HOLD = """
import time
from pathlib import Path
from recbole_groupmix.record.lock import keep_others_out
keep_others_out(Path("runs/one"), time)
print("held", flush=True)
time.sleep(60)
"""
# Its own process may open a folder again; others stay out until the last owner is gone, also of a
# folder that was removed and made again under an owner of the old one.
_AGAIN = """
import shutil, subprocess, sys
from pathlib import Path
from recbole_groupmix.record.lock import keep_others_out
class Owner: pass
def kept_out():
    done = subprocess.run([sys.executable, "-c", sys.argv[1]], capture_output=True, text=True)
    return "another process is at work in run folder runs/one;" in done.stderr
folder = Path("runs/one")
first, second, third = Owner(), Owner(), Owner()
keep_others_out(folder, first)
keep_others_out(folder, second)
del second
both = kept_out()
shutil.rmtree(folder)
folder.mkdir()
keep_others_out(folder, third)
del first
new = kept_out()
del third
print(both, new, kept_out())
"""
_TRY = "from pathlib import Path; from recbole_groupmix.record.lock import keep_others_out; "
_TRY += "keep_others_out(Path('runs/one'), Path)"
needs_fcntl = pytest.mark.skipif(find_spec("fcntl") is None, reason="imitates Windows by flock")
SYSTEMS = [
    pytest.param("", id="this system"),
    pytest.param(_ON_WINDOWS, id="as on Windows", marks=needs_fcntl),
]


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_lock_ends_with_its_process_and_its_last_owner(system):
    Path("runs/one").mkdir(parents=True)
    attempt = [sys.executable, "-c", system + _TRY]
    hold = [sys.executable, "-c", system + _HOLD]
    with subprocess.Popen(hold, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        refused = subprocess.run(attempt, capture_output=True, text=True)
        assert "ValueError: another process is at work in run folder runs/one;" in refused.stderr
        other.kill()
    subprocess.run(attempt, check=True)
    again = [sys.executable, "-c", system + _AGAIN, system + _TRY]
    answers = subprocess.run(again, capture_output=True, text=True, check=True).stdout
    assert answers == "True True False\n"


def test_one_process_at_a_time():
    Path("runs/one").mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", _HOLD], stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(ValueError, match="another process is at work in run folder runs/one;"):
            RunFolder("runs/one").open(CONFIG)
        other.kill()
    RunFolder("runs/one").open(CONFIG)  # a killed process holds nothing


def test_a_file_system_without_locks_is_used_without(monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def none_here(*args):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", none_here)
    RunFolder("runs/one").open(CONFIG)
    assert Path("runs/one/config.yaml").is_file()


@pytest.mark.parametrize(
    ("values", "data", "says"),
    [
        ({"seed": 2}, {}, "another configuration: seed was 1 and is now 2;"),
        ({"epochs": 3}, {}, "another configuration: epochs was None and is now 3;"),
        ({"seed": 2, "epochs": 3}, {}, r"epochs was None and is now 3 \(1 more differ\)"),
        ({}, {"sha256": "cd"}, "other data: sha256 was 'ab' and is now 'cd'"),
    ],
)
def test_another_run_is_refused(folder, values, data, says):
    before = tree()
    for attempt in (folder.check, folder.open):
        with pytest.raises(ValueError, match=says):
            changed = configuration({**VALUES, **values})
            attempt({**CONFIG, "configuration": changed, "data": {**DATA, **data}})
    assert tree() == before


def test_check_writes_nothing_and_accepts_what_open_will():
    Path("runs").mkdir()
    RunFolder("runs/deep/er").check(CONFIG)
    assert list(tree()) == ["runs"]


def test_left_over_temporary_files_are_no_run():
    Path("runs/one").mkdir(parents=True)
    Path("runs/one/.config.yaml.part").write_text("half")
    RunFolder("runs/one").open(CONFIG)
    assert Path("runs/one/config.yaml").is_file()


def test_check_data_alone(folder):
    folder.check_data(DATA)
    with pytest.raises(ValueError, match="other data: n_users was 3 and is now 4"):
        folder.check_data({**DATA, "n_users": 4})


@pytest.mark.parametrize("stage", ["probe", "configuration"])
def test_a_failed_open_leaves_no_folder(monkeypatch, stage):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    Path("kept").mkdir()
    if stage == "probe":
        monkeypatch.setattr(tempfile, "TemporaryFile", full)
    else:
        monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ValueError, match="kept/a/b: No space left on device; choose another"):
        RunFolder("kept/a/b").open(CONFIG)
    assert list(tree()) == ["kept"]


# --- records -------------------------------------------------------------------------------------


#: What these records hold; those of a run have more.
class OfFold(TypedDict):
    name: str
    fold: Annotated[int, ">= 0"]


RECORDS = [
    {"name": f"trial-{n}", "fold": n, "score": n / 7, "alpha": {"é\n": 1.0}} for n in range(4)
]


def test_records_come_back_as_they_were_appended(folder):
    assert folder.records("trials.jsonl", OfFold) == []
    for record in RECORDS:
        folder.append("trials.jsonl", record)
    assert folder.records("trials.jsonl", OfFold) == RECORDS
    assert (folder.path / "trials.jsonl").read_text().count("\n") == len(RECORDS)


@given(cut=st.integers(0, 400))
def test_any_cut_loses_the_last_line_at_most(tmp_path_factory, cut):
    place = RunFolder(tmp_path_factory.mktemp("cut"))
    for record in RECORDS:
        place.append("t", record)
    content = (place.path / "t").read_bytes()
    cut = min(cut, len(content))
    os.truncate(place.path / "t", cut)
    whole = content[:cut].count(b"\n")
    assert place.records("t", OfFold) == RECORDS[:whole]
    assert (place.path / "t").read_bytes() == content[:cut]  # reading writes nothing
    new = {"name": "new", "fold": 0}
    place.append("t", new)  # the file can be continued at once
    assert place.records("t", OfFold) == [*RECORDS[:whole], new]


@pytest.mark.parametrize("line", ["", "{", "[]", "null", '{"name": "x"}'])
def test_a_broken_line_before_the_last_is_named(folder, line):
    (folder.path / "trials.jsonl").write_text(f"{json.dumps(RECORDS[0])}\n{line}\n")
    with pytest.raises(ValueError, match=r"trials\.jsonl, line 2 is not the record of a fold"):
        folder.records("trials.jsonl", OfFold)
