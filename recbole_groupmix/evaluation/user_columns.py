"""Columns of the ``.user`` file as tokens or numbers, with errors that name the way out."""

from __future__ import annotations

from typing import Any

import numpy as np
from recbole.data.dataset import Dataset
from recbole.utils import FeatureType

from recbole_groupmix.adapters.groups import columns_of_user_file
from recbole_groupmix.core.spelling import did_you_mean


def dataset_of(data: Any) -> Dataset:
    """Return the data set of a RecBole data loader, or the data set itself."""
    dataset = data if isinstance(data, Dataset) else getattr(data, "_dataset", None)
    if not isinstance(dataset, Dataset):
        raise ValueError(
            f"got a {type(data).__name__}; give a RecBole data set or data loader, such as "
            "test_data"
        )
    return dataset


def tokens(dataset: Dataset, field: str) -> list[str | None]:
    """Return the token of every user in a token column, None where it is missing.

    Parameters
    ----------
    dataset : Dataset
        The data set of a loader.
    field : str
        Column of the ``.user`` file.

    Returns
    -------
    list of str or None, of length n_users
        By internal user id; None for the padding id 0 and for users without a token.

    Raises
    ------
    ValueError
        If the column is absent, was not loaded, or holds numbers or sequences.
    """
    column, kind = _column(dataset, field)
    if kind == FeatureType.FLOAT:
        raise ValueError(
            f"column {field!r} of {dataset.dataset_name}.user holds numbers; cut them into "
            f"groups by binned_groups(test_data, {field!r}, bins=[...]), or write {field}:token "
            "into the header of the file if each number is a group"
        )
    names = dataset.field2id_token[field]
    return [None if code <= 0 else str(names[code]) for code in column.tolist()]


def numbers(dataset: Dataset, field: str) -> np.ndarray:
    """Return the number of every user, from a column of numbers or of tokens that are numbers.

    Parameters
    ----------
    dataset, field
        As for :func:`tokens`.

    Returns
    -------
    numpy.ndarray of float64, shape (n_users,)
        By internal user id; NaN for the padding id 0 and for missing tokens. RecBole itself fills
        missing values of a float column by the mean of the others.

    Raises
    ------
    ValueError
        If the column is absent, was not loaded, or holds tokens that are not numbers.
    """
    column, kind = _column(dataset, field)
    if kind == FeatureType.FLOAT:
        if column.ndim == 2:  # a numerical feature: value and bucket
            column = column[:, 0]
        # RecBole holds 0.7 as a float32, which is below 0.7; restore the decimal of the file
        values = column.astype(np.float32).astype(str).astype(np.float64)
        values[0] = np.nan
        return values
    try:
        values_of_tokens = [
            np.nan if token is None else float(token) for token in tokens(dataset, field)
        ]
    except ValueError as error:
        raise ValueError(
            f"column {field!r} of {dataset.dataset_name}.user holds tokens that are not numbers "
            f"({error}); name the column itself as the groups"
        ) from error
    return np.array(values_of_tokens)


def _column(dataset: Dataset, field: str) -> tuple[np.ndarray, FeatureType]:
    """Return a loaded user column by internal id, and its type."""
    file = f"{dataset.dataset_name}.user"
    feature = dataset.user_feat
    if feature is None or field not in feature or field == dataset.uid_field:
        columns = columns_of_user_file(dataset)
        if field in columns:
            raise ValueError(
                f"column {field!r} of {file} was not loaded; {_how_to_load(dataset, field)}"
            )
        hint = did_you_mean(field, columns, " ({})")
        raise ValueError(
            f"{file} has no column {field!r} that can hold groups; columns there: "
            f"{', '.join(columns) or 'none'}{hint}. Groups from outside the data set can "
            "be given as a dict of user to group, or by groups_from_csv"
        )
    kind = dataset.field2type[field]
    if kind not in (FeatureType.TOKEN, FeatureType.FLOAT):
        raise ValueError(
            f"column {field!r} of {file} has type {kind.value!r}, several values per user; groups "
            "need a column of type 'token' with one value each"
        )
    column = feature[field]
    return np.asarray(column.tolist() if hasattr(column, "tolist") else column), kind


def _how_to_load(dataset: Dataset, field: str) -> str:
    given = dataset.config["load_col"]
    if not given:
        return f"take {field!r} out of unload_col in your configuration"
    columns = [*(given.get("user") or [dataset.uid_field]), field]
    return f"set load_col: { ({**given, 'user': columns}) } in your configuration"
