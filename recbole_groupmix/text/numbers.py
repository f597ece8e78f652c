"""Numbers written as text."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, TypeVar

#: A change is marked where its corrected p-value is below this level.
LEVEL = 0.05
T = TypeVar("T")
UNDEFINED = "undefined"
#: An end of an interval that is infinite, which JSON writes as null.
UNBOUNDED = "unbounded"


def defined(*values: float | None) -> bool:
    """Whether all of these are finite numbers."""
    return all(value is not None and math.isfinite(value) for value in values)


def or_null(number: float) -> float | None:
    """Return a number for JSON, which has neither NaN nor infinities: None in their place."""
    return float(number) if math.isfinite(number) else None


def finite(value: T) -> T:
    """Return a value for JSON with None in place of every NaN and infinity in it."""
    plain: Any = value
    if isinstance(value, dict):
        plain = {key: finite(item) for key, item in value.items()}
    elif isinstance(value, list):
        plain = [finite(item) for item in value]
    elif isinstance(value, Real) and not isinstance(value, Integral):
        plain = or_null(float(value))
    same_shape: T = plain
    return same_shape


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
    """Return a change with its interval, or that it has none.

    An end that is no finite number, for a change that is one, is unbounded.
    """
    if not defined(mean):
        return UNDEFINED
    ends = (percent(end) if defined(end) else UNBOUNDED for end in (low, high))
    return f"{percent(mean)} [{', '.join(ends)}]"


def chance(probability: float) -> str:
    """Return a probability, such as 31 %; those near 0 and 1 as bounds."""
    if probability < 0.01:
        return "below 1 %"
    return "above 99 %" if probability > 0.99 else f"{100 * probability:.0f} %"


def count(number: float, what: str, ending: str = "s") -> str:
    """Return ``1 repeat`` or ``3 repeats``."""
    return f"{number:,} {what}{'' if number == 1 else ending}"


def gib(n_bytes: float) -> str:
    """Return a number of bytes, such as ``1.5 GiB``."""
    return f"{n_bytes / 2**30:.3g} GiB"


def duration(seconds: float | None) -> str:
    """Return seconds in a fitting unit: 0.4 s, 75 s, 12 min, 3.5 h."""
    if seconds is None or not math.isfinite(seconds):
        return "unknown"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
