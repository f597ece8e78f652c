"""What a command says that is stopped: a promise where it is true, and nothing else."""

import errno
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from command import REPOSITORY, call, run_arguments
from helpers import write_tiny

from recbole_groupmix.cli.exit_status import Terminated, errors_to_exit_status
from recbole_groupmix.cli.main import main
from recbole_groupmix.files.opened import note_opened

GOES_ON = "; run the same command again to resume\n"
NOTHING = "; nothing was kept; run the command again\n"


def stopped(monkeypatch, command, error, opened=()):
    """Return status and message of a command that an error stops."""

    def stop(own, keys):
        for folder in opened:
            note_opened(Path(folder))
        raise error

    monkeypatch.setattr(f"recbole_groupmix.cli.{command}.call", stop)
    status, out, err = call(command)
    assert out == ""
    return status, err


FULL = OSError(errno.ENOSPC, "No space left on device", "runs/x/trials.jsonl")


@pytest.mark.parametrize("command", ["run", "tune", "reproduce", "shapley"])
def test_a_run_folder_that_was_opened_is_gone_on_with(monkeypatch, command):
    said = stopped(monkeypatch, command, FULL, ["runs/x"])
    assert said == (1, f"groupmix: runs/x/trials.jsonl: No space left on device{GOES_ON}")
    said = stopped(monkeypatch, command, KeyboardInterrupt(), ["runs/x"])
    assert said == (130, f"groupmix: interrupted{GOES_ON}")


@pytest.mark.parametrize(
    ("command", "opened"),
    [
        ("run", ()),
        ("tune", ()),
        ("reproduce", ()),
        ("shapley", ()),
        *((name, ["x"]) for name in ("check", "influence", "gradient", "profile")),
        *((name, ["x"]) for name in ("compare", "report", "prepare")),
    ],
)
def test_nothing_is_promised_where_nothing_was_kept(monkeypatch, command, opened):
    assert stopped(monkeypatch, command, KeyboardInterrupt(), opened)[1].endswith(NOTHING)
    assert stopped(monkeypatch, command, FULL, opened)[1].endswith(NOTHING)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.EISDIR, "Is a directory"),
        (errno.ENAMETOOLONG, "File name too long"),
        (errno.ENOENT, "No such file or directory"),
    ],
)
def test_what_does_not_pass_by_itself_gets_no_promise(monkeypatch, number, text):
    said = stopped(monkeypatch, "run", OSError(number, text, "x"), ["runs/x"])
    assert said == (1, f"groupmix: x: {text}\n")


def process(*arguments, **more):
    return subprocess.Popen(
        [sys.executable, str(REPOSITORY / "run_groupmix.py"), *map(str, arguments)],
        text=True,
        **more,
    )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_tiny(folder)
    return folder


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_terminated_run_says_so_and_leaves_no_temporary_folder(tiny, tmp_path, monkeypatch):
    """At a moment when the forecast's folder is there."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    there = []

    def terminated(*given):
        there.extend(scratch.iterdir())
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("recbole_groupmix.search.forecast.user_metrics", terminated)
    status, out, err = call(*run_arguments(tiny))
    assert (status, out, len(there)) == (143, "", 1)
    assert err.splitlines()[-1] == f"groupmix: terminated{NOTHING}".strip()
    assert list(scratch.iterdir()) == []


def test_the_handler_of_the_signal_is_there_for_the_command_alone(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "recbole_groupmix.cli.run.call",
        lambda own, keys: seen.append(signal.getsignal(signal.SIGTERM)) or 0,
    )
    before = signal.getsignal(signal.SIGTERM)
    main(["run"])
    assert signal.getsignal(signal.SIGTERM) == before
    with pytest.raises(Terminated):
        seen[0](signal.SIGTERM, None)
    # not in other threads, and not in place of somebody else's
    worker = threading.Thread(target=main, args=(["run"],))
    worker.start()
    worker.join()
    mine = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main(["run"])
        assert seen[1:] == [before, signal.default_int_handler]
    finally:
        signal.signal(signal.SIGTERM, mine)


def test_a_reader_that_has_gone_ends_a_command_quietly(tmp_path):
    with process("--help", cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as shown:
        shown.stdout.close()  # before anything is written
        err = shown.stderr.read()
    assert (shown.returncode, err) == (141, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_an_answer_that_cannot_be_printed_is_one_line(tmp_path):
    with (
        open("/dev/full", "w") as full,
        process("--help", cwd=tmp_path, stdout=full, stderr=subprocess.PIPE) as shown,
    ):
        err = shown.stderr.read()
    assert shown.returncode == 1
    assert err == "groupmix: the answer cannot be printed: No space left on device\n"


def test_closed_streams_are_opened_before_any_file_is(tmp_path, monkeypatch):
    """Else the first file of a run is number 2, and gets what libraries say of themselves."""
    monkeypatch.setattr(sys, "stderr", None)
    with errors_to_exit_status():
        print("x", file=sys.stderr)
        assert sys.stderr.name == os.devnull
    sys.stderr.close()
