"""Groups of users from a number per user: cut at edges, or split into quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.groups.grouping import Grouping

#: Names of five quantile groups, the least mainstream users first (TALL, section 4.1).
QUINTILES = ("L", "ML", "M", "MH", "H")


def cut(
    values: npt.NDArray[np.floating[Any] | np.integer[Any]],
    bins: Sequence[float],
    labels: Sequence[str] | None = None,
) -> Grouping:
    """Return the groups of a numeric column cut at the edges given.

    Parameters
    ----------
    values : array of float or int, shape (n,)
        Value of every user. NaN and values outside all bins give no group.
    bins : sequence of float, length n_groups + 1
        Edges, strictly ascending. Bin i is ``[bins[i], bins[i + 1])``: the left edge is in, the
        right one is not, not even in the last bin. An infinite edge leaves an end open.
    labels : sequence of str, optional
        Names of the bins, by default such as ``[18, 25)``.

    Raises
    ------
    ValueError
        If there are fewer than two edges, they do not ascend, or the labels do not fit.
    """
    values = _checked_values(values, "values")
    edges = np.asarray(bins, dtype=np.float64)
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise ValueError(
            f"bins are {list(bins)}; give at least two edges, each larger than the one before."
        )
    text = [np.format_float_positional(edge, trim="-") for edge in edges]
    if labels is None:
        labels = [f"[{text[i]}, {text[i + 1]})" for i in range(len(text) - 1)]
    if len(labels) != len(edges) - 1:
        raise ValueError(
            f"{len(labels)} labels for {len(edges)} edges; they make {len(edges) - 1} bins."
        )
    codes = np.searchsorted(edges, values, side="right") - 1  # NaN lands behind all edges
    codes[codes == len(edges) - 1] = -1
    return Grouping(codes, tuple(labels))


def quantile_groups(
    scores: npt.NDArray[np.floating[Any] | np.integer[Any]],
    n: int,
    names: Sequence[str] | None = None,
) -> Grouping:
    """Return n groups of equal size by ascending score; sizes differ by at most one.

    Equal scores are told apart by position, the earlier one first, so that users of equal
    score may be in neighbouring groups. The first groups are the larger ones.

    Parameters
    ----------
    scores : array of float or int, shape (n_users,)
        Score of every user; NaN gives no group.
    n : int
        Number of groups, >= 1.
    names : sequence of str, optional
        Names from the lowest scores to the highest; by default `QUINTILES` for five groups,
        else ``Q1`` to ``Qn``.

    Raises
    ------
    ValueError
        If `n` is below 1 or above the number of scores, or the names do not fit.
    """
    scores = _checked_values(scores, "scores")
    scored = np.flatnonzero(~np.isnan(scores))
    if not 1 <= n <= len(scored):
        raise ValueError(
            f"n is {n}, but {len(scored)} of {len(scores)} users have a score; n must be at "
            "least 1 and at most the number of users with one."
        )
    if names is None:
        names = QUINTILES if n == len(QUINTILES) else [f"Q{i}" for i in range(1, n + 1)]
    if len(names) != n:
        raise ValueError(f"{len(names)} names {list(names)} for {n} groups; give one each.")
    codes = np.full(len(scores), -1, dtype=np.int64)
    ascending = scored[np.argsort(scores[scored], kind="stable")]
    for code, members in enumerate(np.array_split(ascending, n)):
        codes[members] = code
    return Grouping(codes, tuple(names))


def activity(users: npt.NDArray[np.integer[Any]], n_users: int) -> npt.NDArray[np.float64]:
    """Return the number of interactions of every user, for `cut` or `quantile_groups`.

    Parameters
    ----------
    users : array of int, shape (n_interactions,)
        Internal user id of every interaction of the training part, in [1, n_users).
    n_users : int
        Number of ids, the padding id 0 included.

    Returns
    -------
    array of float64, shape (n_users,)
        Counts >= 1; NaN for the padding id and for users without an interaction, who are then
        in no group, as they are by `mainstream_scores`.

    Raises
    ------
    ValueError
        If an id is not an integer or out of range.
    """
    users = np.asarray(users)
    if users.ndim != 1 or (users.size and not np.issubdtype(users.dtype, np.integer)):
        raise ValueError(
            f"users has shape {users.shape} and dtype {users.dtype}; it must be a "
            "one-dimensional array of internal ids, one per interaction."
        )
    if users.size and not (users.min() >= 1 and users.max() < n_users):
        raise ValueError(
            f"users holds ids from {users.min()} to {users.max()}; they lie in [1, {n_users}), "
            "where 0 is the padding id. Add 1 to ids that start at 0."
        )
    counts = np.bincount(users.astype(np.int64), minlength=n_users).astype(np.float64)
    counts[counts == 0] = np.nan
    return counts


def _checked_values(
    values: npt.NDArray[np.floating[Any] | np.integer[Any]], name: str
) -> npt.NDArray[np.float64]:
    values = np.asarray(values)
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        raise ValueError(
            f"{name} has shape {values.shape} and dtype {values.dtype}; it must be a "
            "one-dimensional array of numbers, NaN for missing ones."
        )
    return values.astype(np.float64)
