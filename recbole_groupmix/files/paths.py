"""Paths given by a user or by another file."""

from __future__ import annotations

import os
from pathlib import Path


def file_inside(folder: str | Path, name: object) -> Path:
    """Return the path of a file directly in a folder, by its plain name.

    Parameters
    ----------
    folder : path
        The folder.
    name : object
        The name that another file of that folder gives.

    Raises
    ------
    ValueError
        If the name is not text, has separators, or leads out of the folder, also by a symbolic
        link.
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
    does; of the libraries here only pandas does.

    Parameters
    ----------
    text : path
        As it was given.
    what : str
        How a message begins: "key is value (origin)".

    Raises
    ------
    ValueError
        If it names the home folder of an unknown user, or holds a NUL.
    """
    path = os.path.expanduser(text)
    if "\0" in path:
        raise ValueError(f"{what}; a path cannot hold a NUL character")
    if path.startswith("~"):
        raise ValueError(
            f"{what}; that user has no home folder here; for a folder whose name begins with ~ "
            "write ./ before it"
        )
    return path


def check_can_be_written(path: str, what: str) -> None:
    """Raise ``ValueError`` if an output path is not UTF-8, which Parquet's writers need."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"{what}; it is not UTF-8, choose a folder whose path is") from error
