"""Shapley values as tables for people, as rows and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from recbole_groupmix.core.statistics.few_users import CHANGES_OF_FEW_USERS, FEW_USERS
from recbole_groupmix.exact.shapley.effects import Effect, Effects
from recbole_groupmix.exact.shapley.sentences import sentences, shown_effect
from recbole_groupmix.text.numbers import LEVEL, percent
from recbole_groupmix.text.tables import aligned, paragraphs


def rows_of(found: Effects) -> list[dict[str, Any]]:
    """Return a row for every number with an interval; see ``docs/shapley.md`` for the columns."""
    kinds = {
        "together": [found.together],
        "shapley": found.shapley,
        "first": found.first,
        "last": found.last,
        "interaction": found.pairs,
    }
    rows = []
    for kind, effects in kinds.items():
        errors = found.errors if kind == "shapley" else [0.0] * len(effects)
        for effect, error in zip(effects, errors, strict=True):
            rows.append(
                {
                    "target": found.target,
                    "target_fraction": found.fraction,
                    "users": found.n_users,
                    "metric": found.metric,
                    "kind": kind,
                    "group": "" if kind == "together" else effect.groups[0],
                    "with": effect.groups[1] if kind == "interaction" else "",
                    "mean": effect.change.mean,
                    "ci_low": effect.change.ci_low,
                    "ci_high": effect.change.ci_high,
                    "p": effect.change.p,
                    "p_holm": effect.p_holm,
                    "sampling_error": error,
                    "value": effect.change.mean * found.proportional,
                    "none": found.none,
                    "proportional": found.proportional,
                }
            )
    return rows


def sets_of(found: Effects) -> list[dict[str, Any]]:
    """Return an entry for every set of groups that was solved: what it lacks of all groups."""
    return [
        {
            "target": found.target,
            "metric": found.metric,
            "groups": list(groups),
            "change": change.mean,
            "ci_low": change.ci_low,
            "ci_high": change.ci_high,
        }
        for groups, change in found.sets
    ]


def to_text(
    by_target: Sequence[Sequence[Effects]], names: Sequence[str], lines: Sequence[str] = ()
) -> str:
    """Return the tables and sentences of targets.

    Parameters
    ----------
    by_target : sequence of sequence of Effects
        For each target, those of the validation metric and then of the others.
    names : sequence of str
        All groups, the columns.
    lines : sequence of str
        What else is to be said of how they were computed.
    """
    first = [of_target[0] for of_target in by_target]
    said = [
        f"Who pays for whom: the Shapley value of each group (columns) in {first[0].metric} of each",
        "target (rows), as a share of Proportional's, 95 % intervals over the target's users; * p <",
        f"{LEVEL} after Holm's correction over the row. They add up to what all others add together.",
        *aligned(_matrix(first, names), left=()),
        "",
        "What a group adds first, to the target alone, and last, to all others:",
        *aligned(_ends(first, names), left=()),
        "",
    ]
    texts = [
        f"{of_target[0].target}: {' '.join(sentences(of_target[0], of_target[1:]))}"
        for of_target in by_target
    ]
    few = [CHANGES_OF_FEW_USERS] if any(f.n_users < FEW_USERS for f in first) else []
    said += paragraphs(texts) + paragraphs([*lines, *few])
    return "\n".join(said)


def fractions_text(found: Sequence[Effects], names: Sequence[str]) -> str:
    """Return the values by share of the target's users, a block of rows for each target."""
    said = [
        f"By share of the target's users who train: Shapley values in {found[0].metric}, as a share",
        "of Proportional's at that size; the users who are measured and their items stay the same.",
        *aligned(_matrix(found, names, fractions=True), left=()),
    ]
    return "\n".join(said)


def _matrix(
    found: Sequence[Effects], names: Sequence[str], fractions: bool = False
) -> list[list[str]]:
    share = ["share"] if fractions else []
    lines = [["target", *share, "users", "together", *names]]
    for row in found:
        cells = {effect.groups[0]: shown_effect(effect) for effect in row.shapley}
        of_share = [f"{row.fraction:g}"] if fractions else []
        together = shown_effect(row.together)
        shown = [cells.get(name, "") for name in names]
        lines.append([row.target, *of_share, str(row.n_users), together, *shown])
    return lines


def _ends(found: Sequence[Effects], names: Sequence[str]) -> list[list[str]]:
    lines = [["target", *names]]
    for row in found:
        ends = zip(row.first, row.last, strict=True)
        cells = {first.groups[0]: f"{_mean(first)} / {_mean(last)}" for first, last in ends}
        lines.append([row.target, *(cells.get(name, "") for name in names)])
    return lines


def _mean(effect: Effect) -> str:
    return percent(effect.change.mean)
