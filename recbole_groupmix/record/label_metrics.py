"""What a run says of predicted labels, beside its rankings."""

from __future__ import annotations

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.core.value_metrics import SMALLER, VALUE_METRICS
from recbole_groupmix.record.phrases import change_text, few_repeats
from recbole_groupmix.record.result_schema import Result
from recbole_groupmix.record.rows import kinds_of_row, row_names, same_text
from recbole_groupmix.text.numbers import value
from recbole_groupmix.text.tables import aligned


def label_metrics(result: Result) -> list[str]:
    """Return the metrics of labels that a run has measured, in the order of display."""
    measured = result["test"].get(REFERENCE, {})
    return [metric for metric in VALUE_METRICS if metric in measured]


def label_lines(result: Result) -> list[str]:
    """Return the figures of labels and their changes as lines of text, a row for each mix and rival.

    Each of the two tables has an empty line before it; none where no labels were predicted.
    """
    metrics, few = label_metrics(result), few_repeats(result)
    if not metrics:
        return []
    means = [[f"labels, {kinds_of_row(result)}", *metrics]]
    changes = [["change against proportional", *map(named, metrics)]]
    for row in row_names(result):
        means.append([row, *(value(result["test"][row].get(metric)) for metric in metrics)])
        if row != REFERENCE and not same_text(result, row):
            of_row = result["change"].get(row, {})
            changes.append([row, *(change_text(of_row.get(key), few) for key in metrics)])
    tables = [means, *([changes] if len(changes) > 1 else [])]
    return [line for table in tables for line in ("", *aligned(table, (0,), rule=True))]


def label_sentence(result: Result) -> str:
    """Return what the metrics of labels are; empty where none was predicted."""
    metrics = label_metrics(result)
    if not metrics:
        return ""
    fewer = [metric for metric in metrics if metric in SMALLER]
    chosen = result["valid_metric"]
    chooses = "none chooses rows" if chosen not in metrics else f"{chosen} chooses rows"
    here = f" (--valid_metric, here {chosen})" if chosen not in metrics else ""
    return (
        f"labels: over all test interactions of the target's users together, as RecBole pools them "
        f"({', '.join(metrics)}); less is better in {', '.join(fewer[:-1])} and {fewer[-1]}. Each is "
        f"corrected by itself, and {chooses}{here}."
    )


def named(metric: str) -> str:
    """Return a metric of labels with its direction, for a header."""
    return f"{metric} ({'less' if metric in SMALLER else 'more'} is better)"
