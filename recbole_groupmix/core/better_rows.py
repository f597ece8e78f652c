"""The rows of a result that are significantly better than the baseline, best first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from recbole_groupmix.core.names import (
    BUDGET,
    DATA_MIX,
    NO_AUGMENTATION,
    REFERENCE,
    STRATIFIED,
    THEORY,
)

#: How to train as a row of ours was trained.
_ADVICE = {
    REFERENCE: "train on everything as it is (proportional)",
    STRATIFIED: "give every other group the same total weight (stratified)",
    NO_AUGMENTATION: "train on the target's users only (no_augmentation)",
    THEORY: "train with theory's mix (theory)",
    BUDGET: "use less or more of all other data, in their own shares (budget)",
    DATA_MIX: "train with the searched mix (data_mix)",
}

#: Gain that an interval must reach for it to be said.
_WIDE = 0.1


def better_rows(changes: Mapping[str, Mapping[str, Any]], level: float) -> list[str]:
    """Return the rows that are better for the target than the baseline, the largest gain first.

    Parameters
    ----------
    changes : mapping of str to mapping
        Change of one metric by row: mean, ci_low, ci_high and p_holm; None if undefined, and an
        end also where it is unbounded.
    level : float
        Significance level: a row counts if its corrected p-value is below it and its interval
        above 0.
    """
    better = [
        name
        for name, change in changes.items()
        if has_interval(change)
        and change["ci_low"] is not None
        and change["ci_low"] > 0
        and change["p_holm"] is not None
        and change["p_holm"] < level
    ]
    return sorted(better, key=lambda name: -changes[name]["mean"])


def still_possible(changes: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what is added where no row is better but intervals are wide; empty where they are not.

    Parameters
    ----------
    changes : mapping of str to mapping
        As for :func:`better_rows`.
    """
    ends = [change["ci_high"] for change in changes.values() if has_interval(change)]
    if any(end is None or math.isinf(end) for end in ends):
        return "; there are too few users to rule any gain out"
    most = max(ends, default=0.0)
    return f"; gains of up to {most:.0%} cannot be ruled out" if most >= _WIDE else ""


def has_interval(change: Mapping[str, Any]) -> bool:
    """Whether a change is a number; then it has an interval, be it unbounded."""
    return change["mean"] is not None and math.isfinite(change["mean"])


def advice(row: str) -> str:
    """Return in words how to train as a row was trained."""
    return _ADVICE.get(row, f"train with the mix {row}")
