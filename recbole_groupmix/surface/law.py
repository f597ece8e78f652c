"""The log-linear law of mixing: the logarithm of the score is linear in the groups' shares."""

from __future__ import annotations

import numpy as np

from recbole_groupmix.surface.coordinates import divergences, shares_of
from recbole_groupmix.surface.history import FloatArray, History

#: What a nat of divergence to Proportional costs, on the scale of log score (as in olmix).
PENALTY = 0.05
#: A user of a proposed mix weighs at most as much as so many.
MOST_REPEATS = 8.0
_RIDGE = 0.01


def choose_by_law(
    history: History, pool: FloatArray, n: int, rng: np.random.Generator
) -> list[int]:
    """Return the places in a pool of the n mixes that the law says are best.

    ``log score = a + sum_j b_j p_j`` of the shares p that groups have in the training users' weight, the
    target's among them, by ridge regression. The first mix is the best of the law that is fitted to all
    rows; each further one of a law that is fitted to a bootstrap draw of rows. The divergence to
    Proportional is penalised, and mixes in which a user weighs more than `MOST_REPEATS` are left out.

    Parameters
    ----------
    history : History
        What was tried.
    pool : array of float, shape (m, n_groups)
        Candidates.
    n : int
        Number of mixes; all candidates where there are fewer.
    rng : numpy.random.Generator
        Source of randomness.
    """
    known = history.rows(history.is_finite)
    shares = shares_of(known.weights, known)
    # relative to Proportional's, so that a score of 0 has a logarithm
    logs = np.log(np.maximum(known.scores / (abs(known.reference_score) or 1.0), 1e-3))
    proportional = np.ones((1, len(known.groups)))
    cost = PENALTY * divergences(pool, proportional, known)[:, 0]
    cost[(pool > MOST_REPEATS).any(axis=1)] += 1e3
    of_pool, chosen = shares_of(pool, known), list[int]()
    rows = np.arange(len(known))
    for _ in range(min(n, len(pool))):
        centred = shares[rows] - shares[rows].mean(axis=0)
        normal = centred.T @ centred + _RIDGE * np.eye(shares.shape[1])
        slopes = np.linalg.solve(normal, centred.T @ (logs[rows] - logs[rows].mean()))
        value = of_pool @ slopes - cost
        value[chosen] = -np.inf
        chosen.append(int(np.argmax(value)))
        rows = rng.integers(len(known), size=len(known))
    return chosen
