"""Files that somebody else may have made: regular files only, and no more bytes than expected."""

from __future__ import annotations

import os
import stat
from pathlib import Path

#: Bytes of a file that people write by hand, such as settings and mixes: some thousand groups.
BY_HAND = 2**20
#: Bytes of a file that a run writes in one piece. Those of the largest runs take some megabytes.
BY_RUN = 2**28

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def check_regular(path: str | Path) -> None:
    """Raise ``ValueError``, that says what it is, unless a path leads to a regular file.

    Pipes and devices make a reader wait, or never end. Of a path that leads nowhere nothing is
    said: opening it will.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return
    if not stat.S_ISREG(mode):
        kind = next((name for test, name in _KINDS if test(mode)), "something else")
        raise ValueError(f"it is {kind} and no regular file")


def read_bytes_bounded(path: str | Path, most: int = BY_RUN) -> bytes:
    """Return the content of a regular file of at most so many bytes.

    Parameters
    ----------
    path : path
        The file; symbolic links are followed.
    most : int
        Bytes.

    Raises
    ------
    ValueError
        If it is no regular file or holds more, with the reason alone ("it is a device ...");
        whoever calls knows what the file is.
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
    """Return the text of a regular UTF-8 file of at most so many bytes.

    Lines end as :func:`open` makes them end. Raises what :func:`read_bytes_bounded` does;
    UnicodeDecodeError is a ``ValueError`` too.
    """
    text = read_bytes_bounded(path, most).decode("utf-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")
