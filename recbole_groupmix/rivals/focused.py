"""Focused learning: another weight of the L2 term for the users of the target, or of each group."""

from __future__ import annotations

from collections.abc import Sequence

from recbole_groupmix.core.mix import Mix, group_weights, proportional
from recbole_groupmix.core.samplers import sample_trial
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.models import L2_OF_PARAMETERS
from recbole_groupmix.rivals.recipe import Recipe
from recbole_groupmix.rivals.rival import Point, Reference
from recbole_groupmix.settings.model import why_no_reg_weight
from recbole_groupmix.settings.settings import Settings

#: Factors of the L2 term of the target's users and of all others.
PAIRS = (
    *((3.0, 1.0), (1 / 3, 1.0), (1.0, 3.0), (1.0, 1 / 3)),
    *((10.0, 1.0), (0.1, 1.0), (1.0, 10.0), (1.0, 0.1)),
)
#: Sampled mixes whose weights are factors of the L2 term of the groups.
N_SAMPLED = 8


class Focused:
    """Proportional with an L2 weight for the target's users and another for all others.

    After the pairs come weights of each group as a sampled mix gives them, so that L2 weights are
    searched as mixes are.
    """

    name = "focused"
    says = "all data as they are, with another L2 weight for the target's users than for others"
    advice = "train on everything with an L2 weight of the target's own (focused)"
    source = "focused learning: Beutel et al., 2017; by group: Yao, 2018, chapter 4"
    costs_little = False
    own_length = False

    def most_points(self, settings: Settings) -> int:
        """Return the most points under some settings, without the data."""
        return 0 if settings.is_solved else len(PAIRS) + N_SAMPLED

    def why_not(self, experiment: Experiment) -> str | None:
        """Return why the L2 term has no weights by group; None if it has."""
        settings = experiment.settings
        if settings.is_solved:
            return f"{settings.model} has no L2 term by user"
        if settings.weighting == "sample":
            return "weighting sample leaves the L2 term without weights"
        if settings.regularizer == "rows":
            return "under regularizer rows the L2 term counts embeddings and not users"
        if settings.learns_whole_rows:
            return f"{settings.model}'s L2 term is over whole tables and has no part of a user"
        if settings.model in L2_OF_PARAMETERS:
            return f"{settings.model}'s L2 term is over parameters and has no part of a user"
        problem = why_no_reg_weight(settings.model)
        if problem is None and not float(experiment.config["reg_weight"] or 0.0):
            return "reg_weight is 0"
        return problem

    def points(self, experiment: Experiment, reference: Reference) -> Sequence[Point]:
        """Return factors of the target and of others, then numbers of sampled mixes."""
        pairs: list[Point] = [
            {"l2_target": float(f"{target:.6g}"), "l2_others": float(f"{others:.6g}")}
            for target, others in PAIRS
        ]
        return [*pairs, *({"l2_of_mix": float(i)} for i in range(N_SAMPLED))]

    def recipe(
        self, experiment: Experiment, part: int, point: Point, reference: Reference
    ) -> Recipe:
        """Return Proportional with the L2 weights of a point."""
        target, names = experiment.target, experiment.groups.names
        if "l2_of_mix" in point:
            settings, n_users = experiment.settings, experiment.n_users
            number = int(point["l2_of_mix"])
            _, mix = sample_trial(settings.seed, number, n_users, target, settings.budget_law)
            factors = group_weights(mix, experiment.part(part).n_users, target)
        else:
            factors = {
                name: point["l2_target" if name == target else "l2_others"] for name in names
            }
        return reference.recipe(experiment, l2=factors)

    def implied_mix(self, experiment: Experiment, point: Point) -> Mix | None:
        """Return Proportional: no user's weight in the data term changes."""
        return proportional(experiment.n_users, experiment.target)


RIVAL = Focused()
