"""Checks of the arguments of ``GroupEvaluator``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

from recbole.evaluator import metric_types


def metric_names(metrics: Any) -> list[str]:
    """Return metrics as RecBole spells them; a single name becomes a list.

    Raises
    ------
    ValueError
        If there are none, or RecBole does not have one of them.
    """
    names = [metrics] if isinstance(metrics, str) else metrics
    if not isinstance(names, Iterable) or not all(isinstance(name, str) for name in names):
        raise ValueError(
            f"metrics is {metrics!r}; give names of RecBole's metrics, such as ['Recall', 'NDCG']"
        )
    lowered = [name.lower() for name in names]
    unknown = [name for name in lowered if name not in metric_types]
    if unknown:
        raise ValueError(
            f"RecBole has no metric named {unknown[0]!r}; it has {', '.join(sorted(metric_types))}"
        )
    if not lowered:
        raise ValueError("metrics is empty; name at least one, such as ['Recall']")
    return lowered


def cut_offs(topk: Any, n_items: int | None, name: str = "topk") -> list[int]:
    """Return cut-offs; a single number becomes a list.

    Parameters
    ----------
    topk : int or sequence of int
        The argument.
    n_items : int or None
        Items of the data set, the longest possible list; None for predicted values.
    name : str
        Name of the argument, for messages.

    Raises
    ------
    ValueError
        If there are none, or one is not a whole number from 1 to the number of items.
    """
    values = [topk] if isinstance(topk, Integral) else topk
    is_list = isinstance(values, Iterable) and not isinstance(values, (str, Mapping))
    numbers = list(values) if is_list else []
    if not numbers or any(not _is_whole(k, 1) for k in numbers):
        raise ValueError(f"{name} is {topk!r}; cut-offs are whole numbers >= 1, such as [10, 20]")
    if n_items is not None and max(numbers) > n_items:
        raise ValueError(
            f"{name} is {topk!r}, which is beyond the {n_items} items of the data set; cut-offs are "
            "at most the number of items"
        )
    return [int(k) for k in numbers]


def check_counts(n_boot: Any, min_users: Any, small: Any) -> None:
    """Raise ``ValueError`` for a number or an option that is not allowed."""
    if not _is_whole(n_boot, 1):
        raise ValueError(f"n_boot is {n_boot!r}; it must be a whole number >= 1")
    if min_users is not None and not _is_whole(min_users, 0):
        raise ValueError(f"min_users is {min_users!r}; it must be a whole number >= 0, or None")
    if small not in ("refuse", "merge"):
        raise ValueError(f"small is {small!r}; it must be 'refuse' or 'merge'")


def check_groups(groups: Any) -> None:
    """Raise ``ValueError`` for groups that name neither columns nor users."""
    if hasattr(groups, "columns"):
        names = ", ".join(map(str, groups.columns))
        raise ValueError(
            f"groups is a {type(groups).__name__} with the columns {names}; give one column by "
            "user, such as frame.set_index(USER_COLUMN)[GROUP_COLUMN]"
        )
    if hasattr(groups, "dtype") and not hasattr(groups, "index"):
        raise ValueError(
            f"groups is an array ({type(groups).__name__}), which does not say whose groups these "
            "are; give a dict or a pandas Series of user token to group"
        )
    if not isinstance(groups, Iterable) and not hasattr(groups, "of_user"):
        raise ValueError(
            f"groups is {groups!r}; give a column of the .user file, several of them, or a dict of "
            "user token to group"
        )


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least
