"""Cross-validation against test: the optimism of the winner (selection bias)."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.record import phrases
from recbole_groupmix.record.finished_run import FinishedRun
from recbole_groupmix.record.rows import kinds_of_row
from recbole_groupmix.report.frame import style
from recbole_groupmix.report.frame.blocks import Figure, Section, Table, number, text
from recbole_groupmix.text import numbers

TITLE = "Folds against test"


def optimism_section(run: FinishedRun) -> Section:
    """Return the gain over Proportional on the folds beside that on test."""
    cv, key = run.result["search"]["cv"], run.result["valid_metric"]
    if not cv:
        return Section("optimism", TITLE, ["This run did not train on folds."])
    base = cv.get(REFERENCE)
    rows = []
    for mix in [REFERENCE, *run.compared]:
        score = cv.get(run.candidate(mix))
        change = run.result["change"].get(mix, {}).get(key, phrases.NO_CHANGE)
        on_folds = score / base - 1 if score is not None and base else None
        rows.append(
            {
                "mix": mix,
                "on_folds": score,
                "on_test": run.result["test"][mix].get(key),
                "gain_on_folds": on_folds,
                "mean": change["mean"],
                "ci_low": change["ci_low"],
                "ci_high": change["ci_high"],
            }
        )
    data = pd.DataFrame(rows)
    others = data[data["mix"] != REFERENCE]
    figures = []
    if len(others):
        alt = "; ".join(
            f"{row['mix']}: {numbers.percent(row['gain_on_folds'])} on the folds, "
            f"{numbers.percent(row['mean'])} on test"
            for row in others.to_dict("records")
        )
        figure = Figure(
            "optimism",
            f"Gain over {REFERENCE} on folds and on test, {key}",
            "Cross: mean over the folds, on which data_mix is chosen. Dot: test, with its 95 % "
            "interval. The winner's cross-validation score is optimistic, because it was picked "
            "from many (selection bias); judge it by test.",
            f"Gains in {key}. {alt}.",
            others,
            lambda: _plot(run, others, key),
        )
        figures.append(figure)
    return Section("optimism", TITLE, (), figures, [_table(run, rows, key)])


def _plot(run: FinishedRun, data: pd.DataFrame, key: str) -> Any:
    figure, ((axes,),) = style.canvas(1.05 + 0.34 * len(data))
    style.row_axis(axes, list(data["mix"]))
    style.reference_line(axes)
    for y, row in enumerate(data.to_dict("records")):
        colour, _ = style.mix_style(row["mix"], run.rows)
        if numbers.defined(row["mean"]):
            ends = (row["ci_low"], row["ci_high"])
            style.interval_line(axes, row["mean"], ends, y, colour)
            axes.plot(row["mean"], y, "o", color=colour, markersize=6)
        if numbers.defined(row["gain_on_folds"]):
            axes.plot(
                row["gain_on_folds"],
                y,
                "x",
                color=style.INK,
                markersize=7,
                markeredgewidth=1.8,
                zorder=4,
            )
    style.percent_axis(axes.xaxis)
    axes.set_xlabel(f"change of {key}")
    handles = [
        Line2D([], [], color=style.INK, marker="x", linestyle="", markeredgewidth=1.8),
        Line2D([], [], color=style.COLOURS[0], marker="o", linewidth=2),
    ]
    figure.legend(handles, ["folds", "test"], loc="outside upper center", ncols=2)
    return figure


def _table(run: FinishedRun, rows: list[dict[str, Any]], key: str) -> Table:
    cells = []
    for row in rows:
        reference = row["mix"] == REFERENCE
        interval = numbers.percent_interval(row["mean"], row["ci_low"], row["ci_high"])
        cells.append(
            [
                text(row["mix"]),
                number(row["on_folds"], shown=numbers.value(row["on_folds"])),
                number(row["on_test"], shown=numbers.value(row["on_test"])),
                number(
                    row["gain_on_folds"],
                    shown="reference" if reference else numbers.percent(row["gain_on_folds"]),
                ),
                number(
                    0.0 if reference else row["mean"],
                    shown="reference" if reference else interval,
                ),
            ]
        )
    return Table(
        "optimism",
        f"{key} on the folds and on test",
        (kinds_of_row(run.result), "on folds", "on test", "gain on folds", "gain on test"),
        cells,
        "Levels on folds and test differ for every row, since folds train on less and rank "
        f"other items; compare the gains over {REFERENCE}.",
    )
