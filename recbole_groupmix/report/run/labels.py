"""Metrics of predicted labels, beside the rankings."""

from __future__ import annotations

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.record import phrases
from recbole_groupmix.record.finished_run import FinishedRun
from recbole_groupmix.record.label_metrics import label_metrics, label_sentence, named
from recbole_groupmix.record.rows import kinds_of_row, same_text
from recbole_groupmix.report.frame.blocks import Section, Table, number, text
from recbole_groupmix.text import numbers


def labels_sections(run: FinishedRun) -> list[Section]:
    """Return the section on predicted labels; none where a run has only ranked."""
    metrics = label_metrics(run.result)
    if not metrics:
        return []
    said = label_sentence(run.result).partition(": ")[2]
    header = (kinds_of_row(run.result), *map(named, metrics))
    means = []
    for row in run.rows:
        found = [run.result["test"][row].get(metric) for metric in metrics]
        means.append([text(row), *(number(mean, shown=numbers.value(mean)) for mean in found)])
    tables = [Table("labels", f"Metrics of labels of {run.target}", header, means)]
    if run.compared:
        tables.append(_changes(run, metrics, header))
    return [Section("labels", "Predicted labels", [said[0].upper() + said[1:]], (), tables)]


def _changes(run: FinishedRun, metrics: list[str], header: tuple[str, ...]) -> Table:
    few, rows = phrases.few_repeats(run.result), []
    for row in run.compared:
        entries = [
            run.result["change"].get(row, {}).get(key, phrases.NO_CHANGE) for key in metrics
        ]
        same = same_text(run.result, row)
        cells = [
            number(entry["mean"], shown=same or phrases.change_text(entry, few))
            for entry in entries
        ]
        rows.append([text(row), *cells])
    marks = f" {phrases.SAMPLING_ONLY}." if few else ""
    return Table(
        "labels-change",
        f"Change of metrics of labels against {REFERENCE}",
        header,
        rows,
        f"95 % {run.result['intervals']}. * p < {numbers.LEVEL} after Holm's correction over the "
        f"rows of a metric.{marks}",
    )
