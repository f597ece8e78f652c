"""What a value read from a file must look like: small checks that are put together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from recbole_groupmix.text.untrusted import short

Check = Callable[[Any, str], None]
"""Raises ``ValueError`` unless a value, which is found at a place, looks as it must."""

_SHOWN = 60


def _refuse(value: Any, where: str, wanted: str) -> ValueError:
    return ValueError(f"{where} is {short(value, _SHOWN)} and must be {wanted}")


def number(
    least: float = -math.inf, *, whole: bool = False, none: bool = False, nan: bool = False
) -> Check:
    """Return a check for a finite number from `least` on; `whole` for int64 integers.

    `none` lets null pass, `nan` a number that is not finite.
    """
    wanted = "a whole number" if whole else "a number"
    wanted += f" >= {least:g}" if least > -math.inf else ""
    wanted += " or null" if none else ""

    def check(value: Any, where: str) -> None:
        if value is None and none:
            return
        good = isinstance(value, int) or (isinstance(value, float) and not whole)
        if not good or isinstance(value, bool):
            raise _refuse(value, where, wanted)
        if isinstance(value, int) and abs(value) >= 2**63:
            raise _refuse(value, where, wanted)
        if isinstance(value, float) and not math.isfinite(value) and nan:
            return
        if not (math.isfinite(value) and value >= least):
            raise _refuse(value, where, wanted)

    return check


def text(*, none: bool = False) -> Check:
    """Return a check for text; `none` lets null pass."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, str) and not (none and value is None):
            raise _refuse(value, where, f"text{' or null' if none else ''}")

    return check


def anything(value: Any, where: str) -> None:
    """Let every value pass."""


def listed(item: Check, least: int = 0) -> Check:
    """Return a check for a list of at least so many items."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, list) or len(value) < least:
            raise _refuse(value, where, f"a list{f' of {least} or more' if least else ''}")
        for place, one in enumerate(value, start=1):
            item(one, f"item {place} of {where}")

    return check


def by_name(item: Check) -> Check:
    """Return a check for values by names that are text."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise _refuse(value, where, "keys and values")
        for key, one in value.items():
            item(one, f"{short(key, _SHOWN)} of {where}")

    return check


def keys(needed: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """Return a check for a mapping with certain keys; others may be there too."""

    def check(value: Any, where: str) -> None:
        by_name(anything)(value, where)
        for key, item in needed.items():
            if key not in value:
                raise ValueError(f"{where} has no {key!r}")
            item(value[key], f"{key!r} of {where}")
        for key, item in (optional or {}).items():
            if key in value:
                item(value[key], f"{key!r} of {where}")

    return check
