"""Weighted loss: the further a user's items are from all others' items, the more they weigh."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recbole_groupmix.core.groups.mainstream import niche_weights
from recbole_groupmix.core.mix import Mix, mix_from_weights
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.rivals.recipe import Recipe
from recbole_groupmix.rivals.rival import Point, Reference
from recbole_groupmix.settings.settings import Settings

#: Powers of a user's distance from the mainstream; the paper's first.
POWERS = (1.5, 1.0, 2.0, 0.5, 3.0)


class MainstreamWeights:
    """Proportional with a weight of each user by the mainstream score, whatever the target is.

    The power is chosen for the target; 0 would be Proportional.
    """

    name = "mainstream_weights"
    says = "all data, each user weighed by a power of the distance from the mainstream"
    advice = "weigh each user by a power of the distance from the mainstream (mainstream_weights)"
    source = "weighted loss: Zhu and Caverlee, 2022"
    costs_little = False
    own_length = False

    def most_points(self, settings: Settings) -> int:
        """Return the most points under some settings, without the data."""
        return len(POWERS)

    def why_not(self, experiment: Experiment) -> str | None:
        """Return why users cannot be weighed one by one, or have no distance; None if they can."""
        if experiment.settings.weighting == "sample":
            return "weighting sample draws users by group and has no weight of a single user"
        scores = experiment.part(ALL_OF_TRAIN).mainstream
        known = scores[~np.isnan(scores)]
        if not len(known) or known.min() == known.max():
            return "all users are equally near to the mainstream"
        return None

    def points(self, experiment: Experiment, reference: Reference) -> Sequence[Point]:
        """Return powers."""
        return [{"power": power} for power in POWERS]

    def recipe(
        self, experiment: Experiment, part: int, point: Point, reference: Reference
    ) -> Recipe:
        """Return Proportional with the users' weights by the training rows of the part."""
        power = float(point["power"])
        return reference.recipe(
            experiment,
            by_user=niche_weights(experiment.part(part).mainstream, power),
            key=("mainstream", power),
        )

    def implied_mix(self, experiment: Experiment, point: Point) -> Mix | None:
        """Return the mix of the mean weights inside groups; None if the target's is 0."""
        part, groups = experiment.part(ALL_OF_TRAIN), experiment.groups
        users = np.unique(part.users)
        weights = niche_weights(part.mainstream, float(point["power"]))[users]
        of_group = groups.of_user[users]
        sums = np.bincount(of_group, weights, minlength=len(groups.names))
        means = sums / np.maximum(np.bincount(of_group, minlength=len(groups.names)), 1)
        by_group = dict(zip(groups.names, means.tolist(), strict=True))
        if not by_group[experiment.target]:
            return None
        return mix_from_weights(by_group, part.n_users, experiment.target)


RIVAL = MainstreamWeights()
