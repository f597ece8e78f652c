"""What a search spent: how good its recommendation was after how many trainings, and its races."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.record.finished_run import FinishedRun
from recbole_groupmix.report.frame import style
from recbole_groupmix.report.frame.blocks import Figure, Section, Table, number, text
from recbole_groupmix.report.learned.tried import Search
from recbole_groupmix.surface.history import FloatArray
from recbole_groupmix.surface.spent import Believed, believed_after
from recbole_groupmix.surface.surface import relative_gains
from recbole_groupmix.text import numbers

TITLE = "What the search spent"
#: At how many numbers of mixes one looks back, the last of which is all.
_LOOKS = 7


def spent_section(run: FinishedRun, search: Search) -> Section:
    """Return regret against trainings, and what racing saved."""
    key = run.result["valid_metric"]
    spent = np.cumsum(search.trainings)
    looks = np.linspace(search.n_rows, len(search.names), _LOOKS).round().astype(int)
    believed = believed_after(
        search.history, search.surface, search.may_be, [int(n) for n in np.unique(looks)]
    )
    best = _best_scores(search)
    of_rows = int(spent[search.n_rows - 1])
    figure = Figure(
        "spent",
        "What was known after how many trainings",
        f"Changes of {key} on the folds against {REFERENCE}. A training is one mix on one fold. Dashed: the best "
        "score so far, with its luck. Rings: the mix that was believed best then, by what had been tried until then; "
        "squares: the same mix by all that was tried, so that its distance to the last square is the "
        "regret. Shaded: what every run trains (baselines, budgets, repeats).",
        f"After {of_rows} trainings, those of every run: {_told(search, believed[0])}. In the end, after "
        f"{spent[-1]} trainings: {_told(search, believed[-1])}; best score {numbers.percent(best[-1])}.",
        _data(search, spent, believed, best),
        lambda: _plot(spent, believed, best, of_rows, key),
    )
    said = [" ".join(_regret(search, spent, believed, best))]
    tables = []
    if run.on_folds.left:
        said.append(_race(run, search))
        tables.append(_left(run))
    return Section("spent", TITLE, said, [figure], tables)


def _best_scores(search: Search) -> FloatArray:
    """Return the gain of the best score so far, over the mixes that may be recommended."""
    gains = np.where(search.may_be, relative_gains(search.history), np.nan)
    return np.asarray(np.fmax.accumulate(gains))


def _data(
    search: Search, spent: FloatArray, believed: list[Believed], best: FloatArray
) -> pd.DataFrame:
    looks = {of.n: of for of in believed}
    rows = []
    for n, name in enumerate(search.names, start=1):
        look = looks.get(n)
        rows.append(
            {
                "mix": name,
                "trainings": spent[n - 1],
                "best_score": best[n - 1],
                "believed_best": search.names[look.row] if look else None,
                "believed_then": look.then if look else np.nan,
                "by_all": look.now if look else np.nan,
                "regret": believed[-1].now - look.now if look else np.nan,
            }
        )
    return pd.DataFrame(rows)


def _told(search: Search, look: Believed) -> str:
    return (
        f"{search.names[look.row]} was believed best, with {numbers.percent(look.then)} "
        f"({numbers.percent(look.now)} by all that was tried)"
    )


def _regret(
    search: Search, spent: FloatArray, believed: list[Believed], best: FloatArray
) -> list[str]:
    last, names = believed[-1], search.names
    since = next(i for i in range(len(believed)) if all(of.row == last.row for of in believed[i:]))
    n_since = int(spent[believed[since].n - 1])
    told = f"From {n_since} of {int(spent[-1])} trainings on, {names[last.row]} is believed best"
    if since == 0:
        told += ": what was searched has changed nothing."
    else:
        before = believed[since - 1]
        behind = f"{100 * max(last.now - before.now, 0.0):.1f} % of {REFERENCE}'s score behind it"
        told += f". After {int(spent[before.n - 1])} it was {names[before.row]}, which by all that was tried is {behind}."
    gains = relative_gains(search.history)
    luckiest = int(np.nanargmax(np.where(search.may_be, gains, np.nan)))
    if luckiest == last.row:
        return [told]
    mix = search.history.weights[luckiest : luckiest + 1]
    gain = search.surface.straight(mix, search.surface.gains(mix))
    believed_of_it = numbers.percent(float(gain[0]))
    return [
        told,
        f"The best score is that of {names[luckiest]}, {numbers.percent(best[-1])}; {believed_of_it} of it is "
        f"believed, and {numbers.percent(last.now)} of {names[last.row]}.",
    ]


def _race(run: FinishedRun, search: Search) -> str:
    left, folds = run.on_folds.left, run.result["search"]["folds"]
    after = pd.Series([record["fold"] + 1 for record in left]).value_counts().sort_index()
    when = ", ".join(f"{n} after fold {fold}" for fold, n in after.items())
    saved = sum(folds - 1 - record["fold"] for record in left)
    whole = saved + sum(search.trainings)
    return (
        f"Racing saved {saved} of {numbers.count(whole, 'training')} on the folds "
        f"({100 * saved / whole:.0f} %): of {folds} folds, mixes that were behind left early ({when})."
    )


def _left(run: FinishedRun) -> Table:
    folds = run.result["search"]["folds"]
    rows = [
        [
            text(record["name"]),
            number(record["fold"] + 1, "d"),
            number(folds - 1 - record["fold"], "d"),
            text(record["leader"]),
            number(record["chance"], ".3f"),
        ]
        for record in run.on_folds.left
    ]
    return Table(
        "left",
        "Mixes that left a race",
        ("mix", "folds trained", "folds saved", "behind", "resamples"),
        rows,
        "Resamples: the share of resamples of the target's users in which the mix was as good as the one "
        "it was behind. A mix that left is never recommended.",
        folded=True,
    )


def _plot(
    spent: FloatArray, believed: list[Believed], best: FloatArray, of_rows: int, key: str
) -> Any:
    figure, ((axes,),) = style.canvas(2.9)
    style.reference_line(axes, vertical=False)
    axes.axvspan(0, of_rows, color=style.GRID, alpha=0.45, linewidth=0)
    at = [spent[of.n - 1] for of in believed]
    steps = {"linestyle": style.LINES[1], "drawstyle": "steps-post"}
    ring = {"marker": "o", "markersize": 8, "markerfacecolor": "none", "linestyle": style.LINES[2]}
    series: tuple[tuple[str, Any, Any, dict[str, Any]], ...] = (
        ("best score so far", spent, best, steps),
        ("best by belief, as it was then", at, [of.then for of in believed], ring),
        (
            "the same mix, by all",
            at,
            [of.now for of in believed],
            {"marker": "s", "markersize": 4},
        ),
    )
    handles = []
    for (_, x, y, look), colour in zip(series, (2, 1, 0), strict=True):
        drawn: dict[str, Any] = {"color": style.COLOURS[colour], "linewidth": 1.6, **look}
        axes.plot(x, y, **drawn)
        drawn.pop("drawstyle", None)
        handles.append(Line2D([], [], **drawn))
    axes.set_xlim(0, spent[-1] * 1.02)
    style.percent_axis(axes.yaxis)
    axes.grid(axis="y")
    axes.set_xlabel("trainings on the folds")
    axes.set_ylabel(f"change of {key}")
    names = [name for name, *_ in series]
    figure.legend(handles, names, loc="outside upper center", ncols=2)
    return figure
