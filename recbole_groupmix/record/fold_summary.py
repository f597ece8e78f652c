"""The scores of candidates over their folds, from their lines of ``trials.jsonl``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from recbole_groupmix.record.fold_lines import options_text
from recbole_groupmix.record.fold_schema import FoldRecord, FoldSummary


def summary(records: Sequence[FoldRecord]) -> FoldSummary:
    """Summarise the lines of a candidate with the same options, one for each fold.

    Of several lambdas the one with the best mean counts, on all folds.
    """
    scores = [np.nan if record["score"] is None else record["score"] for record in records]
    options = dict(records[0].get("options", {}))
    if all(record.get("tried") for record in records):  # one choice for all folds, not one each
        by_option = [[tried["score"] for tried in record["tried"]] for record in records]
        best = int(np.argmax(np.mean(by_option, axis=0)))
        scores = [of_fold[best] for of_fold in by_option]
        options = records[0]["tried"][best]["options"]
    epochs = max(record["epochs"] for record in records)
    return {
        "options": options,
        "score": float(np.mean(scores)),
        "scores": scores,
        "epochs": epochs,
        "own": epochs,
        "at_cap": False,
    }


def best_summary(every: Sequence[FoldSummary]) -> FoldSummary:
    """Return the best of a candidate's options: of those on most folds the best mean score."""
    finite = [each for each in every if np.isfinite(each["score"])]
    return max(finite, key=lambda each: (len(each["scores"]), each["score"]), default=every[0])


def best_lines(records: Iterable[FoldRecord]) -> tuple[FoldSummary, list[FoldRecord]]:
    """Return the summary of the best of a candidate's options, and the lines of these by fold."""
    by_options: dict[str, list[FoldRecord]] = {}
    for record in sorted(records, key=lambda record: record["fold"]):
        by_options.setdefault(options_text(record.get("options", {})), []).append(record)
    every = [(summary(lines), lines) for lines in by_options.values()]
    best = best_summary([of for of, _ in every])
    return next((of, lines) for of, lines in every if of is best)


def summaries(records: Iterable[FoldRecord]) -> dict[str, FoldSummary]:
    """Return the summary of every candidate, in the order of their first lines.

    It is over the folds that the candidate has, which are fewer for one that left a race, with the
    best of its options.
    """
    return {name: best_lines(of_name)[0] for name, of_name in by_candidate(records).items()}


def by_candidate(records: Iterable[FoldRecord]) -> dict[str, list[FoldRecord]]:
    """Return the lines of every candidate, in the order of their first lines."""
    lines: dict[str, list[FoldRecord]] = {}
    for record in records:
        lines.setdefault(record["name"], []).append(record)
    return lines
