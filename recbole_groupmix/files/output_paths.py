"""Output paths, checked before the work whose results are written there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

_NAME_MAX = 255  # bytes of a name on every common file system


def existing_above(folder: str | Path) -> Path:
    """Return the folder, or the nearest one above it that exists, if it can be written to.

    Nothing is written.

    Raises
    ------
    OSError
        ``NotADirectoryError`` or ``PermissionError`` with the reason as its only argument, or
        the error of the operating system.
    """
    existing = Path(folder).absolute()
    while not os.path.lexists(existing):
        _check_name(existing)
        existing = existing.parent
    if not existing.is_dir():
        raise NotADirectoryError(f"{existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise PermissionError(f"no permission to write in {existing}")
    return existing


def out_folder(text: str | Path, what: str = "--out") -> Path:
    """Return the folder that an option names; it need not exist.

    Parameters
    ----------
    text : str or path
        As it was given.
    what : str
        The option, for messages.

    Raises
    ------
    ValueError
        If the name is empty or too long, it is not a folder, or it cannot be written to. That is
        tried out with a temporary file.
    """
    _check_given(text, what, "a folder")
    folder = Path(text)
    try:
        if os.path.lexists(folder) and not folder.is_dir():
            raise ValueError(f"{what} is {str(text)!r}, which is not a folder")
        _try_out(existing_above(folder))
    except OSError as error:
        raise _unusable(text, what, error) from error
    return folder


def given_folder(out: str | Path | None, output_dir: str | Path) -> Path | None:
    """Return the folder that ``--out`` names; None without it, where one below another is made.

    Parameters
    ----------
    out, output_dir : str or path
        The option and the setting, as they were given.

    Raises
    ------
    ValueError
        As :func:`out_folder`, for the one that will be written to.
    """
    if out is not None:
        return out_folder(out)
    out_folder(output_dir, "--output_dir")
    return None


def out_file(text: str | Path, what: str = "--out", suffixes: Sequence[str] = ()) -> Path:
    """Return the file that an option names; an existing file will be replaced.

    Parameters
    ----------
    text : str or path
        As it was given.
    what : str
        The option, for messages.
    suffixes : sequence of str
        Allowed suffixes if they decide the format, such as ``.csv``.

    Raises
    ------
    ValueError
        If the name is empty, too long or has another suffix, it is a folder or a device, or its
        folder does not exist or cannot be written to. That is tried out with a temporary file.
    """
    _check_given(text, what, "a file")
    file = Path(text)
    if suffixes and file.suffix.lower() not in suffixes:
        raise ValueError(
            f"{what} is {str(text)!r}, whose suffix does not say the format; allowed are "
            f"{', '.join(suffixes)}"
        )
    try:
        _check_name(file)
        if file.is_dir():
            raise ValueError(f"{what} is {str(text)!r}, which is a folder; name a file")
        if file.exists() and not file.is_file():
            raise ValueError(f"{what} is {str(text)!r}, which is not a regular file; name another")
        folder = file.resolve().parent  # a link is written through
        if not folder.is_dir():
            raise NotADirectoryError(f"folder {file.parent} does not exist")
        _try_out(existing_above(folder))
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        raise _unusable(text, what, error) from error
    return file


def _check_given(text: str | Path, what: str, kind: str) -> None:
    if not str(text):
        raise ValueError(f"{what} is empty; name {kind}, or leave it out")
    if "\0" in str(text):
        raise ValueError(f"{what} is {str(text)!r}; a path cannot hold a NUL character")


def _check_name(path: Path) -> None:
    if len(os.fsencode(path.name)) > _NAME_MAX:
        raise OSError(f"the name {path.name[:20]}... has more than {_NAME_MAX} bytes")


def _try_out(folder: Path) -> None:
    """Make a file there and remove it: access rights are not reliable on every file system."""
    with tempfile.TemporaryFile(dir=folder):
        pass


def _unusable(text: str | Path, what: str, error: Exception) -> ValueError:
    reason = getattr(error, "strerror", None) or error
    return ValueError(f"cannot write to {what} {str(text)!r}: {reason}; choose another place")
