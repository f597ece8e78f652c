"""Figure 7: the shares of searched mixes against similarity (a), and their budgets (b)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from recbole_groupmix.core.budget_law import PAPER
from recbole_groupmix.core.names import DATA_MIX
from recbole_groupmix.report.frame import style
from recbole_groupmix.report.frame.blocks import Figure
from recbole_groupmix.report.paper.check_file import CheckFile
from recbole_groupmix.report.paper.grid import GridCell
from recbole_groupmix.report.paper.statements import shares_and_discrepancies


def shares_figures(cells: Sequence[GridCell], check: CheckFile) -> list[Figure]:
    """Return Figure 7a for each protocol, at the lowest size of each model.

    Parameters
    ----------
    cells : sequence of GridCell
        Runs on one data set, none of them a control.
    check : CheckFile
        Discrepancies of its groups.
    """
    figures = []
    for protocol in dict.fromkeys(cell.protocol for cell in cells):
        rows = []
        for cell in lowest([cell for cell in cells if cell.protocol == protocol]):
            for group, share, away in shares_and_discrepancies(cell, check) or ():
                rows.append(
                    {
                        "model": cell.model_and_size,
                        "target": cell.target,
                        "group": group,
                        "d_of_discrepancy": check.dimension(cell.d),
                        "discrepancy": away,
                        "share": share,
                    }
                )
        if rows:
            figures.append(_shares(pd.DataFrame(rows), protocol, check.of_what))
    return figures


def lowest(cells: Sequence[GridCell]) -> list[GridCell]:
    """Return the run of the lowest size for each model and target."""
    kept: dict[tuple[str, str], GridCell] = {}
    for cell in sorted(cells, key=lambda c: c.d or 0):
        kept.setdefault((cell.model, cell.target), cell)
    return [cell for cell in cells if cell in kept.values()]


def _shares(data: pd.DataFrame, protocol: str, of_what: str) -> Figure:
    alt = "; ".join(
        f"{row['model']}, target {row['target']}: {row['group']} at {row['discrepancy']:.2f} has "
        f"{row['share']:.0%}"
        for row in data.to_dict("records")
    )
    return Figure(
        f"figure7a-{protocol}",
        f"Figure 7a, protocol {protocol}: share of a group in {DATA_MIX} against its discrepancy",
        "Each point is another group, named beside it; to the left are those most similar to the "
        f"target, by their discrepancies on {of_what} (the paper's are on all). Larger groups have larger shares in nearly every mix, and smaller discrepancies. The "
        "published mixes are not known as numbers.",
        f"Shares by discrepancy. {alt}.",
        data,
        lambda: _plot_shares(data),
        wide=True,
    )


def _plot_shares(data: pd.DataFrame) -> Any:
    models = list(dict.fromkeys(data["model"]))
    targets = list(dict.fromkeys(data["target"]))
    figure, axes = style.canvas(0.7 + 2.1 * len(models), len(models), 1, sharey=True)
    for (panel,), model in zip(axes, models, strict=True):
        for place, target in enumerate(targets):
            rows = data[(data["model"] == model) & (data["target"] == target)]
            colour = style.COLOURS[place % len(style.COLOURS)]
            marker = style.MARKERS[place % len(style.MARKERS)]
            name = style.clipped(target) if model == models[0] else None
            panel.plot(
                *(rows["discrepancy"], rows["share"]),
                marker,
                color=colour,
                markersize=5,
                label=name,
            )
            for row in rows.to_dict("records"):
                panel.annotate(
                    style.clipped(row["group"], 8),
                    (row["discrepancy"], row["share"]),
                    xytext=(4, 2),
                    textcoords="offset points",
                    fontsize=7,
                    color=style.MUTED,
                )
        panel.set_title(model, loc="left")
        style.percent_axis(panel.yaxis, signed=False)
        panel.set_ylim(bottom=0)
        panel.grid()
    axes[-1, 0].set_xlabel("discrepancy from the target")
    axes[len(models) // 2, 0].set_ylabel("share in the mix")
    figure.legend(loc="outside upper center", ncols=4, title="target")
    return figure


def budget_figures(cells: Sequence[GridCell]) -> list[Figure]:
    """Return Figure 7b for each protocol: budgets of the searched mixes of Figure 7a."""
    figures = []
    for protocol in dict.fromkeys(cell.protocol for cell in cells):
        rows = [
            {
                "model": cell.model_and_size,
                "target": cell.target,
                "alpha_aug": cell.run.result["mixes"][DATA_MIX]["alpha_aug"],
            }
            for cell in lowest([cell for cell in cells if cell.protocol == protocol])
            if DATA_MIX in cell.run.result["mixes"]
        ]
        if rows:
            figures.append(_budgets(pd.DataFrame(rows), protocol))
    return figures


def _budgets(data: pd.DataFrame, protocol: str) -> Figure:
    alt = "; ".join(
        f"{row['model']}, target {row['target']}: {row['alpha_aug']:.2f}"
        for row in data.to_dict("records")
    )
    return Figure(
        f"figure7b-{protocol}",
        f"Figure 7b, protocol {protocol}: budget ratio of {DATA_MIX}",
        f"1 is as much as there is; the grey band is what the paper's samplers draw, {PAPER.low:g} to "
        f"{PAPER.high:g}. The published budgets are not known as numbers.",
        f"Budget ratios. {alt}.",
        data,
        lambda: _plot_budgets(data),
    )


def _plot_budgets(data: pd.DataFrame) -> Any:
    models = list(dict.fromkeys(data["model"]))
    targets = list(dict.fromkeys(data["target"]))
    figure, ((axes,),) = style.canvas(0.9 + 0.34 * len(models) + 0.2 * (len(targets) > 4))
    style.row_axis(axes, models)
    axes.axvspan(PAPER.low, PAPER.high, color=style.GRID, alpha=0.45, linewidth=0, zorder=0)
    axes.axvline(1, color=style.INK, linewidth=1, zorder=1)
    step = 0.6 / max(len(targets), 1)
    for place, target in enumerate(targets):
        rows = data[data["target"] == target]
        heights = [
            models.index(model) + (place - (len(targets) - 1) / 2) * step
            for model in rows["model"]
        ]
        colour = style.COLOURS[place % len(style.COLOURS)]
        marker = style.MARKERS[place % len(style.MARKERS)]
        axes.plot(
            rows["alpha_aug"],
            heights,
            marker,
            color=colour,
            markersize=5,
            label=style.clipped(target),
        )
    axes.set_xlim(0, max(2.1, data["alpha_aug"].max() * 1.05))
    axes.set_xlabel("alpha_aug")
    figure.legend(loc="outside upper center", ncols=4, title="target")
    return figure
