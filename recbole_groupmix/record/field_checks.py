"""What a value read from a file must look like: checks derived from the types of its fields."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from recbole_groupmix.text.untrusted import short_repr

Check = Callable[[Any, str], None]
"""Raises ``ValueError`` unless a value, which is found at a place, looks as it must."""

_SHOWN = 60


def check_of(shape: Any) -> Check:
    """Return the check of a type of :mod:`~recbole_groupmix.record.schema`.

    Parameters
    ----------
    shape : type
        A ``TypedDict`` (fields that it does not name pass), ``list[...]``, ``dict[str, ...]``,
        ``str``, ``bool``, ``int``, ``float``, one of them or None, or ``Any``. ``Annotated`` with
        ">= 1" bounds a number or the length of a list; with "or NaN" a number may be NaN.

    Raises
    ------
    TypeError
        For any other type.
    """
    return _derived(shape)


@cache
def _derived(shape: Any) -> Check:
    bounds: tuple[str, ...] = ()
    if get_origin(shape) is Annotated:
        shape, *more = get_args(shape)
        bounds = tuple(more)
    if shape is Any:
        return anything
    if is_typeddict(shape):
        fields = {
            name: check_of(of_field)
            for name, of_field in get_type_hints(shape, include_extras=True).items()
        }
        needed = {name: item for name, item in fields.items() if name in shape.__required_keys__}
        return keys(needed, {name: item for name, item in fields.items() if name not in needed})
    least = next((float(b.removeprefix(">= ")) for b in bounds if b.startswith(">= ")), -math.inf)
    origin, inner = get_origin(shape), get_args(shape)
    if origin is list:
        return listed(check_of(inner[0]), int(max(least, 0)))
    if origin is dict:
        return by_name(check_of(inner[1]))
    none = origin in (Union, UnionType) and NoneType in inner
    if none:
        (shape,) = (kind for kind in inner if kind is not NoneType)
    if shape is str:
        return text(none=none)
    if shape in (int, float):
        return number(least, whole=shape is int, none=none, nan="or NaN" in bounds)
    if none:
        return _or_null(check_of(shape))
    if shape is bool:
        return flag
    raise TypeError(f"no check is known for {shape!r}")


def _refuse(value: Any, where: str, wanted: str) -> ValueError:
    return ValueError(f"{where} is {short_repr(value, _SHOWN)} and must be {wanted}")


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


def flag(value: Any, where: str) -> None:
    """Check for true or false."""
    if not isinstance(value, bool):
        raise _refuse(value, where, "true or false")


def _or_null(item: Check) -> Check:
    def check(value: Any, where: str) -> None:
        if value is not None:
            item(value, where)

    return check


def anything(value: Any, where: str) -> None:
    """Let every value pass."""


def listed(item: Check, least: int = 0) -> Check:
    """Return a check for a list of at least so many items."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, list) or len(value) < least:
            raise _refuse(value, where, f"a list{f' of {least} or more' if least else ''}")
        for place, entry in enumerate(value, start=1):
            item(entry, f"item {place} of {where}")

    return check


def by_name(item: Check) -> Check:
    """Return a check for values by names that are text."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise _refuse(value, where, "keys and values")
        for key, entry in value.items():
            item(entry, f"{short_repr(key, _SHOWN)} of {where}")

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
