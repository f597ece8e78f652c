"""The log-linear law: the next mixes are the best of a law that is linear in the groups' shares."""

from __future__ import annotations

import numpy as np

from recbole_groupmix.core.mix import Mix
from recbole_groupmix.surface.acquisition import pool_near_the_best
from recbole_groupmix.surface.history import History
from recbole_groupmix.surface.law import choose_by_law
from recbole_groupmix.surface.surface import fit_surface


def propose(history: History, n: int, rng: np.random.Generator) -> list[Mix]:
    """Return n mixes to try next, as every :data:`~recbole_groupmix.search.proposers.known.Propose`."""
    pool = pool_near_the_best(history, fit_surface(history, of_scores=True), n, rng)
    return history.mixes(pool[choose_by_law(history, pool, n, rng)])
