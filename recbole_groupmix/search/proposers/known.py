"""The proposers that exist: those of the modules beside this one, and those that a user registers."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache

import numpy as np

from recbole_groupmix.core.mix import Mix
from recbole_groupmix.core.spelling import did_you_mean
from recbole_groupmix.search.proposers.optuna_sampler import PREFIX, OptunaProposer
from recbole_groupmix.settings.search_rows import RANDOM
from recbole_groupmix.settings.settings import Settings
from recbole_groupmix.surface.history import History

#: Returns so many mixes to try next, a function of what was tried and of the generator.
Propose = Callable[[History, int, np.random.Generator], list[Mix]]

_REGISTERED: dict[str, Propose] = {}


@cache
def _ours() -> dict[str, Propose]:
    """Return the function ``propose`` of every module beside this one that has one, by its name."""
    package = importlib.import_module(__package__ or "recbole_groupmix.search.proposers")
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    modules = {name: importlib.import_module(f"{package.__name__}.{name}") for name in names}
    return {name: m.propose for name, m in modules.items() if hasattr(m, "propose")}


def known_proposers() -> dict[str, Propose]:
    """Return every proposer by name."""
    return {**_ours(), **_REGISTERED}


def register(name: str, propose: Propose) -> None:
    """Add a proposer of one's own; ``--search`` then knows it by its name.

    Raises
    ------
    ValueError
        If there is one of that name.
    """
    if name in {RANDOM, *known_proposers()}:
        raise ValueError(f"there is a proposer {name!r} already; choose another name")
    _REGISTERED[name] = propose


def unregister(name: str) -> None:
    """Take a registered proposer away again."""
    _REGISTERED.pop(name, None)


def proposer_of(settings: Settings) -> Propose:
    """Return the proposer that the settings name.

    Raises
    ------
    ValueError
        For a name that none has, with the names of those that exist.
    """
    known = known_proposers()
    if settings.search.startswith(PREFIX):
        return OptunaProposer(settings.search.removeprefix(PREFIX))
    if settings.search not in known:
        names = sorted({RANDOM, f"{PREFIX}SAMPLER", *known})
        raise ValueError(
            f"{settings.describe('search')}; there is no proposer of that name"
            f"{did_you_mean(settings.search, names)}; proposers are {', '.join(names)}"
        )
    return known[settings.search]
