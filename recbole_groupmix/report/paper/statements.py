"""The paper's four results, and one on rivals of mixing, as statements that runs can contradict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recbole_groupmix.core.effective_size import effective_sample_size
from recbole_groupmix.core.mix import Mix, MixRecord, group_weights
from recbole_groupmix.core.names import DATA_MIX, NO_AUGMENTATION, STRATIFIED
from recbole_groupmix.record.established import few_seeds
from recbole_groupmix.record.fold_schema import FoldRecord
from recbole_groupmix.report.paper.check_file import CheckFile
from recbole_groupmix.report.paper.effects import (
    Effect,
    against_best_rival,
    against_searched,
    correlation_over_mixes,
    difference,
    level_changes,
    rank_correlation,
)
from recbole_groupmix.report.paper.grid import GridCell

#: Smaller gains and losses count as none: the least that the paper calls substantial is 2 %.
MARGIN = 0.02
#: Correlations weaker than this do not count as "more for the similar".
WEAK = -0.5
#: What can be said of a statement.
SURVIVES, FAILS, OPEN = "survives", "does not survive", "cannot be told"
#: What is said instead of the first two where few seeds or lengths of training decide it.
NOT_ESTABLISHED = "not established"
#: Why, where it is the lengths.
OWN_LENGTH = "another verdict with each row trained for its own length"
#: Where a statement says nothing about a model.
NOT_APPLICABLE = "not applicable"
#: Where a run has no rival of mixing to compare with.
NO_RIVALS = "no rivals"
#: What says nothing of a statement, nor is it missing.
BESIDE_THE_POINT = (NOT_APPLICABLE, NO_RIVALS)
#: Where the run is missing, and where what it holds gives no interval.
NO_RUN, NO_INTERVAL = "no run", "no interval"


@dataclass(frozen=True)
class Statement:
    """One testable statement.

    Parameters
    ----------
    name : str
        The paper's result, with a letter where it says two things.
    says : str
        The statement.
    effect : str
        What is estimated.
    judge : callable
        Verdict from the ends of the interval.
    correlation : bool
        Whether the effect is a correlation and not a fraction.
    """

    name: str
    says: str
    effect: str
    judge: Callable[[float, float], str]
    correlation: bool = False


def no_gain(low: float, high: float) -> str:
    """Judge "does not rise": 2 % or more ruled out; contradicted where :func:`gain` says "rises"."""
    if high < MARGIN:
        return SURVIVES
    return FAILS if low > 0 else OPEN


def gain(low: float, high: float) -> str:
    """Judge "rises": the interval above 0, and 2 % or more among what it allows."""
    if high < MARGIN:
        return FAILS
    return SURVIVES if low > 0 else OPEN


def loss(low: float, high: float) -> str:
    """Judge "falls": the interval below 0, and a loss of 2 % or more among what it allows."""
    if low > -MARGIN:
        return FAILS
    return SURVIVES if high < 0 else OPEN


def not_negative(low: float, high: float) -> str:
    """Judge "is not clearly negative"."""
    if high < 0:
        return FAILS
    return SURVIVES if low > WEAK else OPEN


STATEMENTS = (
    Statement(
        "1a",
        "At the standard size the searched mix does not raise the target's metric.",
        "change of data_mix against proportional, largest d",
        no_gain,
    ),
    Statement(
        "1b",
        "At the standard size leaving out the other groups' data lowers it.",
        "change of no_augmentation against proportional, largest d",
        loss,
    ),
    Statement(
        "1c",
        "At the standard size the searched mix does not beat the best rival of mixing.",
        "change of data_mix against the rival with the best score on the folds, largest d",
        no_gain,
    ),
    Statement(
        "2",
        "What Stratified gains is larger at low d than at the standard size.",
        "change of stratified at low d minus that at the largest d",
        gain,
    ),
    Statement(
        "3",
        "At low d the searched mix raises the target's metric.",
        "change of data_mix against proportional, low d",
        gain,
    ),
    Statement(
        "4a",
        "The search does not choose a mix that weighs users of similar groups more than the others "
        "do.",
        "rank correlation of a group's weight with its discrepancy from the target: of the searched "
        "mix, minus that of the mixes it was chosen from",
        not_negative,
        correlation=True,
    ),
    Statement(
        "4b",
        "Mixes of similar groups do not score higher on the folds.",
        "rank correlation of a mix's score on the folds with the mean discrepancy of its groups, "
        "given its budget and its effective number of users",
        not_negative,
        correlation=True,
    ),
)


def judged(effect: Effect, statement: Statement) -> tuple[str, str]:
    """Return the verdict on an effect, and why it is not established, or an empty string.

    At own lengths the interval is the same, moved to the estimate there.
    """
    low, high = effect.interval
    verdict = statement.judge(low, high)
    if verdict == OPEN:
        return verdict, ""
    moved = 0.0 if effect.own is None else effect.own - effect.estimate
    turns = statement.judge(low + moved, high + moved) != verdict
    why = effect.few or (OWN_LENGTH if turns else "")
    return (NOT_ESTABLISHED if why else verdict), why


def effects_of(
    cells: Sequence[GridCell], key: str, check: CheckFile | None, over: str = "users"
) -> Mapping[str, Effect | str]:
    """Return the effect of every statement for the runs of one model on one target.

    Parameters
    ----------
    cells : sequence of GridCell
        Runs that differ in their embedding size only.
    key : str
        Metric, such as ``precision@20``.
    check : CheckFile or None
        Discrepancies of the data set's groups.
    over : {"users", "seeds"}
        See :func:`~recbole_groupmix.report.paper.effects.level_changes`; correlations are left out
        for seeds.

    Returns
    -------
    dict
        By name of the statement: the effect, or why there is none: `NOT_APPLICABLE` to models
        without an embedding size, `NO_RUN` at the size that is needed, `NO_RIVALS` in the run,
        `NO_INTERVAL`.
    """
    low = min((c for c in cells if c.low), key=lambda c: c.d or 0, default=None)
    high = max((c for c in cells if not c.low), key=lambda c: c.d or 0, default=None)
    at_low = level_changes(low, key, over) if low else {}
    at_high = level_changes(high, key, over) if high else {}
    why_no_size = NOT_APPLICABLE if all(cell.d is None for cell in cells) else NO_RUN
    mixed = low or high
    alike = NOT_APPLICABLE if over == "seeds" else NO_RUN if check is None else NO_INTERVAL
    fall = difference(at_low.get(STRATIFIED), at_high.get(STRATIFIED))
    effects: dict[str, Effect | str] = {
        "1a": at_high.get(DATA_MIX) or (NO_INTERVAL if high else NO_RUN),
        "1b": at_high.get(NO_AUGMENTATION) or (NO_INTERVAL if high else NO_RUN),
        "1c": _against_rival(high, at_high) if high else NO_RUN,
        "2": fall or (NO_INTERVAL if low and high else why_no_size),
        "3": at_low.get(DATA_MIX) or (NO_INTERVAL if low else why_no_size),
        "4a": alike,
        "4b": alike,
    }
    if check is not None and mixed is not None and over == "users":
        few = few_seeds(mixed.run.result)
        for name, effect in (("4a", _of_weights(mixed, check)), ("4b", _of_scores(mixed, check))):
            effects[name] = replace(effect, few=few) if effect else alike
    return effects


def _against_rival(cell: GridCell, changes: Mapping[str, Effect]) -> Effect | str:
    has_rivals = bool(cell.run.result.get("rivals"))
    return (against_best_rival(cell, changes) or NO_INTERVAL) if has_rivals else NO_RIVALS


def shares_and_discrepancies(
    cell: GridCell, check: CheckFile
) -> list[tuple[str, float, float]] | None:
    """Return (group, share in the searched mix, discrepancy from the target) of other groups."""
    mix, away = cell.run.result["mixes"].get(DATA_MIX), _away(cell, check)
    if mix is None or away is None:
        return None
    shares = [float(mix["alpha"].get(group, 0.0)) for group in cell.run.others]
    return list(zip(cell.run.others, shares, away, strict=True))


def _of_weights(cell: GridCell, check: CheckFile) -> Effect | None:
    away, selected = _away(cell, check), cell.run.result["search"]["selected"]
    if away is None or DATA_MIX not in cell.run.result["mixes"]:
        return None
    searched = [
        rank_correlation(away, _of_others(cell, _mix(record)))
        for name, record in _trials(cell).items()
        if name != selected
    ]
    chosen = rank_correlation(away, _of_others(cell, cell.run.result["mixes"][DATA_MIX]))
    known = [value for value in searched if value is not None]
    if chosen is None:
        return None
    return against_searched(chosen, known, f"4a/{'/'.join(map(str, cell.place))}")


def _mix(record: FoldRecord) -> MixRecord:
    return {"alpha": record["alpha"], "alpha_aug": record["alpha_aug"]}


def _of_scores(cell: GridCell, check: CheckFile) -> Effect | None:
    away, trials = _away(cell, check), _trials(cell)
    if away is None:
        return None
    scores, distances, budgets, effective = [], [], [], []
    n_users = list(cell.run.groups.values())
    for name, record in trials.items():
        score = cell.run.result["search"]["cv"][name]
        if score is None:
            continue
        scores.append(score)
        shares = [record["alpha"].get(group, 0.0) for group in cell.run.others]
        distances.append(float(np.dot(shares, away)))
        budgets.append(float(record["alpha_aug"]))
        of_users = np.repeat(list(_weights(cell, _mix(record)).values()), n_users)
        effective.append(effective_sample_size(of_users))
    key = f"4b/{cell.dataset}/{cell.target}"
    return correlation_over_mixes(distances, scores, [budgets, effective], key)


def _away(cell: GridCell, check: CheckFile) -> list[float] | None:
    """Return the discrepancy of every other group; None if one is unknown."""
    distances = [check.discrepancy(cell.target, group, cell.d) for group in cell.run.others]
    known = [away for away in distances if away is not None]
    return known if len(known) == len(distances) else None


def _trials(cell: GridCell) -> dict[str, FoldRecord]:
    """Return the searched mixes that have a score."""
    scores = cell.run.result["search"]["cv"]
    return {
        record["name"]: record
        for record in cell.run.trials
        if record["name"].startswith("trial-") and scores.get(record["name"])
    }


def _weights(cell: GridCell, mix: MixRecord) -> dict[str, float]:
    """Return the weight of a user of every group, in the order of the groups."""
    weighed = Mix(mix["alpha"], float(mix["alpha_aug"]))
    return group_weights(weighed, cell.run.groups, cell.target)


def _of_others(cell: GridCell, mix: MixRecord) -> list[float]:
    weights = _weights(cell, mix)
    return [weights[group] for group in cell.run.others]
