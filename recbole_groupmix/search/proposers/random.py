"""The paper's three samplers, which take turns and learn nothing."""

from __future__ import annotations

import numpy as np

from recbole_groupmix.core.mix import Mix
from recbole_groupmix.surface.coordinates import sampled
from recbole_groupmix.surface.history import History


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
    drawn = sampled(n, rng, history.n_users, history.target, history.groups)
    return history.mixes(drawn)
