"""Verdicts of a grid on the paper's results, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from recbole_groupmix.report.paper.statements import FAILS, NOT_ESTABLISHED, OPEN, SURVIVES
from recbole_groupmix.report.paper.survival import ALL, AS_IS, OWN, not_established
from recbole_groupmix.text.numbers import count

_VERDICTS = (SURVIVES, FAILS, OPEN, NOT_ESTABLISHED)


def findings(data: pd.DataFrame) -> list[str]:
    """Return the verdicts in each protocol, and the changes under its controls.

    Parameters
    ----------
    data : pandas.DataFrame
        From :func:`~recbole_groupmix.report.paper.survival.survival`; means over targets count here.
    """
    data = data[(data["target"] == ALL) & data["verdict"].isin(_VERDICTS)]
    lines = []
    for protocol, rows in data.groupby("protocol", sort=False):
        itself = AS_IS if (rows["control"] == AS_IS).any() else OWN
        base = rows[rows["control"] == itself]
        if len(base):
            why = not_established(base)
            lines.append(" ".join([f"Protocol {protocol}: {'; '.join(_held(base))}.", *why]))
        controls = rows[~rows["control"].str.startswith((AS_IS, OWN, "intervals"))]
        if len(base) and len(controls):
            lines.append(_changed(base, controls))
    return lines


def _held(base: pd.DataFrame) -> Iterator[str]:
    """Yield "1a survives (BPR, EASE), cannot be told (LightGCN)" for every statement."""
    for statement, rows in base.groupby("statement"):
        models = {v: rows["model"][rows["verdict"] == v] for v in _VERDICTS}
        said = [
            f"{verdict} ({', '.join(names)})" for verdict, names in models.items() if len(names)
        ]
        yield f"{statement} {', '.join(said)}"


def _changed(base: pd.DataFrame, controls: pd.DataFrame) -> str:
    """Count the verdicts that stay and name those that are reversed."""
    place = ["model", "statement"]
    both = controls.merge(base[[*place, "verdict"]], on=place, suffixes=("", "_before"))
    # what is not established can be told no more than what chance may have made
    after, before = (
        both[of].replace(NOT_ESTABLISHED, OPEN) for of in ("verdict", "verdict_before")
    )
    turned = both[(after != before) & (after != OPEN) & (before != OPEN)]
    n_controls = controls["control"].nunique()
    line = (
        f"Under {count(n_controls, 'control')} of it {int((after == before).sum())} of {len(both)} "
        f"verdicts stay, {int(((after == OPEN) & (before != OPEN)).sum())} can no longer be told, "
        f"{int(((after != OPEN) & (before == OPEN)).sum())} can be told then, {len(turned)} "
        f"{'is' if len(turned) == 1 else 'are'} reversed"
    )
    listed = [
        f"{row['statement']} {row['verdict']} under {row['control']} ({row['model']})"
        for _, row in turned.iterrows()
    ]
    return f"{line}: {'; '.join(listed)}." if listed else f"{line}."
