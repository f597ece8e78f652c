"""Figures 4 and 5: heterogeneity, and what Stratified changes, against the dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from recbole_groupmix.core.names import REFERENCE, STRATIFIED
from recbole_groupmix.report.frame import style
from recbole_groupmix.report.frame.blocks import Figure
from recbole_groupmix.report.paper.check_file import CheckFile
from recbole_groupmix.report.paper.grid import GridCell
from recbole_groupmix.text import numbers

_MIX = STRATIFIED


def heterogeneity_figure(check: CheckFile, targets: Sequence[str]) -> Figure:
    """Return Figure 4: Het_d of the targets against d, beside that of random groups."""
    rows = [
        {
            "target": target,
            "d": d,
            "het": by_group[target],
            "random_mean": float(np.mean(check.null_het[d][target])),
        }
        for target in targets
        for d, by_group in sorted(check.het.items())
        if target in by_group
    ]
    data = pd.DataFrame(rows, columns=["target", "d", "het", "random_mean"])
    last = data[data["d"] == data["d"].max()]
    first = data[data["d"] == data["d"].min()]
    said = "; ".join(
        f"{a['target']}: {a['het']:.2g} at d = {a['d']}, {b['het']:.2g} at d = {b['d']}"
        for a, b in zip(first.to_dict("records"), last.to_dict("records"), strict=True)
    )
    return Figure(
        "figure4",
        "Figure 4: heterogeneity of the other groups against the dimension",
        f"Variance over the other groups of their discrepancy from the target (Het_d), on {check.of_what} "
        "(the paper's is on all). Dotted: mean over random groups that are as large and as active, which "
        "a variance must exceed to mean anything. "
        "The published curves are not known as numbers.",
        f"Het_d falls or rises with d. {said}.",
        data,
        lambda: _plot_heterogeneity(data),
    )


def _plot_heterogeneity(data: pd.DataFrame) -> Any:
    figure, ((axes,),) = style.canvas(3.2)
    for place, (target, rows) in enumerate(data.groupby("target", sort=False)):
        colour, line = _line(place)
        axes.plot(
            rows["d"],
            rows["het"],
            color=colour,
            linestyle=line,
            linewidth=1.6,
            label=style.clipped(target),
        )
        axes.plot(rows["d"], rows["random_mean"], ":", color=colour, linewidth=1)
    _size_axis(axes, sorted(data["d"].unique()))
    axes.set_ylim(bottom=0)
    axes.set_ylabel("Het_d")
    figure.legend(loc="outside upper center", ncols=4, title="target")
    return figure


def stratified_figures(cells: Sequence[GridCell]) -> list[Figure]:
    """Return Figure 5 for each protocol: the change of Stratified against d.

    Parameters
    ----------
    cells : sequence of GridCell
        Runs on one data set, none of them a control; those of models without a dimension are
        left out.
    """
    figures = []
    for protocol in dict.fromkeys(cell.protocol for cell in cells):
        mine = [cell for cell in cells if cell.protocol == protocol and cell.d is not None]
        rows = []
        for cell in sorted(mine, key=lambda c: c.d or 0):
            entry = cell.run.result["change"].get(_MIX, {}).get(cell.run.keys[0])
            if entry is not None:
                kept = {name: entry[name] for name in ("mean", "ci_low", "ci_high")}
                rows.append({"model": cell.model, "target": cell.target, "d": cell.d, **kept})
        columns = ["model", "target", "d", "mean", "ci_low", "ci_high"]
        data = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[3:], float))
        if data["d"].nunique() > 1:
            figures.append(_stratified(data, protocol, mine[0].run.keys[0]))
    return figures


def _stratified(data: pd.DataFrame, protocol: str, key: str) -> Figure:
    alt = "; ".join(
        f"{row['model']}, target {row['target']}, d = {row['d']}: "
        + numbers.percent_interval(row["mean"], row["ci_low"], row["ci_high"])
        for row in data.to_dict("records")
    )
    return Figure(
        f"figure5-{protocol}",
        f"Figure 5, protocol {protocol}: {_MIX} against {REFERENCE} by dimension",
        f"Change of {key}; bands are 95 % intervals, left out where they are unbounded. The published curves are not known as numbers.",
        f"Changes by model, target and dimension. {alt}.",
        data,
        lambda: _plot_stratified(data),
        wide=True,
    )


def _plot_stratified(data: pd.DataFrame) -> Any:
    models = list(dict.fromkeys(data["model"]))
    targets = list(dict.fromkeys(data["target"]))
    figure, axes = style.canvas(0.8 + 2.1 * len(models), len(models), 1, sharex=True)
    for (panel,), model in zip(axes, models, strict=True):
        style.reference_line(panel, vertical=False)
        for place, target in enumerate(targets):
            rows = data[(data["model"] == model) & (data["target"] == target)]
            colour, line = _line(place)
            name = style.clipped(target) if model == models[0] else None
            panel.fill_between(
                rows["d"], rows["ci_low"], rows["ci_high"], color=colour, alpha=0.18, linewidth=0
            )
            panel.plot(
                *(rows["d"], rows["mean"]),
                color=colour,
                linestyle=line,
                marker=style.MARKERS[place % len(style.MARKERS)],
                markersize=4,
                label=name,
            )
        panel.set_title(model, loc="left")
        style.percent_axis(panel.yaxis)
        panel.grid(axis="y")
    _size_axis(axes[-1, 0], sorted(data["d"].unique()))
    figure.legend(loc="outside upper center", ncols=4, title="target")
    return figure


def _line(place: int) -> tuple[str, Any]:
    colours = len(style.COLOURS)
    return style.COLOURS[place % colours], style.LINES[place // colours % len(style.LINES)]


def _size_axis(axes: Any, sizes: list[int]) -> None:
    axes.set_xscale("log", base=2)
    powers = [size for size in sizes if size & (size - 1) == 0]
    shown = sizes if len(sizes) < 8 else powers
    axes.set_xticks(shown, [str(size) for size in shown])
    axes.minorticks_off()
    axes.set_xlabel("d")
