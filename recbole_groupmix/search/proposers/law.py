"""The log-linear law: the next mixes are the best of a law that is linear in the groups' shares."""

from __future__ import annotations

import numpy as np

from recbole_groupmix.core.mix import Mix
from recbole_groupmix.surface.acquisition import pool_near_the_best
from recbole_groupmix.surface.history import History
from recbole_groupmix.surface.law import choose_by_law


def propose(history: History, n: int, rng: np.random.Generator) -> list[Mix]:
    """Return n mixes to try next.

    Parameters
    ----------
    history : History
        What was tried.
    n : int
        Number of mixes.
    rng : numpy.random.Generator
        Source of randomness.
    """
    pool = pool_near_the_best(history, n, rng)
    return history.mixes(pool[choose_by_law(history, pool, n, rng)])
