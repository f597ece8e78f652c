"""Profile curves as a figure: a column for each group, the metric above the loss."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from recbole_groupmix.exact.profile import LOSS, Profile
from recbole_groupmix.exact.profile_files import difference
from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.text.figures import figure_of_names

#: Most curves that get a panel.
MOST_PANELS = 12
_LINE, _BAND, _ZERO = "#1f5fa8", "#c8d9ee", "#7a7a7a"


def draw(profile: Profile, title: str, file: Path) -> None:
    """Write the figure of the first `MOST_PANELS` curves."""
    with figure_of_names(partial(_figure, profile, title)) as picture:
        write_whole(file, partial(picture.savefig, format="png", dpi=110))


def _figure(profile: Profile, title: str) -> Any:
    from matplotlib.figure import Figure  # without pyplot: no window system, no global state

    names = list(profile.curves)[:MOST_PANELS]
    figure = Figure(figsize=(max(1.9 * len(names) + 0.8, 4.2), 4.4), layout="constrained")
    panels = figure.subplots(2, len(names), sharex=True, sharey="row", squeeze=False)
    for row, measure in enumerate((profile.metric, LOSS)):
        for column, name in enumerate(names):
            _curve(panels[row, column], profile, name, measure)
        what = "held-out log loss" if measure == LOSS else measure
        panels[row, 0].set_ylabel(f"change of {what}, %", fontsize=8)
    for column, name in enumerate(names):
        panels[0, column].set_title(name, fontsize=9)
    figure.supxlabel("factor of the group's weight in the mix", fontsize=9)
    figure.suptitle(title, fontsize=10)
    return figure


def _curve(panel: Any, profile: Profile, name: str, measure: str) -> None:
    points = profile.curves[name]
    factors = [point.factor for point in points]
    changes = 100 * np.array([difference(point, profile.centre, measure) for point in points])
    low, high = changes[:, 0] - changes[:, 1], changes[:, 0] + changes[:, 1]
    panel.axhline(0, color=_ZERO, linewidth=0.8)
    panel.fill_between(factors, low, high, color=_BAND, linewidth=0)
    panel.plot(factors, changes[:, 0], color=_LINE, linewidth=1.6, marker="o", markersize=3)
    panel.set_xscale("log", base=2)
    panel.set_xticks(factors[:: max(1, len(factors) // 3)])
    panel.xaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
    panel.tick_params(labelsize=7)
    panel.spines[["top", "right"]].set_visible(False)
