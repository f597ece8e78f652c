"""The mixes of a run: shares as stacked bars, budgets, and the weight of a user."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.patches import Patch

from recbole_groupmix.core.effective_size import effective_sample_size
from recbole_groupmix.core.mix import Mix, MixRecord, group_weights
from recbole_groupmix.record.finished_run import FinishedRun
from recbole_groupmix.record.rows import rivals_of
from recbole_groupmix.report.frame import style
from recbole_groupmix.report.frame.blocks import Cell, Figure, Section, Table, number, text

_LABELLED = 0.11  # share of the axis that a bar's own label needs


def mixes_section(run: FinishedRun) -> Section:
    """Return the mixes as a figure and tables."""
    rows = [
        {
            "mix": name,
            "group": group,
            "alpha": mix["alpha"].get(group, 0.0),
            "budget": mix["alpha_aug"],
        }
        for name, mix in run.mixes.items()
        for group in run.others
    ]
    data = pd.DataFrame(rows).assign(length=lambda table: table["alpha"] * table["budget"])
    alt = "; ".join(
        f"{name}: budget {mix['alpha_aug']:.2f}, "
        + ", ".join(f"{group} {mix['alpha'].get(group, 0.0):.0%}" for group in run.others)
        for name, mix in run.mixes.items()
    )
    figure = Figure(
        "mixes",
        "The mixes",
        "The length of a bar is the budget alpha_aug: the total weight of the other groups "
        "relative to their number of users (1 = unchanged); "
        "its parts are the groups in the order of the legend, labelled with their share alpha "
        "where there is room.",
        f"Stacked bars. {alt}.",
        data,
        lambda: _bars(run, data),
    )
    return Section(
        "mixes",
        "The mixes",
        [*_chosen(run), *_no_mix(run)],
        [figure],
        [_shares(run), _weights(run)],
    )


def _chosen(run: FinishedRun) -> list[str]:
    """Return the settings that were chosen on the folds for each mix by itself."""
    options = run.result["search"].get("options") or {}
    choices = []
    for name in run.mixes:
        keys = options.get(run.candidate(name)) or {}
        if keys:
            choices.append(
                f"{name} {', '.join(f'{key} {value:g}' for key, value in keys.items())}"
            )
    return [f"Chosen on the folds: {'; '.join(choices)}."] if choices else []


def _no_mix(run: FinishedRun) -> list[str]:
    if not rivals_of(run.result):
        return []
    return [
        f"Rivals are not in this section, as they are no mixes: {', '.join(rivals_of(run.result))}."
    ]


def _bars(run: FinishedRun, data: pd.DataFrame) -> Any:
    mixes = list(run.mixes)
    groups = run.others
    legend_rows = -(-len(groups) // 4)
    drawn, ((axes,),) = style.canvas(0.75 + 0.34 * len(mixes) + 0.2 * legend_rows)
    style.row_axis(axes, mixes)
    longest = max(1.0, float(data.groupby("mix")["length"].sum().max()))
    handles = []
    for place, group in enumerate(groups):
        colour = style.COLOURS[place % len(style.COLOURS)]
        hatch = style.HATCHES[place // len(style.COLOURS) % len(style.HATCHES)]
        look: dict[str, Any] = {"facecolor": colour, "hatch": hatch, "edgecolor": style.PAPER}
        handles.append(Patch(**look))
        for row in data[data["group"] == group].to_dict("records"):
            y = mixes.index(row["mix"])
            before = data[(data["mix"] == row["mix"])]["length"].iloc[:place].sum()
            axes.barh(y, row["length"], left=before, height=0.66, linewidth=0.8, **look)
            if row["length"] > _LABELLED * longest:
                axes.annotate(
                    f"{row['alpha']:.0%}",
                    (before + row["length"] / 2, y),
                    ha="center",
                    va="center",
                    fontsize=8,
                    color=style.ON_COLOUR,
                )
    for y, mix in enumerate(mixes):
        budget = run.mixes[mix]["alpha_aug"]
        axes.annotate(
            f"{budget:.2f}",
            (budget, y),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axes.set_xlim(0, 1.12 * longest)
    axes.set_xlabel("budget alpha_aug")
    labels = run.result.get("group_labels", {})
    names = [style.clipped(labels.get(group, group), 14) for group in groups]
    drawn.legend(handles, names, loc="outside upper center", ncols=min(4, len(groups)))
    return drawn


def _shares(run: FinishedRun) -> Table:
    rows = []
    for name, mix in run.mixes.items():
        shares = [number(mix["alpha"].get(group, 0.0), ".3f") for group in run.others]
        rows.append([text(name), number(mix["alpha_aug"], ".3f"), *shares, kish(run, mix)])
    return Table(
        "mixes",
        "Budget and share of each group",
        ("mix", "alpha_aug", *(f"alpha {group}" for group in run.others), "effective users"),
        rows,
        "Effective users: Kish's effective sample size of the user weights, target included; "
        "alpha of no_augmentation has no effect, because its budget is 0.",
    )


def _weights(run: FinishedRun) -> Table:
    rows = []
    for name, mix in run.mixes.items():
        weights = group_weights(Mix.from_dict(mix), run.groups, run.target)
        rows.append([text(name), *(number(weights[group], ".2f") for group in run.groups)])
    return Table(
        "weights",
        "Weight of a user of each group",
        ("mix", *run.groups),
        rows,
        f"Users of the target, {run.target_label}, always weigh 1.",
    )


def kish(run: FinishedRun, mix: MixRecord) -> Cell:
    """Return the effective number of users of a mix."""
    return number(effective_users(run, mix), ",.0f")


def effective_users(run: FinishedRun, mix: MixRecord) -> float:
    """Return Kish's effective sample size of the user weights of a mix, in [1, n_users]."""
    weights = group_weights(Mix.from_dict(mix), run.groups, run.target)
    return effective_sample_size(
        [weights[group] for group, n_users in run.groups.items() for _ in range(n_users)]
    )
