"""The index of a run of all targets: ``index.json``, and the table that is printed or shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from recbole_groupmix.all_targets.shared_trials import SharedTrial
from recbole_groupmix.core.names import BUDGET, DATA_MIX, REFERENCE
from recbole_groupmix.core.statistics.bootstrap import holm
from recbole_groupmix.record.by_metric import metric_columns
from recbole_groupmix.record.changes import same_rows
from recbole_groupmix.record.phrases import candidate_of, change_text, interval_note
from recbole_groupmix.record.result import RunSettings
from recbole_groupmix.record.result_schema import Index, PoolEntry, Result, TargetResult
from recbole_groupmix.record.rows import same_text
from recbole_groupmix.record.schema import SCHEMA_VERSION, Change
from recbole_groupmix.text.html import html_notes, html_table
from recbole_groupmix.text.numbers import LEVEL, or_null
from recbole_groupmix.text.tables import aligned, paragraphs


def build_index(
    settings: RunSettings,
    embedding_size: int | None,
    folders: Mapping[str, str],
    results: Mapping[str, Result],
    left_out: Mapping[str, str],
    trials: Sequence[SharedTrial],
    this_call: float,
) -> Index:
    """Assemble the content of ``index.json``.

    Parameters
    ----------
    settings : RunSettings
        The settings of the run.
    embedding_size : int or None
        None where the model has none.
    folders : mapping
        Name of each target's run folder, beside the index.
    results : mapping
        Content of each target's ``result.json``.
    left_out : mapping
        Groups that cannot be targets, with the reason.
    trials : sequence of SharedTrial
        Trials that all targets share.
    this_call : float
        Wall time of this call in seconds.
    """
    corrected = _corrected(results)
    closed_form = settings.is_solved
    seconds = {
        stage: math.fsum(result["seconds"].get(stage, 0.0) for result in results.values())
        for stage in ("search", "test")
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "dataset": settings.dataset,
        "group_field": str(settings.group_field),
        "model": settings.model,
        "protocol": settings.protocol,
        "weighting": settings.weighting,
        "topk": list(settings.topk),
        "seed": settings.seed,
        "trials": settings.trials,
        "folds": settings.folds,
        "repeats": settings.repeats,
        "valid_metric": settings.valid_metric,
        "embedding_size": embedding_size,
        "closed_form": closed_form,
        "intervals": interval_note(settings.repeats, closed_form),
        "targets": {
            name: _entry(folders[name], result, corrected[name])
            for name, result in results.items()
        },
        "left_out": dict(left_out),
        "pool": [_pool_entry(trial) for trial in trials],
        "seconds": {**seconds, "this_call": this_call},
    }


def _pool_entry(trial: SharedTrial) -> PoolEntry:
    return {
        "name": trial.name,
        "sampler": trial.sampler,
        "drawn_for": trial.drawn_for,
        "weights": dict(trial.weights),
    }


def _entry(
    folder: str, result: Result, p_values: Mapping[tuple[str, str], float | None]
) -> TargetResult:
    name, search = result["target"], result["search"]
    group = next(g for g in result["groups"] if g["name"] == name)
    changes: dict[str, dict[str, Change]] = {
        mix: {key: {**change, "p_holm": p_values[mix, key]} for key, change in row.items()}
        for mix, row in result["change"].items()
    }
    entry: TargetResult = {
        "folder": folder,
        "n_users": group["n_users"],
        "n_measured": group["n_measured"],
        "n_in_data": group["n_in_data"],
        "candidates": search["trials"],
        "selected": search["selected"],
        "best_cv": search["best_cv"],
        "mix": result["mixes"].get(DATA_MIX),
        "options": search["options"].get(candidate_of(result, DATA_MIX), {}),
        "lengths": result.get("lengths"),
        "diverged": result["diverged"],
        "test": result["test"],
        "change": changes,
        "same_mix": result["same_mix"],
        "seconds": result["seconds"],
    }
    if "budget" in result:
        entry["budget"] = result["budget"]
    if "rows" in result:
        entry["rows"] = result["rows"]
    if "trainings" in result:
        entry["trainings"] = result["trainings"]
        entry["against_rival"] = result["against_rival"]
    return entry


def _corrected(
    results: Mapping[str, Result],
) -> dict[str, dict[tuple[str, str], float | None]]:
    """Correct the p-values of every metric over all targets and the different mixes of each."""
    rows: dict[str, list[tuple[str, str, float]]] = {}
    for target, result in results.items():
        for mix, row in result["change"].items():
            for key, change in row.items():
                p = math.nan if change["p"] is None else change["p"]
                rows.setdefault(key, []).append((target, mix, p))
    by_target: dict[str, dict[tuple[str, str], float | None]] = {name: {} for name in results}
    for key, of_metric in rows.items():
        corrected = holm([p for *_, p in of_metric])
        for (target, mix, _), p in zip(of_metric, corrected, strict=True):
            by_target[target][mix, key] = or_null(p)
    for target, result in results.items():
        same = same_rows(result["same_mix"], result["search"]["selected"], result["mixes"])
        for mix, key in by_target[target]:
            by_target[target][mix, key] = by_target[target].get((same.get(mix, mix), key))
    return by_target


def index_table(index: Index) -> str:
    """Return the answer for all targets as text: a row for each target and mix or rival.

    Parameters
    ----------
    index : Index
        Content of ``index.json``.
    """
    rows = _rows(index)
    table = aligned(rows, (0, len(rows[0]) - 1), rule=True)
    return "\n".join([_title(index), "", *table, "", *paragraphs(_notes(index))])


def index_html(index: Index) -> str:
    """Return what :func:`index_table` says as HTML for a notebook, with names as text.

    Parameters
    ----------
    index : Index
        Content of ``index.json``.
    """
    rows = _rows(index)
    table = html_table(rows, (0, 2, len(rows[0]) - 1))
    return "\n".join([html_notes([_title(index)]), table, html_notes(_notes(index))])


def _title(index: Index) -> str:
    return (
        f"{index['dataset']}, all targets of {index['group_field']}, {index['model']}: means over "
        "the test items of each target's users"
    )


def _rows(index: Index) -> list[list[str]]:
    """Return the cells of the table, the header first."""
    key, metrics = index["valid_metric"], metric_columns(index)
    few = "users only" in index["intervals"]
    rows = [
        [
            "target",
            "users",
            "mix",
            "alpha_aug",
            *metrics,
            f"change {key}",
        ]
    ]
    for target, entry in index["targets"].items():
        for mix, values in entry["test"].items():
            change = entry["change"].get(mix, {}).get(key)
            shown = same_text(entry, mix) or change_text(change, few)
            chosen = {DATA_MIX: entry["mix"], BUDGET: entry.get("budget")}.get(mix)
            budget = "" if chosen is None else f"{chosen['alpha_aug']:.2f}"
            means = [f"{values[metric]:.4f}" for metric in metrics]
            label = target if mix == REFERENCE else ""
            users = _measured(entry) if mix == REFERENCE else ""
            rows.append([label, users, mix, budget, *means, shown])
    return rows


def _notes(index: Index) -> list[str]:
    key = index["valid_metric"]
    notes = [
        f"change: of {key}, by which rows are chosen, against proportional, with 95 % {index['intervals']}; "
        f"* marks p < {LEVEL} after Holm's correction over all rows.",
    ]
    notes += [f"{sentence}." for sentence in index.get("items", [])]
    notes += against_rivals(index, key)
    if index["pool"]:
        notes.append(
            f"data_mix: for each target the best of {len(index['pool'])} weight vectors that all "
            f"targets share, and theory's mix where there is one, by {index['valid_metric']} on the "
            "folds."
        )
    if any("n_measured" in entry for entry in index["targets"].values()):
        notes.append(
            "users: those measured, of those with an interaction; the others have no interaction in "
            "train, or no item in test that is new to them (result.json of a target says which)."
        )
    if index["left_out"]:
        notes.append(f"Left out: {', '.join(index['left_out'])} (index.json says why).")
    return notes


def against_rivals(index: Index, key: str) -> list[str]:
    """Return in a sentence the best mix against the best rival of every target; none without."""
    few, said = "users only" in index["intervals"], []
    for target, entry in index["targets"].items():
        found = entry.get("against_rival")
        change = found["change"].get(key) if found else None
        if found and change:
            said.append(
                f"{target} {change_text(change, few)} ({found['mix']} against {found['rival']})"
            )
    if not said:
        return []
    return [
        f"Mixing against rivals: change of {key} from the best rival to the best mix, each chosen on "
        f"the folds; * marks p < {LEVEL}, not corrected over targets: {'; '.join(said)}."
    ]


def _measured(entry: TargetResult) -> str:
    if "n_measured" not in entry:
        return str(entry["n_users"])
    return f"{entry['n_measured']} of {entry['n_in_data']}"
