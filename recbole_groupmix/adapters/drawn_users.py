"""How often each user takes part in an epoch of the sampled loss (Eq. 7)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recbole_groupmix.adapters.groups import Groups


def user_draws(
    groups: Groups, target: str, users: np.ndarray, weights: np.ndarray
) -> Callable[[np.random.Generator], np.ndarray]:
    """Return the draws of Eq. 7: the target once, ``alpha_j n_aug`` users of group j at random.

    Parameters
    ----------
    groups : Groups
        Groups of the users.
    target : str
        Name of the target group.
    users : numpy.ndarray of int64, shape (n_train,)
        User of every training row, by internal id.
    weights : numpy.ndarray of float64, shape (n_users,)
        Weight of every internal user id (Eq. 8): those of a group add up to the number of its
        users that an epoch draws, with replacement. Where it is no whole number it is rounded up
        or down at random, so that it holds on average.

    Returns
    -------
    callable
        Maps a generator to the multiplicity of every user in an epoch, int64 (n_users,).
    """
    active = np.unique(users)
    members = {
        name: active[groups.of_user[active] == index] for index, name in enumerate(groups.names)
    }

    def draw(rng: np.random.Generator) -> np.ndarray:
        times = np.zeros(len(weights), dtype=np.int64)
        for name, of_group in members.items():
            if name == target:
                times[of_group] = 1
            elif len(of_group):
                expected = float(weights[of_group].sum())
                count = int(expected) + int(rng.random() < expected % 1.0)
                times += np.bincount(rng.choice(of_group, count), minlength=len(times))
        return times

    return draw
