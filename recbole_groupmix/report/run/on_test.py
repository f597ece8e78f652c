"""Test metrics of the target's users, and their change against Proportional."""

from __future__ import annotations

import pandas as pd

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.core.statistics.few_users import CHANGES_OF_FEW_USERS, MEANS_OF_FEW_USERS
from recbole_groupmix.record import phrases
from recbole_groupmix.record.established import why_not_established
from recbole_groupmix.record.finished_run import FinishedRun
from recbole_groupmix.record.rows import kinds_of_row, same_sentence, same_text
from recbole_groupmix.report.frame.blocks import Cell, Figure, Section, Table, number, text
from recbole_groupmix.report.frame.forest import forest
from recbole_groupmix.report.run import intervals
from recbole_groupmix.report.run.setup import measured
from recbole_groupmix.text import numbers


def test_section(run: FinishedRun) -> Section:
    """Return the means on test with their intervals."""
    rows = []
    for mix in run.rows:
        cells = [text(mix)]
        for key in run.shown:
            mean = run.result["test"][mix].get(key)
            shown = numbers.value_interval(mean, *intervals.mean_interval_of(run, mix, key))
            cells.append(number(mean, shown=shown))
        rows.append(cells)
    group = phrases.target_group(run.result)
    over = f" Over {measured(group)} users of {run.target_label}." if "n_measured" in group else ""
    few = phrases.few_users_note(group, MEANS_OF_FEW_USERS)
    note = f"95 % {run.result['intervals']}.{over}{f' {few}' if few else ''}"
    main = Table(
        "test",
        f"Test metrics of {run.target_label}",
        (kinds_of_row(run.result), *run.shown),
        rows,
        note,
    )
    keys = list(next(iter(run.result["test"].values()), {}))
    everything = Table(
        "test-all",
        f"All test metrics of {run.target_label}",
        ("metric", *run.rows),
        [
            [
                text(key),
                *(
                    number(value, shown=numbers.value(value))
                    for value in (run.result["test"][mix].get(key) for mix in run.rows)
                ),
            ]
            for key in keys
        ],
        folded=True,
    )
    return Section("test", "On test", (), (), [main, everything])


def change_section(run: FinishedRun) -> Section:
    """Return the change of every row against Proportional; rivals have a figure of their own."""
    entries = {
        (mix, key): run.result["change"].get(mix, {}).get(key, phrases.NO_CHANGE)
        for mix in run.compared
        if mix not in run.same and mix not in run.rivals
        for key in run.shown
    }
    data = pd.DataFrame(
        [
            {"mix": mix, "metric": key, **entry, "marked": phrases.marked(entry)}
            for (mix, key), entry in entries.items()
        ]
    )
    if data.empty:
        said, tables = ["No other mix was measured."], []
        if run.rivals:
            tables = [change_table(run)]
        return Section("change", f"Change against {REFERENCE}", said, (), tables)
    few = phrases.few_repeats(run.result)
    elsewhere = " Rivals are drawn in their own section." if run.rivals else ""
    alt = "; ".join(
        f"{mix}, {key}: {phrases.change_text(entry, few)}" for (mix, key), entry in entries.items()
    )
    figure = Figure(
        "change",
        f"Change against {REFERENCE}, users of {run.target_label}",
        f"Mean and 95 % interval. Filled and starred: p < {numbers.LEVEL} after Holm's "
        f"correction over the rows; hollow: not.{elsewhere}",
        f"Intervals of the changes. {alt}.",
        data,
        lambda: forest(data, "metric", "mix", "change", run.rows)[0],
    )
    return Section(
        "change",
        f"Change against {REFERENCE}",
        (),
        [figure],
        [change_table(run)],
    )


def change_table(run: FinishedRun) -> Table:
    """Return the changes of ``result.json``, a row per mix and rival and a column per metric."""
    keys = run.shown
    few = phrases.few_repeats(run.result)
    rows = [[text(REFERENCE), *(Cell("reference", 0.0) for _ in keys)]]
    for mix in run.compared:
        entries = [run.result["change"].get(mix, {}).get(key, phrases.NO_CHANGE) for key in keys]
        as_other = same_text(run.result, mix)
        cells = [
            number(entry["mean"], shown=as_other or phrases.change_text(entry, few))
            for entry in entries
        ]
        rows.append([text(mix), *cells])
    return Table(
        "change",
        f"Change against {REFERENCE}, users of {run.target_label}",
        (kinds_of_row(run.result), *keys),
        rows,
        change_note(run),
    )


def change_note(run: FinishedRun) -> str:
    """Return the meaning of the marks of changes."""
    few = f" {phrases.SAMPLING_ONLY}." if phrases.few_repeats(run.result) else ""
    target = phrases.target_group(run.result)
    users = phrases.few_users_note(target, CHANGES_OF_FEW_USERS)
    return (
        f"95 % {run.result['intervals']}. * p < {numbers.LEVEL} after Holm's correction over "
        f"the rows of a metric, with p the largest of those of the interval, of a permutation "
        f"test and, with 2 to 4 repeats, of a test over users and repeats.{few}{f' {users}' if users else ''}{_same(run)}"
        f"{_doubtful(run)}"
    )


def _doubtful(run: FinishedRun) -> str:
    """Return which changes of the first metric are not established, and why."""
    key = run.key
    why = {mix: why_not_established(run.result, mix, key) for mix in run.compared}
    listed = [f"{mix}: {words}" for mix, words in why.items() if words]
    return f" Not established in {key}: {'; '.join(listed)}." if listed else ""


def _same(run: FinishedRun) -> str:
    """Return which rows are one comparison with another, and which rivals are Proportional."""
    mixes = [same_sentence(run.result, name) for name in run.same if name not in run.rivals]
    rivals = [same_sentence(run.result, name) for name in run.same if name in run.rivals]
    one = f" {'; '.join(mixes)}: one comparison." if mixes else ""
    return one + "".join(f" {said}." for said in rivals)
