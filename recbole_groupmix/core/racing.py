"""A race: which mixes are behind another one, by the users on whom all of them are measured."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.statistics.resampling import resampled_means

#: Share of resamples in which a mix is as good as the leader below which it leaves. It is small,
#: since the leader is the luckiest of many, and training seeds are not resampled.
LEVEL = 0.005
_RESAMPLES = 4_000


def chance_to_lead(
    parts: npt.NDArray[np.float64], leader: int, seed: int, n_boot: int = _RESAMPLES
) -> npt.NDArray[np.float64]:
    """Return for each mix the share of resamples of users in which it is as good as the leader.

    Parameters
    ----------
    parts : array of float, shape (n_mixes, n_users)
        The part that each user has in the score of each mix, the same users in the same columns.
    leader : int
        Row of the leader.
    seed : int
        Seed of the resamples, >= 0.
    n_boot : int
        Number of resamples, >= 1.

    Returns
    -------
    array of float64, shape (n_mixes,)
        From 0 to 1; 1 for the leader.
    """
    behind = parts[leader] - parts
    means = resampled_means([row[None] for row in behind], seed, n_boot, resample_repeats=False)
    return np.asarray((means <= 0).mean(axis=0))
