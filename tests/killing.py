"""A run that ends halfway through writing something: by SIGKILL, or by what nothing catches."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command import call, run_folder

from recbole_groupmix.record.folder import RunFolder

_PROGRAM = """
import sys
sys.path.insert(0, sys.argv.pop(1))
import killing
killing.main()
"""


class Killed(BaseException):
    """Ends a command in this process; the program catches it nowhere."""


def writers(what, left, die):
    """Return ``append`` and ``write`` that call ``die`` halfway, after so many of a thing."""
    append, write = RunFolder.append, RunFolder.write

    def append_or_die(self, name, record):
        nonlocal left
        if name == what:
            left -= 1
            if left < 0:
                with open(self.path / name, "a") as file:
                    file.write('{"name": "proportional", "fo')
                die()
        append(self, name, record)

    def write_or_die(self, name, writer):
        nonlocal left
        if name.startswith(what):
            left -= 1
            if left < 0:
                (self.path / what).mkdir(exist_ok=True)
                (self.path / (name + ".half")).write_bytes(b"PAR1")
                die()
        write(self, name, writer)

    return append_or_die, write_or_die


def main():
    """Run the command of ``sys.argv`` until SIGKILL: in a process of its own."""
    from recbole_groupmix.cli.main import main as command

    what, after, *arguments = sys.argv[1:]
    RunFolder.append, RunFolder.write = writers(
        what, int(after), lambda: os.kill(os.getpid(), signal.SIGKILL)
    )
    command(arguments)


def killed(*arguments, folder, what, after):
    """Run the command in a process that kills itself after writing so many of a thing."""
    here = str(Path(__file__).parent)
    given = [here, what, str(after), *arguments, f"--output_dir={folder}"]
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *given], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return _unfinished(folder)


def cut(*arguments, folder, what, after):
    """As :func:`killed`, but in this process: seconds faster, where one test kills truly."""

    def die():
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        append, write = writers(what, after, die)
        patch.setattr(RunFolder, "append", append)
        patch.setattr(RunFolder, "write", write)
        with pytest.raises(Killed):
            call(*arguments, f"--output_dir={folder}")
    return _unfinished(folder)


def _unfinished(folder):
    place = run_folder(folder)
    assert not (place / "result.json").exists() and not (place / "index.json").exists()
    return place
