"""Runs that differ in their seed alone, pooled over their splits."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recbole_groupmix.core.names import DATA_MIX, REFERENCE
from recbole_groupmix.core.statistics.bootstrap import holm
from recbole_groupmix.core.statistics.resampling import MIN_REPEATS
from recbole_groupmix.core.statistics.splits import MIN_SPLITS, pooled_changes
from recbole_groupmix.record.established import FEW_SEEDS, at_own_length, few_seeds
from recbole_groupmix.record.finished_run import FinishedRun
from recbole_groupmix.record.rows import chosen_words, kinds_of_row, same_text
from recbole_groupmix.record.search_sentences import trials_asked
from recbole_groupmix.report.frame.blocks import Figure, Section, Table, number, text
from recbole_groupmix.report.frame.forest import forest
from recbole_groupmix.text import numbers
from recbole_groupmix.text.split_words import is_fixed
from recbole_groupmix.text.tables import aligned, paragraphs

Floats = npt.NDArray[np.float64]
TITLE = "Pooled over splits"
_OWN_LENGTH = "another verdict with each row trained for its own length"


def families(runs: Sequence[FinishedRun]) -> list[list[FinishedRun]]:
    """Return the runs that differ in their seed alone, two or more each, by seed.

    Their configuration, data and number of searched mixes are equal. Runs of one seed are the
    same split twice, so that nothing is pooled where two of them are, or where the seed leaves the
    test part as it is: given in files, or by time.
    """
    by_all_else: dict[str, list[FinishedRun]] = {}
    for run in runs:
        if is_fixed(run.config["configuration"]):
            continue
        asked = {k: v for k, v in run.config["configuration"].items() if k != "seed"}
        place = [asked, dict(run.config["data"]), trials_asked(run.result)]
        by_all_else.setdefault(json.dumps(place, sort_keys=True, default=str), []).append(run)
    return [
        sorted(family, key=lambda run: run.result["seed"])
        for family in by_all_else.values()
        if len(family) > 1 and len({run.result["seed"] for run in family}) == len(family)
    ]


def splits_sections(runs: Sequence[FinishedRun]) -> list[Section]:
    """Return a section for each of :func:`families`, with names of their own."""
    found = families(runs)
    return [
        _section(family, f"-{place}" if len(found) > 1 else "")
        for place, family in enumerate(found, start=1)
    ]


def splits_text(sections: Sequence[Section]) -> str:
    """Return :func:`splits_sections` as text, for people who read no page; empty without any."""
    lines = []
    for section in sections:
        lines += [section.title, ""]
        for table in section.tables[:2]:
            rows = [list(table.header), *([cell.text for cell in row] for row in table.rows)]
            lines += [table.title, "", *aligned(rows, rule=True), ""]
        notes = [table.note for table in section.tables if table.note]
        lines += [*paragraphs([*section.text, *notes]), ""]
    return "\n".join(lines).rstrip()


def pooled(family: Sequence[FinishedRun]) -> pd.DataFrame:
    """Return the changes against the reference pooled over the splits of runs, by row and metric.

    Parameters
    ----------
    family : sequence of FinishedRun
        One of :func:`families`.

    Returns
    -------
    pandas.DataFrame
        Columns mix, metric, mean, ci_low, ci_high (None where undefined or unbounded), p (the
        larger of two tests), p_holm over the rows of a metric, marked, spread (standard deviation
        between splits), by_split (changes by seed), n_users, why (it is not established, or empty)
        and same, another row that it is one comparison with in every split. Of rows that not every
        split has there is none.
    """
    shared = [mix for mix in family[0].compared if all(mix in run.compared for run in family)]
    same = [run.compared_as for run in family]
    keys = family[0].shown
    pairs: list[tuple[Floats, Floats]] = []
    rows: list[dict[str, Any]] = []
    for key in keys:
        base = _values(family, REFERENCE, key)
        for mix in shared:
            others = {of.get(mix, "") for of in same}
            as_other = others.pop() if len(others) == 1 else ""
            rows.append({"mix": mix, "metric": key, "same": as_other})
            pairs.append((_values(family, mix, key), base))
    changes = pooled_changes(pairs, seed=family[0].result["seed"]) if pairs else []
    for row, change in zip(rows, changes, strict=True):
        row |= {name: getattr(change, name) for name in ("mean", "ci_low", "ci_high", "p")}
        row |= {"spread": change.spread, "n_users": change.n_users, "by_split": change.by_split}
    for key in keys:
        tested = [row for row in rows if row["metric"] == key and not row["same"]]
        corrected = holm([row["p"] for row in tested])
        p_holm = {row["mix"]: p for row, p in zip(tested, corrected, strict=True)}
        for row in (row for row in rows if row["metric"] == key):
            row["p_holm"] = p_holm.get(row["same"] or row["mix"], math.nan)
            row["marked"] = bool(row["p_holm"] < numbers.LEVEL)
            row["why"] = _why(family, row)
    return pd.DataFrame([{k: numbers.finite(v) for k, v in row.items()} for row in rows])


def _values(family: Sequence[FinishedRun], mix: str, key: str) -> Floats:
    """Return the target's values, (n_splits, n_repeats, n_users); NaN of users not in a split."""
    tables = [run.per_user(mix, key, run.target) for run in family]
    users = sorted({user for table in tables for user in table.columns})
    repeats = sorted({repeat for table in tables for repeat in table.index})
    return np.stack(
        [table.reindex(index=repeats, columns=users).to_numpy(np.float64) for table in tables]
    )


