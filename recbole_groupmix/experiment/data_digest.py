"""A digest of the data of an experiment, by which results of other data are told apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.labels import labels_of
from recbole_groupmix.models import family_of


def data_digest(experiment: Experiment) -> str:
    """Return the SHA-256 of an experiment's interactions, groups and what else its model reads."""
    digest = hashlib.sha256()
    for rows in (experiment.users, experiment.items, experiment.groups.of_user):
        digest.update(np.ascontiguousarray(rows, dtype=np.int64).tobytes())
    labels = labels_of(experiment)
    if labels is not None:
        digest.update(np.ascontiguousarray(labels).tobytes())
    if experiment.histories is not None:
        digest.update(np.ascontiguousarray(experiment.histories).tobytes())
    for column in _side_information(experiment):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def _side_information(experiment: Experiment) -> Iterator[npt.NDArray[Any]]:
    """Yield the columns of features and triples that a run's model may read."""
    if family_of(experiment.settings.model) in ("general", "of this package"):
        return
    for table in ("user_feat", "item_feat", "kg_feat"):
        columns: Any = getattr(experiment.dataset, table, None)
        if columns is not None:
            yield from (columns[name].numpy() for name in sorted(columns))
