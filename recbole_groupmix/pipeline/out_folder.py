"""The folder that a command was told to write to."""

from __future__ import annotations

from pathlib import Path


def out_folder(text: str | None) -> Path | None:
    """Return the folder that ``--out`` names, which may be missing; None if it names none.

    Raises
    ------
    ValueError
        If something else than a folder has that name.
    """
    if text is None:
        return None
    folder = Path(text)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--out is {text!r}, which is no folder")
    return folder
