"""Shapley values by brute force, for several test modules."""

import itertools
import math

import numpy as np


def by_orders(values, n):
    """The mean over all orders of what a player adds to those before."""
    found = np.zeros((n, *values.shape[1:]))
    for order in itertools.permutations(range(n)):
        members = 0
        for player in order:
            found[player] += values[members | 1 << player] - values[members]
            members |= 1 << player
    return found / math.factorial(n)
