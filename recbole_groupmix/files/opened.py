"""Which run folders a command has opened, so that its last words about them are true."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_opened: ContextVar[list[Path] | None] = ContextVar("opened run folders", default=None)


@contextmanager
def noting_opened() -> Iterator[list[Path]]:
    """Give a list to which every run folder is added that is opened inside."""
    folders: list[Path] = []
    token = _opened.set(folders)
    try:
        yield folders
    finally:
        _opened.reset(token)


def note_opened(folder: Path) -> None:
    """Add a folder that can be gone on with, if somebody asks."""
    folders = _opened.get()
    if folders is not None:
        folders.append(folder)
