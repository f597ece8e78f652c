"""Which of the paper's results survive which control."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from recbole_groupmix.core.names import REFERENCE
from recbole_groupmix.record import phrases
from recbole_groupmix.report.frame.blocks import Cell, Section, Table, number, text
from recbole_groupmix.report.paper.check_file import CheckFile
from recbole_groupmix.report.paper.effects import Effect, pooled
from recbole_groupmix.report.paper.grid import GridCell
from recbole_groupmix.report.paper.statements import (
    BESIDE_THE_POINT,
    MARGIN,
    STATEMENTS,
    WEAK,
    Statement,
    effects_of,
    judged,
)
from recbole_groupmix.report.paper.survival_figure import result_figure, shown
from recbole_groupmix.text import numbers

#: Controls that change no setting: the protocol itself, in a search as short as the controls'.
AS_IS = "as it is"
#: The protocol itself with the grid's own search, and what its intervals would be over seeds alone.
OWN, SEEDS = "own search", "intervals over seeds"
#: Stands for the mean over targets.
ALL = "all"


def survival_section(cells: Sequence[GridCell], data: pd.DataFrame) -> Section:
    """Return the table of results, for every target and over targets, by control if there are any.

    Parameters
    ----------
    cells : sequence of GridCell
        Runs on one data set.
    data : pandas.DataFrame
        Their :func:`survival`.
    """
    key = cells[0].run.keys[0]
    over = data[data["target"] == ALL]
    figures = [result_figure(over, statement, key) for statement in STATEMENTS]
    figures = [figure for figure in figures if len(figure.data)]
    each = data[data["target"] != ALL]
    title = "Which of the paper's results survive"
    if any(cell.control for cell in cells):
        title += " which control"
    return Section(
        "controls",
        title,
        [*_text(cells, key), *not_established(data)],
        figures,
        [_statements(), _verdicts(over, _levels(cells)), _by_target(each), _counts(each)],
    )


def survival(cells: Sequence[GridCell], check: CheckFile | None) -> pd.DataFrame:
    """Return one row per protocol, control, model, target and statement.

    A search no longer than the controls' is the same run as the protocol "as it is", and stands
    there only.

    Parameters
    ----------
    cells : sequence of GridCell
        Runs on one data set, in the order of protocols and controls.
    check : CheckFile or None
        Discrepancies of its groups, which result 4 needs.

    Returns
    -------
    pandas.DataFrame
        Columns protocol, control, model, target ("all" is the mean over targets), targets (their
        number), statement, estimate, ci_low, ci_high, verdict and why (it is not established).
    """
    rows = []
    for protocol, control, model, effects_by_target in _groups(_each_once(cells), check):
        for statement in STATEMENTS:
            effects = {
                target: effects[statement.name] for target, effects in effects_by_target.items()
            }
            known = [effect for effect in effects.values() if isinstance(effect, Effect)]
            why = next((effect for effect in effects.values() if isinstance(effect, str)), "")
            for target, effect in [*effects.items(), (ALL, pooled(known) or why)]:
                rows.append(
                    {
                        "protocol": protocol,
                        "control": control,
                        "model": model,
                        "target": target,
                        "targets": effect.n if isinstance(effect, Effect) else 0,
                        "statement": statement.name,
                        **_judged(effect, statement),
                    }
                )
    return pd.DataFrame(rows)


def _each_once(cells: Sequence[GridCell]) -> list[GridCell]:
    """Leave out cells of the protocol itself whose run is that of a cell "as it is" too."""
    as_it_is = {cell.run.path for cell in cells if cell.control == AS_IS}
    return [cell for cell in cells if cell.control or cell.run.path not in as_it_is]


def _groups(
    cells: Sequence[GridCell], check: CheckFile | None
) -> Iterator[tuple[str, str, str, dict[str, dict[str, Effect | str]]]]:
    """Yield protocol, control, model and the effects by target."""
    for protocol in dict.fromkeys(cell.protocol for cell in cells):
        cells_of_protocol = [cell for cell in cells if cell.protocol == protocol]
        for control in dict.fromkeys(cell.control for cell in cells_of_protocol):
            cells_of_control = [cell for cell in cells_of_protocol if cell.control == control]
            base = control in ("", AS_IS)
            seeds = SEEDS if control else f"{OWN}, {SEEDS}"
            for model in dict.fromkeys(cell.model for cell in cells_of_control):
                cells_of_model = [cell for cell in cells_of_control if cell.model == model]
                key = cells_of_model[0].run.keys[0]
                by_target: dict[str, list[GridCell]] = {}
                for cell in cells_of_model:
                    by_target.setdefault(cell.target, []).append(cell)
                for over, name in (("users", control or OWN), ("seeds", seeds)):
                    if over == "seeds" and not (base and _has_seeds(cells_of_model)):
                        continue
                    effects_by_target = {
                        target: dict(effects_of(runs, key, check, over))
                        for target, runs in by_target.items()
                    }
                    yield protocol, name, model, effects_by_target


def _has_seeds(cells: Sequence[GridCell]) -> bool:
    return all(
        cell.run.result["repeats"] > 1 and not cell.run.result.get("closed_form") for cell in cells
    )


def _judged(effect: Effect | str, statement: Statement) -> dict[str, float | str | None]:
    if not isinstance(effect, Effect):
        empty = dict.fromkeys(("estimate", "ci_low", "ci_high"))
        return {**empty, "verdict": effect, "why": ""}
    low, high = effect.interval
    verdict, why = judged(effect, statement)
    return {
        "estimate": effect.estimate,
        "ci_low": low,
        "ci_high": high,
        "verdict": verdict,
        "why": why,
    }


def _text(cells: Sequence[GridCell], key: str) -> list[str]:
    short = [cell for cell in cells if phrases.few_repeats(cell.run.result)]
    controls = (
        "Every control toggles one key of a protocol and keeps split, folds, mixes and seeds. "
    )
    lines = [
        f"{controls if any(cell.control for cell in cells) else ''}"
        f"Effects are of {key} on the target's users. A cell is the mean effect over the targets, "
        "with its 95 % interval and what that interval says of the statement.",
        f"Gains and losses below {MARGIN:.0%} count as none: it is the least that the paper calls "
        f"substantial. A correlation must lie below 0 with its interval to contradict 4a and 4b, "
        f"and above {WEAK} to let them survive. No correction for the number of cells: with many "
        "cells some verdicts are wrong by chance.",
    ]
    if any(cell.run.result.get("rivals") for cell in cells):
        lines.append(
            "Rivals of mixing are other ways to serve the target; the best is that with the best "
            "score on the folds. Where none was better there than Proportional, all of them are "
            "Proportional, and 1c says what 1a says."
        )
    if short:
        lines.append(
            f"{len(short)} of {len(cells)} runs have too few repeats to resample seeds; their "
            "intervals are over users only."
        )
    return lines


def not_established(data: pd.DataFrame) -> list[str]:
    """Return how many verdicts are not established, by reason in words; empty if all are."""
    n_of = data["why"][data["why"] != ""].value_counts(sort=False)
    listed = [f"{why} ({numbers.count(int(n), 'effect')})" for why, n in n_of.items()]
    return [f"Not established: {'; '.join(listed)}."] if listed else []


def _statements() -> Table:
    rows = [[text(s.name), text(s.says), text(s.effect)] for s in STATEMENTS]
    return Table("statements", "The statements", ("result", "statement", "effect"), rows)


def _levels(cells: Sequence[GridCell]) -> dict[tuple[str, str, str, bool], float]:
    """Return Proportional's mean metric over targets by protocol, control, model and low d."""
    levels: dict[tuple[str, str, str, bool], list[float]] = {}
    for cell in cells:
        place = (cell.protocol, cell.control or OWN, cell.model, cell.low)
        values = cell.values[REFERENCE, cell.run.keys[0]].to_numpy(np.float64)
        levels.setdefault(place, []).append(float(np.nanmean(values)))
    return {place: float(np.mean(means)) for place, means in levels.items()}