def _why(family: Sequence[FinishedRun], row: dict[str, Any]) -> str:
    """Return why a mark is not established; empty if it is, or if there is none."""
    if not row["marked"]:
        return ""
    if len(family) < MIN_SPLITS and any(few_seeds(run.result) for run in family):
        return FEW_SEEDS
    moved = []
    for run in family:
        own = at_own_length(run.result, row["mix"], row["metric"])
        common = run.result["change"][row["mix"]][row["metric"]]
        if own is None or own["mean"] is None or common["mean"] is None:
            return ""
        moved.append(own["mean"] - common["mean"])
    by = float(np.mean(moved))
    turned = (row["ci_low"] > 0) != (row["ci_low"] + by > 0)
    turned |= (row["ci_high"] < 0) != (row["ci_high"] + by < 0)
    return _OWN_LENGTH if turned else ""


def covers(n_splits: int, n_repeats: int, closed_form: bool) -> str:
    """Return in words what the intervals cover, and what they do not."""
    if n_splits >= MIN_SPLITS:
        repeats = n_repeats >= MIN_REPEATS and not closed_form
        over = "users, splits and the repeats of each split" if repeats else "users and splits"
        seeds = "" if closed_form else ", and with the splits training seeds, which differ in each"
        return f"95 % intervals over {over}{'' if repeats else seeds}."
    here = f"these {n_splits} splits alone (from {MIN_SPLITS} on, splits are resampled too)"
    if closed_form or n_repeats < MIN_REPEATS:
        return f"95 % intervals over users only, for {here}: how far splits differ stands beside."
    return (
        f"95 % intervals over users and the repeats of each split, for {here}: how far splits differ "
        "stands beside."
    )


def _section(family: Sequence[FinishedRun], ending: str) -> Section:
    data, first = pooled(family), family[0]
    seeds = [str(run.result["seed"]) for run in family]
    closed = bool(first.result.get("closed_form"))
    what = f"{first.result['dataset']}, target {first.target}, {first.result['model']}"
    lines = [
        f"{len(family)} runs of {what} differ in the seed alone ({', '.join(seeds)}), and so in "
        f"{_drawn(first)}. The target's users are the same in all of them, with other test "
        "items; a user counts by the mean over the splits in which he is measured.",
        covers(len(family), first.result["repeats"], closed),
        *_differing(family),
    ]
    title = f"{TITLE}: {what}" if ending else TITLE
    if data.empty:
        return Section(f"splits{ending}", title, [*lines, "No other mix is in every split."])
    tables = [
        _pooled_table(family, data, ending),
        _by_split(family, data, ending),
        _mixes(family, ending),
    ]
    lead = data[[column for column in data if column not in ("by_split", "same")]]
    alt = "; ".join(
        f"{row['mix']}, {row['metric']}: "
        + numbers.percent_interval(row["mean"], row["ci_low"], row["ci_high"])
        for row in lead.to_dict("records")
    )
    figure = Figure(
        f"splits{ending}",
        f"Change against {REFERENCE} over {len(family)} splits, users of {first.target}",
        f"Mean and 95 % interval. Filled and starred: p < {numbers.LEVEL} after Holm's correction "
        "over the rows; hollow: not.",
        f"Intervals of the pooled changes. {alt}.",
        lead,
        lambda: forest(lead, "metric", "mix", "change", first.rows)[0],
    )
    return Section(f"splits{ending}", title, lines, [figure], tables)


