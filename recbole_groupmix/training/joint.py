"""The back end that trains many BPR or LightGCN models at once: which jobs train together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from recbole.utils import InputType

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.training.job import Fit, Job, OnEpoch, present_users
from recbole_groupmix.training.joint_models import JointModels, models_at_once
from recbole_groupmix.training.memory import memory
from recbole_groupmix.training.one_by_one import interaction_batches

MODELS = ("BPR", "LightGCN")


@dataclass(frozen=True)
class Joint:
    """Trains jobs of the same part and repeat together.

    Their present users may differ, but for LightGCN under ``graph: positive``, whose models have a
    graph each, and where an epoch is several batches: whose triplets these hold depends on who is
    present. The triplets, the model and the meaning of every option are those of
    :class:`~recbole_groupmix.training.one_by_one.OneByOne`; results differ from it by rounding. As
    many models are trained together as ``max_memory`` holds, the others after them.

    Parameters
    ----------
    on_torch : bool
        Whether tensors on RecBole's device train them, or the compiled loops of the CPU.
    """

    on_torch: bool = False

    n_timed = 8

    def train(
        self, experiment: Experiment, jobs: Iterable[Job], on_epoch: OnEpoch | None = None
    ) -> Iterator[Fit]:
        """Train jobs and yield fits as their models finish.

        Raises
        ------
        ValueError
            If ``max_memory`` does not hold a single model.
        """
        alike: dict[tuple[object, ...], list[Job]] = {}
        for job in jobs:
            alike.setdefault(_company(experiment, job), []).append(job)
        for together in alike.values():
            budget = memory(experiment)
            size = models_at_once(experiment, together, budget, self.on_torch)
            for start in range(0, len(together), size):
                models = together[start : start + size]
                yield from JointModels(experiment, models, budget, self.on_torch).train(on_epoch)

    def why_not_shared(self, experiment: Experiment) -> str | None:
        """Return why targets cannot share models: each target gives weight 1 to its own users.

        They can share them where every term of the loss has the weights as a factor, since the
        optimiser does not depend on the scale of the loss.
        """
        settings = experiment.settings
        if settings.regularizer == "weighted" or not experiment.config["reg_weight"]:
            return None
        return (
            f"{settings.describe('regularizer')}; only a weighted L2 term scales with the weights "
            "as the data term does, so that targets can share models under "
            "--regularizer=weighted alone"
        )

    def check_target(self, experiment: Experiment) -> None:
        """Every target can be trained for."""


def _company(experiment: Experiment, job: Job) -> tuple[object, ...]:
    """Return the key that jobs share if they can be trained together."""
    part, by_user = experiment.part(job.part), job.recipe.by_user
    in_graph, in_batches = present_users(experiment, job, part)
    if experiment.settings.model != "LightGCN":
        in_graph = None
    if by_user is None and len(interaction_batches(experiment, job, part, None)) == 1:
        in_batches = None
    arrays = (by_user, in_graph, in_batches)
    bits = tuple(None if array is None else array.tobytes() for array in arrays)
    return (job.part, job.repeat, id(job.initial), job.epochs is None, *bits)


def why_not(experiment: Experiment) -> str | None:
    """Return why the models of an experiment cannot be trained jointly; None if they can."""
    settings, config = experiment.settings, experiment.config
    if settings.model not in MODELS:
        return f"only {' and '.join(MODELS)} are trained jointly, not {settings.model}"
    if settings.weighting != "loss":
        return "the weighting is sample"
    if str(config["learner"]).lower() != "adam" or config["weight_decay"]:
        return "the optimiser is not plain Adam"
    if config["clip_grad_norm"] or config["enable_amp"]:
        return "gradients are clipped or precision is mixed"
    if config["MODEL_INPUT_TYPE"] != InputType.PAIRWISE:
        return "the loss is not pairwise"
    if config["train_neg_sample_args"]["sample_num"] != 1:
        return "there is more than one negative per positive"
    return None
