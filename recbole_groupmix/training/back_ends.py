"""Which back end trains a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.models import CLOSED_FORM
from recbole_groupmix.training.closed_form.back_end import train_closed_form
from recbole_groupmix.training.closed_form.checks import check_closed_form
from recbole_groupmix.training.job import Fit
from recbole_groupmix.training.joint import train_populations, why_not
from recbole_groupmix.training.memory import memory
from recbole_groupmix.training.one_by_one import train_sequentially


def back_end(experiment: Experiment) -> Callable[..., Iterator[Fit]]:
    """Return the function that trains jobs under ``backend: auto | cpu | torch | recbole``.

    ``cpu`` (compiled loops) and ``torch`` (tensors, on RecBole's device) train populations.
    ``auto`` takes torch on a GPU and cpu elsewhere, and RecBole's trainer for what no population
    can train. Closed-form models have a back end of their own.

    Raises
    ------
    ValueError
        If ``cpu`` or ``torch`` is asked for and cannot do it, or a closed-form model cannot be
        solved.
    """
    if experiment.settings["model"] in CLOSED_FORM:
        check_closed_form(experiment, memory(experiment))
        return train_closed_form
    wanted, reason = experiment.settings["backend"], why_not(experiment)
    if wanted in ("cpu", "torch") and reason:
        raise ValueError(
            f"backend {wanted} cannot train this run: {reason}; use --backend=recbole"
        )
    if wanted == "recbole" or reason:
        return train_sequentially
    on_gpu = experiment.config["device"].type != "cpu"
    on_torch = wanted == "torch" or (wanted == "auto" and on_gpu)
    return partial(train_populations, on_torch=on_torch)
