"""Several runs side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pandas as pd

from recbole_groupmix.core.names import DATA_MIX, REFERENCE
from recbole_groupmix.core.statistics.bootstrap import holm
from recbole_groupmix.record import phrases
from recbole_groupmix.record.finished_run import FinishedRun
from recbole_groupmix.record.rows import kinds_of_row, same_text
from recbole_groupmix.record.search_sentences import trials_asked
from recbole_groupmix.report.frame.blocks import Cell, Figure, Section, Table, number, text
from recbole_groupmix.report.frame.forest import forest
from recbole_groupmix.report.run import answer
from recbole_groupmix.report.run.rivals import rivals_of_runs
from recbole_groupmix.report.run.setup import FIRST
from recbole_groupmix.text import numbers

#: Keys that differ between any two runs, or do not decide results.
_NOT_SHOWN = frozenset({"load_col", "own_mixes"})
#: With more runs a table with a column for each is folded, since it is too wide.
_MANY = 6


def several_runs_section(runs: Sequence[FinishedRun], names: Sequence[str] = ()) -> Section:
    """Return an index of runs, what differs between them, and their changes in one table.

    `names` replaces those of :func:`labels`.
    """
    names = names or labels(runs)
    data = changes(runs, names)
    figures = _figure(runs, names, data) if len(data) else []
    tables = [
        _index(runs, names),
        *rivals_of_runs(runs, names, common_metrics(runs)[0]),
        _differences(runs, names),
        *_change_table(runs, names, data),
    ]
    return Section("runs", "All runs", (), figures, tables)


def _figure(runs: Sequence[FinishedRun], names: Sequence[str], data: pd.DataFrame) -> list[Figure]:
    """Return the changes of all rows that are not another row under a second name."""
    mixes, key = list(dict.fromkeys(data["mix"])), common_metrics(runs)[0]
    another = [(name, row) for name, run in zip(names, runs, strict=True) for row in run.same]
    lead = data[(data["metric"] == key) & ~data.set_index(["run", "mix"]).index.isin(another)]
    if lead.empty:
        return []
    alt = "; ".join(
        f"{row['run']}, {row['mix']}: "
        + numbers.percent_interval(row["mean"], row["ci_low"], row["ci_high"])
        for row in lead.to_dict("records")
    )
    return [
        Figure(
            "runs",
            f"Change of {key} against {REFERENCE}",
            f"Mean and 95 % interval. Filled and starred: p < {numbers.LEVEL} after Holm's "
            "correction over all rows; hollow: not.",
            f"Intervals by run. {alt}.",
            lead,
            lambda: forest(lead, "run", "mix", "change", mixes)[0],
            wide=True,
        )
    ]


def common_metrics(runs: Sequence[FinishedRun]) -> list[str]:
    """Return the metrics of tables of several runs: that by which all chose, if it is one, first."""
    return runs[0].shown if len({run.key for run in runs}) == 1 else runs[0].keys


def labels(runs: Sequence[FinishedRun]) -> list[str]:
    """Return a short name per run: data set, target and model, and what distinguishes equal ones.

    That is size and protocol, or the folder where these agree too.
    """
    short = [f"{r.result['dataset']} {r.target} {r.result['model']}" for r in runs]
    longer = [
        " ".join([label, *_told_apart_by(run)]) for label, run in zip(short, runs, strict=True)
    ]
    distinct = []
    for label, more, run in zip(short, longer, runs, strict=True):
        if short.count(label) == 1:
            distinct.append(label)
        elif longer.count(more) == 1:
            distinct.append(more)
        else:
            distinct.append(f"{label} {run.name.rpartition('-')[2]}")
    return distinct


def _told_apart_by(run: FinishedRun) -> list[str]:
    size = run.result["embedding_size"]
    return [*([str(size)] if size else []), run.result["protocol"]]


def changes(runs: Sequence[FinishedRun], names: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row per run, mix and metric, with p-values corrected over the rows of a metric."""
    rows = [
        {"run": label, "mix": mix, "metric": key, **run.result["change"][mix][key]}
        for label, run in zip(names or labels(runs), runs, strict=True)
        for mix in run.compared
        for key in common_metrics(runs)
        if key in run.result["change"].get(mix, {})
    ]
    data = pd.DataFrame(rows)
    if data.empty:
        return data
    numeric = data["p"].astype(float)
    for _, places in data.groupby("metric").groups.items():
        data.loc[places, "p_holm"] = holm(numeric.loc[places].tolist())
    p_holm = data.set_index(["run", "mix", "metric"])["p_holm"].to_dict()
    as_other = {
        (label, mix): of
        for label, run in zip(names or labels(runs), runs, strict=True)
        for mix, of in run.compared_as.items()
    }
    data["p_holm"] = [
        p_holm.get((run, as_other.get((run, mix), mix), key))
        for run, mix, key in zip(data["run"], data["mix"], data["metric"], strict=True)
    ]
    data["marked"] = data["p_holm"].astype(float) < numbers.LEVEL
    return data.astype(object).where(data.notna(), None)


