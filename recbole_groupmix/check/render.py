"""A check as text and as ``check.json``."""

from __future__ import annotations

import math
from typing import Any

from recbole_groupmix.check.data_set import Check
from recbole_groupmix.check.verdict import CLEARLY_UNEVEN, RULE, last_beyond
from recbole_groupmix.core.theory.discrepancy import FloatArray
from recbole_groupmix.core.theory.prevalence import disparity
from recbole_groupmix.mixes.theory import Theory
from recbole_groupmix.record.check_schema import CHECK_VERSION, CheckRecord
from recbole_groupmix.text.numbers import LEVEL, or_null
from recbole_groupmix.text.tables import aligned, paragraphs

#: Tables of pairs and classes are left to check.json where they would be wider than this.
MOST_COLUMNS = 12


def to_json(check: Check) -> CheckRecord:
    """Return the content of ``check.json``."""
    dimensions = range(1, len(check.delta) + 1)
    return {
        "schema_version": CHECK_VERSION,
        "dataset": check.dataset,
        "group_field": check.group_field,
        "interactions": "all" if check.every else "train",
        "groups": [
            {
                "name": name,
                "n_users": check.n_users[name],
                "n_interactions": check.n_interactions[name],
            }
            for name in check.groups
        ],
        "classes": None
        if check.shares is None
        else {
            "field": check.shares.field,
            "names": list(check.shares.classes),
            "shares": dict(zip(check.groups, check.shares.shares.tolist(), strict=True)),
        },
        "delta": {str(d): check.delta[d - 1].tolist() for d in dimensions},
        "het": _by_d(check, check.het),
        "null": _by_d(check, check.null_het.transpose(1, 2, 0)),
        "uneven": _by_d(check, check.statistics.uneven),
        "null_uneven": _by_d(check, check.statistics.null_uneven.transpose(1, 2, 0)),
        "dist": _by_d(check, check.statistics.dist),
        "null_dist": _by_d(check, check.statistics.null_dist.transpose(1, 2, 0)),
        "theory": {
            target: {
                **optimal.mix.to_dict(),
                "sigma": optimal.optimum.sigma.tolist(),
                "bound_ratio": _bound_ratio(optimal),
            }
            for target, optimal in check.theory.items()
        },
        "assumptions": {
            target: {
                "n_users": held.n_users,
                "n_items": held.n_items,
                "rate": held.rate,
                "least_rate": or_null(held.least_rate),
                "b1": held.b1,
                "b2": held.b2,
            }
            for target, held in check.assumptions.items()
        },
        "influence": None if check.influence is None else check.influence.to_dict(),
        "d": check.d,
        "p": {
            target: dict(
                zip(("uneven", "dist"), check.p[:, check.d - 1, at].tolist(), strict=True)
            )
            for at, target in enumerate(check.targets)
        },
        "overlap": {target: verdict.shared for target, verdict in check.verdicts.items()},
        "verdict": {target: verdict.text for target, verdict in check.verdicts.items()},
        "label": {target: verdict.label for target, verdict in check.verdicts.items()},
        "rule": RULE,
        "notes": list(check.notes),
    }


def _by_d(check: Check, values: FloatArray) -> dict[str, dict[str, Any]]:
    """Turn values by d and group into a mapping of both."""
    return {
        str(d): dict(zip(check.groups, of_groups.tolist(), strict=True))
        for d, of_groups in enumerate(values, start=1)
    }


def to_text(check: Check) -> str:
    """Return a check as text for people: the verdicts, then what they are made from."""
    return "\n".join(
        [
            f"{check.dataset}, groups by {check.group_field}, on "
            + ("all interactions, test included" if check.every else "the training part"),
            "",
            "Verdicts",
            *paragraphs([f"{t}: {verdict.text}." for t, verdict in check.verdicts.items()]),
            *_group_table(check),
            *_class_table(check),
            *_delta_table(check),
            *_curve(check, "Het", check.het, check.null_het),
            *_curve(
                check,
                "Uneven",
                check.statistics.uneven,
                check.statistics.null_uneven,
                check.p[0],
                CLEARLY_UNEVEN,
            ),
            *_curve(check, "Dist", check.statistics.dist, check.statistics.null_dist, check.p[1]),
            *_theory_table(check),
            *_influence_table(check),
            "",
            *paragraphs([f"Rule. {RULE}", *check.notes]),
        ]
    )


def _group_table(check: Check) -> list[str]:
    rows = [["group", "users", "interactions", "per user"]]
    for name in check.groups:
        users, pairs = check.n_users[name], check.n_interactions[name]
        rows.append([name, f"{users:,}", f"{pairs:,}", f"{pairs / users:.1f}"])
    return ["", *aligned(rows)]


def _class_table(check: Check) -> list[str]:
    if check.shares is None:
        return []
    title = f"Theta: shares of the item classes ({check.shares.field}) in each group"
    if len(check.groups) > MOST_COLUMNS:
        return ["", f"{title}: see check.json"]
    rows = [["class", *check.groups]]
    for index, name in enumerate(check.shares.classes):
        rows.append([name, *(f"{value:.3f}" for value in check.shares.shares[:, index])])
    return ["", title, *aligned(rows)]


