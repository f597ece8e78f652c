"""Atomic writes: a file is written completely, or not at all."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

#: Suffix of a file that is being written. A process that is killed leaves such a file.
PART = ".part"
_STEM = 40  # characters of a name that its temporary file repeats: at most 160 bytes of 255

Content = str | bytes | Callable[[BinaryIO], Any]
"""Text (UTF-8), bytes, or a function that writes to an open binary file."""


class _Raw(io.FileIO):
    """An unbuffered file that remembers why a write failed.

    Libraries in C++ replace the reason by their own error (torch: ``RuntimeError``).
    """

    failure: OSError | None = None

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.failure = error
            raise


def write_whole(path: str | Path, content: Content, *, durable: bool = False) -> None:
    """Write a file atomically: to a temporary file beside it, which is then renamed.

    After a killed process, a full disk or an error of the writer the old file is still there;
    after an error the temporary file is removed. The target of a symbolic link is replaced.

    Parameters
    ----------
    path : path
        The file, in an existing folder.
    content : str, bytes or callable
        Text, written as UTF-8 with its line ends unchanged; bytes; or a function that writes to
        the open binary file that it is given.
    durable : bool
        Whether the file is synced to disk before it is renamed, so that after a power cut it is
        not empty. For files that a resumed run relies on.

    Raises
    ------
    OSError
        If it cannot be written, with the file's name, also where the writer raised another error;
        also if the path is a pipe or a device, which renaming would replace by the file.
    """
    target = Path(os.path.realpath(path)) if os.path.islink(path) else Path(path)
    if target.exists() and not (target.is_file() or target.is_dir()):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    temporary = target.with_name(f".{target.name[:_STEM]}.{os.getpid()}{PART}")
    raw = None
    try:
        raw = _Raw(temporary, "wb")
        with io.BufferedWriter(raw) as file:
            if isinstance(content, str):
                file.write(content.encode("utf-8"))
            elif isinstance(content, bytes):
                file.write(content)
            else:
                content(file)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        _forget(temporary)
        reason = error if isinstance(error, OSError) else raw and raw.failure
        if not isinstance(reason, OSError) or not isinstance(error, Exception):
            raise
        number = reason.errno or errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from error


def _forget(temporary: Path) -> None:
    with suppress(OSError):  # the folder itself is gone or closed; the first error says so
        temporary.unlink(missing_ok=True)


def forget_unfinished(folder: Path) -> None:
    """Remove temporary files of killed processes from a folder that no other process writes to."""
    for file in folder.glob(f".*{PART}"):
        if not file.is_dir():
            _forget(file)
