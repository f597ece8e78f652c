"""Pretrained checkpoints that a run's models start from, checked before any training."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from recbole.config import Config

from recbole_groupmix.adapters.pretrained import pretrained_files
from recbole_groupmix.settings.settings import Settings


def pretrained(settings: Settings, config: Config) -> dict[str, str]:
    """Return the SHA-256 of each checkpoint that the models start from, by the key that names it.

    Another checkpoint under the same name makes another run.

    Parameters
    ----------
    settings : Settings
        The run's settings.
    config : recbole.config.Config
        What RecBole makes of them.

    Raises
    ------
    ValueError
        If a file is not there, or if ``init`` asks for initial values in its place.
    """
    files = pretrained_files(config, settings.describe)
    if files and settings.standard_deviation is not None:
        raise ValueError(
            f"{settings.describe('init')}, which would overwrite the embeddings of "
            f"{', '.join(files)}; leave one of them out"
        )
    return {key: hashlib.sha256(file.read_bytes()).hexdigest() for key, file in files.items()}


def pretrained_note(keys: Iterable[str]) -> tuple[str, ...]:
    """Return a note where models start from checkpoints, which these keys name."""
    names = ", ".join(keys)
    if not names:
        return ()
    return (
        f"models start from {names}: if these have seen items that this run holds out, its figures "
        "are too good (docs/models.md)",
    )
