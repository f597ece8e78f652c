"""The models of a profile: solved for some weights of the groups, and measured on a fold."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recbole_groupmix.adapters.closed_form import ClosedForm
from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.held_out import user_metrics
from recbole_groupmix.core.linear.mix_gradient import held_out_losses
from recbole_groupmix.core.user_metrics import METRICS
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import Part
from recbole_groupmix.training.closed_form.back_end import weighted_ease
from recbole_groupmix.training.closed_form.gram_cache import GramCache
from recbole_groupmix.training.one_by_one import triplet_factors

#: Name of the held-out log loss among the measures.
LOSS = "loss"


@dataclass(frozen=True)
class OnFold:
    """A model measured on a fold.

    Attributes
    ----------
    means : dict of str to float
        Mean over the target's users of every metric and of the log loss.
    users : sequence of str
        The target's users; empty where their values are not kept.
    of_users : numpy.ndarray of float64, shape (n_users,)
        Their values of the validation metric.
    """

    means: dict[str, float]
    users: Sequence[str]
    of_users: np.ndarray


def solved(
    experiment: Experiment,
    part: Part,
    grams: GramCache,
    weights: Mapping[str, float],
    lam: float | None,
) -> ClosedForm:
    """Return EASE, or WeightedSVD where lambda is None, of a part under weights of the groups."""
    if lam is not None:
        return weighted_ease(experiment, part, grams, list(weights.values()), lam)
    config = copy.copy(experiment.config)
    with recbole_compat():
        model: ClosedForm = experiment.model_class(config, grams.data_set(part, None))
    model = model.to(config["device"])
    of_users = experiment.groups.weights_of_users(dict(weights))
    model.fit(of_users * triplet_factors(experiment, part))
    return model


def measured_on_fold(
    experiment: Experiment, part: Part, model: ClosedForm, *, keep: bool
) -> OnFold:
    """Measure the target's users on a fold, and perhaps keep the values of each."""
    held_out = experiment.target_held_out(part)
    metric = str(experiment.settings.valid_metric)
    losses = np.empty(len(held_out.users))

    def loss_of(rows: slice, scores: np.ndarray) -> None:
        losses[rows] = held_out_losses(
            scores, held_out.left_out(rows), held_out.relevant[rows].toarray()
        )[0]

    k = int(metric.partition("@")[2])
    metrics = user_metrics(model, held_out, [k], METRICS, on_scores=loss_of)
    means = {**{name: float(v.mean()) for name, v in metrics.items()}, LOSS: float(losses.mean())}
    if not keep:
        return OnFold(means, (), np.empty(0))
    users = experiment.dataset.id2token(experiment.dataset.uid_field, held_out.users)
    return OnFold(means, [str(user) for user in users], metrics[metric])
