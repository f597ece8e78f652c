"""The per-user values of a run as arrays, from a table in long or wide form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recbole_groupmix.compare.columns import as_numbers, as_tokens, listed

#: Columns that are not metrics in a table of one column per metric.
LABELS = ("user_id", "group", "mix", "repeat", "k")
#: Label of the only repeat of a table without a column ``repeat``.
UNLABELLED = ""


@dataclass(frozen=True)
class Run:
    """Per-user values of one run.

    Parameters
    ----------
    name : str
        Name of the run in the comparison.
    users : array of str, shape (n_users,)
        Ids, each once.
    groups : array of str or None, shape (n_users,), or None
        Group of every user, None for a user without one; None for a table without groups.
    repeats : tuple of str
        Labels of the repeats, (``UNLABELLED``,) for a table without any.
    values : dict of str to array of float64, shape (n_repeats, n_users)
        By metric (``"recall@20"``): finite, NaN where undefined or not in the table.
    """

    name: str
    users: npt.NDArray[np.object_]
    groups: npt.NDArray[np.object_] | None
    repeats: tuple[str, ...]
    values: dict[str, npt.NDArray[np.float64]]

    def of_users(self, users: Sequence[str] | npt.NDArray[np.object_]) -> Run:
        """Return the run with these users, all of which it has, in this order."""
        place = {user: i for i, user in enumerate(self.users)}
        rows = [place[user] for user in users]
        groups = None if self.groups is None else self.groups[rows]
        values = {metric: array[:, rows] for metric, array in self.values.items()}
        return replace(self, users=self.users[rows], groups=groups, values=values)

    def of_repeats(self, repeats: Sequence[str]) -> Run:
        """Return the run with these repeats, all of which it has, in this order."""
        rows = [self.repeats.index(repeat) for repeat in repeats]
        values = {metric: array[rows] for metric, array in self.values.items()}
        return replace(self, repeats=tuple(repeats), values=values)

    def averaged(self) -> Run:
        """Return the run with the average over its repeats as its only repeat."""
        means = {m: array.mean(axis=0, keepdims=True) for m, array in self.values.items()}
        return replace(self, repeats=(UNLABELLED,), values=means)


def runs_of_tables(tables: Mapping[str, Any], metrics: Sequence[str] | None = None) -> list[Run]:
    """Make runs of named tables; a table of several mixes is one run ``"name:mix"`` per mix.

    Parameters
    ----------
    tables : mapping of str to table
        A pandas or pyarrow table, or a mapping of columns to arrays. Long form: columns
        ``user_id``, ``metric`` and ``value``; wide form: ``user_id`` and one column per metric.
        Both may have columns ``group``, ``repeat`` and ``mix``, the long form also ``k``, the
        cut-off of the metric.
    metrics : sequence of str, optional
        Metrics to keep; by default all.

    Raises
    ------
    ValueError
        If a table is in neither form, holds a user twice, puts a user into two groups, or
        holds a value that is infinite or not a number.
    """
    runs: list[Run] = []
    for name, table in tables.items():
        frame = _frame(table, name)
        mixes = as_tokens(frame, "mix", name) if "mix" in frame else np.full(len(frame), name)
        distinct = list(dict.fromkeys(mixes))
        for mix in distinct:
            own = f"{name}:{mix}" if len(distinct) > 1 else name
            if own in {run.name for run in runs}:
                raise ValueError(f"two runs are named {own!r}; name the tables differently")
            runs.append(_run(own, frame[mixes == mix], metrics))
    return runs


def _frame(table: Any, name: str) -> pd.DataFrame:
    try:
        frame = pd.DataFrame(table.to_pandas() if hasattr(table, "to_pandas") else table)
    except (ValueError, TypeError) as error:
        raise ValueError(f"run {name!r} is not a table of per-user values: {error}") from error
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise ValueError(f"run {name!r} has two columns {twice[0]!r}; remove or rename one")
    if "user_id" not in frame:
        raise ValueError(
            f"run {name!r} has no column user_id, only {listed(frame.columns)}; a table has "
            "user_id, metric and value, or user_id and one column per metric"
        )
    if frame.empty:
        raise ValueError(f"run {name!r} has no rows")
    return frame.reset_index(drop=True)


def _run(name: str, frame: pd.DataFrame, metrics: Sequence[str] | None) -> Run:
    user_codes, users = pd.factorize(as_tokens(frame, "user_id", name))
    if "repeat" in frame:
        repeat_codes, repeats = pd.factorize(as_tokens(frame, "repeat", name), sort=True)
    else:
        repeat_codes, repeats = np.zeros(len(frame), dtype=np.int64), np.array([UNLABELLED])
    values: dict[str, npt.NDArray[np.float64]] = {}
    for metric, rows, column in _columns_of_values(name, frame, metrics):
        cell = repeat_codes[rows] * len(users) + user_codes[rows]
        counts = np.bincount(cell, minlength=len(repeats) * len(users))
        if counts.max() > 1:
            repeat, user = divmod(int(counts.argmax()), len(users))
            where = f" in repeat {repeats[repeat]}" if "repeat" in frame else ""
            raise ValueError(
                f"run {name!r} has {counts.max()} values of {metric} for user "
                f"{users[user]!r}{where}; a user has one per metric"
                f"{'' if where else ' (a column named repeat tells repeats apart)'}"
            )
        numbers = as_numbers(column, name, metric)
        if np.isinf(numbers).any():
            user = users[user_codes[rows][np.isinf(numbers)][0]]
            raise ValueError(
                f"run {name!r} has an infinite {metric} for user {user!r}; values must be "
                "finite, or NaN where undefined"
            )
        cells = np.full(len(counts), np.nan)
        cells[cell] = numbers
        values[metric] = cells.reshape(len(repeats), len(users))
    if not values:
        raise ValueError(
            f"run {name!r} has no column of a metric, only {listed(frame.columns)}; a table has "
            "user_id, metric and value, or user_id and one column per metric"
        )
    groups = _groups(name, frame, user_codes, users) if "group" in frame else None
    return Run(name, np.asarray(users, dtype=object), groups, tuple(map(str, repeats)), values)


def _columns_of_values(
    name: str, frame: pd.DataFrame, metrics: Sequence[str] | None
) -> list[tuple[str, npt.NDArray[np.int64], pd.Series]]:
    """Return (metric, numbers of rows, values in these rows), in the order of the table."""
    columns: list[tuple[str, npt.NDArray[np.int64], pd.Series]]
    if "metric" in frame and "value" in frame:
        kinds = as_tokens(frame, "metric", name)
        if "k" in frame:
            codes, cut_offs = pd.factorize(as_tokens(frame, "k", name, missing=""))
            cut_offs = [k.removesuffix(".0") for k in cut_offs]  # a metric of labels has 0
            cut_offs = [f"@{k}" if k not in ("", "0") else "" for k in cut_offs]
            kinds = kinds + np.array(cut_offs, dtype=object)[codes]
        codes, names = pd.factorize(kinds)
        order = np.argsort(codes, kind="stable")
        parts = np.split(order, np.cumsum(np.bincount(codes))[:-1])
        columns = [
            (str(metric), rows, frame["value"].iloc[rows])
            for metric, rows in zip(names, parts, strict=True)
        ]
    elif "metric" in frame:
        raise ValueError(
            f"run {name!r} has a column metric but none named value, only "
            f"{listed(frame.columns)}; rename the column that holds the values"
        )
    else:
        every = np.arange(len(frame))
        columns = [
            (str(column), every, frame[column]) for column in frame.columns if column not in LABELS
        ]
    if metrics is None:
        return columns
    absent = [metric for metric in metrics if metric not in [metric for metric, *_ in columns]]
    if absent:
        raise ValueError(
            f"run {name!r} has no metric {absent[0]!r}, only {listed(m for m, *_ in columns)}"
        )
    return [entry for entry in columns if entry[0] in metrics]


def _groups(
    name: str, frame: pd.DataFrame, codes: npt.NDArray[np.int64], users: Any
) -> npt.NDArray[np.object_]:
    """Return the group of each user, None for those without."""
    tokens = as_tokens(frame, "group", name, missing="")
    group_codes, names = pd.factorize(tokens)
    of_user, of_group = np.divmod(np.unique(codes * len(names) + group_codes), len(names))
    several = np.flatnonzero(np.bincount(of_user) > 1)
    if len(several):
        own = [names[g] or "none" for g in of_group[of_user == several[0]]]
        raise ValueError(
            f"run {name!r} has user {users[several[0]]!r} in {len(own)} groups, {listed(own)}; "
            "a user has one"
        )
    groups = np.empty(len(users), dtype=object)
    groups[of_user] = names[of_group]
    groups[groups == ""] = None
    return groups
