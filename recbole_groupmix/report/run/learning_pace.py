"""How fast each group is learned under the baselines."""

from __future__ import annotations

from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from recbole_groupmix.core.names import BASELINES
from recbole_groupmix.record.finished_run import FinishedRun
from recbole_groupmix.report.frame import style
from recbole_groupmix.report.frame.blocks import Figure, Section, Table, number, text
from recbole_groupmix.text import numbers

TITLE = "Learning pace of the groups"
#: Lines of a panel: the target and the largest groups.
MAX_GROUPS = 7
NEAR = 0.9


def pace_section(run: FinishedRun) -> Section:
    """Return validation curves of the baselines by group."""
    data = curves(run)
    if data.empty:
        return Section("pace", TITLE, ["This run has no learning curves of several groups."])
    key = run.result["valid_metric"]
    table, rows = _table(run, data)
    alt = "; ".join(
        f"{row['mix']}, {row['group']}: best {row['best']:.4f}, {NEAR:.0%} of it after "
        f"{row['near']:g} epochs"
        for row in rows
    )
    figure = Figure(
        "pace",
        f"{key} of every group over training",
        f"Validation {key} on the folds, as a share of the group's best under any baseline, "
        f"averaged over the folds that still train. The thick line is {run.target_label}, whose metric "
        "decides how long training is.",
        f"Curves over epochs. {alt}.",
        data,
        lambda: _plot(run, data),
        wide=True,
    )
    return Section("pace", TITLE, (), [figure], [table])


def curves(run: FinishedRun) -> pd.DataFrame:
    """Return mix, fold, group, epoch and value of the baselines' curves by group."""
    rows = [
        {
            "mix": record["name"],
            "fold": record["fold"],
            "group": group,
            "epoch": point["epoch"],
            "value": np.nan if value is None else value,
        }
        for record in run.curves
        if record["name"] in BASELINES
        for point in record["curve"]
        for group, value in point["by_group"].items()
    ]
    data = pd.DataFrame(rows)
    if data.empty or data["group"].nunique() < 2 or data["epoch"].nunique() < 2:
        return pd.DataFrame()
    return data


def _plot(run: FinishedRun, data: pd.DataFrame) -> Any:
    mixes = [mix for mix in BASELINES if (data["mix"] == mix).any()]
    groups = sorted(data["group"].unique(), key=lambda g: (g != run.target, -run.groups[g]))
    groups = groups[:MAX_GROUPS]
    figure, grid = style.canvas(
        0.55 + 1.5 * len(mixes) + 0.2 * -(-len(groups) // 4), len(mixes), 1, sharex=True
    )
    n_lines = len(style.LINES)  # further groups have the same lines again, with markers
    best = data.groupby(["fold", "group"])["value"].transform("max")
    data = data.assign(share=data["value"] / best.where(best > 0))
    looks = [
        (style.COLOURS[i], style.LINES[i % n_lines], style.MARKERS[i] if i >= n_lines else "")
        for i in range(len(groups))
    ]
    widths = [2.6 if group == run.target else 1.4 for group in groups]
    for axes, mix in zip(grid.flat, mixes, strict=True):
        axes.set_title(mix, loc="left")
        for group, (colour, line, marker), width in zip(groups, looks, widths, strict=True):
            mine = data[(data["mix"] == mix) & (data["group"] == group)]
            share = mine.groupby("epoch")["share"].mean().dropna()
            look = {"color": colour, "linestyle": line, "linewidth": width, "marker": marker}
            axes.plot(share.index, share, markevery=8, markersize=4, **look)
        axes.set_ylim(0, 1.05)
        style.percent_axis(axes.yaxis, signed=False)
        axes.grid(axis="y")
    grid.flat[-1].set_xlabel("epoch")
    figure.supylabel("share of the group's best", fontsize=9)
    handles = [
        Line2D([], [], color=colour, linestyle=line, linewidth=width, marker=marker, markersize=4)
        for (colour, line, marker), width in zip(looks, widths, strict=True)
    ]
    names = [style.clipped(group, 12) for group in groups]
    figure.legend(handles, names, loc="outside upper center", ncols=min(4, len(groups)))
    return figure


def _table(run: FinishedRun, data: pd.DataFrame) -> tuple[Table, list[dict[str, Any]]]:
    rows, cells = [], []
    for mix in BASELINES:
        for group in run.groups:
            mine = data[(data["mix"] == mix) & (data["group"] == group)].dropna()
            folds = [fold for _, fold in mine.groupby("fold")]
            if not folds:
                continue
            best = float(np.mean([fold["value"].max() for fold in folds]))
            at = median(int(fold.loc[fold["value"].idxmax(), "epoch"]) for fold in folds)
            near = median(
                int(fold.loc[fold["value"] >= NEAR * fold["value"].max(), "epoch"].min())
                for fold in folds
            )
            rows.append({"mix": mix, "group": group, "best": best, "at": at, "near": near})
            cells.append(
                [
                    text(mix),
                    text(f"{group} (target)" if group == run.target else group),
                    number(best, shown=numbers.value(best)),
                    number(near, "g"),
                    number(at, "g"),
                ]
            )
    return (
        Table(
            "pace",
            f"Best {run.result['valid_metric']} on the folds and how fast it is reached",
            ("mix", "group", "best", f"epochs to {NEAR:.0%} of it", "epoch of it"),
            cells,
            "Best: mean over folds; epochs: median over folds. The training length follows "
            "the target's metric, so slow groups may not have reached their best.",
            folded=True,
        ),
        rows,
    )
