"""The command as users start it: in this process, or in one of its own."""

import contextlib
import hashlib
import io
import subprocess
import sys
from pathlib import Path

from recbole_groupmix.cli.main import main

REPOSITORY = Path(__file__).resolve().parent.parent
#: Options of the smallest run that goes through every stage.
SMALL_RUN = {
    "group_field": "group",
    "target": "A",
    "search": "random",
    "trials": 2,
    "folds": 2,
    "repeats": 1,
    "epochs": 6,
    "eval_step": 2,
    "embedding_size": 4,
    "topk": "[5,10]",
    "fine_tune": False,
    "budget_curve": False,
}


def run_arguments(data_path, dataset="tiny", **options):
    """Return the arguments of ``groupmix`` for a small run; an option of None is left out."""
    given = {"dataset": dataset, "data_path": data_path, **SMALL_RUN, **options}
    return ["run", *(f"--{key}={value}" for key, value in given.items() if value is not None)]


def without_page(arguments):
    """Return arguments under which ``groupmix run`` draws no page, unless they name it."""
    words = [str(argument) for argument in arguments]
    named = any(word.startswith("--report") for word in words)
    return words if words[:1] != ["run"] or named else [*words, "--report=False"]


def call(*arguments):
    """Run ``groupmix`` in this process; return its status and what it wrote to both streams.

    A run draws its page only in tests that ask for it.
    """
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(without_page(arguments))
    return status, out.getvalue(), err.getvalue()


def one_line(status, out, err):
    """Check the end of a command; return whether it did what was asked."""
    assert status in (0, 1, 2), err
    if status:
        assert err.splitlines()[-1].startswith("groupmix: ")
        assert "Traceback" not in err and out == ""
    return status == 0


def raises_one_line(read, place):
    """Check that a reader returns or raises one line; return whether it returned."""
    try:
        read(place)
    except ValueError as error:
        assert type(error) is ValueError
        assert "\n" not in str(error) and place.name in str(error), error
        return False
    return True


def process(*arguments, cwd, code=None):
    """Run ``run_groupmix.py``, or Python code, in a process of its own."""
    program = ["-c", code] if code else [str(REPOSITORY / "run_groupmix.py")]
    given = arguments if code else without_page(["run", *arguments])[1:]
    return subprocess.run(
        [sys.executable, *program, *map(str, given)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
    )


def run_folder(folder="runs"):
    """Return the only run folder below a folder."""
    (found,) = Path(folder).iterdir()
    return found


def tree(folder="."):
    """Return every path below a folder with a digest of its content; folders have None."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else None
        for path in sorted(Path(folder).rglob("*"))
    }
