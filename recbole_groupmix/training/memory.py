"""The memory that a run may take."""

from __future__ import annotations

from recbole_groupmix.adapters.memory import free_memory
from recbole_groupmix.experiment.experiment import Experiment

_SHARE_OF_FREE = 0.5  # without max_memory


def memory(experiment: Experiment, device: str | None = None) -> int:
    """Return the bytes that models in training may take: ``max_memory``, or half of what is free.

    Free memory is that of RecBole's device, unless `device` names another.
    """
    most = experiment.settings.max_memory
    if most is not None:
        return int(float(most) * 2**30)
    return int(free_memory(device or experiment.config["device"]) * _SHARE_OF_FREE)
