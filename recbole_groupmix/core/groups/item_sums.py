"""Ratings and predictions summed over the rows of each group of users and item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ItemSums:
    """Sums over the rows of each group and item, float64 of shape (n_groups, n_items)."""

    rows: Floats
    predictions: Floats
    deviations: Floats
    above: Floats  # of the rows whose prediction is too high, by how much
    below: Floats  # of those whose prediction is too low


def item_sums(
    predictions: npt.NDArray[np.floating[Any]],
    ratings: npt.NDArray[np.floating[Any] | np.integer[Any]],
    items: npt.NDArray[np.integer[Any]],
    groups: npt.NDArray[np.integer[Any]],
    at_least: int,
) -> ItemSums:
    """Return the sums per group and item, of `at_least` groups or as many as there are.

    Parameters
    ----------
    predictions, ratings, items, groups
        As for `unfairness.unfairness`. Columns of the sums are the items of rows with a group.
    at_least : int
        Smallest number of groups to have sums of; groups without rows have sums 0.

    Raises
    ------
    ValueError
        If shapes or types do not fit, or a prediction or rating is not finite.
    """
    predicted, true = np.asarray(predictions, np.float64), np.asarray(ratings, np.float64)
    items, groups = np.asarray(items), np.asarray(groups)
    for name, column in (("ratings", true), ("items", items), ("groups", groups)):
        if predicted.ndim != 1 or column.shape != predicted.shape:
            raise ValueError(
                f"{name} has shape {column.shape} and predictions {predicted.shape}; both must "
                "be one-dimensional with one entry per row."
            )
    for name, column in (("predictions", predicted), ("ratings", true)):
        wrong = np.flatnonzero(~np.isfinite(column))
        if wrong.size:
            raise ValueError(
                f"{name} holds {column[wrong[0]]} at row {wrong[0]}, one of {wrong.size} rows "
                "without a finite value; leave such rows out of all four arrays."
            )
    if groups.size and (not np.issubdtype(groups.dtype, np.integer) or groups.min() < -1):
        raise ValueError(
            f"groups has dtype {groups.dtype} and smallest code {groups.min()}; codes are "
            "integers >= 0, or -1 for no group."
        )
    kept = groups >= 0
    _, columns = np.unique(items[kept], return_inverse=True)
    codes, deviation = groups[kept].astype(np.int64), (predicted - true)[kept]
    shape = (max(at_least, int(codes.max(initial=-1)) + 1), int(columns.max(initial=-1)) + 1)
    cells = codes * shape[1] + columns

    def summed(weights: Floats | None) -> Floats:
        sums = np.bincount(cells, weights=weights, minlength=shape[0] * shape[1])
        return sums.reshape(shape).astype(np.float64)

    return ItemSums(
        rows=summed(None),
        predictions=summed(predicted[kept]),
        deviations=summed(deviation),
        above=summed(np.maximum(deviation, 0.0)),
        below=summed(np.maximum(-deviation, 0.0)),
    )
