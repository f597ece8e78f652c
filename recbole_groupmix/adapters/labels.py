"""Positive interactions according to the label of a data set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from recbole.data.dataset import Dataset
from recbole.utils import FeatureType

from recbole_groupmix.adapters.columns import rows_of
from recbole_groupmix.adapters.config import splits_in_time
from recbole_groupmix.adapters.removed import NothingLeftError, Removed


def check_values_are_there(dataset: Any) -> None:
    """Raise ``ValueError`` if an interaction lacks the value by which it is positive or is split.

    Call it before RecBole fills missing values by the mean of the others.

    Parameters
    ----------
    dataset : Dataset
        RecBole's data set while its features are tables.
    """
    needed = dict.fromkeys(
        [dataset.label_field, *(dataset.config["threshold"] or ())],
        "by which interactions are positive",
    )
    if splits_in_time(dataset.config):
        needed[dataset.time_field] = "by which interactions are split"
    for field, for_what in needed.items():
        if field in dataset.inter_feat:
            n_missing = int(dataset.inter_feat[field].isna().sum())
            if n_missing:
                raise ValueError(
                    f"{n_missing} of {len(dataset.inter_feat)} interactions of "
                    f"{dataset.dataset_name} have no {field}, {for_what}; "
                    "give them one or remove the rows, also by "
                    f"--val_interval=\"{{'{field}':'(-inf,inf)'}}\""
                )


def only_positives(dataset: Dataset) -> Dataset:
    """Return a data set without the interactions that are labelled negative.

    Parameters
    ----------
    dataset : Dataset
        A loaded data set, its features tensors. Its labels are RecBole's ``LABEL_FIELD``: made by
        ``threshold``, or a loaded column of 0 and 1. Without one all interactions are positive.

    Returns
    -------
    Dataset
        With a record of the removed interactions in ``removed``.

    Raises
    ------
    ValueError
        If a loaded label is neither 0 nor 1, or no interaction is positive.
    """
    label, threshold = dataset.label_field, dataset.config["threshold"]
    if label not in dataset.inter_feat:
        return dataset
    values = dataset.inter_feat[label].numpy()
    if threshold is None:
        _check_binary(dataset, values)
    positive = values > 0
    if positive.all():
        return dataset
    fields = [dataset.uid_field, dataset.iid_field]
    pairs = pd.DataFrame({field: dataset.inter_feat[field].numpy() for field in fields})
    step = f"interactions labelled 0 by column {label} (LABEL_FIELD)"
    keep = f"without {label} in load_col all interactions are positive"
    if threshold is not None:
        step, keep = f"interactions below threshold {threshold}", "without threshold they stay"
    removed = Removed.between(pairs, pairs[positive], step, keep)
    if not positive.any():
        raise NothingLeftError(f"no interaction of {dataset.dataset_name} is left: {removed}")
    if dataset.config["benchmark_filename"] is not None:
        sizes = np.split(positive, np.cumsum(dataset.file_size_list)[:-1])
        dataset.file_size_list = [int(part.sum()) for part in sizes]
    dataset = dataset.copy(rows_of(dataset.inter_feat, torch.from_numpy(np.flatnonzero(positive))))
    dataset.removed = (*dataset.removed, removed)
    return dataset


def check_labels(dataset: Dataset) -> None:
    """Raise ``ValueError`` unless a data set's labels are 0 and 1, and both are there.

    Parameters
    ----------
    dataset : Dataset
        A loaded data set with labels, its features tensors.
    """
    label, threshold = dataset.label_field, dataset.config["threshold"]
    values = dataset.inter_feat[label].numpy()
    if threshold is None:
        _check_binary(dataset, values)
    if values.min() == values.max():
        by = f"column {label} (LABEL_FIELD)" if threshold is None else f"threshold {threshold}"
        raise ValueError(
            f"all {len(values)} interactions of {dataset.dataset_name} are labelled {values[0]:g} by "
            f"{by}, and a model that learns labels needs both; choose another threshold, or leave "
            "train_neg_sample_args out to draw negatives"
        )


def _check_binary(dataset: Dataset, values: np.ndarray) -> None:
    label, name = dataset.label_field, dataset.dataset_name
    ways = (
        f"give the least value of a positive interaction by --threshold=\"{{'{label}':1}}\", or "
        f"leave {label} out of load_col to take all as positive"
    )
    kind = dataset.field2type[label]
    if kind != FeatureType.FLOAT:
        raise ValueError(
            f"{label} is the label of {name} (LABEL_FIELD) and of type {kind.value!r}; write "
            f"{label}:float into the header of the file, or leave it out of load_col"
        )
    other = np.unique(values[(values != 0) & (values != 1)])
    if len(other):
        shown = ", ".join(f"{value:g}" for value in other[:3])
        raise ValueError(
            f"{label} is the label of {name} (LABEL_FIELD) and holds {shown}"
            f"{', ...' if len(other) > 3 else ''}; labels are 0 and 1: {ways}"
        )
