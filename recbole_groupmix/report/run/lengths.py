"""How long the mixes were trained, and what each would be at the peak of its own curve."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.core.training_length import smoothed
from recbole_groupmix.record.finished_run import FinishedRun
from recbole_groupmix.record.length_rows import (
    control_sentence,
    length_rows,
    length_sentences,
    lengths_of,
)
from recbole_groupmix.record.phrases import change_text, few_repeats
from recbole_groupmix.record.rows import rivals_of
from recbole_groupmix.report.frame import style
from recbole_groupmix.report.frame.blocks import Figure, Section, Table, number, text

TITLE = "Training length"
#: Where the axis of the figure begins, relative to the best value of the lowest mix.
LOWEST = 0.8


def lengths_section(run: FinishedRun) -> Section:
    """Return the lengths of the rows, the control, and the curves of the rows on the folds."""
    lengths = lengths_of(run.result)
    if lengths is None:
        solved = run.result.get("closed_form")
        why = "The model is solved, not trained." if solved else "The run has no common length."
        return Section("lengths", TITLE, [why])
    key = run.key
    said = [*length_sentences(run.result), *filter(None, [control_sentence(run.result, key)])]
    rows, data = length_rows(run.result, key), mean_curves(run)
    tables = [_table(run, key)] if rows else []
    if data.empty:
        return Section("lengths", TITLE, said, (), tables)
    metric = run.result["valid_metric"]
    best = data.loc[data.groupby("mix")["value"].idxmax()]
    alt = "; ".join(f"{m}: {v:.4f} at {e}" for m, e, v in best[["mix", "epoch", "value"]].values)
    figure = Figure(
        "lengths",
        f"{metric} of {run.target_label} on the folds over training",
        "Mean over the folds, smoothed over 10 % of the epochs on either side. The line marks "
        f"{lengths['common']} epochs, the peak of {REFERENCE}, for which every mix is trained.",
        f"Best smoothed value and its epoch by mix. {alt}.",
        data,
        lambda: _plot(data, lengths["common"]),
    )
    return Section("lengths", TITLE, said, [figure], tables)


def mean_curves(run: FinishedRun) -> pd.DataFrame:
    """Return mix, epoch and the smoothed mean over the folds of every row, up to its length."""
    frames = []
    n_folds = run.result["search"]["folds"]
    for row in (REFERENCE, *run.compared):
        name = run.candidate(row)
        curves = [r for r in run.curves if r["name"] == name]
        n_points = min((len(r["curve"]) for r in curves), default=0)
        if len(curves) < n_folds or n_points < 2 or row in (*run.same, *rivals_of(run.result)):
            continue  # a rival's curve may begin where Proportional ends
        epochs = [point["epoch"] for point in curves[0]["curve"][:n_points]]
        scores = [
            [np.nan if s is None else s for s in r.get("scores", [])[:n_points]] for r in curves
        ]
        if any(len(of_fold) < n_points for of_fold in scores):
            continue
        value = smoothed(epochs, np.mean(scores, axis=0))
        frames.append(pd.DataFrame({"mix": row, "epoch": epochs, "value": value}))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _plot(data: pd.DataFrame, common: int | None) -> Any:
    figure, grid = style.canvas(3.2, 1, 1)
    axes = grid.flat[0]
    for i, (mix, mine) in enumerate(data.groupby("mix", sort=False)):
        look = {"color": style.COLOURS[i % len(style.COLOURS)]}
        line = style.LINES[i % len(style.LINES)]
        axes.plot(
            mine["epoch"], mine["value"], linestyle=line, label=style.clipped(mix, 16), **look
        )
    if common is not None:
        axes.axvline(common, color="0.5", linewidth=1)
    best = data.groupby("mix")["value"].max()
    if best.max() > 0:  # the steep start says nothing about the length
        axes.set_ylim(LOWEST * best.min(), None)
    axes.set_xlabel("epoch")
    axes.grid(axis="y")
    figure.legend(loc="outside upper center", ncols=4)
    return figure


def _table(run: FinishedRun, key: str) -> Table:
    few, cells = few_repeats(run.result), []
    for row in length_rows(run.result, key):
        cells.append(
            [
                text(row.name),
                number(row.epochs, ",d"),
                number(row.own, ",d"),
                text(change_text(row.change, few)),
                text("reference" if row.name == REFERENCE else change_text(row.own_change, few)),
                text("differs" if row.differs else ""),
            ]
        )
    return Table(
        "lengths",
        f"Change of {key} at the common length and with each row at its own",
        ("mix", "epochs", "own length", "change", "change at its own length", "verdict"),
        cells,
        f"Own length: the peak of the row's own smoothed mean curve over the folds, at most twice "
        f"that of {REFERENCE}. A verdict that differs between the two is not established.",
    )
