"""What the bytes of a file contain, without reading it into memory."""

from __future__ import annotations

import mmap
import re
from pathlib import Path


def file_contains(path: str | Path, pattern: bytes) -> bool:
    """Return whether a regular expression matches anywhere in the bytes of a file."""
    with open(path, "rb") as file:
        if not file.seek(0, 2):
            return False  # an empty file cannot be mapped
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return re.search(pattern, content) is not None
