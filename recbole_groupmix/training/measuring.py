"""What is measured of a model: rankings of users, or labels that it predicts."""

from __future__ import annotations

import numpy as np
from recbole.model.abstract_recommender import AbstractRecommender

from recbole_groupmix.adapters.held_out import user_metrics
from recbole_groupmix.adapters.labelled_rows import scores_of_rows
from recbole_groupmix.core.user_metrics import metric_key
from recbole_groupmix.core.value_metrics import value_metrics
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.labels import ScoredRows
from recbole_groupmix.training.validation_curve import ValidationCurve


def on_curve(
    experiment: Experiment, model: AbstractRecommender, curve: ValidationCurve
) -> np.ndarray:
    """Return the metric of a curve of each of its users, float64 (n_users,)."""
    if curve.scored is not None:
        return label_metrics(experiment, model, curve.scored)[curve.metric]
    values = user_metrics(model, curve.held_out, [curve.k], [curve.metric])
    return values[metric_key(curve.metric, curve.k)]


def label_metrics(
    experiment: Experiment, model: AbstractRecommender, scored: ScoredRows
) -> dict[str, np.ndarray]:
    """Return the metrics of predicted labels of each user, pooled over the user's group.

    See :func:`~recbole_groupmix.core.value_metrics.value_metrics`.
    """
    group = experiment.groups.of_user[scored.users]
    scores = scores_of_rows(model, experiment.dataset, scored.rows)
    return value_metrics(scored.of_row, group, scored.labels, scores)
