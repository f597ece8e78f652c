"""Which model a line about a fold is about: the candidate, the fold and its options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

T = TypeVar("T", bound=Mapping[str, Any])
Key = tuple[str, int, str]


def options_text(options: Mapping[str, float]) -> str:
    """Return options of RecBole as text, such as ``reg_weight=0.01``; empty for none."""
    return " ".join(f"{key}={value:g}" for key, value in options.items())


def key_of(record: Mapping[str, Any]) -> Key:
    """Return candidate, fold and options of a line; a line about a fold alone has no candidate."""
    return record.get("name", ""), record["fold"], options_text(record.get("options", {}))


def n_points(record: Mapping[str, Any]) -> int:
    """Return the number of points of a line of a curve; 0 for other lines."""
    return len(record.get("curve", ()))


def longest_of_each(records: Iterable[T]) -> dict[Key, T]:
    """Return the longest curve of every candidate, fold and options, the last of equals.

    A fold that was trained further has a line for each of its trainings.
    """
    longest: dict[Key, T] = {}
    for record in records:
        key = key_of(record)
        if key not in longest or n_points(record) >= n_points(longest[key]):
            longest[key] = record
    return longest


def is_of(record: Mapping[str, Any], result: Mapping[str, Any]) -> bool:
    """Return whether a line is about a candidate of a result, with the options that it chose.

    Of a mix that left a race, which chose nothing, every line is.
    """
    name, search = record["name"], result["search"]
    if name in search.get("waves", {}).get("left", {}):
        return True
    if name in result.get("rivals", {}) and "options" not in record:
        return False  # of an older version, in which a baseline had this name
    chosen = search.get("options", {}).get(name)
    return name in search["cv"] and record.get("options", chosen) == chosen
