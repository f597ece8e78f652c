"""What is measured of one model on test: rankings of every user, and predicted labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from recbole_groupmix.adapters.held_out import user_metrics
from recbole_groupmix.core.user_metrics import split_key
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.labels import ScoredRows, scored_rows
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.training.job import Fit
from recbole_groupmix.training.measuring import label_metrics

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def users_of_test(experiment: Experiment, scored: ScoredRows | None) -> Ids:
    """Return who is measured on test, internal ids, int64 (n_users,), ascending.

    Users with held-out items that can be found, and those with labels that are predicted.
    """
    ranked = experiment.part(ALL_OF_TRAIN).held_out.users
    return ranked if scored is None else np.union1d(ranked, scored.users)


def test_metrics(experiment: Experiment, fit: Fit) -> pd.DataFrame:
    """Measure every user of all groups on test, unless that is done.

    Returns
    -------
    pandas.DataFrame
        A long table, see :meth:`~recbole_groupmix.search.test_stage.TestStage.result`.
    """
    if fit.tested is not None:
        return fit.tested
    held_out, scored = experiment.part(ALL_OF_TRAIN).held_out, scored_rows(experiment)
    users = users_of_test(experiment, scored)
    ranked = user_metrics(fit.model, held_out, experiment.settings.topk)
    values = [_of_users(of_ranked, held_out.users, users) for of_ranked in ranked.values()]
    named = [split_key(key) for key in ranked]
    if scored is not None:
        for metric, of_labels in label_metrics(experiment, fit.model, scored).items():
            named.append((metric, 0))
            values.append(_of_users(of_labels, scored.users, users))
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