def _index(runs: Sequence[FinishedRun], names: Sequence[str]) -> Table:
    rows, key = [], common_metrics(runs)[0]
    for label, run in zip(names, runs, strict=True):
        result = run.result
        entry = result["change"].get(DATA_MIX, {}).get(key)
        few = phrases.few_repeats(result)
        rows.append(
            [
                text(label),
                text(result["protocol"]),
                number(
                    result["embedding_size"], "d", "-" if not result["embedding_size"] else None
                ),
                number(run.groups[run.target], ",d"),
                number(result["search"]["trials"], "d"),
                number(result["repeats"], "d"),
                text(answer.short(run, key)),
                number(
                    entry["mean"] if entry else None,
                    shown=phrases.change_text(entry, few) if entry else "-",
                ),
            ]
        )
    header = ("run", "protocol", "dimensions", "target users", "mixes searched", "repeats")
    return Table(
        "runs",
        "Runs",
        (*header, "data_mix is", f"change of {key}"),
        rows,
        "Verdicts and marks are those of each run, corrected over its mixes; "
        f"{phrases.SAMPLING_ONLY}.",
    )


def _differences(runs: Sequence[FinishedRun], names: Sequence[str]) -> Table:
    configurations = [
        {**run.config["configuration"], "trials": trials_asked(run.result)} for run in runs
    ]
    known = {key for c in configurations for key in c} - _NOT_SHOWN
    keys = [key for key in FIRST if key in known] + sorted(known - set(FIRST))
    written = {key: [_written(c, key) for c in configurations] for key in keys}
    rows = [[text(k), *map(text, v)] for k, v in written.items() if len(set(v)) > 1]
    header = ("key", *names)
    folded = len(runs) > _MANY
    return Table("differ", "Settings in which the runs differ", header, rows, folded=folded)


def _written(configuration: dict[str, object], key: str) -> str:
    if key not in configuration:
        return "-"
    value = configuration[key]
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _change_table(
    runs: Sequence[FinishedRun], names: Sequence[str], data: pd.DataFrame
) -> list[Table]:
    if data.empty:
        return []
    keys, kinds = common_metrics(runs), max((kinds_of_row(run.result) for run in runs), key=len)
    results = {label: run.result for label, run in zip(names, runs, strict=True)}
    entries = {(r["run"], r["mix"], r["metric"]): r for r in data.to_dict("records")}
    rows = []
    for run, mix in dict.fromkeys((r, m) for r, m, _ in entries):
        line = [Cell(str(run)), Cell(str(mix))]
        for key in keys:
            entry = entries.get((run, mix, key), phrases.NO_CHANGE)
            few = phrases.few_repeats(results[str(run)])
            shown = same_text(results[str(run)], mix) or phrases.change_text(entry, few)
            line.append(number(entry["mean"], shown=shown))
        rows.append(line)
    return [
        Table(
            "changes",
            f"Change against {REFERENCE} on each run's target",
            ("run", kinds, *keys),
            rows,
            f"95 % intervals. * p < {numbers.LEVEL} after Holm's correction over all rows of a "
            f"column. {phrases.SAMPLING_ONLY}.",
        )
    ]
