"""Which groups can be targets of one run, and under which settings they can share models."""

from __future__ import annotations

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.models import CLOSED_FORM
from recbole_groupmix.training.closed_form.checks import check_rank
from recbole_groupmix.training.joint import why_not

_ONE_BY_ONE = "run the targets one by one: --target=GROUP"


def check_can_share(experiment: Experiment) -> None:
    """Raise ``ValueError`` unless a model is the same, whatever the scale of all user weights.

    Closed forms are, up to lambda. Trained models are where every term of the loss has the weights
    as a factor and the optimiser does not depend on the loss's scale.
    """
    settings = experiment.settings
    if settings["mix"]:
        raise ValueError(
            f"{settings.describe('mix')}; a mix file names the groups besides one target, so it "
            f"cannot stand beside --target=all; {_ONE_BY_ONE}"
        )
    if settings["log_wandb"]:
        raise ValueError(
            f"{settings.describe('log_wandb')}; a run of all targets is many runs, which one of "
            f"W&B cannot hold; use log_tensorboard, or {_ONE_BY_ONE}"
        )
    if settings["model"] in CLOSED_FORM:
        return
    reason = why_not(experiment)
    if reason is None and settings["backend"] == "recbole":
        reason = "backend is recbole, which trains models one by one"
    if reason:
        raise ValueError(
            f"--target=all trains BPR and LightGCN with their weighted loss by the back ends cpu and "
            f"torch, or solves closed forms, but {reason}; {_ONE_BY_ONE}"
        )
    if settings["regularizer"] != "weighted" and experiment.config["reg_weight"]:
        raise ValueError(
            f"{settings.describe('regularizer')}; only a weighted L2 term scales with the weights as "
            "the data term does, so that targets cannot share models under this one; use "
            f"--regularizer=weighted, or {_ONE_BY_ONE}"
        )


def targets_of(everyone: Experiment, folds: int) -> tuple[list[str], dict[str, str]]:
    """Return the groups that can be targets, and why the others cannot.

    Parameters
    ----------
    everyone : Experiment
        Shared data and settings.
    folds : int
        Number of folds; 0 if nothing is trained on folds.

    Raises
    ------
    ValueError
        If no group can be one.
    """
    names, left_out = [], {}
    for name in everyone.groups.names:
        try:
            view = everyone.for_target(name)
            view.check_parts(folds)
            view.check_measured()
            if everyone.settings["model"] in CLOSED_FORM:
                check_rank(view)
        except ValueError as error:
            left_out[name] = str(error)
        else:
            names.append(name)
    if not names:
        raise ValueError(f"no group can be a target; {next(iter(left_out.values()))}")
    return names, left_out
