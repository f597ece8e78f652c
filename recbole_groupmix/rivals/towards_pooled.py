"""The closed form's fine-tuning: EASE of the target's users, near the model of all users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from recbole_groupmix.core.mix import baselines, group_weights
from recbole_groupmix.core.names import NO_AUGMENTATION
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.rivals.recipe import First, Recipe
from recbole_groupmix.rivals.rival import Point, Reference

#: Weights of the distance to the pooled model: half decades, from the middle outwards.
DISTANCES = (3000.0, 10000.0, 1000.0, 30000.0, 300.0, 100.0)


def why_not_towards(experiment: Experiment) -> str | None:
    """Return why a closed form has no solution near another model; None if it has one."""
    if getattr(experiment.model_class, "from_gram", False):
        return None
    return (
        f"{experiment.settings.model} is a subspace of its users' items and not the minimum of a "
        "loss, so no distance to the model of all users can be added"
    )


def towards_points() -> list[Point]:
    """Return the weights of the distance that the folds choose from."""
    return [{"mu": mu} for mu in DISTANCES]


def towards_pooled(
    experiment: Experiment, part: int, point: Mapping[str, float], reference: Reference
) -> Recipe:
    """Return the target's data alone, near the model of Proportional with its own lambda.

    The target's users weigh 1, as do all users of the pooled model, so that mu and lambda are on
    the scale of counts, whichever targets a run has.
    """
    return replace(after_pooled(experiment, part, reference), towards=point["mu"])


def after_pooled(experiment: Experiment, part: int, reference: Reference) -> Recipe:
    """Return the target's data alone, after the model of Proportional."""
    n_users, target = experiment.part(part).n_users, experiment.target
    alone = baselines(n_users, target)[NO_AUGMENTATION]
    first = First(reference.recipe(experiment), reference.epochs)
    return Recipe(group_weights(alone, n_users, target), first=first)
