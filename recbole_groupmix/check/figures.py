"""The two figures of a check: heterogeneity against its null, and discrepancies of all pairs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from recbole_groupmix.check.data_set import Check
from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.text.figures import figure_of_names

#: Most targets that get a panel; the largest groups come first.
MOST_PANELS = 12
_LINE, _BAND, _MEAN = "#1f5fa8", "#d5d5d5", "#7a7a7a"


def draw(check: Check, folder: Path) -> list[Path]:
    """Write ``heterogeneity.png`` and ``discrepancy.png`` into a folder and return their paths."""
    paths = []
    for name, figure in (
        ("heterogeneity.png", _heterogeneity),
        ("discrepancy.png", _discrepancy),
    ):
        with figure_of_names(partial(figure, check)) as picture:
            write_whole(folder / name, partial(picture.savefig, format="png", dpi=110))
        paths.append(folder / name)
    return paths


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure  # without pyplot: no window system, no global state

    return Figure(figsize=(width, height), layout="constrained")


def _heterogeneity(check: Check) -> Any:
    # two groups have one distance and no variance
    het = len(check.groups) > 2
    values, null = (
        (check.het, check.null_het) if het else (check.statistics.dist, check.statistics.null_dist)
    )
    targets = sorted(check.targets, key=lambda name: -check.n_users[name])[:MOST_PANELS]
    targets = [name for name in check.targets if name in targets]
    columns = min(4, len(targets))
    rows = -(-len(targets) // columns)
    figure = _figure(max(2.6 * columns, 4.2), 2.3 * rows + 0.7)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    dimensions = np.arange(1, len(values) + 1)
    for panel, target in zip(panels.flat, targets, strict=False):
        group = check.groups.index(target)
        random = null[:, :, group]
        panel.fill_between(
            dimensions,
            random.min(axis=0),
            random.max(axis=0),
            color=_BAND,
            linewidth=0,
            label=f"random groups, as large and as active ({len(null)})",
        )
        panel.plot(dimensions, random.mean(axis=0), color=_MEAN, linewidth=1, label="their mean")
        panel.plot(dimensions, values[:, group], color=_LINE, linewidth=1.8, label="the groups")
        panel.set_title(f"{target} ({check.n_users[target]:,} users)", fontsize=9)
        if len(dimensions) > 1:
            panel.set_xscale("log", base=2)
            panel.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0, 0].set_ylim(bottom=0)  # of all, after the last one: it ends their scaling
    for panel in panels.flat[len(targets) :]:
        panel.set_visible(False)
    for panel in panels.flat[: len(targets)][-columns:]:  # the lowest of each column
        panel.tick_params(labelbottom=True)
        panel.set_xlabel("d", fontsize=9)
    what = "$\\mathrm{Het}_d$" if het else "$\\Delta_d$"
    figure.supylabel(what, fontsize=9, parse_math=True)
    figure.suptitle(f"{check.dataset}, groups by {check.group_field}", fontsize=10)
    figure.legend(
        *panels.flat[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3,
        fontsize=8,
        frameon=False,
    )
    return figure


def _discrepancy(check: Check) -> Any:
    dimensions = sorted({min(4, len(check.delta)), check.d})
    n = len(check.groups)
    side = min(1.6 + 0.42 * n, 9.0)
    figure = _figure(side * len(dimensions) + 0.8, side + 0.4)
    panels = figure.subplots(1, len(dimensions), squeeze=False)[0]
    for panel, d in zip(panels, dimensions, strict=True):
        values = check.delta[d - 1]
        image = panel.imshow(values, vmin=0, vmax=1, cmap="Blues")
        panel.set_title(f"$\\Delta_d$ at d = {d}", fontsize=9, parse_math=True)
        panel.set_xticks(range(n), check.groups, rotation=90 if n > MOST_PANELS else 0)
        panel.set_yticks(range(n), check.groups)
        panel.tick_params(labelsize=8, length=0)
        if n <= MOST_PANELS:
            for i in range(n):
                for j in range(n):
                    dark = values[i, j] > 0.6
                    text = "" if i == j else f"{values[i, j]:.2f}"
                    colour = "white" if dark else "black"
                    panel.text(j, i, text, ha="center", va="center", fontsize=7, color=colour)
    bar = figure.colorbar(image, ax=panels, shrink=0.8)
    bar.ax.tick_params(labelsize=8)
    figure.suptitle(f"{check.dataset}, groups by {check.group_field}", fontsize=10)
    return figure
