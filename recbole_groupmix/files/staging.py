"""Folders that are written atomically: complete, or not there at all."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def staging_beside(folder: Path) -> Iterator[Path]:
    """Make a hidden folder beside `folder`, to be filled and then renamed to it.

    If it has not been renamed at the end, it is removed. Folders above are made, with the
    rights that the umask allows.

    Raises
    ------
    OSError
        If the folder cannot be made.
    """
    staging = folder.parent / f".{folder.name}.{uuid.uuid4().hex[:8]}.partial"
    try:
        staging.mkdir(parents=True)
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)
