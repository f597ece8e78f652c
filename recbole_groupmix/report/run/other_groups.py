"""The effect of the mixes on the users of the other groups."""

from __future__ import annotations

import pandas as pd

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.record.finished_run import FinishedRun
from recbole_groupmix.report.frame.blocks import Figure, Section, Table, number, text
from recbole_groupmix.report.frame.forest import forest
from recbole_groupmix.report.run import intervals
from recbole_groupmix.text import numbers

TITLE = "What it does to the other groups"
#: Groups in the figure, the largest; the table has all.
MAX_GROUPS = 12


def other_groups_section(run: FinishedRun) -> Section:
    """Return the change against Proportional on the users of every group; rivals in the table."""
    key = run.key
    groups = [group for group in run.groups if (run.group_of_user == group).any()]
    wanted = [(group, mix) for group in groups if group != run.target for mix in run.compared]
    if not wanted:
        return Section(
            "groups", TITLE, ["The run measured no other mix or no users of other groups."]
        )
    users = run.group_of_user
    changes = intervals.change_intervals(
        run, key, [(mix, users.index[users == group]) for group, mix in wanted]
    )
    rows = [
        {"group": group, "mix": mix, **change, "marked": None}
        for (group, mix), change in zip(wanted, changes, strict=True)
    ]
    data = pd.DataFrame(rows)
    largest = sorted(run.others, key=lambda group: -run.groups[group])[:MAX_GROUPS]
    drawn = data[data["group"].isin(largest) & ~data["mix"].isin(run.rivals)]
    alt = "; ".join(
        f"{group}, {mix}: {numbers.percent(change['mean'])}"
        for (group, mix), change in zip(wanted, changes, strict=True)
    )
    elsewhere = " Rivals are in the table and in the CSV file." if run.rivals else ""
    figure = Figure(
        "groups",
        f"Change of {key} on the other groups",
        f"Against {REFERENCE}, mean and 95 % interval, not corrected for their number. A mix is "
        f"searched for {run.target_label} alone; this is its cost or gain for the others. Losses "
        "of more than half are written at the left edge: a group with weight 0 is not learned at "
        f"all.{elsewhere}",
        f"Intervals by group. {alt}.",
        data,
        lambda: forest(drawn, "group", "mix", "change", run.rows)[0],
    )
    return Section("groups", TITLE, (), [figure], [_table(run, key, rows)])


def _table(run: FinishedRun, key: str, rows: list[dict[str, object]]) -> Table:
    by_place = {(row["group"], row["mix"]): row for row in rows}
    cells = []
    for group in dict.fromkeys(row["group"] for row in rows):
        name = str(group)
        base = run.result["test_by_group"][name].get(REFERENCE, {}).get(key)
        line = [
            text(name),
            number(run.groups[name], ",d"),
            number(base, shown=numbers.value(base)),
        ]
        for mix in run.compared:
            row: dict[str, object] = by_place[name, mix]
            mean, low, high = (row[end] for end in ("mean", "ci_low", "ci_high"))
            shown = numbers.percent_interval(mean, low, high)  # type: ignore[arg-type]
            line.append(number(mean, shown=shown))  # type: ignore[arg-type]
        cells.append(line)
    return Table(
        "groups",
        f"Change of {key} on the users of the other groups",
        ("group", "users", REFERENCE, *run.compared),
        cells,
        f"Column {REFERENCE}: mean of {key}. Intervals are not corrected for their number.",
    )
