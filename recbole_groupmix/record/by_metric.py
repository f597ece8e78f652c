"""What a run says by metric: changes beside that of the first, and where metrics disagree."""

from __future__ import annotations

from recbole_groupmix.core.better_rows import better_rows
from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.record.established import direction, why_not_established
from recbole_groupmix.record.phrases import change_text, few_repeats
from recbole_groupmix.record.result_schema import Index, Result
from recbole_groupmix.record.rows import row_names
from recbole_groupmix.record.schema import SHORT_METRICS
from recbole_groupmix.text.numbers import LEVEL

#: The metric that looks at the order of a list, and those that count what is in it.
_ORDER, _CONTENT = "ndcg", ("recall", "precision")


def other_metrics(result: Result) -> list[str]:
    """Return the short metrics at the last cut-off besides that by which rows were chosen.

    The changes of that one, ``valid_metric``, stand in the table, and the answer rests on it.
    """
    k = result["topk"][-1]
    measured = {key for row in result["change"].values() for key in row}
    keys = [f"{metric}@{k}" for metric in SHORT_METRICS]
    return [key for key in keys if key in measured and key != result["valid_metric"]]


def metric_columns(result: Result | Index) -> list[str]:
    """Return the metrics whose means stand in a table: the short ones, and that of selection."""
    keys = [f"{metric}@{result['topk'][-1]}" for metric in SHORT_METRICS]
    return list(dict.fromkeys([*keys, result["valid_metric"]]))


def changes_by_metric(result: Result) -> list[list[str]]:
    """Return the cells of a table of changes in :func:`other_metrics`, one row for each mix and rival.

    No row where nothing is compared. Rows that are another row's are left out.
    """
    keys, few = other_metrics(result), few_repeats(result)
    rows = [
        [row, *(change_text(result["change"].get(row, {}).get(key), few) for key in keys)]
        for row in _compared(result)
    ]
    header = ["change against proportional", *keys]
    return [header, *rows] if keys and rows else []


def metric_sentences(result: Result) -> list[str]:
    """Return what the other metrics say besides that of the answer, in at most three sentences.

    Which rows change NDCG one way and recall or precision the other; which are better in another
    metric although they are not in the answer's; and of which precision says otherwise than that.
    What is said to be better or worse is established: beyond its interval and marked, by the rule
    of every verdict of the run. Rows stand in the order of the result, the best one before them.
    """
    k, first = result["topk"][-1], result["valid_metric"]
    paper = f"{SHORT_METRICS[0]}@{k}"
    opposite, elsewhere, otherwise = [], [], []
    for row in _compared(result):
        order = _side(result, row, f"{_ORDER}@{k}")
        against = [m for m in _CONTENT if order * _side(result, row, f"{m}@{k}") < 0]
        better = [key for key in other_metrics(result) if _side(result, row, key) > 0]
        leads = _side(result, row, first)
        if against:
            keys = [f"{against[0]}@{k}", f"{_ORDER}@{k}"]
            opposite.append(f"{row}: {', but '.join(_change(result, row, key) for key in keys)}")
        elif better and leads <= 0:
            elsewhere.append(f"{row}: {', '.join(_change(result, row, key) for key in better)}")
        elif paper in other_metrics(result) and _side(result, row, paper) != leads:
            otherwise.append(
                f"{row}: {_change(result, row, paper)}, {_change(result, row, first)}"
            )
    return [
        f"{what}: {'; '.join(rows)}. {why}"
        for what, rows, why in (
            (
                "Metrics disagree, both beyond their intervals",
                opposite,
                f"Recall and precision count what is found among the first {k} items, NDCG asks how "
                f"far up it stands; rows are chosen by --valid_metric, here {first}.",
            ),
            (
                f"Better in another metric, while {first} is not better",
                elsewhere,
                "Each metric is corrected by itself.",
            ),
            (
                f"{paper}, the paper's metric, says otherwise than {first}, by which rows are chosen",
                otherwise,
                "Each metric is corrected by itself.",
            ),
        )
        if rows
    ]


def _compared(result: Result) -> list[str]:
    same = result.get("same_mix") or {}
    rows = [row for row in row_names(result) if row != REFERENCE and row not in same]
    first = result["valid_metric"]
    changes = {row: by[first] for row, by in result["change"].items() if first in by}
    best = better_rows(changes, LEVEL)[:1]
    return sorted(rows, key=lambda row: row not in best)


def _change(result: Result, row: str, key: str) -> str:
    return f"{key} {change_text(result['change'][row][key], few_repeats(result))}"


def _side(result: Result, row: str, key: str) -> int:
    """Return the established direction of a change, 0 where there is none."""
    change = result["change"].get(row, {}).get(key)
    return 0 if why_not_established(result, row, key) else direction(change)
