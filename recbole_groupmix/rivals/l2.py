"""What rivals share that change the L2 term: weights of all users, and whether there is a term."""

from __future__ import annotations

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.settings.model import reads_key


def pooled_weights(experiment: Experiment) -> dict[str, float]:
    """Return the weights of Proportional: 1 for the users of every group."""
    return dict.fromkeys(experiment.groups.names, 1.0)


def why_no_l2(experiment: Experiment) -> str | None:
    """Return why a model has no L2 weight; None if it has one."""
    model = experiment.settings.model
    if reads_key(model, "reg_weight"):
        return None
    return f"{model} has no reg_weight"
