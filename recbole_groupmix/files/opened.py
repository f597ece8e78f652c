"""Run folders that a command has opened, for its message when it is interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_folders: ContextVar[list[Path] | None] = ContextVar("opened run folders", default=None)


@contextmanager
def noting_opened() -> Iterator[list[Path]]:
    """Yield a list to which every run folder that is opened inside is added."""
    folders: list[Path] = []
    token = _folders.set(folders)
    try:
        yield folders
    finally:
        _folders.reset(token)


def note_opened(folder: Path) -> None:
    """Add a run folder that can be resumed, inside :func:`noting_opened`; elsewhere do nothing."""
    folders = _folders.get()
    if folders is not None and folder not in folders:
        folders.append(folder)
