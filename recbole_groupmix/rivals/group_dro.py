"""Group DRO: weights grow with the losses so far, towards the group that is served worst."""

from __future__ import annotations

from collections.abc import Sequence

from recbole_groupmix.core.weight_rules import GroupDRO
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.rivals.learned import why_not_learned
from recbole_groupmix.rivals.recipe import Recipe
from recbole_groupmix.rivals.rival import Point, Reference, Rival
from recbole_groupmix.settings.settings import Settings

#: Sum of the step sizes of a training: the log ratio of two groups' weights at its end, for a mean
#: difference of their losses of 1; and whether groups begin with equal shares.
STEPS = ((10.0, False), (30.0, False), (3.0, False), (10.0, True), (3.0, True))


class GroupDROWeights(Rival):
    """Proportional with weights of groups by exponentiated gradient."""

    name = "group_dro"
    says = (
        "weights of groups grow during training with their losses so far, on rows held back from "
        "training"
    )
    advice = "raise the weights of the groups with the highest losses during training (group_dro)"
    source = "group DRO: Sagawa and others, 2020, Algorithm 1, a step an epoch"
    costs_little = False
    own_length = False

    def most_points(self, settings: Settings) -> int:
        """Return the most points under some settings, without the data."""
        return 0 if settings.is_solved else len(STEPS)

    def why_not(self, experiment: Experiment) -> str | None:
        """Return why weights cannot change during training; None if they can."""
        return why_not_learned(experiment)

    def points(self, experiment: Experiment, reference: Reference) -> Sequence[Point]:
        """Return step sizes."""
        return [
            {"eta": float(f"{total / reference.epochs:.4g}"), "balanced": float(balanced)}
            for total, balanced in STEPS
        ]

    def recipe(
        self, experiment: Experiment, part: int, point: Point, reference: Reference
    ) -> Recipe:
        """Return Proportional with the rule of a point."""
        rule = GroupDRO(point["eta"], bool(point["balanced"]))
        return reference.recipe(experiment, rule=rule)


RIVAL = GroupDROWeights()
