"""Unfairness of top-k lists between two groups of users, item by item.

The measures of `unfairness` need ratings. Here hits and places in top-k lists replace them, and
the measures have other names, since their values are rates of users and not units of a rating.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.groups.item_sums import Floats
from recbole_groupmix.core.groups.unfairness import gaps, unfairness

Integers = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class RankingUnfairness:
    """Unfairness between two groups at one cut-off k, all in [0, 2]; the smaller, the fairer.

    An item's exposure in a group is the part of its users who have the item in their top k, its
    demand the part who have it among their relevant items, and its surplus exposure - demand.

    Parameters
    ----------
    hit_rate_gap : float
        Mean over items of the difference in the part of users who get the item, out of those
        to whom it is relevant; the items are `n_hit_items` many.
    overall_hit_rate_gap : float
        The same difference over all relevant pairs of user and item at once.
    surplus_gap, miscalibration_gap, undersupply_gap, oversupply_gap : float
        Value, absolute, underestimation and overestimation unfairness of the surplus.
    exposure_gap : float
        Mean over items of the difference in exposure, whatever the demand.
    n_hit_items : int
        Items that `hit_rate_gap` is over.
    n_items : int
        Items that the surplus and exposure gaps are over: those in a top k or relevant for at
        least one user of the two groups. All other items would add 0.
    """

    hit_rate_gap: float
    overall_hit_rate_gap: float
    surplus_gap: float
    miscalibration_gap: float
    undersupply_gap: float
    oversupply_gap: float
    exposure_gap: float
    n_hit_items: int
    n_items: int


def ranking_unfairness(
    top_items: Integers,
    relevant_users: Integers,
    relevant_items: Integers,
    groups: Integers,
    first: int,
    second: int | None = None,
    *,
    missing: str = "skip",
) -> RankingUnfairness:
    """Return the ranking unfairness between two groups, or between one and the rest.

    Parameters
    ----------
    top_items : array of int, shape (n_users, k)
        Items of every evaluated user's top k, in any order; a negative entry is an empty place.
    relevant_users, relevant_items : array of int, shape (n_relevant,)
        Row of the user in `top_items`, and item, of every relevant pair; no pair twice.
    groups : array of int, shape (n_users,)
        Group of every user, -1 for none.
    first, second : int
        As for `unfairness`; by default the first against the rest, its users taken together.
    missing : {"skip", "zero"}
        For `hit_rate_gap`, what to do with items relevant in only one of the two groups: leave
        them out, or count the other group as fully served there, which is a deviation of 0.

    Returns
    -------
    RankingUnfairness
        With NaN for what is undefined: the hit rate gaps where a group has no relevant pair or
        no item is left, the others where a group has no user or there is no item.

    Raises
    ------
    ValueError
        If shapes or types do not fit, a row is out of range, a user's top k or the relevant
        pairs hold an item twice, or an option is not allowed.
    """
    top_items, groups = np.asarray(top_items), np.asarray(groups)
    rows, wanted = np.asarray(relevant_users), np.asarray(relevant_items)
    _check(top_items, rows, wanted, groups)
    top_rows, places = np.nonzero(top_items >= 0)
    shown = top_items[top_rows, places]
    items, column = np.unique(np.concatenate([shown, wanted]), return_inverse=True)
    shown_cells = top_rows * len(items) + column[: len(shown)]
    wanted_cells = rows * len(items) + column[len(shown) :]
    for cells, holder in ((shown_cells, "top_items holds"), (wanted_cells, "relevant pairs hold")):
        cell, times = np.unique(cells, return_counts=True)
        if (times > 1).any():
            row, item = divmod(int(cell[times > 1][0]), len(items))
            raise ValueError(f"{holder} the item {items[item]} twice for the user in row {row}.")

    hits = np.isin(wanted_cells, shown_cells).astype(np.float64)
    on_pairs = unfairness(
        hits, np.ones(len(hits)), wanted, groups[rows], first, second, missing=missing
    )
    sides = [groups == first, (groups >= 0) & (groups != first)]
    if second is not None:
        sides[1] = groups == second
    exposure, demand = [], []
    for side in sides:
        n_users = max(1, int(np.count_nonzero(side)))
        exposure.append(_counts(column[: len(shown)][side[top_rows]], len(items)) / n_users)
        demand.append(_counts(column[len(shown) :][side[rows]], len(items)) / n_users)
    touched = exposure[0] + exposure[1] + demand[0] + demand[1] > 0
    by_item = gaps(exposure[0] - demand[0], exposure[1] - demand[1])
    by_item["exposure"] = np.abs(exposure[0] - exposure[1])
    defined = bool(touched.any() and sides[0].any() and sides[1].any())
    mean = {
        name: float(values[touched].mean()) if defined else np.nan
        for name, values in by_item.items()
    }
    return RankingUnfairness(
        hit_rate_gap=on_pairs.value,
        overall_hit_rate_gap=on_pairs.parity,
        surplus_gap=mean["value"],
        miscalibration_gap=mean["absolute"],
        undersupply_gap=mean["underestimation"],
        oversupply_gap=mean["overestimation"],
        exposure_gap=mean["exposure"],
        n_hit_items=on_pairs.n_items_used,
        n_items=int(np.count_nonzero(touched)) if defined else 0,
    )


def _counts(columns: npt.NDArray[np.int64], n_items: int) -> Floats:
    return np.bincount(columns, minlength=n_items).astype(np.float64)


def _check(top_items: Integers, rows: Integers, items: Integers, groups: Integers) -> None:
    """Check that the arrays fit each other."""
    if top_items.ndim != 2 or groups.shape != top_items.shape[:1]:
        raise ValueError(
            f"top_items has shape {top_items.shape} and groups {groups.shape}; they must be "
            "(n_users, k) and (n_users,)."
        )
    if rows.ndim != 1 or rows.shape != items.shape:
        raise ValueError(
            f"relevant_users has shape {rows.shape} and relevant_items {items.shape}; give one "
            "of each per relevant pair."
        )
    named = {"top_items": top_items, "relevant_users": rows, "relevant_items": items}
    for name, array in {**named, "groups": groups}.items():
        if not np.issubdtype(array.dtype, np.integer):
            raise ValueError(f"{name} has dtype {array.dtype}; it must hold integers.")
    if rows.size and not (rows.min() >= 0 and rows.max() < len(top_items)):
        raise ValueError(
            f"relevant_users holds rows from {rows.min()} to {rows.max()}, but top_items has "
            f"{len(top_items)} rows; count them from 0."
        )
    if groups.size and groups.min() < -1:
        raise ValueError(
            f"groups holds the code {groups.min()}; codes are >= 0, or -1 for no group."
        )
    if items.size and items.min() < 0:
        raise ValueError(f"relevant_items holds the item {items.min()}; items are >= 0.")
