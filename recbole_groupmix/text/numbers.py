"""How numbers are written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from recbole_groupmix.core.statistics.resampling import MIN_REPEATS

#: A change is marked where its corrected p-value is below this level.
LEVEL = 0.05
UNDEFINED = "undefined"
#: After intervals from too few repeats to resample them.
FEW = "~"
#: A change that could not be computed.
NONE: Mapping[str, None] = dict.fromkeys(("mean", "ci_low", "ci_high", "p", "p_holm"))


def defined(*values: float | None) -> bool:
    """Whether all of these are finite numbers."""
    return all(value is not None and math.isfinite(value) for value in values)


def value(number: float | None) -> str:
    """Return a metric, such as ``0.1234``."""
    return f"{number:.4f}" if number is not None and math.isfinite(number) else UNDEFINED


def value_interval(mean: float | None, low: float | None, high: float | None) -> str:
    """Return a metric with its interval."""
    if not defined(low, high):
        return value(mean)
    return f"{value(mean)} [{low:.4f}, {high:.4f}]"


def percent(number: float | None) -> str:
    """Return a change, such as ``+1.2%``."""
    if number is None or not math.isfinite(number):
        return UNDEFINED
    return f"{0.0 if abs(number) < 0.0005 else number:+.1%}"  # never -0.0%


def percent_interval(mean: float | None, low: float | None, high: float | None) -> str:
    """Return a change with its interval, or that it has none."""
    if not defined(mean, low, high):
        return UNDEFINED
    return f"{percent(mean)} [{percent(low)}, {percent(high)}]"


def change(entry: Mapping[str, Any] | None, few: bool) -> str:
    """Return a change of ``result.json`` with its marks."""
    if entry is None:
        return "reference"
    text = percent_interval(entry["mean"], entry["ci_low"], entry["ci_high"])
    if text == UNDEFINED:
        return text
    return f"{text}{FEW if few else ''}{' *' if marked(entry) else ''}"


def marked(entry: Mapping[str, Any]) -> bool:
    """Whether the corrected p-value of a change is below the level."""
    return entry["p_holm"] is not None and entry["p_holm"] < LEVEL


def few_repeats(result: Mapping[str, Any]) -> bool:
    """Whether the intervals of a run leave out what other seeds would give."""
    return bool(result["repeats"] < MIN_REPEATS and not result.get("closed_form"))


def count(number: float, what: str, ending: str = "s") -> str:
    """Return ``1 repeat`` or ``3 repeats``."""
    return f"{number:,} {what}{'' if number == 1 else ending}"


def gib(n_bytes: float) -> str:
    """Return a number of bytes, such as ``1.5 GiB``."""
    return f"{n_bytes / 2**30:.3g} GiB"


def duration(seconds: float | None) -> str:
    """Return seconds as people say them."""
    if seconds is None or not math.isfinite(seconds):
        return "unknown"
    if seconds < 90:
        return f"{seconds:.1f} s"
    if seconds < 5400:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"
