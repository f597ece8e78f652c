"""The table that a run prints at its end, and its parts."""

from __future__ import annotations

from recbole_groupmix.core.better_rows import better_rows, has_interval, still_possible
from recbole_groupmix.core.names import REFERENCE, THEORY
from recbole_groupmix.core.statistics.few_users import CHANGES_OF_FEW_USERS
from recbole_groupmix.record.by_metric import changes_by_metric, metric_columns, metric_sentences
from recbole_groupmix.record.established import why_not_established
from recbole_groupmix.record.label_metrics import label_lines, label_sentence
from recbole_groupmix.record.length_rows import (
    control_sentence,
    length_rows,
    length_sentences,
    lengths_of,
)
from recbole_groupmix.record.phrases import (
    SAMPLING_ONLY,
    candidate_of,
    change_text,
    few_repeats,
    few_users_note,
    measured_text,
    target_group,
    unmeasured_note,
)
from recbole_groupmix.record.result_schema import Result
from recbole_groupmix.record.rival_sentences import against_rival_sentence, rival_sentences
from recbole_groupmix.record.rows import advice, goes_on, labelled, mixes_of, row_names, same_text
from recbole_groupmix.record.schema import Change
from recbole_groupmix.record.search_sentences import (
    budget_sentence,
    edge_of_grid,
    search_sentences,
)
from recbole_groupmix.text.numbers import LEVEL, count
from recbole_groupmix.text.tables import WIDTH, aligned, paragraphs

#: Columns of the table from which on its groups stand in rows below it.
WIDEST = 130


def result_table(result: Result) -> str:
    """Return a run's answer as text: one row per mix, other metrics, then what to make of it.

    Parameters
    ----------
    result : Result
        Content of ``result.json``.
    """
    groups, rows = _other_groups(result), table_rows(result)
    words = word_columns(result, rows)
    table = aligned(rows, (0, *words), rule=True)
    if max(map(len, table)) > WIDEST and len(groups) > 1:
        table = [
            *aligned(
                _without_groups(rows, len(groups)),
                (0, *(column - len(groups) for column in words)),
                rule=True,
            ),
            "",
            *_shares(result, groups),
        ]
    changes = changes_by_metric(result)
    below = [*(aligned(changes, rule=True) if changes else []), *label_lines(result)]
    return "\n".join(
        [
            title_of(result),
            "",
            *table,
            "",
            *below,
            *([""] if below else []),
            *paragraphs(notes_of(result)),
        ]
    )


def title_of(result: Result) -> str:
    """Return the line above the table: data, target, model and what was measured."""
    repeats = "" if result.get("closed_form") else f" and {count(result['repeats'], 'repeat')}"
    return (
        f"{result['dataset']}, target {labelled(result, result['target'])} of {result['group_field']}, "
        f"{result['model']}: means over the test items of {measured_text(target_group(result))}{repeats}"
    )


def table_rows(result: Result) -> list[list[str]]:
    """Return the cells of the table, all columns, the header first."""
    groups, metrics, key = _other_groups(result), metric_columns(result), result["valid_metric"]
    header = [
        "mix",
        "alpha_aug",
        *groups,
        *metrics,
        *_length_headers(result),
        f"change {key}",
        *_control_headers(result),
    ]
    rows = [header]
    mixes = mixes_of(result)
    for name in row_names(result):
        mix, values = mixes.get(name), result["test"][name]
        change = result["change"].get(name, {}).get(key)
        rows.append(
            [
                name,
                "-" if mix is None else f"{mix['alpha_aug']:.2f}",
                *("-" if mix is None else f"{mix['alpha'].get(g, 0.0):.2f}" for g in groups),
                *(f"{values[metric]:.4f}" for metric in metrics),
                *_epochs(result, name),
                _change(result, name, change),
                *_control(result, name, key),
            ]
        )
    return rows


def _other_groups(result: Result) -> list[str]:
    return [g["name"] for g in result["groups"] if g["name"] != result["target"]]


def word_columns(result: Result, rows: list[list[str]]) -> range:
    """Return the columns of :func:`table_rows` that hold words: the changes, which are the last."""
    n_columns = len(rows[0])
    return range(n_columns - 1 - len(_control_headers(result)), n_columns)


def _change(result: Result, name: str, change: Change | None) -> str:
    """Return the change of a row, or of which row it is another name."""
    return same_text(result, name) or change_text(change, few_repeats(result))


def _length_headers(result: Result) -> list[str]:
    return [] if lengths_of(result) is None else ["epochs"]


def _control_headers(result: Result) -> list[str]:
    return ["at its own length"] if result.get("own_length") else []


def _epochs(result: Result, name: str) -> list[str]:
    lengths = lengths_of(result)
    if lengths is None:
        return []
    more = "+" if goes_on(result, name) else ""
    return [f"{more}{lengths['epochs'][name]}"]


def _control(result: Result, name: str, key: str) -> list[str]:
    """Return the change of a row at its own length, with that length."""
    if not result.get("own_length"):
        return []
    row = next((r for r in length_rows(result, key) if r.name == name), None)
    if row is None or name == REFERENCE:
        return [""]
    if row.own == row.epochs:
        return ["the same"]
    return [f"{change_text(row.own_change)} ({row.own})" if row.own_change else "diverged"]


