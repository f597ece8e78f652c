"""What is measured of one model on test: rankings of every user, and predicted labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from recbole_groupmix.adapters.held_out import user_metrics
from recbole_groupmix.adapters.labelled_rows import scores_of_rows
from recbole_groupmix.core.value_metrics import value_metrics
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.labels import labels_of, scored_rows
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.training.job import Fit

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def users_of_test(experiment: Experiment) -> Ids:
    """Return who is measured on test, internal ids, int64 (n_users,), ascending.

    Users with held-out items that can be found, and those with labels that are predicted.
    """
    ranked, rows = experiment.part(ALL_OF_TRAIN).held_out.users, scored_rows(experiment)
    return ranked if rows is None else np.union1d(ranked, experiment.users[rows])


def test_metrics(experiment: Experiment, fit: Fit) -> pd.DataFrame:
    """Measure every user of all groups on test.

    Returns
    -------
    pandas.DataFrame
        A long table, see :meth:`~recbole_groupmix.search.test_stage.TestStage.result`.
    """
    held_out, users = experiment.part(ALL_OF_TRAIN).held_out, users_of_test(experiment)
    ranked = user_metrics(fit.model, held_out, experiment.settings.topk)
    keys = [key.partition("@") for key in ranked]
    values = [_of_users(of_ranked, held_out.users, users) for of_ranked in ranked.values()]
    named = [(metric, int(cut_off)) for metric, _, cut_off in keys]
    for metric, (whose, of_labels) in _of_labels(experiment, fit).items():
        named.append((metric, 0))
        values.append(_of_users(of_labels, whose, users))
    dataset, groups = experiment.dataset, experiment.groups
    tokens = dataset.id2token(dataset.uid_field, users).astype(str)
    names = np.array(groups.names)[groups.of_user[users]]
    return pd.DataFrame(
        {
            "user_id": np.tile(tokens, len(named)),
            "group": np.tile(names, len(named)),
            "mix": fit.job.name,
            "repeat": fit.job.repeat,
            "metric": np.repeat([metric for metric, _ in named], len(tokens)),
            "k": np.repeat([k for _, k in named], len(tokens)),
            "value": np.concatenate(values),
        }
    )


def _of_users(values: Floats, whose: Ids, users: Ids) -> Floats:
    """Return the values of users, NaN for those who are not among `whose`; both ascending."""
    if len(whose) == len(users):
        return values
    of_users = np.full(len(users), np.nan)
    of_users[np.searchsorted(users, whose)] = values
    return of_users


def _of_labels(experiment: Experiment, fit: Fit) -> dict[str, tuple[Ids, Floats]]:
    """Return who has labels that are predicted, and their metrics, each pooled over a group."""
    rows, labels = scored_rows(experiment), labels_of(experiment)
    if rows is None or labels is None:
        return {}
    users, of_row = np.unique(experiment.users[rows], return_inverse=True)
    scores = scores_of_rows(fit.model, experiment.dataset, rows)
    group = experiment.groups.of_user[users]
    values = value_metrics(of_row, group, labels[rows].astype(float), scores)
    return {metric: (users, of_users) for metric, of_users in values.items()}
