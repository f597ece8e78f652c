"""Profile curves as a figure: a column for each group and the budget, the metric above the loss."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from recbole_groupmix.core.budget_curve import places_on_axis
from recbole_groupmix.core.names import BUDGET
from recbole_groupmix.exact.profile import Point, Profile
from recbole_groupmix.exact.profile_files import difference
from recbole_groupmix.exact.profile_models import LOSS
from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.text.figures import figure_of_names

#: Most curves that get a panel.
MOST_PANELS = 12
_LINE, _BAND, _ZERO = "#1f5fa8", "#c8d9ee", "#7a7a7a"


def draw(profile: Profile, title: str, file: Path) -> None:
    """Write the figure of the first `MOST_PANELS` groups and of the budget."""
    with figure_of_names(partial(_figure, profile, title)) as picture:
        write_whole(file, partial(picture.savefig, format="png", dpi=110))


def _figure(profile: Profile, title: str) -> Any:
    from matplotlib.figure import Figure  # without pyplot: no window system, no global state

    names = [*list(profile.curves)[:-1][:MOST_PANELS], BUDGET]
    figure = Figure(figsize=(max(1.9 * len(names) + 0.8, 4.2), 4.4), layout="constrained")
    panels = figure.subplots(2, len(names), sharex="col", sharey="row", squeeze=False)
    for row, measure in enumerate((profile.metric, LOSS)):
        for column, name in enumerate(names):
            _curve(panels[row, column], profile, name, measure)
        what = "held-out log loss" if measure == LOSS else measure
        panels[row, 0].set_ylabel(f"change of {what}, %", fontsize=8)
    for column, name in enumerate(names):
        panels[0, column].set_title(name, fontsize=9)
        axis = "alpha_aug" if name == BUDGET else "factor of the weight"
        panels[1, column].set_xlabel(axis, fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure


def _curve(panel: Any, profile: Profile, name: str, measure: str) -> None:
    points = profile.curves[name]
    bands = 100 * np.array([_band(profile, name, point, measure) for point in points])
    panel.axhline(0, color=_ZERO, linewidth=0.8)
    budgets = [point.alpha_aug for point in points]
    at = places_on_axis(budgets) if name == BUDGET else np.log2([p.factor for p in points])
    first = int(name == BUDGET)  # the budget 0 stands apart
    for part in (slice(0, first), slice(first, None)):
        changes, low, high = bands[part].T
        panel.fill_between(at[part], low, high, color=_BAND, linewidth=0 if part.start else 3)
        panel.plot(at[part], changes, color=_LINE, linewidth=1.6, marker="o", markersize=3)
    shown = slice(0, None, 2 if name == BUDGET else max(1, len(points) // 3))
    labels = budgets if name == BUDGET else [point.factor for point in points]
    panel.set_xticks(at[shown], [f"{label:.3g}" for label in labels[shown]])
    panel.tick_params(labelsize=7)
    panel.spines[["top", "right"]].set_visible(False)


def _band(profile: Profile, name: str, point: Point, measure: str) -> tuple[float, float, float]:
    """Return a change and its band: an interval over users, or the standard error over folds."""
    of_users = profile.change_of(point) if name == BUDGET and measure == profile.metric else None
    if of_users is not None:
        return of_users.mean, of_users.ci_low, of_users.ci_high
    change, error = difference(point, profile.centre, measure)
    return change, change - error, change + error
