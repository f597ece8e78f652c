"""The search: features of every mix against its score on the folds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from recbole_groupmix.core.mix import MixRecord
from recbole_groupmix.core.names import NOT_SEARCHED, REFERENCE, THEORY
from recbole_groupmix.record.finished_run import FinishedRun
from recbole_groupmix.record.fold_schema import FoldRecord
from recbole_groupmix.record.search_sentences import search_sentences
from recbole_groupmix.report.frame import style
from recbole_groupmix.report.frame.blocks import Figure, Section, Table, number, text
from recbole_groupmix.report.run.mixes import effective_users
from recbole_groupmix.text import numbers

TITLE = "The search"
#: Panels of the largest groups; the others' shares are in the CSV file.
MAX_GROUPS = 8
BEST = 10


def search_section(run: FinishedRun) -> Section:
    """Return scatter plots of the searched mixes and the best of them as a table."""
    data = searched(run)
    if data.empty:
        return Section("search", TITLE, ["This run did not search mixes."])
    key, selected = run.result["valid_metric"], run.result["search"]["selected"]
    known = data.dropna(subset=["score"])
    figures = []
    if len(known):
        best, worst = known["score"].max(), known["score"].min()
        figure = Figure(
            "search",
            f"Mixes against {key} on the folds",
            f"One point per searched mix, by sampler; the ring is the selected one, the line "
            f"{REFERENCE}. alpha is the share of a group; effective users are Kish's.",
            f"{len(known)} mixes between {numbers.value(worst)} and {numbers.value(best)}; "
            f"selected: {selected}; {REFERENCE}: "
            f"{numbers.value(run.result['search']['cv'].get(REFERENCE))}.",
            data,
            lambda: _plot(run, known),
            wide=True,
        )
        figures.append(figure)
    return Section("search", TITLE, _text(run, data), figures, [_best(run, data)])


def searched(run: FinishedRun) -> pd.DataFrame:
    """Return one row per searched mix: its features and its mean score over the folds."""
    cv = run.result["search"]["cv"]
    rows: dict[str, dict[str, Any]] = {}
    for record in run.trials:
        if not _is_candidate(run, record) or record["name"] in rows:
            continue
        mix: MixRecord = {"alpha": record["alpha"], "alpha_aug": record["alpha_aug"]}
        rows[record["name"]] = {
            "name": record["name"],
            "sampler": record["source"],
            "score": cv[record["name"]],
            "alpha_aug": record["alpha_aug"],
            "effective_users": effective_users(run, mix),
            **{f"alpha {group}": record["alpha"].get(group, 0.0) for group in run.others},
        }
    data = pd.DataFrame(list(rows.values()))
    if data.empty or (data["sampler"] == THEORY).all():
        return pd.DataFrame()
    return data.astype({"score": np.float64})


def _is_candidate(run: FinishedRun, record: FoldRecord) -> bool:
    """Whether a mix on the folds could have become the data mix; one that left a race could not."""
    searched = record["source"] not in NOT_SEARCHED and record["name"] not in run.same
    return searched and record["name"] in run.result["search"]["cv"]


def _text(run: FinishedRun, data: pd.DataFrame) -> list[str]:
    base = run.result["search"]["cv"].get(REFERENCE)
    known = data["score"].dropna()
    sentences = []
    if base is not None and len(known):
        above = int((known > base).sum())
        sentences.append(
            f"{above} of {numbers.count(len(known), 'candidate')} scored above {REFERENCE} on the "
            "folds."
        )
    if len(known) < len(data):
        lost = len(data) - len(known)
        sentences.append(f"Training of {numbers.count(lost, 'candidate')} diverged.")
    if "waves" in run.result["search"]:
        sentences += search_sentences(run.result)
    return [" ".join(sentences)] if sentences else []


def _plot(run: FinishedRun, data: pd.DataFrame) -> Any:
    largest = sorted(run.others, key=lambda group: -run.groups[group])[:MAX_GROUPS]
    panels = ["alpha_aug", "effective_users"]
    panels += [f"alpha {group}" for group in run.others if group in largest]
    height = -(-len(panels) // 2)
    figure, grid = style.canvas(0.5 + 1.45 * height, height, 2, sharey=True)
    samplers = sorted(set(data["sampler"]))
    chosen = data[data["name"] == run.result["search"]["selected"]]
    base = run.result["search"]["cv"].get(REFERENCE)
    for axes, feature in zip(grid.flat, panels, strict=False):
        for place, sampler in enumerate(samplers):
            mine = data[data["sampler"] == sampler]
            look = place % len(style.COLOURS)
            axes.plot(
                mine[feature],
                mine["score"],
                style.MARKERS[look],
                color=style.COLOURS[look],
                markersize=4.5,
                alpha=0.85,
                markeredgewidth=0,
            )
        if len(chosen):  # an empty line that is not clipped takes the layout away
            axes.plot(
                chosen[feature],
                chosen["score"],
                "o",
                markersize=11,
                markerfacecolor="none",
                color=style.INK,
                clip_on=False,
            )
        if base is not None:
            axes.axhline(base, color=style.INK, linewidth=1, linestyle=(0, (4, 2)))
        axes.set_xlabel(style.clipped(feature.replace("effective_users", "effective users"), 26))
        axes.grid(axis="y")
        axes.margins(0.08, 0.12)
        axes.locator_params(axis="x", nbins=4)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    figure.supylabel(run.result["valid_metric"], fontsize=9)
    handles = [
        Line2D([], [], linestyle="", marker=style.MARKERS[i % 7], color=style.COLOURS[i % 7])
        for i in range(len(samplers))
    ]
    names = [sampler.replace("_", " ") for sampler in samplers]
    handles.append(Line2D([], [], color=style.INK, linewidth=1, linestyle=(0, (4, 2))))
    figure.legend(handles, [*names, REFERENCE], loc="outside upper center", ncols=2)
    return figure


def _best(run: FinishedRun, data: pd.DataFrame) -> Table:
    best = data.sort_values("score", ascending=False, kind="stable", na_position="last")[:BEST]
    rows = []
    for row in best.to_dict("records"):
        score = row["score"] if np.isfinite(row["score"]) else None
        rows.append(
            [
                text(row["name"]),
                text(row["sampler"].replace("_", " ")),
                number(score, shown="diverged" if score is None else numbers.value(score)),
                number(row["alpha_aug"], ".2f"),
                *(number(row[f"alpha {group}"], ".2f") for group in run.others),
                number(row["effective_users"], ",.0f"),
            ]
        )
    return Table(
        "search",
        f"The {len(rows)} best searched mixes by {run.result['valid_metric']} on the folds",
        (
            "mix",
            "sampler",
            run.result["valid_metric"],
            "alpha_aug",
            *(f"alpha {group}" for group in run.others),
            "effective users",
        ),
        rows,
        "All of them are in the CSV file of the figure.",
        folded=True,
    )
