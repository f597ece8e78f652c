"""A profile as rows, text and JSON, with the noise of the folds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from recbole_groupmix.core.budget_curve import reading
from recbole_groupmix.core.names import BUDGET, REFERENCE
from recbole_groupmix.exact.profile import Point, Profile
from recbole_groupmix.exact.profile_models import LOSS
from recbole_groupmix.text.numbers import finite, percent, percent_interval
from recbole_groupmix.text.tables import aligned, paragraphs


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
                of_users = name == BUDGET and measure == profile.metric
                known = profile.change_of(point) if of_users else None
                rows.append(
                    {
                        "group": name,
                        "factor": point.factor,
                        "weight": point.weight,
                        "alpha_aug": point.alpha_aug,
                        "reg_weight": point.lams[measure],
                        "measure": measure,
                        "mean": mean,
                        "standard_error": error,
                        "change": change,
                        "change_standard_error": change_error,
                        "ci_low": known.ci_low if known else math.nan,
                        "ci_high": known.ci_high if known else math.nan,
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
    """Return the metric and the loss as tables: of groups and factors, and of budgets."""
    centre, curves = profile.centre, dict(profile.curves)
    budgets = curves.pop(BUDGET)
    first = next(iter(curves.values()))
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
        for group, points in curves.items():
            rows.append([group, *(_cell(point, centre, measure) for point in points)])
        lines += [*aligned(rows), ""]
    return "\n".join([*lines, *_budget_text(profile, budgets)]).rstrip()


def _budget_text(profile: Profile, points: list[Point]) -> list[str]:
    """Return the curve of the budget as a table, and of Proportional what its shape says."""
    metric, centre = profile.metric, profile.centre
    rows = [["alpha_aug", metric, "its change", "change of the log loss"]]
    for point in points:
        change = profile.change_of(point)
        if point.factor == 1:
            shown = "0"
        elif change is None:
            shown = percent(difference(point, centre, metric)[0])
        else:
            shown = percent_interval(change.mean, change.ci_low, change.ci_high)
        level = f"{point.values[metric].mean():.5g}"
        rows.append([f"{point.alpha_aug:.3g}", level, shown, _cell(point, centre, LOSS)])
    said = [
        "The budget: the other groups keep their shares, and alpha_aug is how much of them is used",
        f"(1: as much as there is). Changes against {profile.mix_name}; of {metric} with 95 % intervals",
        "over the target's users:",
        *aligned(rows, (0, 2, 3)),
    ]
    if profile.mix_name == REFERENCE and profile.budgets:
        said += ["", *paragraphs([reading(profile.budgets)])]
    return said


def _cell(point: Point, centre: Point, measure: str) -> str:
    if point.factor == 1:
        return "0"
    change, error = difference(point, centre, measure)
    if math.isnan(change):
        return "-"
    digits = 3 if measure == LOSS else 2
    return f"{change:+.{digits}%}" + ("" if math.isnan(error) else f" ± {100 * error:.{digits}f}")
