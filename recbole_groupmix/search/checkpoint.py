"""The checkpoint of a run, saved with a digest, so that a damaged one is detected and replaced."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from recbole_groupmix.record.folder import RunFolder
from recbole_groupmix.record.read import AGAIN
from recbole_groupmix.text.untrusted import error_text

_BLOCK = 2**20


def save_checkpoint(folder: RunFolder, name: str, state: dict[str, Any]) -> None:
    """Save a state in a run folder, and its digest beside it, as ``sha256sum -c`` reads it."""
    folder.write(name, lambda file: torch.save(state, file))
    folder.write(_digest_file(name), f"{_digest(folder.path / name)}  {name}\n")


def damage(file: Path) -> str | None:
    """Return why a checkpoint is damaged; None if it is whole.

    A checkpoint of an older version has no digest; it is then read as a test.
    """
    try:
        beside = file.with_name(_digest_file(file.name))
        if beside.is_file():
            words = beside.read_text(encoding="ascii", errors="replace").split()
            return None if words[:1] == [_digest(file)] else "its digest does not match"
        state = torch.load(file, map_location="cpu", weights_only=True)
        whole = isinstance(state, dict) and {"state_dict", "other_parameter"} <= set(state)
    except OSError as error:
        return error_text(error)
    except Exception as error:  # torch has many errors for a file that it did not write
        return _first_words(error)
    return None if whole else "it is not a checkpoint of a run"


@contextmanager
def loading(file: Path) -> Iterator[None]:
    """Turn every error of loading a checkpoint into a ``ValueError`` with the way out."""
    why = damage(file)
    if why is not None:
        raise ValueError(f"{file} cannot be loaded: {why}; {AGAIN}")
    try:
        yield
    except Exception as error:
        raise ValueError(f"{file} cannot be loaded: {_first_words(error)}; {AGAIN}") from error


def _first_words(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0].strip()}" if lines else type(error).__name__


def _digest_file(name: str) -> str:
    return f"{name.removesuffix('.pth')}.sha256"


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with open(file, "rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
