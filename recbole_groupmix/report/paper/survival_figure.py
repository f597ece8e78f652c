"""One of the paper's results under every control, as a figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from recbole_groupmix.report.frame import style
from recbole_groupmix.report.frame.blocks import Figure
from recbole_groupmix.report.paper.statements import BESIDE_THE_POINT, FAILS, STATEMENTS, Statement
from recbole_groupmix.text import numbers

#: Effects beyond so many times the far end of a usual interval are written at the edge.
FAR = 4.0
#: Statements whose effect is one change or correlation minus another.
_DIFFERENCES = ("2", "4a")


def result_figure(over: pd.DataFrame, statement: Statement, key: str) -> Figure:
    """Return the effects that bear on a statement, a panel a protocol and a row a control.

    Parameters
    ----------
    over : pandas.DataFrame
        Rows of :func:`~recbole_groupmix.report.paper.survival.survival` that are means over targets.
    statement : Statement
        The statement.
    key : str
        Metric, such as ``precision@20``.
    """
    rows = over[over["statement"] == statement.name]
    places = {model: place for place, model in enumerate(dict.fromkeys(over["model"]))}
    data = rows[rows["estimate"].notna()].drop(columns=["target", "statement"])
    alt = "; ".join(
        f"{row['protocol']}, {row['control']}, {row['model']}: {shown(row)}"
        for _, row in rows.iterrows()
        if row["verdict"] not in BESIDE_THE_POINT
    )
    return Figure(
        f"result-{statement.name}",
        f"Result {statement.name}: {statement.effect}",
        f"{statement.says} Means over targets with 95 % intervals; filled: {FAILS}.",
        f"Effects by control. {alt}.",
        data,
        lambda: _plot(data, statement, key, places),
    )


def shown(row: pd.Series) -> str:
    """Return effect, interval and verdict of a row as people read them."""
    ends = (row["estimate"], row["ci_low"], row["ci_high"])
    if not numbers.defined(*ends):
        return str(row["verdict"])
    if next(s for s in STATEMENTS if s.name == row["statement"]).correlation:
        return "{:+.2f} [{:+.2f}, {:+.2f}] {}".format(*ends, row["verdict"])
    return f"{numbers.percent_interval(*ends)} {row['verdict']}"


def _plot(data: pd.DataFrame, statement: Statement, key: str, places: Mapping[str, int]) -> Any:
    models = [model for model in places if model in set(data["model"])]
    panels = dict(list(data.groupby("protocol", sort=False)))
    n_rows = [rows["control"].nunique() for rows in panels.values()]
    height = 0.9 + 0.25 * len(panels) + 0.17 * sum(n_rows) * (len(models) + 0.4)
    options = {"sharex": True, "height_ratios": n_rows}
    figure, axes = style.canvas(max(height, 1.6), len(panels), 1, **options)
    limit = np.inf if statement.correlation else _limit(data)
    for (panel,), (protocol, rows) in zip(axes, panels.items(), strict=True):
        panel.set_title(f"protocol {protocol}", loc="left")
        style.row_axis(panel, list(dict.fromkeys(rows["control"])))
        style.reference_line(panel)
        _intervals(panel, rows, {model: places[model] for model in models}, limit)
    for model in models:
        colour, marker = _colour_and_marker(places[model])
        axes[0, 0].plot(
            [], [], marker=marker, color=colour, linewidth=1.6, label=style.clipped(model)
        )
    last = axes[-1, 0]
    ends = np.clip(data[["ci_low", "ci_high"]].to_numpy(np.float64), -limit, limit)
    low, high = min(ends.min(), 0.0), max(ends.max(), 0.0)
    if statement.correlation:
        low, high = min(low, -1.0), max(high, 1.0)
        last.xaxis.set_major_locator(MaxNLocator(5))
        one, two = "rank correlation", "rank correlations"
    else:
        style.percent_axis(last.xaxis)
        one, two = f"change of {key}", f"changes of {key}"
    margin = 0.04 * (high - low) or 0.01
    last.set_xlim(low - margin, high + margin)
    last.set_xlabel(f"difference of {two}" if statement.name in _DIFFERENCES else one)
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def _intervals(axes: Axes, rows: pd.DataFrame, places: Mapping[str, int], limit: float) -> None:
    controls = list(dict.fromkeys(rows["control"]))
    models = list(places)
    step = 0.7 / len(models)
    for row in rows.to_dict("records"):
        above = models.index(row["model"])
        y = controls.index(row["control"]) + (above - (len(models) - 1) / 2) * step
        colour, marker = _colour_and_marker(places[row["model"]])
        estimate = float(row["estimate"])
        face = colour if row["verdict"] == FAILS else style.PAPER
        if abs(estimate) > limit:
            style.at_edge(axes, estimate, y, colour, face)
            continue
        axes.plot([row["ci_low"], row["ci_high"]], [y, y], color=colour, linewidth=1.6)
        axes.plot(estimate, y, marker, color=colour, markersize=5, markerfacecolor=face)


def _limit(data: pd.DataFrame) -> float:
    """Return the size of the largest effect that is drawn in its place."""
    far_ends = data[["ci_low", "ci_high"]].abs().max(axis=1)
    return FAR * float(far_ends.median()) or np.inf


def _colour_and_marker(place: int) -> tuple[str, str]:
    return style.COLOURS[place % 7], style.MARKERS[place % 7]
