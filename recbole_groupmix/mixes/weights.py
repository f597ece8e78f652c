"""The weights of users that a mix stands for on a part of the data (Eq. 8)."""

from __future__ import annotations

from collections.abc import Mapping

from recbole_groupmix.core.mix import Mix, baselines, group_weights
from recbole_groupmix.experiment.experiment import Part


def weights_on(
    part: Part, target: str, name: str, mix: Mix, shared: Mapping[str, float] | None = None
) -> Mapping[str, float]:
    """Return the weight of a user of each group on a part, by default that of Eq. 8.

    The part's own user counts decide, also about the mix of a baseline.

    Parameters
    ----------
    part : Part
        The part.
    target : str
        The target group.
    name : str
        Name of the candidate; a baseline's mix is made from the counts of the part.
    mix : Mix
        The mix of any other candidate.
    shared : mapping of str to float, optional
        Weights that several targets share, of any scale, in place of the mix's.
    """
    if shared is not None:
        return shared
    return group_weights(baselines(part.n_users, target).get(name, mix), part.n_users, target)
