"""The report of collected rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from recbole.data.dataset import Dataset
from recbole.evaluator.collector import DataStruct

from recbole_groupmix.adapters.groups import Groups
from recbole_groupmix.evaluation.intervals import cluster_intervals, sums_per_user
from recbole_groupmix.evaluation.measures import Measures
from recbole_groupmix.evaluation.report import OVERALL, GroupReport
from recbole_groupmix.evaluation.scoring import USERS

_COLUMNS = ["metric", "group", "n_users", "n_undefined", "value", "ci_low", "ci_high"]


def tabulate(
    struct: DataStruct, measures: Measures, groups: Groups, dataset: Dataset, n_boot: int
) -> GroupReport:
    """Return the report of collected rows.

    Parameters
    ----------
    struct : DataStruct
        Rows of a :class:`~.scoring.UserCollector`.
    measures : Measures
        The metrics.
    groups : Groups
        Groups of the users.
    dataset : Dataset
        Has the users' external tokens.
    n_boot : int
        Resamples of the intervals.
    """
    users = struct.get(USERS).numpy()
    of_row = groups.of_user[users]
    values = measures.per_row(struct)
    parts: dict[str, np.ndarray | None] = {
        name: np.flatnonzero(of_row == index) for index, name in enumerate(groups.names)
    }
    parts[OVERALL] = None
    distinct, position = np.unique(users, return_inverse=True)
    group = groups.of_user[distinct]
    top, bottom = sums_per_user(values, position, len(distinct))
    table = []
    for index, (name, rows) in enumerate(parts.items()):
        members = slice(None) if rows is None else group == index
        ends = cluster_intervals(top[members], bottom[members], n_boot=n_boot)
        n_defined = dict(zip(values, (bottom[members] > 0).sum(axis=0), strict=True))
        interval = dict(zip(values, ends.T, strict=True))
        n_users = len(top[members])
        for metric, value in measures.aggregate(struct, rows, values).items():
            low, high = interval.get(metric, (np.nan, np.nan))
            if metric in values and values[metric].root:
                low, high = np.sqrt(low), np.sqrt(high)
            defined = int(n_defined.get(metric, n_users))
            table.append((metric, name, defined, n_users - defined, value, low, high))

    tokens = dataset.id2token(dataset.uid_field, distinct).astype(str)
    per_user = pd.DataFrame({"user_id": tokens, "group": np.array([*groups.names, ""])[group]})
    means = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
    for column, (metric, row_values) in enumerate(values.items()):
        mean = means[:, column]
        per_user[metric] = np.sqrt(mean) if row_values.root else mean
    codes = groups.of_user[groups.of_user >= 0]
    counts = np.bincount(codes, minlength=len(groups.names)).tolist()
    n_in_data = {**dict(zip(groups.names, counts, strict=True)), OVERALL: dataset.user_num - 1}
    return GroupReport(pd.DataFrame(table, columns=_COLUMNS), per_user, groups.field, n_in_data)
