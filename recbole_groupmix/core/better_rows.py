"""Which row of a result is the answer: the largest gain among those that stand out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from recbole_groupmix.core.names import (
    DATA_MIX,
    FINE_TUNED,
    NO_AUGMENTATION,
    REFERENCE,
    STRATIFIED,
    THEORY,
)

#: What a user does who follows a row; of other rows the name says it.
_ADVICE = {
    REFERENCE: "train on everything as it is (proportional)",
    STRATIFIED: "give every other group the same weight in all (stratified)",
    NO_AUGMENTATION: "train on the target's users alone (no_augmentation)",
    THEORY: "train with theory's mix (theory)",
    FINE_TUNED: "train on everybody, then on the target's users alone (fine_tuned)",
    DATA_MIX: "train with the searched mix (data_mix)",
}


def better_rows(changes: Mapping[str, Mapping[str, Any]], level: float) -> list[str]:
    """Return the rows that serve the target better than the reference, the largest gain first.

    Parameters
    ----------
    changes : mapping of str to mapping
        By row its change of one metric: mean, ci_low, ci_high and p_holm; None where undefined.
    level : float
        A row stands out where its corrected p-value is below this and its interval above 0.
    """
    better = [
        name
        for name, change in changes.items()
        if has_interval(change)
        and change["ci_low"] > 0
        and change["p_holm"] is not None
        and change["p_holm"] < level
    ]
    return sorted(better, key=lambda name: -changes[name]["mean"])


def has_interval(change: Mapping[str, Any]) -> bool:
    """Whether a change and its interval are finite numbers."""
    ends = (change["mean"], change["ci_low"], change["ci_high"])
    return all(end is not None and math.isfinite(end) for end in ends)


def advice(row: str) -> str:
    """Return in words what following a row means."""
    return _ADVICE.get(row, f"train with the mix {row}")
