"""The rivals that exist: those of this package's modules and those that a user registers."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from recbole_groupmix.rivals.rival import Rival

_REGISTERED: dict[str, Rival] = {}


@cache
def _ours() -> dict[str, Rival]:
    """Return the object ``RIVAL`` of every module beside this one that has one, by its name."""
    package = importlib.import_module(__package__ or "recbole_groupmix.rivals")
    modules = [
        importlib.import_module(f"{package.__name__}.{module.name}")
        for module in pkgutil.iter_modules(package.__path__)
    ]
    rivals: list[Rival] = [module.RIVAL for module in modules if hasattr(module, "RIVAL")]
    return {rival.name: rival for rival in rivals}


def known_rivals() -> dict[str, Rival]:
    """Return every rival by name."""
    return {**_ours(), **_REGISTERED}


def register(rival: Rival) -> None:
    """Add a rival of one's own; ``--rivals`` and the tables then know it by its name.

    Raises
    ------
    ValueError
        If there is one of that name.
    """
    if rival.name in known_rivals():
        raise ValueError(f"there is a rival {rival.name!r} already; choose another name")
    _REGISTERED[rival.name] = rival


def unregister(name: str) -> None:
    """Take a registered rival away again."""
    _REGISTERED.pop(name, None)
