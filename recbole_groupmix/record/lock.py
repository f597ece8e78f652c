"""One process at a time in a run folder."""

from __future__ import annotations

import errno
import os
import sys
import weakref
from contextlib import suppress
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

#: Name of the locked file, which stays empty.
LOCK = ".lock"
_TAKEN = (errno.EACCES, errno.EAGAIN)
#: The byte that Windows locks, far behind the end, so that the file can be read and copied.
_BYTE = 2**30
_Identity = tuple[int, int, int] | None


def keep_others_out(folder: Path, owner: object) -> None:
    """Keep other processes out of a folder while an object lives.

    A lock of the system: it ends with its process however that ends, is not inherited by
    workers, and does not stop its own process, so that a run can be called again in a notebook.
    On POSIX it is a record lock, which
    works on network file systems; on Windows a byte of the file is locked. Where the file
    system has no locks, other processes are not kept out.

    Parameters
    ----------
    folder : pathlib.Path
        An existing folder.
    owner : object
        With its end the folder is free, unless other owners in this process live on.

    Raises
    ------
    ValueError
        If another process is at work in the folder.
    """
    path = folder / LOCK
    held = _held.get(_identity(path))
    if held is None:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(file)
        except OSError as error:
            if error.errno in _TAKEN:
                os.close(file)
                raise ValueError(
                    f"another process is at work in run folder {folder}; wait for its end, or "
                    "choose another --output_dir"
                ) from error
        held = _Held(file, _identity(path))
    held.add(owner)


class _Held:
    """A locked file of this process, which is closed with the last of its owners.

    There is one for a folder: on POSIX a process loses its lock when it closes the file, however
    often it has opened it, and on Windows it cannot lock the file through a second handle.
    """

    def __init__(self, file: int, identity: _Identity) -> None:
        self._file, self._identity, self._owners = file, identity, 0
        _held[identity] = self

    def add(self, owner: object) -> None:
        self._owners += 1
        weakref.finalize(owner, self._let_go)

    def _let_go(self) -> None:
        self._owners -= 1
        if not self._owners:
            del _held[self._identity]
            os.close(self._file)


_held: dict[_Identity, _Held] = {}


def _identity(path: Path) -> _Identity:
    """Tell a file from one of the same name that replaced it, and a process from its fork."""
    with suppress(FileNotFoundError):
        status = os.stat(path)
        return os.getpid(), status.st_dev, status.st_ino
    return None


if sys.platform == "win32":

    def _lock(file: int) -> None:
        os.lseek(file, _BYTE, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:

    def _lock(file: int) -> None:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
