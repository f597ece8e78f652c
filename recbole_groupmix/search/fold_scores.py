"""Scores that are read from the curves of a candidate on the folds."""

from __future__ import annotations

from typing import cast

import numpy as np

from recbole_groupmix.record.fold_schema import CurveRecord, Tried


def points_up_to(record: CurveRecord, cap: int) -> list[tuple[int, float]]:
    """Return epoch and score of the points of a curve up to a cap."""
    scores = record.get("scores", [])
    points = [(p["epoch"], s) for p, s in zip(record["curve"], scores, strict=True)]
    return [(epoch, float(np.nan if s is None else s)) for epoch, s in points if epoch <= cap]


def score_at(record: CurveRecord, length: int) -> float | None:
    """Return the score of a curve after some epochs; None if training had diverged by then."""
    return dict(points_up_to(record, length)).get(length)


def tried_options(record: CurveRecord) -> list[Tried]:
    """Return the options of a closed-form model with their scores."""
    keys = ("reg_weight",)
    scores = cast("list[float]", record.get("scores", []))
    return [
        {"options": {k: cast("dict[str, float]", p)[k] for k in keys if k in p}, "score": score}
        for p, score in zip(record["curve"], scores, strict=True)
    ]
