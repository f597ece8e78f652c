"""Reading untrusted files: regular files only, and no more bytes than expected."""

from __future__ import annotations

import os
import stat
from pathlib import Path

#: Most bytes of a file written by hand, such as settings and mixes: some thousand groups.
BY_HAND = 2**20
#: Most bytes of a file that a run writes. Those of the largest runs take some megabytes.
BY_RUN = 2**28

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def check_regular(path: str | Path) -> None:
    """Raise ``ValueError`` with the kind of file unless a path leads to a regular file.

    Pipes and devices make a reader wait, or never end. A missing file is not an error here;
    opening it will be.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return
    if not stat.S_ISREG(mode):
        kind = next((name for test, name in _KINDS if test(mode)), "something else")
        raise ValueError(f"it is {kind}, not a regular file")


def read_bytes_bounded(path: str | Path, most: int = BY_RUN) -> bytes:
    """Return the content of a regular file of at most `most` bytes.

    Parameters
    ----------
    path : path
        The file; symbolic links are followed.
    most : int
        Largest size in bytes.

    Raises
    ------
    ValueError
        If it is not a regular file or holds more, with the reason alone ("it is a device ...");
        the caller adds the file's name.
    OSError
        If it cannot be read.
    """
    check_regular(path)
    with open(path, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"it has more than {most:,} bytes")
    return content


def read_text_bounded(path: str | Path, most: int = BY_RUN) -> str:
    """Return the text of a regular UTF-8 file of at most `most` bytes.

    Line ends are translated as by :func:`open`. Raises what :func:`read_bytes_bounded` does;
    UnicodeDecodeError is a ``ValueError`` too.
    """
    text = read_bytes_bounded(path, most).decode("utf-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")