def _without_groups(rows: list[list[str]], n_groups: int) -> list[list[str]]:
    return [[*row[:2], *row[2 + n_groups :]] for row in rows]


def _shares(result: Result, groups: list[str]) -> list[str]:
    """Return alpha with groups in rows, as blocks of mixes that are as wide as text."""
    mixes = mixes_of(result)
    columns = {
        name: [name, *(f"{mix['alpha'].get(group, 0.0):.2f}" for group in groups)]
        for name, mix in mixes.items()
    }
    shown = [labelled(result, group) for group in groups]
    first = max(map(len, ["group", *shown]))
    blocks: list[list[str]] = [[]]
    width = first
    for name in mixes:
        more = 2 + max(map(len, columns[name]))
        if width + more > WIDTH and blocks[-1]:
            blocks.append([])
            width = first
        blocks[-1].append(name)
        width += more
    lines: list[str] = []
    for block in blocks:
        rows = zip(["alpha", *shown], *(columns[name] for name in block), strict=True)
        lines += [*([""] if lines else []), *aligned([list(row) for row in rows], rule=True)]
    return lines


def _answer(result: Result, key: str) -> list[str]:
    """Return the advice: the row of the largest significant gain, or to change nothing."""
    changes = {mix: row[key] for mix, row in result["change"].items() if key in row}
    if not any(has_interval(change) for change in changes.values()):
        return []
    few = f" in {count(result['repeats'], 'repeat')} of each" if few_repeats(result) else ""
    same = result.get("same_mix", {})
    better = [mix for mix in better_rows(changes, LEVEL) if mix not in same]
    doubts = {mix: why_not_established(result, mix, key) for mix in better}
    doubtful = [f"{mix} ({why})" for mix, why in doubts.items() if why]
    better = [mix for mix in better if not doubts[mix]]
    if doubtful and not better:
        return [
            f"Answer: {advice(result, REFERENCE)}; no other row is better in {key} beyond doubt{few}. Not "
            f"established: {'; '.join(doubtful)}."
        ]
    if not better:
        return [
            f"Answer: {advice(result, REFERENCE)}; no other row is better in {key} beyond chance"
            f"{few}{still_possible(changes)}."
        ]
    shown = [f"{mix} {change_text(changes[mix])}" for mix in better]
    also = f"; also better: {', '.join(shown[1:])}" if shown[1:] else ""
    also += f"; not established: {'; '.join(doubtful)}" if doubtful else ""
    return [
        f"Answer: {advice(result, better[0])}; {key} against {advice(result, REFERENCE)}{few}: {shown[0]}{also}."
    ]


def notes_of(result: Result) -> list[str]:
    """Return the paragraphs below the table, the answer among the first."""
    key = result["valid_metric"]
    groups = ", ".join(_other_groups(result))
    notes = [
        *_answer(result, key),
        *filter(None, [against_rival_sentence(result, key)]),
        *metric_sentences(result),
        *(f"{sentence}." for sentence in result.get("items", [])),
        f"change: of {key}, by which rows are chosen, against proportional, with 95 % {result['intervals']}; "
        f"* marks p < {LEVEL} of all tests (docs/statistics.md) after Holm's correction over "
        "the rows"
        f"{f'; {SAMPLING_ONLY}' if few_repeats(result) else ''}.",
        *length_sentences(result),
        *filter(None, [control_sentence(result, key), label_sentence(result)]),
        f"alpha_aug: total weight of the other groups relative to their number of users (1 = "
        f"unchanged). alpha: how it is shared among the groups {groups}. Users of the target weigh 1.",
    ]
    few_users = few_users_note(target_group(result), CHANGES_OF_FEW_USERS)
    for note in (few_users, unmeasured_note(target_group(result))):
        if note:
            notes.insert(0, note)
    for name, of in result.get("same_mix", {}).items():
        if name in result["mixes"]:
            notes.append(f"{name}: the same mix as {of} here; it was trained once for both.")
    options = result["search"].get("options", {})
    chosen = {name: options.get(candidate_of(result, name), {}) for name in mixes_of(result)}
    if any(chosen.values()):
        listed = [
            f"{name} {', '.join(f'{key} {value:g}' for key, value in keys.items())}"
            for name, keys in chosen.items()
        ]
        notes.append(f"Chosen on the folds: {'; '.join(listed)}.{edge_of_grid(result['search'])}")
    if THEORY in result["mixes"] and THEORY not in result.get("same_mix", {}):
        notes.append(
            "theory: the mix of least recovery bound (Theorem 3.1) for the class shares of the items "
            "that the groups like; `groupmix check` explains it."
        )
    notes += rival_sentences(result)
    if "budget" in result:
        notes.append(budget_sentence(result["budget"], result))
    if result["diverged"]:
        notes.append(
            f"Left out, since training diverged: {', '.join(result['diverged'])}; a smaller "
            "learning_rate may help."
        )
    notes += search_sentences(result)
    return notes
