"""A profile as rows, text and JSON, with the noise of the folds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from recbole_groupmix.exact.profile import ALL_OTHERS, LOSS, Point, Profile
from recbole_groupmix.text.numbers import finite
from recbole_groupmix.text.tables import aligned


def fold_mean(values: np.ndarray) -> tuple[float, float]:
    """Return the mean over folds and its standard error, NaN for a single fold."""
    n = len(values)
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan


def difference(point: Point, centre: Point, measure: str) -> tuple[float, float]:
    """Return the relative change from the mix to a point and its standard error over folds.

    The difference is taken fold by fold, so that the difficulty of a fold cancels, and then divided
    by the mix's mean.
    """
    level = centre.values[measure].mean()
    if level == 0:
        return math.nan, math.nan
    return fold_mean((point.values[measure] - centre.values[measure]) / level)


def to_rows(profile: Profile) -> list[dict[str, Any]]:
    """Return a row for each curve, factor and measure."""
    rows = []
    for name, points in profile.curves.items():
        for point in points:
            for measure, values in point.values.items():
                mean, error = fold_mean(values)
                change, change_error = difference(point, profile.centre, measure)
                rows.append(
                    {
                        "group": name,
                        "factor": point.factor,
                        "weight": point.weight,
                        "reg_weight": point.lams[measure],
                        "measure": measure,
                        "mean": mean,
                        "standard_error": error,
                        "change": change,
                        "change_standard_error": change_error,
                        "folds": values.tolist(),
                    }
                )
    return rows


def to_json(profile: Profile, **about: Any) -> dict[str, Any]:
    """Return the content of ``profile.json``; NaN is null."""
    return {
        "schema_version": 1,
        **about,
        "mix": profile.mix_name,
        "metric": profile.metric,
        "rows": finite(to_rows(profile)),
    }


def to_text(profile: Profile) -> str:
    """Return the metric and the loss as tables: groups in rows, factors in columns."""
    centre, first = profile.centre, next(iter(profile.curves.values()))
    n_folds = len(centre.values[LOSS])
    lines = []
    for measure, better in ((profile.metric, "more"), (LOSS, "less")):
        mean, error = fold_mean(centre.values[measure])
        spread = "" if math.isnan(error) else f", standard error {error:.2g}"
        name = "held-out log loss" if measure == LOSS else measure
        lines += [
            f"{name} at {profile.mix_name}: {mean:.5g} over {n_folds} folds{spread}. Change where the",
            f"weight of a group is multiplied ({better} is better), ± its standard error over folds:",
        ]
        rows = [["group", *(f"x {point.factor:.3g}" for point in first)]]
        for group, points in profile.curves.items():
            rows.append([group, *(_cell(point, centre, measure) for point in points)])
        lines += [*aligned(rows), ""]
    if ALL_OTHERS in profile.curves:
        lines.append(f"{ALL_OTHERS}: the budget alpha_aug is multiplied, their shares stay.")
    return "\n".join(lines).rstrip()


def _cell(point: Point, centre: Point, measure: str) -> str:
    if point.factor == 1:
        return "0"
    change, error = difference(point, centre, measure)
    if math.isnan(change):
        return "-"
    digits = 3 if measure == LOSS else 2
    return f"{change:+.{digits}%}" + ("" if math.isnan(error) else f" ± {100 * error:.{digits}f}")
