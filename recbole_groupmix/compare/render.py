"""A comparison as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from recbole_groupmix.core.statistics.resampling import MIN_REPEATS
from recbole_groupmix.core.statistics.two_tests import FEWEST_MARKED
from recbole_groupmix.text.numbers import UNBOUNDED
from recbole_groupmix.text.tables import markdown_table, paragraphs
from recbole_groupmix.text.untrusted import markdown_text

_TEXT = 3  # leading columns that are text; the others are right-aligned
_HEADER = (
    "group",
    "metric",
    "run",
    "users",
    "reference",
    "mean",
    "change",
    "interval over",
    "p",
    "p Holm",
    "d",
    "gain / lose",
)


def markdown(
    rows: pd.DataFrame, reference: str, confidence: float, level: float, notes: Sequence[str]
) -> str:
    """Return the rows of a comparison as a table in Markdown with explanations below it.

    Parameters
    ----------
    rows : pandas.DataFrame
        See :meth:`recbole_groupmix.compare.Comparison.to_frame`.
    reference : str
        Name of the reference.
    confidence : float
        Level of the intervals.
    level : float
        Level that corrected p-values are marked at.
    notes : sequence of str
        Further notes.
    """
    runs = [reference, *rows["run"]]
    table = reference.partition(":")[0] + ":"
    if all(run.startswith(table) for run in runs):  # the mixes of one table
        rows = rows.assign(run=rows["run"].str.removeprefix(table))
    cells = [list(_HEADER), *(_cells(row) for row in rows.to_dict("records"))]
    below = [*_explanations(rows, reference, confidence, level), *notes]
    table = markdown_table(cells, range(_TEXT), pad=True)
    return "\n".join([table, "", *paragraphs(f"- {markdown_text(note)}" for note in below)])


def _cells(row: dict[str, Any]) -> list[str]:
    return [
        row["group"],
        row["metric"],
        row["run"],
        str(row["n_users"]),
        _number(row["reference_mean"], ".4f"),
        _number(row["mean"], ".4f"),
        _change(row),
        row["interval"],
        _p(row["p"]),
        _p(row["p_holm"]),
        _number(row["d"], "+.2f"),
        "-" if math.isnan(row["gain"]) else f"{row['gain']:.0%} / {row['lose']:.0%}",
    ]


def _change(row: dict[str, Any]) -> str:
    if math.isnan(row["change"]):
        return f"- {row['mark']}".rstrip()
    ends = (
        f"{end:+.1%}" if math.isfinite(end) else UNBOUNDED
        for end in (row["ci_low"], row["ci_high"])
    )
    interval = f"[{', '.join(ends)}]"
    return f"{row['change']:+.1%} {interval} {row['mark']}".rstrip()


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else _number(value, ".3f")


def _explanations(
    rows: pd.DataFrame, reference: str, confidence: float, level: float
) -> list[str]:
    lines = [
        f"change: of the mean against {reference}, with {100 * confidence:.4g} % intervals; * marks "
        f"p Holm < {level}."
    ]
    if (rows["interval"] == "users").any():
        lines.append(
            f"interval over users: fewer than {MIN_REPEATS} paired repeats, so the interval covers "
            "sampling of users only, not variation between training seeds."
        )
    lines.append(
        "p: the largest p-value of the interval, of a paired permutation test over users, and with 2 to "
        f"4 repeats of a test over users and repeats: fewer than {FEWEST_MARKED} users cannot be marked; p Holm: corrected over the rows "
        "that compare different values. d: mean difference of users over its standard "
        "deviation. gain / lose: users above / below the reference."
    )
    counted = int(rows["n_undefined"].max())
    if counted:
        lines.append(
            f"Users without a value in one of the two runs are left out of a row: up to {counted}."
        )
    return lines
