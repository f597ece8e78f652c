"""The table of a run as a notebook shows it."""

from __future__ import annotations

from recbole_groupmix.record.by_metric import changes_by_metric
from recbole_groupmix.record.result_schema import Result
from recbole_groupmix.record.result_table import notes_of, table_rows, title_of, word_columns
from recbole_groupmix.text.html import html_notes, html_table


def result_html(result: Result) -> str:
    """Return what :func:`~.result_table.result_table` says as HTML; names are text in it.

    Parameters
    ----------
    result : Result
        Content of ``result.json``.
    """
    rows, changes = table_rows(result), changes_by_metric(result)
    parts = [
        html_notes([title_of(result)]),
        html_table(rows, (0, *word_columns(result, rows))),
        *([html_table(changes)] if changes else []),
        html_notes(notes_of(result)),
    ]
    return "\n".join(parts)
