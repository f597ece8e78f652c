"""Turns a candidate into a job, with the weights of its mix on the training part."""

from __future__ import annotations

from collections.abc import Mapping

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import Candidate, reference_candidate
from recbole_groupmix.training.job import Job


def job_of(
    experiment: Experiment,
    candidate: Candidate,
    part: int,
    repeat: int = 0,
    epochs: int | None = None,
    options: Mapping[str, float] | None = None,
    eval_step: int = 0,
) -> Job:
    """Return the job that trains a candidate.

    Parameters
    ----------
    experiment : Experiment
        Shared data; its target is the candidate's.
    candidate : Candidate
        The mix to train.
    part : int
        Training part.
    repeat : int
        Seed offset of initial values and negatives.
    epochs : int or None
        How long to train; None stops early.
    options : mapping of str to float, optional
        RecBole keys of this job alone.
    eval_step : int
        Epochs between two measurements on the part's held-out items; 0 measures nothing.
    """
    n_users, target = experiment.part(part).n_users, experiment.target
    start = None
    if candidate.pooled_epochs:
        pooled = reference_candidate(n_users, target)
        l2 = {k: v for k, v in (options or {}).items() if k == "reg_weight"}
        start = job_of(experiment, pooled, part, repeat, candidate.pooled_epochs, l2)
    return Job(
        candidate.name,
        candidate.weights_on(n_users, target, part),
        part,
        repeat,
        epochs,
        options or {},
        eval_step=eval_step,
        every_group=candidate.is_baseline,
        start=start,
    )
