"""The rivals of mixing: what else serves the target, and whether the best mix is ahead of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from recbole_groupmix.core.mix import MixRecord
from recbole_groupmix.core.names import DATA_MIX, REFERENCE
from recbole_groupmix.record import phrases
from recbole_groupmix.record.finished_run import FinishedRun
from recbole_groupmix.record.length_rows import lengths_of
from recbole_groupmix.record.rival_sentences import (
    against_rival_sentence,
    rival_sentences,
    trainings_sentences,
)
from recbole_groupmix.record.rows import chosen_words, goes_on, same_text
from recbole_groupmix.report.frame.blocks import Cell, Figure, Section, Table, number, text
from recbole_groupmix.report.frame.forest import forest
from recbole_groupmix.report.run.mixes import kish
from recbole_groupmix.report.run.rival_weights import weights_figures
from recbole_groupmix.text import numbers

TITLE = "Rivals"


def rivals_section(run: FinishedRun) -> Section:
    """Return the best mix against the best rival, and all rivals in figures and tables."""
    if not run.rivals:
        said = rival_sentences(run.result) or ["This run has no rivals of mixing."]
        return Section("rivals", TITLE, said)
    said = [against_rival_sentence(run.result, run.key), *trainings_sentences(run.result)]
    figures = [*_change_figure(run), *weights_figures(run)]
    tables = [_table(run), *_implied(run), _what(run)]
    return Section("rivals", TITLE, [line for line in said if line], figures, tables)


def best_mix(run: FinishedRun) -> str | None:
    """Return the row of the mix that rivals are compared with; None where there is none."""
    found = run.result.get("against_rival")
    if found:
        return found["mix"]
    return DATA_MIX if DATA_MIX in run.mixes else None


def _change_figure(run: FinishedRun) -> list[Figure]:
    """Return the changes of the best mix and of the rivals that are not Proportional, if any."""
    drawn = [row for row in run.rivals if row not in run.same]
    if not drawn:
        return []
    best = best_mix(run)
    rows = [
        {"row": row, "metric": key, **entry, "marked": phrases.marked(entry)}
        for row in [*([best] if best else []), *drawn]
        for key in run.shown
        if (entry := run.result["change"].get(row, {}).get(key, phrases.NO_CHANGE))
    ]
    data, few = pd.DataFrame(rows), phrases.few_repeats(run.result)
    alt = "; ".join(
        f"{row}, {key}: {phrases.change_text(run.result['change'][row][key], few)}"
        for row in dict.fromkeys(data["row"])
        for key in run.shown
        if key in run.result["change"].get(row, {})
    )
    mix = f"the best mix ({best}) and of " if best else ""
    return [
        Figure(
            "rivals",
            f"Rivals{' and the best mix' if best else ''} against {REFERENCE}, users of {run.target_label}",
            f"Changes of {mix}the rivals on test, mean and 95 % interval. Filled and starred: "
            f"p < {numbers.LEVEL} after Holm's correction over the rows; hollow: not.",
            f"Intervals of the changes. {alt}.",
            data,
            lambda: forest(data, "row", "metric", "change", run.shown)[0],
        )
    ]


def _table(run: FinishedRun) -> Table:
    """Return what the folds chose for every rival, its scores and its cost."""
    cv, spent = run.result["search"]["cv"], run.result.get("trainings")
    best, metric = best_mix(run), run.result["valid_metric"]
    rows = [_line(run, REFERENCE, cv.get(REFERENCE), text("-"))]
    if best:
        n = spent["mixes"] if spent else None
        models = number(n, shown="-" if n is None else f"{n:,} (all mixes)")
        rows.append(_line(run, best, cv.get(run.candidate(best)), models))
    for row, record in run.rivals.items():
        n = spent["rivals"].get(row) if spent else None
        models = number(n, shown="-" if n is None else f"{n:,}")
        rows.append(_line(run, row, record["score"], models))
    lengths = lengths_of(run.result)
    note = (
        f"Changes are on test, with the marks of the table of changes; {metric} on the folds is that of "
        "the point that they chose. Models: trained on the folds, to choose from."
    )
    if lengths:
        note += f" Epochs with + come after those of {REFERENCE}."
    if best:
        note += f" {best} stands for mixing, as the best mix on the folds besides {REFERENCE}."
    return Table(
        "rivals",
        f"Rivals of mixing, users of {run.target_label}",
        (
            *("row", f"change of {run.key}", f"{metric} on folds", "chosen on the folds"),
            *(("epochs",) if lengths else ()),
            "models",
        ),
        rows,
        note,
    )


def _line(run: FinishedRun, row: str, score: float | None, models: Cell) -> list[Cell]:
    """Return a row's change, score on the folds, choice, epochs, and what was trained to choose."""
    few, lengths = phrases.few_repeats(run.result), lengths_of(run.result)
    change = run.result["change"].get(row, {}).get(run.key)
    shown = same_text(run.result, row) or phrases.change_text(change, few)
    cells = [
        text(row),
        number(0.0 if change is None else change["mean"], shown=shown),
        number(score, shown="diverged" if score is None else numbers.value(score)),
        text(chosen_words(run.result, row)),
    ]
    if lengths:
        epochs, more = lengths["epochs"][row], "+" if goes_on(run.result, row) else ""
        cells.append(number(epochs, shown=f"{more}{epochs:,}"))
    return [*cells, models]


