"""Gains and losses of single users of the target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from recbole_groupmix.core.names import DATA_MIX, NO_AUGMENTATION, REFERENCE
from recbole_groupmix.core.value_metrics import VALUE_METRICS
from recbole_groupmix.record.finished_run import FinishedRun
from recbole_groupmix.record.rows import kinds_of_row
from recbole_groupmix.report.frame import style
from recbole_groupmix.report.frame.blocks import Figure, Section, Table, number, text
from recbole_groupmix.report.frame.forest import forest
from recbole_groupmix.report.run import intervals
from recbole_groupmix.text import numbers
from recbole_groupmix.text.split_words import is_fifth

TITLE = "Who wins, who loses"
_PARTS = 4
_OF_LABELS = " A user's value is what the user adds to the figure of the whole group."


def users_section(run: FinishedRun) -> Section:
    """Return the gains and losses of single users of the target, and by how active they are."""
    mixes = [mix for mix in (DATA_MIX, NO_AUGMENTATION) if mix in run.compared]
    mixes = mixes or run.compared[:2]
    if not mixes:
        return Section("users", TITLE, ["No other mix was measured."])
    key = run.key
    differences = {mix: intervals.difference(run, mix, key) for mix in run.compared}
    data = pd.concat(
        [
            pd.DataFrame({"mix": mix, "user_id": d.index, "difference": d.to_numpy()})
            for mix, d in differences.items()
        ],
        ignore_index=True,
    )
    alt = "; ".join(f"{mix}: {_split(differences[mix])}" for mix in mixes)
    spread = Figure(
        "users",
        f"Change of {key} of every user of {run.target_label}",
        f"All users from the largest loss to the largest gain against {REFERENCE} (means over "
        "repeats). Values of single users are noisy: two equally good mixes would also show gains and "
        f"losses.{_OF_LABELS if key in VALUE_METRICS else ''}",
        f"Sorted differences. {alt}.",
        data,
        lambda: _plot(run, {mix: differences[mix] for mix in mixes}, key),
    )
    figures, tables = [spread], [_table(differences, key, run)]
    activity = by_activity(run, mixes, key)
    if len(activity):
        fifth = is_fifth(run.config["configuration"])
        share = ", about a fifth of their interactions" if fifth else ""
        said = "; ".join(
            f"{row['mix']}, {row['users']}: {numbers.percent(row['mean'])}"
            for row in activity.to_dict("records")
        )
        figures.append(
            Figure(
                "activity",
                f"Change of {key} by number of test items",
                f"Users of the target by how many test items they have{share}. 95 % intervals, not "
                "corrected for their number.",
                f"Intervals. {said}.",
                activity,
                lambda: forest(activity, "users", "mix", "change", run.rows)[0],
            )
        )
        tables.append(_activity_table(activity, key, run))
    return Section("users", TITLE, (), figures, tables)


def n_test_items(run: FinishedRun) -> pd.Series:
    """Return the number of test items of each target user; NaN without a hit under any mix.

    Precision at k is hits / k and recall at k is hits / items, so items = k precision / recall.
    """
    k = run.result["topk"][-1]
    items = []
    for mix in run.rows:
        precision = run.per_user(mix, f"precision@{k}", run.target)
        recall = run.per_user(mix, f"recall@{k}", run.target)
        items.append((k * precision / recall.where(recall > 0)).max(axis=0))
    return pd.DataFrame(items).max(axis=0).round()


def by_activity(run: FinishedRun, mixes: list[str], key: str) -> pd.DataFrame:
    """Return changes of mixes on parts of the target's users by their number of test items.

    None for metrics of labels, whose values of users belong to the figure of the whole group.
    """
    if key in VALUE_METRICS:
        return pd.DataFrame()
    items = n_test_items(run)
    known = items.dropna()
    edges = np.unique(np.quantile(known, np.linspace(0, 1, _PARTS + 1))) if len(known) else known
    if len(edges) < 3:
        return pd.DataFrame()
    part = np.clip(np.searchsorted(edges, known, side="right") - 1, 0, len(edges) - 2)
    labels, members = [], []
    for place in range(len(edges) - 1):
        mine = known.index[part == place]
        if len(mine):
            low, high = int(known[mine].min()), int(known[mine].max())
            labels.append(f"{low} items" if low == high else f"{low} to {high} items")
            members.append(mine)
    parts = zip(labels, members, strict=True)
    wanted = [(label, users, mix) for label, users in parts for mix in mixes]
    changes = intervals.change_intervals(run, key, [(mix, users) for _, users, mix in wanted])
    return pd.DataFrame(
        [
            {"users": label, "n_users": len(users), "mix": mix, **change, "marked": None}
            for (label, users, mix), change in zip(wanted, changes, strict=True)
        ]
    )


def _split(difference: pd.Series) -> str:
    win, lose = (difference > 0).mean(), (difference < 0).mean()
    return f"{win:.0%} gain, {lose:.0%} lose, {1 - win - lose:.0%} neither"


def _plot(run: FinishedRun, differences: dict[str, pd.Series], key: str) -> Any:
    figure, ((axes,),) = style.canvas(2.6)
    style.reference_line(axes, vertical=False)
    handles, labels = [], []
    for place, (mix, difference) in enumerate(differences.items()):
        colour, _ = style.mix_style(mix, run.rows)
        share = (np.arange(len(difference)) + 0.5) / max(len(difference), 1)
        line = style.LINES[place]
        axes.step(share, np.sort(difference), where="mid", color=colour, linestyle=line, lw=1.8)
        handles.append(Line2D([], [], color=colour, linestyle=line, lw=1.8))
        labels.append(f"{style.clipped(mix)}: {_split(difference)}")
    axes.set_xlim(0, 1)
    style.percent_axis(axes.xaxis, signed=False)
    axes.set_xlabel("users, from largest loss to largest gain")
    axes.set_ylabel(f"change of {key}")
    axes.grid(axis="y")
    figure.legend(handles, labels, loc="outside upper center", ncols=1)
    return figure


def _table(differences: dict[str, pd.Series], key: str, run: FinishedRun) -> Table:
    rows = []
    for mix, d in differences.items():
        shares = (d > 0).mean(), (d < 0).mean(), (d == 0).mean()
        ends = [float(d.quantile(q)) for q in (0.1, 0.5, 0.9)] if len(d) else [None] * 3
        rows.append(
            [
                text(mix),
                *(number(float(share), ".0%") for share in shares),
                *(number(end, "+.4f") for end in ends),
            ]
        )
    return Table(
        "users",
        f"Users of {run.target_label}: difference of {key} to {REFERENCE}",
        (
            kinds_of_row(run.result),
            "gain",
            "lose",
            "neither",
            "10th percentile",
            "median",
            "90th percentile",
        ),
        rows,
    )


def _activity_table(activity: pd.DataFrame, key: str, run: FinishedRun) -> Table:
    rows = [
        [
            text(row["users"]),
            number(row["n_users"], ",d"),
            text(row["mix"]),
            number(
                row["mean"],
                shown=numbers.percent_interval(row["mean"], row["ci_low"], row["ci_high"]),
            ),
        ]
        for row in activity.astype(object).where(activity.notna(), None).to_dict("records")
    ]
    return Table(
        "activity",
        f"Change of {key} by number of test items",
        ("users with", "users", "mix", "change"),
        rows,
        "Users without a hit under any mix are left out: their metrics do not reveal their "
        "number of test items, and they are 0 under every mix.",
        folded=True,
    )
