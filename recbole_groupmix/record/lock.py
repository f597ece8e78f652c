"""One process at a time in a run folder."""

from __future__ import annotations

import errno
import os
import weakref
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

#: Name of the locked file, which stays empty.
LOCK = ".lock"
_TAKEN = (errno.EACCES, errno.EAGAIN)


def keep_others_out(folder: Path, owner: object) -> None:
    """Keep other processes out of a folder while an object lives.

    A POSIX record lock: it ends with its process however that ends, works on network
    file systems, is not inherited by workers, and does not stop its own process, so that a run
    can be called again in a notebook. (If a process opens a folder twice, the first end frees
    it.) Where the system or the file system has no such locks, other processes are not kept out.

    Parameters
    ----------
    folder : pathlib.Path
        An existing folder.
    owner : object
        With its end the folder is free.

    Raises
    ------
    ValueError
        If another process is at work in the folder.
    """
    if fcntl is None:
        return
    file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    weakref.finalize(owner, os.close, file)
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            raise ValueError(
                f"another process is at work in run folder {folder}; wait for its end, or choose "
                "another --output_dir"
            ) from error