def _verdicts(over: pd.DataFrame, levels: Mapping[tuple[str, str, str, bool], float]) -> Table:
    rows = []
    for place, group in over.groupby(["protocol", "control", "model"], sort=False):
        by_name = {row["statement"]: row for _, row in group.iterrows()}
        cells = [number(_value(by_name[s.name]), shown=shown(by_name[s.name])) for s in STATEMENTS]
        n = max(int(row["targets"]) for row in by_name.values())
        level = [_level(levels.get((*place, low))) for low in (True, False)]
        rows.append([*map(text, place), number(n, "d"), *level, *cells])
    header = (
        *("protocol", "control", "model", "targets", "level, low d", "level, largest d"),
        *(s.name for s in STATEMENTS),
    )
    note = (
        "Mean over targets, each weighing the same; intervals over users and seeds together. "
        f"Levels are {REFERENCE}'s: a model that has hardly been trained shows by them, and its "
        "changes mean little."
    )
    return Table("controls", "Controls and results", header, rows, note)


def _level(level: float | None) -> Cell:
    return text("-") if level is None else number(level, ".3f")


def _by_target(each: pd.DataFrame) -> Table:
    rows = [
        [
            *(text(row[c]) for c in ("protocol", "control", "model", "target", "statement")),
            number(_value(row), shown=f"{shown(row)}: {row['why']}" if row["why"] else shown(row)),
        ]
        for _, row in each.iterrows()
        if row["verdict"] not in BESIDE_THE_POINT
    ]
    header = ("protocol", "control", "model", "target", "result", "effect and verdict")
    return Table("controls-by-target", "The same for every target", header, rows, folded=True)


def _counts(each: pd.DataFrame) -> Table:
    verdicts = list(dict.fromkeys(each["verdict"]))
    counted = each.groupby(["control", "statement"], sort=False)["verdict"].value_counts()
    rows = []
    for control in dict.fromkeys(each["control"]):
        line: list[Cell] = [text(control)]
        for statement in STATEMENTS:
            counts = [(v, int(counted.get((control, statement.name, v), 0))) for v in verdicts]
            said = ", ".join(f"{v} {n}" for v, n in counts if n)
            line.append(text(said))
        rows.append(line)
    header = ("control", *(s.name for s in STATEMENTS))
    title = "Verdicts by control, counted over protocols, models and targets"
    return Table("controls-counted", title, header, rows, folded=True)


def _value(row: pd.Series) -> float | None:
    return float(row["estimate"]) if numbers.defined(row["estimate"]) else None
