"""Per-user values of a run: of one model in ``repeats``, and of all in ``metrics.parquet``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recbole_groupmix.core.user_metrics import metric_key, split_key
from recbole_groupmix.record.read import AGAIN, read_frame
from recbole_groupmix.record.result_schema import Result
from recbole_groupmix.record.schema import SHORT_METRICS, MetricsRow, RepeatRow


def read_repeat(
    file: Path, mix: str, repeat: int, topk: Sequence[int], n_users: int
) -> pd.DataFrame:
    """Read what was measured of one model.

    Parameters
    ----------
    file : pathlib.Path
        A file of ``repeats``.
    mix : str
        Name of its mix among the candidates.
    repeat : int
        Its repeat.
    topk : sequence of int
        Cut-offs of the run, with 0 where labels are predicted.
    n_users : int
        Users with held-out items, or with labels that are predicted.

    Raises
    ------
    ValueError
        If it cannot be read or is of another model or run.
    """
    frame = read_frame(file, set(RepeatRow.__annotations__))
    _check_values(file, frame)
    own = (frame["mix"] == mix) & (frame["repeat"] == repeat)
    whole = _is_grid(frame, n_users, 1) and set(frame["k"]) == set(topk)
    if not own.all() or not whole or not _is_number(frame["seconds"]):
        raise ValueError(
            f"{file} lacks the values of {mix}, repeat {repeat}, of this run; {AGAIN}"
        )
    return frame


def read_metrics(file: Path, filters: list[tuple[str, str, Any]] | None = None) -> pd.DataFrame:
    """Read ``metrics.parquet``, or the rows that pyarrow's filters leave.

    Raises
    ------
    ValueError
        If it cannot be read, has no rows, or values that are not finite.
    """
    frame = read_frame(file, set(MetricsRow.__annotations__), filters=filters)
    _check_values(file, frame)
    return frame


def of_target(result: Result) -> list[tuple[str, str, Any]]:
    """Return pyarrow's filters for the target's users and the metrics of a result's short tables."""
    chosen_by, cut_off = split_key(result["valid_metric"])
    return [
        ("group", "==", result["target"]),
        ("metric", "in", [*SHORT_METRICS, chosen_by]),
        ("k", "in", [result["topk"][-1], cut_off]),
    ]


def check_whole(file: Path, frame: pd.DataFrame, mixes: Sequence[str], keys: set[str]) -> None:
    """Raise ``ValueError`` unless a table has every user and repeat of some mixes and metrics.

    Parameters
    ----------
    file : pathlib.Path
        Where it comes from.
    frame : pandas.DataFrame
        From :func:`read_metrics`.
    mixes : sequence of str
        Mixes that must be there.
    keys : set of str
        Metrics that must be there, such as ``precision@20``.
    """
    n_users, n_repeats = frame["user_id"].nunique(), frame["repeat"].nunique()
    if not _is_grid(frame, n_users, n_repeats):
        raise ValueError(f"{file} has not one value per user, repeat, mix and metric; {AGAIN}")
    present = {
        (mix, metric_key(metric, k))
        for mix, metric, k in frame[["mix", "metric", "k"]]
        .drop_duplicates()
        .itertuples(index=False)
    }
    absent = [(mix, key) for mix in mixes for key in sorted(keys) if (mix, key) not in present]
    if absent:
        raise ValueError(f"{file} lacks {absent[0][1]} of {absent[0][0]}; {AGAIN}")


def _check_values(file: Path, frame: pd.DataFrame) -> None:
    if frame.empty:
        raise ValueError(f"{file} is empty; {AGAIN}")
    values = frame["value"]  # NaN where a metric has no value, which reports say
    if not pd.api.types.is_numeric_dtype(values.dtype) or np.isinf(values.to_numpy(float)).any():
        raise ValueError(f"{file} has values that are not numbers; {AGAIN}")
    if frame[["user_id", "group", "mix", "metric", "repeat", "k"]].isna().any(axis=None):
        raise ValueError(f"{file} has rows without user, group, mix, metric, repeat or k; {AGAIN}")


def _is_number(column: pd.Series) -> bool:
    plain = pd.api.types.is_numeric_dtype(column.dtype) and not column.hasnans
    return bool(plain and np.isfinite(column.to_numpy(dtype=float)).all())


def _is_grid(frame: pd.DataFrame, n_users: int, n_repeats: int) -> bool:
    """Whether every mix and metric has one row for each of so many users in each repeat."""
    cell = combinations(frame, ["mix", "metric", "k"])
    if not (np.bincount(cell) == n_users * n_repeats).all():
        return False
    # so many rows, and so many different users in each repeat of each: no row is there twice
    part = combinations(frame.assign(cell=cell), ["cell", "repeat"])
    user, users = pd.factorize(frame["user_id"])
    users_of_part = np.bincount(np.unique(part * len(users) + user) // len(users))
    return bool((users_of_part == n_users).all())


def combinations(frame: pd.DataFrame, columns: Sequence[str]) -> npt.NDArray[np.intp]:
    """Return which combination of values each row has, numbered from 0 in order of appearance."""
    number = np.zeros(len(frame), dtype=np.int64)
    for column in columns:
        code, values = pd.factorize(frame[column])
        number = number * len(values) + code
    combination: npt.NDArray[np.intp] = pd.factorize(number)[0]
    return combination
