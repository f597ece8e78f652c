"""The result of a group evaluation: every metric overall and by group, with intervals."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from recbole_groupmix.core.statistics.few_users import FEW_USERS, MEANS_OF_FEW_USERS
from recbole_groupmix.files.paths import user_path
from recbole_groupmix.files.whole import write_whole
from recbole_groupmix.text.html import html_notes, html_table
from recbole_groupmix.text.numbers import finite
from recbole_groupmix.text.tables import markdown_table
from recbole_groupmix.text.untrusted import csv_safe, markdown_text

#: Name of the row that covers all users.
OVERALL = "overall"


@dataclass(frozen=True)
class GroupReport:
    """Metrics of a model overall and by group.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per metric and group (``"overall"`` included): metric, group, n_users (users with
        a defined value), n_undefined, value, ci_low, ci_high. ``value`` is RecBole's own
        definition of the metric on the rows of the group's users, unrounded; the interval is a 95 %
        bootstrap over users, NaN for metrics that are not means over users (coverage, Gini
        index, entropy, AUC).
    per_user : pandas.DataFrame
        One row per user: user_id (external token), group, and a column per metric that is a mean
        over users; NaN where a user's value is undefined. Users with several evaluated rows
        (sequential data, labelled pairs) have their mean.
    field : str
        Name of the grouping, such as the user column.
    n_in_data : mapping of str to int
        Users of each group in the data set, evaluated or not; ``"overall"`` counts all users.
    """

    table: pd.DataFrame
    per_user: pd.DataFrame
    field: str
    n_in_data: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics, such as ``"recall@10"``."""
        return list(dict.fromkeys(self.table["metric"]))

    @property
    def groups(self) -> list[str]:
        """Names of the groups."""
        return [name for name in dict.fromkeys(self.table["group"]) if name != OVERALL]

    @property
    def overall(self) -> pd.Series:
        """Every metric over all users."""
        return self.by_group.loc[OVERALL]

    @property
    def by_group(self) -> pd.DataFrame:
        """Values as a table of groups (``"overall"`` last) by metrics."""
        wide = self.table.pivot(index="group", columns="metric", values="value")
        return wide.loc[[*self.groups, OVERALL], self.metrics].rename_axis(columns=None)

    def target(self, group: str) -> pd.DataFrame:
        """Return the rows of one group, by metric.

        Raises
        ------
        ValueError
            If the group does not exist.
        """
        if group not in self.groups:
            raise ValueError(
                f"{group!r} is not a group in {self.field}; groups are {', '.join(self.groups)}"
            )
        rows = self.table[self.table["group"] == group]
        return rows.drop(columns="group").set_index("metric")

    @property
    def worst_group(self) -> pd.DataFrame:
        """By metric, the group with the smallest value and that value."""
        values = self.by_group.drop(index=OVERALL)
        known = values.loc[:, values.notna().any()]
        return pd.DataFrame({"group": known.idxmin(), "value": known.min()})

    @property
    def difference(self) -> pd.Series:
        """By metric, the largest minus the smallest value of a group."""
        values = self.by_group.drop(index=OVERALL)
        return values.max() - values.min()

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the long table."""
        return self.table.copy()

    def to_markdown(self, metrics: list[str] | None = None) -> str:
        """Return a table of groups by metrics, each with its interval, as Markdown.

        The column ``users`` has the evaluated users out of those in the data set. A line below
        the table names the groups whose users are too few for the intervals to be right.
        """
        rows, few = self._rows(self.metrics if metrics is None else metrics), self._few_users()
        text = f"{markdown_table(rows)}\n"
        return f"{text}\n{markdown_text(few)}\n" if few else text

    def _repr_html_(self) -> str:
        """Return the same table in HTML, as a notebook shows it; names are text in it."""
        return "\n".join(
            [html_table(self._rows(self.metrics)), html_notes(filter(None, [self._few_users()]))]
        )

    def _rows(self, metrics: list[str]) -> list[list[str]]:
        rows = [["group", "users", *metrics]]
        for group in [*self.groups, OVERALL]:
            own = self._of(group)
            of = f" of {self.n_in_data[group]}" if group in self.n_in_data else ""
            users = f"{int(own['n_users'].max())}{of}"
            rows.append([group, users, *(_cell(own.loc[metric]) for metric in metrics)])
        return rows

    def _few_users(self) -> str:
        """Return which groups have too few users for their intervals; empty if none."""
        few = []
        for group in [*self.groups, OVERALL]:
            own = self._of(group)
            n_users = int(own["n_users"].max())
            if 0 < n_users < FEW_USERS and own["ci_low"].notna().any():
                few.append(f"{group} ({n_users})")
        note = f"Fewer than {FEW_USERS} users: {', '.join(few)}. {MEANS_OF_FEW_USERS}"
        return note if few else ""

    def _of(self, group: str) -> pd.DataFrame:
        return self.table[self.table["group"] == group].set_index("metric")

    def save(self, folder: str | Path) -> Path:
        """Write ``groups.csv``, ``per_user.parquet``, ``report.md`` and ``report.json``.

        Returns
        -------
        pathlib.Path
            The folder, made if it does not exist.
        """
        folder = Path(user_path(folder, f"folder is {folder}"))
        folder.mkdir(parents=True, exist_ok=True)
        groups = csv_safe(self.table).to_csv(
            index=False,
            lineterminator="\n",
        )
        write_whole(folder / "groups.csv", groups)
        long = self.per_user.melt(["user_id", "group"], var_name="metric", value_name="value")
        write_whole(folder / "per_user.parquet", lambda file: long.to_parquet(file, index=False))
        write_whole(folder / "report.md", self.to_markdown())
        content = {
            "field": self.field,
            "groups": self.groups,
            "n_in_data": dict(self.n_in_data),
            "by_group": finite(self.by_group.to_dict("index")),
        }
        write_whole(folder / "report.json", json.dumps(content, indent=1) + "\n")
        return folder


def _cell(row: pd.Series) -> str:
    if np.isnan(row["value"]):
        return "undefined"
    interval = "" if np.isnan(row["ci_low"]) else f" [{row['ci_low']:.4f}, {row['ci_high']:.4f}]"
    return f"{row['value']:.4f}{interval}"
