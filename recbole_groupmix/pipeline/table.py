"""The table that a run prints at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COLUMNS = ("precision", "recall", "ndcg")
#: A change is marked where its corrected p-value is below this level.
LEVEL = 0.05


def result_table(result: Mapping[str, Any]) -> str:
    """Return a run's answer as text: one row per mix, then what to make of it.

    Parameters
    ----------
    result : mapping
        Content of ``result.json``.
    """
    k = result["topk"][-1]
    groups = [g["name"] for g in result["groups"] if g["name"] != result["target"]]
    header = ["mix", "alpha_aug", *groups, *(f"{m}@{k}" for m in COLUMNS), f"change {COLUMNS[0]}"]
    rows = [header]
    for name, mix in result["mixes"].items():
        values = result["test"][name]
        rows.append(
            [
                name,
                f"{mix['alpha_aug']:.2f}",
                *(f"{mix['alpha'].get(group, 0.0):.2f}" for group in groups),
                *(f"{values[f'{m}@{k}']:.4f}" for m in COLUMNS),
                _change(result["change"].get(name, {}).get(f"{COLUMNS[0]}@{k}")),
            ]
        )
    title = (
        f"{result['dataset']}, target {result['target']} of {result['group_field']}, "
        f"{result['model']}: {len(result['mixes'])} mixes on test, {result['repeats']} repeats"
    )
    lines = [title, "", *_aligned(rows), "", *_notes(result, k)]
    return "\n".join(lines)


def _change(change: Mapping[str, Any] | None) -> str:
    if change is None:
        return "reference"
    if change["mean"] is None or change["ci_low"] is None or change["ci_high"] is None:
        return "undefined"
    p = change["p_holm"]
    mark = " *" if p is not None and p < LEVEL else ""
    return (
        f"{change['mean']:+.1%} [{change['ci_low']:+.1%}, {change['ci_high']:+.1%}]{mark}"
    )


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    last = len(widths) - 1
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if i in (0, last) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return lines


def _notes(result: Mapping[str, Any], k: int) -> list[str]:
    target = result["target"]
    lines = [
        f"Change of {COLUMNS[0]}@{k} against proportional with 95 % {result['intervals']}; "
        f"* p < {LEVEL} after Holm's correction over the mixes.",
        f"Columns {', '.join(g['name'] for g in result['groups'] if g['name'] != target)}: "
        f"alpha, the share of each augmentation group; target users weigh 1.",
    ]
    search = result["search"]
    if search["best_cv"] is not None:
        metric = result["valid_metric"]
        test, cv = result["test"], search["cv"]
        lines.append(
            f"data_mix is {search['selected']}, the best of {search['trials']} on the folds: "
            f"{metric} {search['best_cv']:.4f} there (proportional {cv['proportional']:.4f}), "
            f"{test['data_mix'][metric]:.4f} on test (proportional "
            f"{test['proportional'][metric]:.4f}). The best of many on the folds looks better "
            "there than it is; only the test column is free of that choice."
        )
    return lines
