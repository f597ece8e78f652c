"""A Gaussian process over the mixes: the next are where it expects the most improvement."""

from __future__ import annotations

import numpy as np

from recbole_groupmix.core.mix import Mix
from recbole_groupmix.surface.acquisition import most_promising
from recbole_groupmix.surface.history import History


def propose(history: History, n: int, rng: np.random.Generator) -> list[Mix]:
    """Return n mixes to try next, as every :data:`~recbole_groupmix.search.proposers.known.Propose`."""
    return history.mixes(most_promising(history, n, rng))
