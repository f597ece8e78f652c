"""Changes with their intervals as a forest plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from recbole_groupmix.report.frame import style
from recbole_groupmix.text.numbers import defined

#: Losses beyond this are written at the edge of a plot, so that the others can be seen.
FAR = -0.5


def forest(
    rows: pd.DataFrame, by: str, series: str, label: str, names: Sequence[str]
) -> tuple[Any, Any]:
    """Draw one row per value of column `by` and in it one interval per value of `series`.

    Parameters
    ----------
    rows : pandas.DataFrame
        Columns `by`, `series`, ``mean``, ``ci_low``, ``ci_high`` (fractions; None where
        undefined, an end also where it is unbounded) and ``marked``: whether to star it; None where that was not tested.
    by, series : str
        Names of columns.
    label : str
        Of the axis of changes.
    names : sequence of str
        All mixes of the run, which decide colours.

    Returns
    -------
    figure, axes
    """
    labels = list(dict.fromkeys(rows[by]))
    shown = list(dict.fromkeys(rows[series]))
    step = 0.72 / len(shown) if len(shown) > 1 else 0.0
    legend_rows = (len(shown) + 1) // 2 if len(shown) > 1 else 0
    height = 0.75 + 0.19 * max(len(labels) * (len(shown) + 0.7), 3) + 0.2 * legend_rows
    figure, ((axes,),) = style.canvas(height)
    style.row_axis(axes, labels)
    style.reference_line(axes)
    for at in range(1, len(labels)):
        axes.axhline(at - 0.5, color=style.GRID, linewidth=0.7)
    near = rows["mean"].dropna().ge(FAR)
    for row in rows.to_dict("records"):
        place = shown.index(row[series])
        y = labels.index(row[by]) + (place - (len(shown) - 1) / 2) * step
        colour, marker = style.mix_style(row[series], names)
        if not defined(row["mean"]):
            _note(axes, f"{row[series]}: undefined", (0, y), colour=style.MUTED)
            continue
        if row["mean"] < FAR and near.any():
            style.at_edge(axes, row["mean"], y, colour, colour)
            continue
        high = style.interval_line(axes, row["mean"], (row["ci_low"], row["ci_high"]), y, colour)
        face = style.PAPER if row["marked"] is False else colour
        axes.plot(row["mean"], y, marker, color=colour, markersize=6, markerfacecolor=face)
        if row["marked"]:
            _note(axes, "*", (high, y), colour=style.INK, lower=3)
    style.percent_axis(axes.xaxis)
    axes.set_xlabel(label)
    if len(shown) > 1:
        handles = [
            Line2D([], [], color=colour, marker=marker, linewidth=2)
            for colour, marker in (style.mix_style(name, names) for name in shown)
        ]
        labels_ = [style.clipped(name) for name in shown]
        figure.legend(handles, labels_, loc="outside upper center", ncols=2)
    return figure, axes


def _note(
    axes: Any,
    written: str,
    place: tuple[float, float],
    *,
    colour: str,
    lower: int = 0,
) -> None:
    axes.annotate(
        written,
        place,
        xytext=(4, -lower),
        textcoords="offset points",
        va="center",
        color=colour,
        fontsize=8,
    )
