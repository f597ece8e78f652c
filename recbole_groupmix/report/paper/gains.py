"""Figures 3 and 6: what each mix changes for each target, at the standard and at a low size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from recbole_groupmix.core.names import BUDGET, DATA_MIX, NO_AUGMENTATION, REFERENCE, STRATIFIED
from recbole_groupmix.core.statistics.bootstrap import holm
from recbole_groupmix.record import phrases
from recbole_groupmix.record.established import why_not_established
from recbole_groupmix.report.frame import style
from recbole_groupmix.report.frame.blocks import Figure
from recbole_groupmix.report.paper.grid import GridCell
from recbole_groupmix.report.paper.published import published
from recbole_groupmix.text import numbers

ALONE = NO_AUGMENTATION
#: The paper's rows, and beside the searched mix what the budget alone gives.
_SHOWN = (DATA_MIX, BUDGET, STRATIFIED, ALONE)


def gain_figures(cells: Sequence[GridCell]) -> list[Figure]:
    """Return Figure 3 and Figure 6 for each protocol, where there are runs for them.

    Parameters
    ----------
    cells : sequence of GridCell
        Runs on one data set, none of them a control.
    """
    figures = []
    for protocol in dict.fromkeys(cell.protocol for cell in cells):
        cells_of_protocol = [cell for cell in cells if cell.protocol == protocol]
        largest: dict[tuple[str, str], GridCell] = {}
        lowest: dict[tuple[str, str], GridCell] = {}
        for cell in sorted(cells_of_protocol, key=lambda c: c.d or 0):
            if cell.low:
                lowest.setdefault((cell.model, cell.target), cell)
            else:
                largest[cell.model, cell.target] = cell
        for number, chosen, size in ((3, largest, "standard"), (6, lowest, "low")):
            kept = [cell for cell in cells_of_protocol if cell in chosen.values()]
            if kept:
                figures.append(_figure(number, kept, protocol, size))
    return figures


def changes_beside_published(cells: Sequence[GridCell]) -> pd.DataFrame:
    """Return one row per run and mix: the change of precision, its interval, and the published.

    Columns protocol, model, target, mix, mean, ci_low, ci_high, p, published (the ratio of the
    published levels minus 1, NaN where there is none), why (it is not established, or empty),
    p_holm (over all rows) and marked.
    """
    rows = []
    for cell in cells:
        key = cell.run.keys[0]
        for mix in _SHOWN:
            entry = cell.run.result["change"].get(mix, {}).get(key)
            if entry is None:
                continue
            place = (cell.dataset, cell.model, cell.d, cell.target)
            theirs, base = (published(*place, name, key) for name in (mix, REFERENCE))
            rows.append(
                {
                    "protocol": cell.protocol,
                    "model": cell.model_and_size,
                    "target": cell.target,
                    "mix": mix,
                    **{name: entry[name] for name in ("mean", "ci_low", "ci_high", "p")},
                    "published": theirs / base - 1 if theirs and base else np.nan,
                    "why": why_not_established(cell.run.result, mix, key),
                }
            )
    numeric = ["mean", "ci_low", "ci_high", "p", "published"]
    columns = ["protocol", "model", "target", "mix", *numeric, "why"]
    data = pd.DataFrame(rows, columns=columns)
    data[numeric] = data[numeric].astype(float)
    data["p_holm"] = holm(data["p"].tolist())
    data["marked"] = (data["p_holm"] < numbers.LEVEL) & (data["why"] == "")
    return data


def _figure(number: int, cells: list[GridCell], protocol: str, size: str) -> Figure:
    key = cells[0].run.keys[0]
    data = changes_beside_published(cells)
    alt = "; ".join(
        f"{row['model']}, target {row['target']}, {row['mix']}: "
        + numbers.percent_interval(row["mean"], row["ci_low"], row["ci_high"])
        for row in data.to_dict("records")
    )
    few = any(phrases.few_repeats(cell.run.result) for cell in cells)
    any_published = data["published"].notna().any()
    return Figure(
        f"figure{number}-{protocol}",
        f"Figure {number}, protocol {protocol}: change of {key} at the {size} size",
        f"Against {REFERENCE}, with 95 % intervals{' over users only' if few else ''}; "
        f"{ALONE} has an axis of its own. Filled: p < {numbers.LEVEL} after Holm's correction "
        "over the figure, and established. "
        + ("x: published." if any_published else "For none of these is a figure published."),
        f"Changes by model, target and mix. {alt}.",
        data,
        lambda: _plot(data, key),
        wide=True,
    )


def _plot(data: pd.DataFrame, key: str) -> Any:
    models = list(dict.fromkeys(data["model"]))
    targets = list(dict.fromkeys(data["target"]))
    mixed = [mix for mix in _SHOWN[:-1] if (data["mix"] == mix).any()]
    height = 0.9 + len(models) * (0.35 + (0.12 + 0.11 * max(len(mixed), 2)) * max(len(targets), 2))
    figure, axes = style.canvas(height, len(models), 2, sharex="col", sharey="row")
    for (left, right), model in zip(axes, models, strict=True):
        style.row_axis(left, targets)
        left.set_title(model, loc="left")
        for panel, mixes in ((left, mixed), (right, [ALONE])):
            panel.grid(axis="x")
            panel.tick_params(axis="y", length=0)
            style.reference_line(panel)
            _draw(panel, data[data["model"] == model], targets, mixes)
            style.percent_axis(panel.xaxis)
    axes[0, 1].set_title(ALONE, loc="left")
    for panel in axes[-1]:
        panel.set_xlabel("change")
    axes[len(models) // 2, 0].set_ylabel("target")
    shown = [*mixed, ALONE]
    handles = [
        Line2D([], [], color=colour, marker=marker, linewidth=2)
        for colour, marker in (style.mix_style(mix, shown) for mix in shown)
    ]
    if data["published"].notna().any():
        handles.append(Line2D([], [], color=style.INK, marker="x", linewidth=0))
        shown.append("published")
    figure.legend(handles, shown, loc="outside upper center", ncols=2)
    return figure


def _draw(panel: Any, rows: pd.DataFrame, targets: list[str], mixes: Sequence[str]) -> None:
    step = 0.72 / len(mixes) if len(mixes) > 1 else 0.0
    for row in rows.to_dict("records"):
        if row["mix"] not in mixes:
            continue
        y = targets.index(row["target"]) + (mixes.index(row["mix"]) - (len(mixes) - 1) / 2) * step
        colour, marker = style.mix_style(row["mix"], _SHOWN)
        if numbers.defined(row["published"]):
            panel.plot(row["published"], y, "x", color=style.INK, markersize=5, zorder=3)
        if not numbers.defined(row["mean"]):
            continue
        style.interval_line(panel, row["mean"], (row["ci_low"], row["ci_high"]), y, colour)
        face = colour if row["marked"] else style.PAPER
        panel.plot(row["mean"], y, marker, color=colour, markersize=5, markerfacecolor=face)
