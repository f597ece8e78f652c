"""The budget curve: the target's metric on the folds against how much of the others' data is used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from recbole_groupmix.core.budget_curve import (
    AS_IS,
    BudgetPoint,
    budget_curve,
    places_on_axis,
    reading,
)
from recbole_groupmix.core.names import BUDGET, REFERENCE
from recbole_groupmix.record.finished_run import FinishedRun
from recbole_groupmix.record.result_schema import BudgetRecord
from recbole_groupmix.report.frame import style
from recbole_groupmix.report.frame.blocks import Figure, Section, Table, number, text
from recbole_groupmix.text import numbers

TITLE = "The budget"


def budget_section(run: FinishedRun) -> Section:
    """Return the budget curve as a figure and a table, and what its shape says."""
    record = run.result.get("budget")
    if record is None:
        return Section("budget", TITLE, ["This run tried no budgets."])
    key = run.result["valid_metric"]
    curve = budget_points(run, record)
    data = _rows(record, curve)
    said = [reading(curve)] if curve else []
    if len(run.groups) == 2:
        said.append(
            "With two groups a mix is its budget alone, so that this curve is the whole search."
        )
    alt = "; ".join(
        f"{row['alpha_aug']:g}: {_change(row) if row['alpha_aug'] != AS_IS else REFERENCE}"
        for row in data.to_dict("records")
    )
    figure = Figure(
        "budget",
        f"{key} of {run.target_label} on the folds against the budget",
        "The other groups keep their own shares and weigh alpha_aug each: 1 is training on everything "
        "as it is, 0 on the target alone. The band is the paired 95 % interval over the target's users; "
        f"the ring is the best, which the row {BUDGET} takes to test. There it is fair; here it is "
        f"picked from {len(data)}.",
        f"Change of {key} against {REFERENCE} by budget. {alt}.",
        data,
        lambda: _plot(data, record["alpha_aug"], key),
    )
    return Section("budget", TITLE, said, [figure], [_table(data, record, key)])


def budget_points(run: FinishedRun, record: BudgetRecord) -> list[BudgetPoint]:
    """Return the points with intervals; empty where the run kept no values of users on the folds."""
    parts = {
        point["alpha_aug"]: run.on_folds.parts(point["candidate"])
        for point in record["curve"]
        if point["score"] is not None
    }
    base = parts.get(AS_IS)
    if not base or len(base) < 2:
        return []
    users = list(base)
    known = {budget: of for budget, of in parts.items() if set(of) == set(base)}
    values = {budget: np.array([of[user] for user in users]) for budget, of in known.items()}
    return budget_curve(values, values[AS_IS], int(run.result["seed"]))


def _rows(record: BudgetRecord, curve: list[BudgetPoint]) -> pd.DataFrame:
    """Return the drawn numbers; without intervals the changes are those of the scores."""
    found = {point.budget: point for point in curve}
    base = next((p["score"] for p in record["curve"] if p["alpha_aug"] == AS_IS), None)
    rows = []
    for of in record["curve"]:
        point = found.get(of["alpha_aug"])
        change = of["score"] / base - 1 if of["score"] is not None and base else None
        rows.append(
            {
                "alpha_aug": of["alpha_aug"],
                "candidate": of["candidate"],
                "score": of["score"],
                "mean": point.change.mean if point else change,
                "ci_low": point.change.ci_low if point else None,
                "ci_high": point.change.ci_high if point else None,
                "p_holm": point.p_holm if point else None,
                "marked": bool(point and point.verdict),
            }
        )
    measures = ("score", "mean", "ci_low", "ci_high", "p_holm")
    return pd.DataFrame(rows).astype(dict.fromkeys(measures, float))


def _plot(data: pd.DataFrame, selected: float, key: str) -> Any:
    figure, ((axes,),) = style.canvas(2.7)
    style.reference_line(axes, vertical=False)
    at = places_on_axis(list(data["alpha_aug"]))
    colour = style.COLOURS[0]
    for part in (data["alpha_aug"] > 0, data["alpha_aug"] == 0):
        mine, x = data[part], at[part.to_numpy()]
        axes.plot(x, mine["mean"], color=colour, linewidth=1.6, marker="o", markersize=4)
        band = np.isfinite(mine[["ci_low", "ci_high"]]).all(axis=1).to_numpy()
        if len(mine) > 1:
            low, high = mine["ci_low"], mine["ci_high"]
            axes.fill_between(x, low, high, where=band, color=colour, alpha=0.2, linewidth=0)
        elif band.all():
            axes.vlines(x, mine["ci_low"], mine["ci_high"], color=colour, alpha=0.3, linewidth=6)
    chosen = data["alpha_aug"] == selected
    ring = {"markersize": 11, "markerfacecolor": "none", "color": style.INK, "clip_on": False}
    axes.plot(at[chosen.to_numpy()], data.loc[chosen, "mean"], "o", **ring)
    axes.set_xticks(at, [f"{budget:g}" for budget in data["alpha_aug"]])
    style.percent_axis(axes.yaxis)
    axes.grid(axis="y")
    axes.set_xlabel("budget alpha_aug")
    axes.set_ylabel(f"change of {key}")
    return figure


def _table(data: pd.DataFrame, record: BudgetRecord, key: str) -> Table:
    rows = []
    for row in data.to_dict("records"):
        chosen = " (chosen)" if row["alpha_aug"] == record["alpha_aug"] else ""
        score, mean = numbers.or_null(row["score"]), numbers.or_null(row["mean"])
        reference = row["alpha_aug"] == AS_IS
        rows.append(
            [
                text(f"{row['alpha_aug']:g}{chosen}"),
                text(row["candidate"]),
                number(score, shown="diverged" if score is None else numbers.value(score)),
                number(mean, shown="reference" if reference else _change(row)),
            ]
        )
    return Table(
        "budget",
        f"{key} on the folds by budget",
        ("alpha_aug", "models of", key, f"change against {REFERENCE}"),
        rows,
        "Intervals are over the target's users, each with the mean over the folds; * marks a change "
        f"with p < {numbers.LEVEL} after Holm's correction over the budgets.",
        folded=True,
    )


def _change(row: dict[str, Any]) -> str:
    """Return a change with its interval and mark; without users' values the change alone."""
    if np.isnan([row["ci_low"], row["ci_high"]]).all():
        return numbers.percent(row["mean"])
    shown = numbers.percent_interval(row["mean"], row["ci_low"], row["ci_high"])
    return f"{shown}{' *' if row['marked'] else ''}"
