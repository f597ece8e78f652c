"""The one way in which files are written: whole, or not at all."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

#: End of the name of a file that is being written. What a kill leaves has it too.
PART = ".part"
_STEM = 40  # characters of a name that its temporary file repeats: at most 160 bytes of 255

Content = str | bytes | Callable[[BinaryIO], Any]
"""Text (UTF-8), bytes, or a function that writes to an open binary file."""


class _Raw(io.FileIO):
    """An unbuffered file that remembers why a write failed.

    Libraries in C++ turn the reason into an error of their own (torch: ``RuntimeError``).
    """

    failure: OSError | None = None

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.failure = error
            raise


def write_whole(path: str | Path, content: Content, *, durable: bool = False) -> None:
    """Write a file: beside its place first, then renamed into it.

    A kill, a full disk or an error of the writer leaves what was there before; after an error
    nothing else is left either. A symbolic link stays one: the file that it leads to is replaced.

    Parameters
    ----------
    path : path
        The file, in an existing folder.
    content : str, bytes or callable
        Text, written as UTF-8 with its line ends as they are; bytes; or what writes to the open
        binary file that it is given.
    durable : bool
        Whether the file is brought to disk before it gets its name, so that after a power cut it
        is not empty. For files that later calls rely on.

    Raises
    ------
    OSError
        If it cannot be written, with the file's name, whatever the writer made of it; also where a
        pipe or a device has its name, which renaming would put the file in the place of.
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
    """Remove what killed processes left of files in a folder that nobody else writes to."""
    for file in folder.glob(f".*{PART}"):
        if not file.is_dir():
            _forget(file)