def _delta_table(check: Check) -> list[str]:
    title = f"Delta_{check.d}: 0 the same items, 1 nothing in common (Eq. 9)"
    if len(check.groups) > MOST_COLUMNS:
        return ["", f"{title}: see check.json"]
    rows = [["", *check.groups]]
    for index, name in enumerate(check.groups):
        rows.append([name, *(f"{value:.3f}" for value in check.delta[check.d - 1, index])])
    return ["", title, *aligned(rows)]


def _curve(
    check: Check,
    name: str,
    values: FloatArray,
    null: FloatArray,
    p: FloatArray | None = None,
    least: float = 0.0,
) -> list[str]:
    dimensions = sorted({d for d in (1, 2, 4, 8, 16, 32, 64, check.d) if d <= len(values)})
    rows = [["target", *(f"d={d}" for d in dimensions)]]
    if p is not None:
        rows[0].append("stands out up to")
    for at, target in enumerate(check.targets):
        group = check.groups.index(target)
        cells = [
            f"{1000 * values[d - 1, group]:.3g} ({1000 * null[:, d - 1, group].mean():.3g})"
            for d in dimensions
        ]
        if p is not None:
            last = last_beyond(values[:, group], p[:, at], least)
            cells.append(f"d={last}" if last else "no d")
        rows.append([target, *cells])
    title = f"1000 {name}_d, and in brackets the mean of {len(null)} relabellings"
    return ["", title, *aligned(rows)]


def _theory_table(check: Check) -> list[str]:
    if not check.theory:
        return []
    rows = [["target", *check.groups, "bound against proportional"]]
    for target, optimal in check.theory.items():
        shares = [
            "" if name == target else f"{optimal.mix.alpha[name]:.2f}" for name in check.groups
        ]
        ratio = _bound_ratio(optimal)
        rows.append([target, *shares, "infinite" if ratio is None else f"{ratio - 1:+.1%}"])
    if len(check.groups) > MOST_COLUMNS:
        return ["", "Theory's mix: see check.json"]
    first = next(iter(check.theory.values()))
    title = (
        f"Theory's mix: alpha of least recovery bound (Theorem 3.1) at budget "
        f"{first.mix.alpha_aug:g}"
    )
    warning = (
        "The theorem is about recovering item classes that each user prefers one of; real users "
        "like several, and its optimum need not rank best."
    )
    return ["", title, *aligned(rows), *paragraphs([warning, *_assumption_sentences(check)])]


def _assumption_sentences(check: Check) -> list[str]:
    """Say whether the theorem's assumptions hold, for all targets at once."""
    first = next(iter(check.assumptions.values()))
    b1 = (
        f"Assumption B.1, at least as many items as users, {_holds(first.b1)}: {first.n_items:,} items, "
        f"{first.n_users:,} users."
    )
    short = [target for target, held in check.assumptions.items() if not held.b2]
    some = len(short) < len(check.assumptions)
    rates = [held.least_rate for held in check.assumptions.values()]
    ends = [f"{r:.2g}" if math.isfinite(r) else "infinity" for r in (min(rates), max(rates))]
    asked = " to ".join(dict.fromkeys(ends))
    whom = f" for all targets but {', '.join(short)}" if short and some else ""
    b2 = (
        f"Assumption B.2, a rate of observation above a threshold, {_holds(some)}{whom}: "
        f"{first.rate:.2g}, as if every user liked one class, where {asked} is asked for with the "
        "theorem's constant taken as 1."
    )
    return [b1, b2]


def _holds(held: bool) -> str:
    return "holds" if held else "does not hold"


def _influence_table(check: Check) -> list[str]:
    influence = check.influence
    if influence is None:
        return []
    title = "Group influence: one percent more of a group (columns), in EASE"
    if len(check.groups) > MOST_COLUMNS:
        return ["", f"{title}: see check.json"]
    rows = [["target", "users", "lambda", *check.groups, "sum"]]
    sums = influence.to_dict()["sum"]
    for target, by_group in influence.change.items():
        cells = [str(influence.users[target]), f"{influence.lam[target]:.3g}"]
        for group in check.groups:
            mark = "*" if by_group[group]["p_holm"] < LEVEL else " "
            cells.append(f"{1e5 * by_group[group]['mean']:+.1f}{mark}")
        rows.append([target, *cells, f"{1e5 * sums[target]:+.1f} "])
    meaning = (
        f"Change of a target's (rows) held-out log loss in thousandths of a percent, below 0 is "
        f"better, exact to first order with all users' weights 1, on fold 1 of {influence.folds}; "
        f"* p < {LEVEL} after Holm's correction over the row. The sum is that of one percent less of "
        "lambda: near 0 at a target's own lambda, which leaves what the groups do. Intervals: "
        "check.json."
    )
    return ["", title, *aligned(rows), *paragraphs([meaning])]


def _bound_ratio(theory: Theory) -> float | None:
    """Return the bound of theory's mix relative to Proportional; None if both are infinite."""
    least, proportional = theory.optimum.disparity, float(disparity(theory.proportional))
    if proportional == 0:  # the least too: both bounds are below the least 64-bit number
        return 1.0
    return None if least == float("inf") else float((least / proportional) ** 0.5)
