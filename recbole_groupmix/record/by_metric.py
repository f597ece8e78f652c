"""What a run says by metric: changes beside that of the first, and where metrics disagree."""

from __future__ import annotations

from recbole_groupmix.core.better_rows import better_rows
from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.record.established import direction, why_not_established
from recbole_groupmix.record.phrases import change_text, few_repeats
from recbole_groupmix.record.result_schema import Result
from recbole_groupmix.record.rows import row_names
from recbole_groupmix.record.schema import SHORT_METRICS
from recbole_groupmix.text.numbers import LEVEL
from recbole_groupmix.text.tables import aligned

#: The metric that looks at the order of a list, and those that count what is in it.
_ORDER, _CONTENT = "ndcg", ("recall", "precision")


def other_metrics(result: Result) -> list[str]:
    """Return the metrics whose changes stand below the table: the short ones, and that of selection.

    The first of the short metrics is left out, since its changes stand in the table.
    """
    k = result["topk"][-1]
    keys = [*(f"{metric}@{k}" for metric in SHORT_METRICS), str(result["valid_metric"])]
    measured = {key for row in result["change"].values() for key in row}
    return [key for key in dict.fromkeys(keys[1:]) if key in measured and key != keys[0]]


def changes_by_metric(result: Result) -> list[str]:
    """Return the lines of a table of changes in the other metrics, one row for each mix and rival.

    No line where nothing is compared. Rows that are another row's are left out.
    """
    keys, few = other_metrics(result), few_repeats(result)
    rows = [
        [row, *(change_text(result["change"].get(row, {}).get(key), few) for key in keys)]
        for row in _compared(result)
    ]
    header = ["change against proportional", *keys]
    return aligned([header, *rows], (0,), rule=True) if keys and rows else []


def disagreement_sentence(result: Result) -> str:
    """Return in a sentence which rows change NDCG one way and recall or precision the other.

    Both changes are established: beyond their intervals and marked, by the rule of every verdict of
    the run. The best row of the first metric comes first. Empty where there is none.
    """
    k = result["topk"][-1]
    first = f"{SHORT_METRICS[0]}@{k}"
    changes = {row: by[first] for row, by in result["change"].items() if first in by}
    best = better_rows(changes, LEVEL)
    compared = _compared(result)
    said = []
    for row in [*(row for row in best if row in compared), *compared]:
        order = _side(result, row, f"{_ORDER}@{k}")
        against = [m for m in _CONTENT if order * _side(result, row, f"{m}@{k}") < 0]
        if against and all(not text.startswith(f"{row}: ") for text in said):
            keys = (f"{against[0]}@{k}", f"{_ORDER}@{k}")
            both = (
                f"{key} {change_text(result['change'][row][key], few_repeats(result))}"
                for key in keys
            )
            said.append(f"{row}: {', but '.join(both)}")
    if not said:
        return ""
    return (
        f"Metrics disagree, both beyond their intervals: {'; '.join(said)}. Recall and precision "
        f"count the items that are found among the first {k}, NDCG asks how far up they stand; "
        f"the data mix and rivals are chosen by --valid_metric, here {result['valid_metric']}."
    )


def _compared(result: Result) -> list[str]:
    same = result.get("same_mix") or {}
    return [row for row in row_names(result) if row != REFERENCE and row not in same]


def _side(result: Result, row: str, key: str) -> int:
    """Return the established direction of a change, 0 where there is none."""
    change = result["change"].get(row, {}).get(key)
    return 0 if why_not_established(result, row, key) else direction(change)
