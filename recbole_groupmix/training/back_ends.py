"""Chooses the back end of a run."""

from __future__ import annotations

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.training.back_end import BackEnd
from recbole_groupmix.training.closed_form.back_end import ClosedForms
from recbole_groupmix.training.closed_form.checks import check_closed_form
from recbole_groupmix.training.joint import Joint, why_not
from recbole_groupmix.training.memory import memory
from recbole_groupmix.training.one_by_one import OneByOne


def back_end(experiment: Experiment) -> BackEnd:
    """Return the back end of a run under ``backend: auto | cpu | torch | recbole``.

    ``cpu`` (compiled loops) and ``torch`` (tensors, on RecBole's device) train models jointly.
    ``auto`` takes torch on a GPU and cpu elsewhere, and RecBole's trainer for what cannot be
    trained jointly. Closed-form models have a back end of their own.

    Raises
    ------
    ValueError
        If ``cpu`` or ``torch`` is given and cannot train the run, or a closed-form model cannot be
        solved.
    """
    if experiment.settings.is_solved:
        check_closed_form(experiment, memory(experiment))
        return ClosedForms()
    wanted, reason = experiment.settings.backend, why_not(experiment)
    if wanted in ("cpu", "torch") and reason:
        raise ValueError(
            f"backend {wanted} cannot train this run: {reason}; use --backend=recbole"
        )
    if reason:
        return OneByOne(reason)
    if wanted == "recbole":
        return OneByOne()
    on_gpu = experiment.config["device"].type != "cpu"
    return Joint(on_torch=wanted == "torch" or (wanted == "auto" and on_gpu))