def _implied(run: FinishedRun) -> list[Table]:
    """Return the shares that rivals give the groups in the mean, beside Proportional's."""
    of_rivals = {row: mix for row, r in run.rivals.items() if (mix := r["implied_mix"])}
    if not of_rivals:
        return []
    mixes: dict[str, MixRecord] = {REFERENCE: run.mixes[REFERENCE], **of_rivals}
    rows = [
        [
            text(row),
            number(mix["alpha_aug"], ".3f"),
            *(number(mix["alpha"].get(group, 0.0), ".3f") for group in run.others),
            kish(run, mix),
        ]
        for row, mix in mixes.items()
    ]
    return [
        Table(
            "implied",
            "The mix that a rival comes to",
            ("row", "alpha_aug", *(f"alpha {g}" for g in run.others), "effective users"),
            rows,
            "Budget and shares by the mean weight that the rival gives the users of a group, in the "
            "loss and over the epochs: the rest of what it does is not in them.",
        )
    ]


def _what(run: FinishedRun) -> Table:
    rows = [
        [text(row), text(record["says"]), number(record["tried"], "d"), text(record["source"])]
        for row, record in run.rivals.items()
    ]
    header = ("rival", "what it does", "points tried", "source")
    return Table("rivals-are", "What the rivals are", header, rows)


def rivals_of_runs(runs: Sequence[FinishedRun], names: Sequence[str], key: str) -> list[Table]:
    """Return the best mix against the best rival in a metric; no table if no run has rivals."""
    rows: list[list[Cell]] = []
    for name, run in zip(names, runs, strict=True):
        few = phrases.few_repeats(run.result)
        found, spent = run.result.get("against_rival"), run.result.get("trainings")
        if not found or not spent:
            continue
        of = [run.result["change"].get(row, {}).get(key) for row in (found["mix"], found["rival"])]
        changes: list[Any] = [*of, found["change"].get(key)]
        mix, rival, ahead = (
            number(
                (c or phrases.NO_CHANGE)["mean"], shown=phrases.change_text(c, few) if c else "-"
            )
            for c in changes
        )
        n = sum(spent["rivals"].values())
        line = [text(name), text(found["mix"]), mix, text(found["rival"]), rival, ahead]
        rows.append([*line, number(spent["mixes"], ",d"), number(n, ",d")])
    if not rows:
        return []
    return [
        Table(
            "against-rivals",
            f"Mixing against rivals, {key}",
            (
                *(
                    "run",
                    "best mix",
                    "its change",
                    "best rival",
                    "its change",
                    "mix against rival",
                ),
                *("models for mixes", "models for rivals"),
            ),
            rows,
            f"Each is the best on the folds. Changes against {REFERENCE} have the marks of each run; "
            f"that of the mix against the rival is one test: * p < {numbers.LEVEL}. Runs without a "
            "rival that is better than proportional on the folds are left out.",
        )
    ]
