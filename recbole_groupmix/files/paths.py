"""Paths that a user or another file named."""

from __future__ import annotations

import os
from pathlib import Path


def file_inside(folder: str | Path, name: object) -> Path:
    """Return the path of a file that lies in a folder itself, by its plain name.

    Parameters
    ----------
    folder : path
        The folder.
    name : object
        What a file of that folder calls the other one.

    Raises
    ------
    ValueError
        If the name is no text, has separators, climbs out, or is a symbolic link that leads out
        of the folder.
    """
    plain = (
        isinstance(name, str)
        and name not in ("", ".", "..")
        and not set(name) & set("/\\\0")
        and not (os.name == "nt" and ":" in name)
    )
    if not plain:
        raise ValueError(f"{name!r} is not the plain name of a file in the folder")
    file = Path(folder) / str(name)
    if file.is_symlink() and not file.resolve().is_relative_to(Path(folder).resolve()):
        raise ValueError(f"{name!r} is a link that leads out of the folder")
    return file


def user_path(text: str | Path, what: str) -> str:
    """Return a path that a user gave with its ``~`` replaced by the home folder.

    Shells do so only at the beginning of a word, not in ``--output_dir=~/runs``, and YAML never
    does; pandas does, but nobody else.

    Parameters
    ----------
    text : path
        As it was given.
    what : str
        How a message begins: "key is value (origin)".

    Raises
    ------
    ValueError
        If it names the home of nobody here, or holds a NUL.
    """
    found = os.path.expanduser(text)
    if "\0" in found:
        raise ValueError(f"{what}; no path can hold a NUL character")
    if found.startswith("~"):
        raise ValueError(
            f"{what}; there is no home folder of that name here, and for a folder that is called "
            "so write ./ before it"
        )
    return found


def check_can_be_written(path: str, what: str) -> None:
    """Raise ``ValueError`` if a path of output is no UTF-8, which Parquet's writers need."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"{what}; its bytes are no UTF-8, choose a folder whose are") from error
