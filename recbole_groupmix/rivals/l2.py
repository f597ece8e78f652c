"""Whether a model has an L2 term that a rival could change."""

from __future__ import annotations

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.settings.model import reads_key


def why_no_l2(experiment: Experiment) -> str | None:
    """Return why a model has no L2 weight; None if it has one."""
    model = experiment.settings.model
    if reads_key(model, "reg_weight"):
        return None
    return f"{model} has no reg_weight"
