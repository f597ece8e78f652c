"""Values of RecBole's keys about data: RecBole would silently ignore those that it cannot read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

from recbole_groupmix.core.filter_interval import EXAMPLE, interval_problem
from recbole_groupmix.settings.faults import Faults

if TYPE_CHECKING:
    from recbole_groupmix.settings.settings import Settings

_INTERVALS = ("user_inter_num_interval", "item_inter_num_interval")
_COLUMNS = ("load_col", "unload_col")


def check_data_keys(settings: Settings, faults: Faults) -> None:
    """Collect a fault for each key about data whose value RecBole cannot use.

    Whether the columns that they name are there is seen when the files are read.
    """
    for key in _INTERVALS:
        with faults:
            _check_interval(settings, key)
    for key in _COLUMNS:
        with faults:
            _check_columns(settings, key)
    for check in (_check_val_interval, _check_threshold, _check_duplicates, _check_filter):
        with faults:
            check(settings)


def _check_interval(settings: Settings, key: str) -> None:
    if settings[key] is not None and interval_problem(settings[key]):
        raise ValueError(f"{settings.describe(key)}; it must be an interval such as {EXAMPLE}")


def _check_duplicates(settings: Settings) -> None:
    if settings["rm_dup_inter"] not in (None, "first", "last"):
        raise ValueError(
            f"{settings.describe('rm_dup_inter')}; allowed are first and last, and to leave it out, "
            "which keeps repeated interactions (RecBole's False removes every copy)"
        )


def _check_filter(settings: Settings) -> None:
    if settings["filter_inter_by_user_or_item"] not in (None, True, False):
        raise ValueError(
            f"{settings.describe('filter_inter_by_user_or_item')}; allowed are true and false"
        )


def _mapping(settings: Settings, key: str, example: str) -> Mapping[Any, Any]:
    value = settings[key]
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise ValueError(
            f"{settings.describe(key)}; it must name columns, on the command line with quotes: "
            f'--{key}="{example}"'
        )
    return value


def _check_columns(settings: Settings, key: str) -> None:
    example = "{'inter':['user_id','item_id']}"
    for source, names in _mapping(settings, key, example).items():
        if key == "load_col" and names == "*":
            continue
        if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) for n in names):
            everything = " or '*'" if key == "load_col" else ""
            raise ValueError(
                f"{settings.describe(key)}; {source} must list names of columns{everything}, for "
                f"example {example}"
            )


def _check_val_interval(settings: Settings) -> None:
    example = "{'rating':'[3,inf)'}"
    for column, wanted in _mapping(settings, "val_interval", example).items():
        # a list may be tokens to keep; the column's type tells, when the file is read
        tokens = isinstance(wanted, (list, tuple)) and all(isinstance(w, str) for w in wanted)
        if not tokens and interval_problem(wanted):
            raise ValueError(
                f"{settings.describe('val_interval')}; {column} must have an interval of numbers "
                f"such as {EXAMPLE}, or a list of the tokens to keep such as ['a','b']"
            )


def _check_threshold(settings: Settings) -> None:
    example = "{'rating':4}"
    least = _mapping(settings, "threshold", example)
    good = all(
        isinstance(v, Real) and not isinstance(v, bool) and math.isfinite(v)
        for v in least.values()
    )
    if settings["threshold"] is not None and (len(least) != 1 or not good):
        raise ValueError(
            f"{settings.describe('threshold')}; it must name one column and the least number that "
            f"is positive, for example {example}"
        )
