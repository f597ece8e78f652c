"""A run that ends halfway through writing something, by what nothing catches."""

import pytest
from command import call, run_folder

from recbole_groupmix.record.folder import RunFolder


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


def cut(*arguments, folder, what, after):
    """Run the command until it has written so many of a thing, and half of the next.

    In this process: ``test_resume.py`` has a run in a process of its own that SIGKILL ends.
    """

    def die():
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        append, write = writers(what, after, die)
        patch.setattr(RunFolder, "append", append)
        patch.setattr(RunFolder, "write", write)
        with pytest.raises(Killed):
            call(*arguments, f"--output_dir={folder}")
    place = run_folder(folder)
    assert not (place / "result.json").exists() and not (place / "index.json").exists()
    return place
