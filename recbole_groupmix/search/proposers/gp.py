"""A Gaussian process over the mixes: the next are where it expects the most improvement."""

from __future__ import annotations

import numpy as np

from recbole_groupmix.core.mix import Mix
from recbole_groupmix.core.search.acquisition import propose_by_surface
from recbole_groupmix.core.search.history import History


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
    return history.mixes(propose_by_surface(history, n, rng))
