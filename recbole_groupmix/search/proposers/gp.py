"""A Gaussian process over the mixes: the next are where it expects the most improvement."""

from __future__ import annotations

import numpy as np

from recbole_groupmix.core.mix import Mix
from recbole_groupmix.surface.acquisition import choose_batch, pool_near_the_best
from recbole_groupmix.surface.history import History
from recbole_groupmix.surface.surface import fit_surface


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
    return history.mixes(pool[choose_batch(fit_surface(history, of_scores=True), pool, n)])
