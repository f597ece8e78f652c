"""The back end that trains many mixes at once, for BPR and LightGCN: which jobs go together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from recbole.utils import InputType

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.training.job import Fit, Job, OnEpoch, present_users
from recbole_groupmix.training.joint_models import Wave, models_at_once
from recbole_groupmix.training.memory import memory

MODELS = ("BPR", "LightGCN")


def why_not(experiment: Experiment) -> str | None:
    """Return why no population can train the settings; None if one can."""
    settings, config = experiment.settings, experiment.config
    if settings["model"] not in MODELS:
        return f"model {settings['model']} is none of {', '.join(MODELS)}"
    if settings["weighting"] != "loss":
        return "weighting is sample"
    if str(config["learner"]).lower() != "adam" or config["weight_decay"]:
        return "the optimiser is not plain Adam"
    if config["clip_grad_norm"] or config["enable_amp"]:
        return "gradients are clipped or precision is mixed"
    if config["MODEL_INPUT_TYPE"] != InputType.PAIRWISE:
        return "the loss is not pairwise"
    if config["train_neg_sample_args"]["sample_num"] != 1:
        return "there is more than one negative per positive"
    return None


def train_populations(
    experiment: Experiment,
    jobs: Iterable[Job],
    on_epoch: OnEpoch | None = None,
    *,
    on_torch: bool = False,
) -> Iterator[Fit]:
    """Train jobs in populations of the same part, repeat and present users.

    The triplets, the model and the meaning of every option are those of
    :func:`~recbole_groupmix.training.one_by_one.train_sequentially`; results differ from it by
    rounding. As many models go together as ``max_memory`` holds, the rest in further waves. Fits
    come as their models finish.

    Raises
    ------
    ValueError
        If ``max_memory`` does not hold a single model.
    """
    pools: dict[tuple[object, ...], list[Job]] = {}
    for job in jobs:
        present = present_users(experiment, job, experiment.part(job.part))
        bits = tuple(None if users is None else users.tobytes() for users in present)
        origin = (job.part, job.repeat, id(job.initial))
        pools.setdefault((*origin, job.epochs is None, *bits), []).append(job)
    for pool in pools.values():
        budget = memory(experiment)
        size = models_at_once(experiment, pool, budget, on_torch)
        for start in range(0, len(pool), size):
            wave = Wave(experiment, pool[start : start + size], budget, on_torch)
            yield from wave.train(on_epoch)
