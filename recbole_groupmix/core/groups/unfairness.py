"""Unfairness of predicted ratings between two groups of users, item by item.

Value, absolute, underestimation and overestimation unfairness and parity are those of chapter 3
of Sirui Yao's dissertation (first in Yao and Huang, "Beyond Parity", NIPS 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.groups.item_sums import Floats, ItemSums, item_sums

VARIANTS = ("paper", "code")
MISSING = ("skip", "zero")


@dataclass(frozen=True)
class Unfairness:
    """Unfairness between two groups; the smaller, the fairer, and 0 at best.

    Parameters
    ----------
    value, absolute, underestimation, overestimation : float
        Mean over the items used, in units of a rating; NaN where no item is used.
    parity : float
        Absolute difference of the groups' mean predictions over all their rows, in units of a
        rating; NaN where a group has no row.
    n_items_used : int
        Items that the four means are over.
    n_items : int
        Items that at least one of the two groups has rated.
    """

    value: float
    absolute: float
    underestimation: float
    overestimation: float
    parity: float
    n_items_used: int
    n_items: int


def unfairness(
    predictions: npt.NDArray[np.floating[Any]],
    ratings: npt.NDArray[np.floating[Any] | np.integer[Any]],
    items: npt.NDArray[np.integer[Any]],
    groups: npt.NDArray[np.integer[Any]],
    first: int,
    second: int | None = None,
    *,
    variant: str = "paper",
    missing: str = "skip",
) -> Unfairness:
    """Return the unfairness between two groups, or between one and the rest.

    With E_g[x]_j the mean of x over the rows of group g and item j, and D_g,j =
    E_g[prediction - rating]_j, variant ``"paper"`` takes the mean over items j of

    - value (3.2): ``|D_g,j - D_h,j|``
    - absolute (3.4): ``||D_g,j| - |D_h,j||``
    - underestimation (3.5): ``|max(0, -D_g,j) - max(0, -D_h,j)|``
    - overestimation (3.6): ``|max(0, D_g,j) - max(0, D_h,j)|``

    so that value is under- plus overestimation, and at least absolute. Variant ``"code"`` takes
    absolute values and maxima of single rows before their mean, such as ``|E_g[|prediction -
    rating|]_j - E_h[|prediction - rating|]_j|``; value is the same, and at most under- plus
    overestimation. The published tables agree with this variant only. Parity (3.7) is
    ``|E_g[prediction] - E_h[prediction]|`` over all rows, in both variants: what the text says,
    where the printed formula has its square.

    Parameters
    ----------
    predictions, ratings : array of float, shape (n_rows,)
        Predicted and true rating of every evaluated pair of user and item.
    items : array of int, shape (n_rows,)
        Item of every row; any integers.
    groups : array of int, shape (n_rows,)
        Group of the row's user, -1 for none; rows without a group are left out.
    first : int
        A group, >= 0, such as the target group.
    second : int, optional
        Another group, >= 0; by default the rest, the rows of all other groups taken together.
    variant : {"paper", "code"}
        Which reading of the measures.
    missing : {"skip", "zero"}
        What to do with items that only one of the two groups has rated: leave them out, or
        let the other group's means be 0 there.

    Raises
    ------
    ValueError
        If shapes or types do not fit, a prediction or rating is not finite, a group is below 0,
        the two groups are the same, or `variant` or `missing` is unknown.
    """
    _check_options(variant, missing)
    if first < 0 or (second is not None and (second < 0 or second == first)):
        raise ValueError(
            f"first is {first} and second {second}; they must be two different groups, each >= "
            "0, or second None for all groups besides the first."
        )
    sums = item_sums(predictions, ratings, items, groups, max(first, second or 0) + 1)
    others = [g for g in range(len(sums.rows)) if g != first] if second is None else [second]
    return _between(sums, [first], others, variant, missing)


def pairwise_unfairness(
    predictions: npt.NDArray[np.floating[Any]],
    ratings: npt.NDArray[np.floating[Any] | np.integer[Any]],
    items: npt.NDArray[np.integer[Any]],
    groups: npt.NDArray[np.integer[Any]],
    n_groups: int,
    *,
    variant: str = "paper",
    missing: str = "skip",
) -> dict[tuple[int, int], Unfairness]:
    """Return the unfairness between every two groups g < h, under the key ``(g, h)``.

    Parameters
    ----------
    predictions, ratings, items, groups, variant, missing
        As for `unfairness`.
    n_groups : int
        Number of groups, >= 2; a group without rows has measures NaN.

    Raises
    ------
    ValueError
        As `unfairness`, and if a group's code is `n_groups` or more.
    """
    _check_options(variant, missing)
    if n_groups < 2:
        raise ValueError(f"n_groups is {n_groups}; a pair needs at least 2 groups.")
    sums = item_sums(predictions, ratings, items, groups, n_groups)
    if len(sums.rows) > n_groups:
        raise ValueError(
            f"groups holds the code {len(sums.rows) - 1}, but n_groups is {n_groups}; codes lie "
            f"in [0, {n_groups}), or are -1 for no group."
        )
    return {
        (g, h): _between(sums, [g], [h], variant, missing)
        for g, h in combinations(range(n_groups), 2)
    }


def gaps(first: Floats, second: Floats) -> dict[str, Floats]:
    """Return the four differences of two groups' mean deviations, item by item.

    Parameters
    ----------
    first, second : array of float64, shape (n_items,)
        Mean deviation of each item in either group: D_g,j and D_h,j of `unfairness`.

    Returns
    -------
    dict of str to array of float64, shape (n_items,)
        ``"value"``, ``"absolute"``, ``"underestimation"`` and ``"overestimation"``, all >= 0.
    """
    return {
        "value": np.abs(first - second),
        "absolute": np.abs(np.abs(first) - np.abs(second)),
        "underestimation": np.abs(np.maximum(-first, 0.0) - np.maximum(-second, 0.0)),
        "overestimation": np.abs(np.maximum(first, 0.0) - np.maximum(second, 0.0)),
    }


def _between(
    sums: ItemSums, first: Sequence[int], second: Sequence[int], variant: str, missing: str
) -> Unfairness:
    """Return the unfairness between two sets of groups, each pooled row by row."""
    rows = [sums.rows[side].sum(axis=0) for side in (first, second)]
    seen = [side > 0 for side in rows]
    n_items = int(np.count_nonzero(seen[0] | seen[1]))
    if not (seen[0].any() and seen[1].any()):
        return Unfairness(np.nan, np.nan, np.nan, np.nan, np.nan, 0, n_items)
    used = seen[0] & seen[1] if missing == "skip" else seen[0] | seen[1]

    def means(table: Floats) -> list[Floats]:
        return [
            table[side].sum(axis=0)[used] / np.maximum(n, 1.0)[used]
            for side, n in zip((first, second), rows, strict=True)
        ]

    by_item = gaps(*means(sums.deviations))
    if variant == "code":
        above, below = means(sums.above), means(sums.below)
        by_item["absolute"] = np.abs((above[0] + below[0]) - (above[1] + below[1]))
        by_item["underestimation"] = np.abs(below[0] - below[1])
        by_item["overestimation"] = np.abs(above[0] - above[1])
    n_used = int(np.count_nonzero(used))
    averages = {name: float(gap.mean()) if n_used else np.nan for name, gap in by_item.items()}
    overall = [
        float(sums.predictions[side].sum() / n.sum())
        for side, n in zip((first, second), rows, strict=True)
    ]
    return Unfairness(
        **averages, parity=abs(overall[0] - overall[1]), n_items_used=n_used, n_items=n_items
    )


def _check_options(variant: str, missing: str) -> None:
    if variant not in VARIANTS:
        raise ValueError(f"variant is {variant!r}; it must be 'paper' or 'code'.")
    if missing not in MISSING:
        raise ValueError(f"missing is {missing!r}; it must be 'skip' or 'zero'.")
