"""Which groups can be targets of a run, and under which settings targets can share models."""

from __future__ import annotations

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.training.back_end import BackEnd

_ONE_BY_ONE = "run the targets one by one: --target=GROUP"


def check_can_share(experiment: Experiment, back_end: BackEnd) -> None:
    """Raise ``ValueError`` unless a model does not depend on the scale of the user weights."""
    settings = experiment.settings
    if settings.mix:
        raise ValueError(
            f"{settings.describe('mix')}; a mix file names the groups besides one target, so it "
            f"cannot stand beside --target=all; {_ONE_BY_ONE}"
        )
    if settings["log_wandb"]:
        raise ValueError(
            f"{settings.describe('log_wandb')}; a run of all targets is many runs, and W&B "
            f"takes one; use log_tensorboard, or {_ONE_BY_ONE}"
        )
    if settings.in_waves:
        raise ValueError(
            f"{settings.describe('search')}, which learns from one target's scores, and all targets "
            f"share their mixes; use --search=random, or {_ONE_BY_ONE}"
        )
    if settings.hours is not None:
        raise ValueError(
            f"{settings.describe('hours')}; targets that share their mixes have no limit in time; "
            f"use fewer --trials, or {_ONE_BY_ONE}"
        )
    reason = back_end.why_not_shared(experiment)
    if reason is not None:
        raise ValueError(f"{reason}; {_ONE_BY_ONE}")


def targets_of(
    experiment: Experiment, folds: int, back_end: BackEnd
) -> tuple[list[str], dict[str, str]]:
    """Return the groups that can be targets, and why the others cannot.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    folds : int
        Number of folds; 0 without training on folds.
    back_end : BackEnd
        Back end of the run.

    Raises
    ------
    ValueError
        If no group can be a target.
    """
    names, left_out = [], {}
    for name in experiment.groups.names:
        try:
            view = experiment.for_target(name)
            view.check_parts(folds)
            view.check_measured()
            back_end.check_target(view)
        except ValueError as error:
            left_out[name] = str(error)
        else:
            names.append(name)
    if not names:
        raise ValueError(f"no group can be a target; {next(iter(left_out.values()))}")
    return names, left_out
