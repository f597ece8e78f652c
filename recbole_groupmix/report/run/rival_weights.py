"""The weights that rivals give the groups from epoch to epoch."""

from __future__ import annotations

from typing import Any

import pandas as pd

from recbole_groupmix.record.finished_run import FinishedRun
from recbole_groupmix.record.length_rows import lengths_of
from recbole_groupmix.report.frame import style
from recbole_groupmix.report.frame.blocks import Figure

#: Lines of a panel: the target and the largest groups; the CSV file has all.
MAX_GROUPS = 7
_GAP = 0.125  # of a panel's height between two labels


def weights_figures(run: FinishedRun) -> list[Figure]:
    """Return the weights of the groups over training, if there are rivals that change them."""
    data = weights_by_epoch(run)
    if data.empty:
        return []
    last = data.groupby(["rival", "group"], sort=False)["weight"].last()
    alt = "; ".join(f"{rival}, {group}: {weight:.3g}" for (rival, group), weight in last.items())
    return [
        Figure(
            "rival-weights",
            "Weight of a user of each group over training",
            "Relative to the mean over all users, which is 1, in the first training on all of train. "
            f"The thick line is {run.target_label}.",
            f"Weights at the end of training. {alt}.",
            data,
            lambda: _plot(run, data),
        )
    ]


def weights_by_epoch(run: FinishedRun) -> pd.DataFrame:
    """Return rival, epoch, group and weight; the weights of an epoch have the mean 1 over users.

    There is a row for each epoch from which on weights hold, and for the last epoch.
    """
    lengths, n_users = lengths_of(run.result), sum(run.groups.values())
    rows = []
    for rival, record in run.rivals.items():
        points = [(point["epoch"], point["weights"]) for point in record["weights"]]
        if not points:
            continue
        last = lengths["epochs"].get(rival, 0) if lengths else 0
        points = [point for point in points if point[0] <= last] or points
        if points[-1][0] < last:
            points.append((last, points[-1][1]))
        for epoch, of in points:
            total = sum(run.groups[group] * of.get(group, 0.0) for group in run.groups)
            rows += [
                {
                    "rival": rival,
                    "epoch": epoch,
                    "group": group,
                    "weight": of.get(group, 0.0) * n_users / total if total else 0.0,
                }
                for group in run.groups
            ]
    return pd.DataFrame(rows)


def _plot(run: FinishedRun, data: pd.DataFrame) -> Any:
    rivals = list(dict.fromkeys(data["rival"]))
    groups = sorted(run.groups, key=lambda group: (group != run.target, -run.groups[group]))
    groups = groups[:MAX_GROUPS]
    figure, grid = style.canvas(0.3 + 1.9 * len(rivals), len(rivals), 1)
    for axes, rival in zip(grid.flat, rivals, strict=True):
        axes.set_title(rival, loc="left")
        axes.axhline(1, color=style.INK, linewidth=1, zorder=1)
        ends = []
        for i, group in enumerate(groups):
            mine = data[(data["rival"] == rival) & (data["group"] == group)]
            look = {"color": style.COLOURS[i], "linestyle": style.LINES[i % len(style.LINES)]}
            width = 2.6 if group == run.target else 1.4
            axes.step(mine["epoch"], mine["weight"], where="post", linewidth=width, **look)
            ends.append(float(mine["weight"].iloc[-1]))
        axes.margins(x=0)
        axes.grid(axis="y")
        low, high = axes.get_ylim()
        axes.set_ylim(low, high)
        places = style.spread([(end - low) / (high - low) for end in ends], _GAP)
        for i, (group, end, place) in enumerate(zip(groups, ends, places, strict=True)):
            line = {"arrowstyle": "-", "color": style.COLOURS[i], "shrinkA": 0, "shrinkB": 0}
            axes.annotate(
                style.clipped(group, 14),
                (1.0, end),
                xycoords=axes.get_yaxis_transform(),
                xytext=(1.06, place),
                textcoords="axes fraction",
                va="center",
                fontsize=8,
                arrowprops=line,
            )
    grid.flat[-1].set_xlabel("epoch")
    figure.supylabel("weight / mean over users", fontsize=9)
    return figure
