"""What rivals share that learn the weights of groups during training."""

from __future__ import annotations

from recbole_groupmix.core.mix import Mix, mix_from_weights
from recbole_groupmix.core.schedule import Schedule
from recbole_groupmix.experiment.experiment import Experiment


def why_not_learned(experiment: Experiment) -> str | None:
    """Return why a training cannot change the weights of groups; None if it can."""
    settings = experiment.settings
    if settings.is_solved:
        return f"{settings.model} is solved, so there are no epochs in which weights could change"
    if settings.weighting != "loss":
        return f"{settings.describe('weighting')}; only a weighted loss can change its weights"
    if experiment.is_sequential:
        return (
            "the rows held back, whose losses it follows, are pairs of user and item without the "
            f"histories that {settings.model} reads"
        )
    pairs = experiment.config["MODEL_INPUT_TYPE"].name == "PAIRWISE"
    if settings.learns_whole_rows or not pairs:  # RecBole calls some of them pairwise
        return f"the losses that it follows are of pairs of items, and {settings.model}'s are not"
    return None


def mean_mix(experiment: Experiment, part: int, schedule: Schedule, epochs: int) -> Mix | None:
    """Return the mix that gives the groups their mean weights over a training on a part.

    Returns
    -------
    Mix or None
        None if the target's mean weight is 0, or the weights of the other groups are all 0.
    """
    names, n_users = experiment.groups.names, experiment.part(part).n_users
    mean = schedule.mean(epochs, len(names))
    weights = {name: float(weight) for name, weight in zip(names, mean, strict=True)}
    if not weights[experiment.target]:
        return None
    return mix_from_weights(weights, n_users, experiment.target)
