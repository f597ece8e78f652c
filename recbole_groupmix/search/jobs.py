"""Turns a candidate into a job, with the recipe of its mix or rival on the training part."""

from __future__ import annotations

from collections.abc import Mapping

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.search.trainable import Trainable
from recbole_groupmix.training.job import Job


def job_of(
    experiment: Experiment,
    candidate: Trainable,
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
    candidate : Trainable
        The mix or the rival to train.
    part : int
        Training part.
    repeat : int
        Seed offset of initial values and negatives.
    epochs : int or None
        How long to train; None stops early.
    options : mapping of str to float, optional
        RecBole keys of this job alone, or the values of a rival's knobs.
    eval_step : int
        Epochs between two measurements on the part's held-out items; 0 measures nothing.
    """
    point = dict(options or {})
    recipe = candidate.recipe_on(experiment, part, point)
    return Job(
        candidate.name,
        recipe,
        part,
        repeat,
        epochs,
        point,
        eval_step=eval_step,
        every_group=candidate.is_baseline,
    )
