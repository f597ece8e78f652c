"""Groups of users from numbers: a user column, activity, or mainstreamness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from recbole.data.dataloader import FullSortEvalDataLoader, NegSampleEvalDataLoader
from recbole.data.dataset import Dataset

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.groups import Groups
from recbole_groupmix.core.groups.binning import activity, cut, quantile_groups
from recbole_groupmix.core.groups.mainstream import mainstream_scores
from recbole_groupmix.evaluation.user_columns import dataset_of, numbers


def binned_groups(
    data: Any, field: str, bins: Sequence[float], labels: Sequence[str] | None = None
) -> Groups:
    """Cut a numeric user column into groups.

    Parameters
    ----------
    data : Dataset or AbstractDataLoader
        RecBole's data set or any of its loaders, such as ``test_data``.
    field : str
        Column of the ``.user`` file: numbers, or tokens that are numbers, as ``age:token``.
    bins : sequence of float, length n_groups + 1
        Edges, strictly ascending; bin i is ``[bins[i], bins[i + 1])``. An infinite edge leaves an
        end open. Users whose value is missing or in no bin have no group; they count in the
        overall row only. RecBole fills missing values of a float column by the mean.
    labels : sequence of str, optional
        Names of the groups; by default such as ``[18, 25)``.

    Raises
    ------
    ValueError
        If the column is absent, not loaded or not numeric, the bins do not ascend, the labels do
        not fit, or no user's value lies in a bin.
    """
    values = numbers(dataset_of(data), field)
    grouping = cut(values, bins, labels)
    if not (grouping.codes >= 0).any():
        spread = "all are missing" if np.isnan(values).all() else (
            f"they lie in [{np.nanmin(values):g}, {np.nanmax(values):g}]"
        )  # fmt: skip
        raise ValueError(
            f"no value of user column {field!r} lies in a bin of {list(bins)}: {spread}. "
            "(RecBole's normalize_all and normalize_field scale columns to [0, 1])"
        )
    return Groups(field, grouping.names, grouping.codes)


def activity_groups(train_data: Any, n: int = 5, names: Sequence[str] | None = None) -> Groups:
    """Split users into quantiles by their number of training interactions.

    Parameters
    ----------
    train_data : AbstractDataLoader
        The training loader, the first that RecBole's ``data_preparation`` returns. Held-out
        interactions are not used.
    n : int
        Number of groups. Their sizes differ by at most one among the users with a training
        interaction; users of equal activity may be in neighbouring groups. Of these users only
        those of the evaluation are in a report, so that the sizes there may differ by more.
    names : sequence of str, optional
        Names from the least active group to the most active one; by default ``Q1`` to ``Qn``.

    Raises
    ------
    ValueError
        If an evaluation loader or a data set is given, or there are fewer users than groups.
    """
    dataset = _training_part(train_data)
    users, _ = _interactions(dataset)
    names = [f"Q{number}" for number in range(1, n + 1)] if names is None else names
    grouping = quantile_groups(activity(users, dataset.user_num), n, names)
    return Groups("activity", grouping.names, grouping.codes)


def mainstream_groups(train_data: Any, n: int = 5, names: Sequence[str] | None = None) -> Groups:
    """Split users into quantiles by how close their taste is to the other users'.

    The score of a user is the mean Jaccard similarity of the user's training items with those of
    every other user (TALL, section 2); see :func:`recbole_groupmix.core.groups.mainstream.mainstream_scores`.

    Parameters
    ----------
    train_data, n
        As for :func:`activity_groups`.
    names : sequence of str, optional
        Names from the group furthest from the mainstream to the closest; by default ``L``, ``ML``,
        ``M``, ``MH``, ``H`` for five groups and ``Q1`` to ``Qn`` otherwise.

    Raises
    ------
    ValueError
        As :func:`activity_groups`.
    """
    dataset = _training_part(train_data)
    users, items = _interactions(dataset)
    scores = mainstream_scores(users, items, dataset.user_num, dataset.item_num)
    grouping = quantile_groups(scores, n, names)
    return Groups("mainstream", grouping.names, grouping.codes)


def _training_part(train_data: Any) -> Dataset:
    if isinstance(train_data, FullSortEvalDataLoader | NegSampleEvalDataLoader | Dataset):
        kind = "a data set, which may hold" if isinstance(train_data, Dataset) else "a loader of"
        raise ValueError(
            f"got {kind} held-out interactions; give the training loader, train_data of "
            "train_data, valid_data, test_data = data_preparation(config, dataset)"
        )
    return dataset_of(train_data)


def _interactions(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return user and item of every interaction, the first of each sequence included."""
    with recbole_compat():
        matrix = dataset.inter_matrix(form="coo")
    return matrix.row.astype(np.int64), matrix.col.astype(np.int64)