def _drawn(run: FinishedRun) -> str:
    """Return in words what a seed decides in such a run."""
    searched = ["searched mixes"] if run.result["search"]["trials"] else []
    seeds = [] if run.result.get("closed_form") else ["training seeds"]
    *others, last = ["split", "folds", *searched, *seeds]
    return f"{', '.join(others)} and {last}"


def _pooled_table(family: Sequence[FinishedRun], data: pd.DataFrame, ending: str) -> Table:
    keys = family[0].shown
    rows = []
    for mix, of_mix in data.groupby("mix", sort=False):
        line = [text(mix)]
        for row in of_mix.to_dict("records"):
            shown = numbers.percent_interval(row["mean"], row["ci_low"], row["ci_high"])
            shown += " *" if row["marked"] else ""
            shown = _same(family, row) or shown
            line.append(number(row["mean"], shown=shown))
        spread = of_mix["spread"].iloc[0]
        line.append(number(spread, shown=f"{spread:.1%}" if numbers.defined(spread) else "-"))
        rows.append(line)
    doubts = {(why, row["mix"]): None for row in data.to_dict("records") if (why := row["why"])}
    said = (
        f" Not established: {'; '.join(f'{mix} ({why})' for why, mix in doubts)}."
        if doubts
        else ""
    )
    agree = ", of a test over users and splits" if len(family) < MIN_SPLITS else ""
    note = (
        f"* p < {numbers.LEVEL} after Holm's correction over the rows of a metric, with p the largest "
        f"of those of the interval{agree} and of a permutation test. Between splits: standard deviation "
        f"of the changes of single splits in {keys[0]}.{said}"
    )
    n_users = int(data["n_users"].max())
    title = f"Change against {REFERENCE} over {len(family)} splits, {n_users} users of {family[0].target}"
    head = kinds_of_row(family[0].result)
    return Table(f"splits{ending}", title, (head, *keys, "between splits"), rows, note)


def _same(family: Sequence[FinishedRun], row: dict[str, Any]) -> str:
    """Return of which row a row is another name in every split; empty if of none."""
    if not row["same"]:
        return ""
    return same_text(family[0].result, row["mix"]) or f"same mix as {row['same']}"


def _by_split(family: Sequence[FinishedRun], data: pd.DataFrame, ending: str) -> Table:
    key = family[0].key
    rows = []
    for row in data[data["metric"] == key].to_dict("records"):
        changes = [number(value, shown=numbers.percent(value)) for value in row["by_split"]]
        rows.append([text(row["mix"]), *changes])
    header = ("mix", *(f"seed {run.result['seed']}" for run in family))
    return Table(f"each-split{ending}", f"Change of {key} in each split", header, rows)


def _differing(family: Sequence[FinishedRun]) -> list[str]:
    """Return which rows are another mix or point in each split, and which are not in every split."""
    rows = dict.fromkeys(row for run in family for row in run.rows)
    missing = [row for row in rows if any(row not in run.rows for run in family)]
    other = [row for row in rows if row not in missing and _differ(family, row)]
    lines = []
    if other:
        lines.append(
            f"{', '.join(other)}: chosen or counted in each split anew, so that the row pools what "
            f"came out there, not one {kinds_of_row(family[0].result)}; the page lists them."
        )
    if missing:
        lines.append(f"Not in every split, and so not pooled: {', '.join(missing)}.")
    return lines


def _differ(family: Sequence[FinishedRun], row: str) -> bool:
    """Return whether a row is another mix, or another point of a rival, in some split."""
    points = [run.mixes.get(row) or chosen_words(run.result, row) for run in family]
    return len({json.dumps(point, sort_keys=True) for point in points}) > 1


def _mixes(family: Sequence[FinishedRun], ending: str) -> Table:
    """Return what each row was in each split: candidate, budget and shares, or a rival's point."""
    names = dict.fromkeys(row for run in family for row in (*run.mixes, *run.rivals))
    rows = [[text(row), *(text(_was(run, row)) for run in family)] for row in names]
    header = (kinds_of_row(family[0].result), *(f"seed {run.result['seed']}" for run in family))
    title = "What each row was in each split: alpha_aug, and alpha by group"
    title += "; of rivals what the folds chose" if any(run.rivals for run in family) else ""
    return Table(f"split-mixes{ending}", title, header, rows, folded=True)


def _was(run: FinishedRun, row: str) -> str:
    if row not in run.mixes:
        return chosen_words(run.result, row) or "-"
    of = run.mixes[row]
    shares = ", ".join(f"{group} {share:.2f}" for group, share in of["alpha"].items())
    named = f"{run.candidate(row)}, " if row == DATA_MIX else ""
    return f"{named}{of['alpha_aug']:.2f} ({shares})"
