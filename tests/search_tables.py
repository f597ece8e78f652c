"""Tables of tried mixes for tests of searches."""

import numpy as np

from recbole_groupmix.surface.coordinates import sampled
from recbole_groupmix.surface.history import History

N_USERS = {"a": 30, "t": 50, "b": 90, "empty": 0, "c": 60}
GROUPS = ("a", "b", "c")


def table(n, gain=lambda weights: np.zeros(len(weights)), luck=0.0, users=80, seed=0):
    """Proportional, leave-one-out mixes and draws; each user's gain is the true one plus own luck.

    Luck is smooth in the weights: users like some groups more than others.
    """
    rng = np.random.default_rng(seed)
    ones = np.ones((1, len(GROUPS)))
    drawn = sampled(max(n, 4), rng, N_USERS, "t", GROUPS)
    weights = np.vstack([ones, 1 - np.eye(len(GROUPS)), drawn])[:n]
    taste = luck * rng.standard_normal((len(GROUPS), users))
    differences = 0.3 * (gain(weights)[:, None] + np.log((weights + 0.1) / 1.1) @ taste)
    scores = 0.3 + differences.mean(axis=1)
    return History(GROUPS, N_USERS, "t", weights, scores, differences, np.arange(n) == 0)


def less_of_a(weights):
    """A gain of up to 30 % where group a weighs less."""
    return 0.3 * (1 - weights[:, 0]).clip(-1, 1)
