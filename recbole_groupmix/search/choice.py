"""The rows of a result, chosen by the cross-validation scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

from recbole_groupmix.core.names import BUDGET, DATA_MIX, REFERENCE
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.budget import budget_record
from recbole_groupmix.mixes.candidates import FIXED, Candidate, select
from recbole_groupmix.mixes.duplicates import without_duplicates
from recbole_groupmix.record.fold_schema import FoldSummary
from recbole_groupmix.record.result_schema import BudgetRecord


@dataclass(frozen=True)
class Chosen:
    """The candidates that are trained on all of train.

    Attributes
    ----------
    rows : dict of str to Candidate
        By name in the result.
    epochs : dict of str to int
        Epochs to train, by candidate name.
    own : dict of str to int
        Epochs of the control, by candidate name: the peak of the candidate's own curve.
    options : dict of str to dict
        RecBole keys that the folds chose, by candidate name.
    diverged : tuple of str
        Candidates whose training diverged on a fold.
    duplicates : dict of str to str
        Name of the earlier, equal mix by the name of each duplicate.
    budget : BudgetRecord or None
        The budgets that the folds tried; None without the row ``budget``.
    """

    rows: dict[str, Candidate]
    epochs: dict[str, int]
    own: dict[str, int]
    options: dict[str, dict[str, float]]
    diverged: tuple[str, ...]
    duplicates: Mapping[str, str] = field(default_factory=dict)
    budget: BudgetRecord | None = None


def choose(
    experiment: Experiment,
    compared: Sequence[Candidate],
    cv: Mapping[str, FoldSummary],
    duplicates: Mapping[str, str] | None = None,
) -> Chosen:
    """Return the rows of a result: baselines, own mixes, theory's, the budget and the data mix.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    compared : sequence of Candidate
        All candidates.
    cv : mapping
        Their summaries on the folds; empty without folds.
    duplicates : mapping of str to str, optional
        Candidates that equal an earlier one, whose model serves both rows
        (:func:`~recbole_groupmix.mixes.duplicates.find_duplicates`).

    Raises
    ------
    ValueError
        If training of Proportional diverged.
    """
    duplicates, by_name = duplicates or {}, {c.name: c for c in compared}
    of = {c.name: duplicates.get(c.name, c.name) for c in compared}
    diverged = [n for n, name in of.items() if name in cv and not isfinite(cv[name]["score"])]
    check_reference(diverged, "on a fold")
    rows = {c.name: by_name[of[c.name]] for c in compared if c.source in FIXED or c.pooled_epochs}
    rows = {name: candidate for name, candidate in rows.items() if name not in diverged}
    selected = select(without_duplicates(compared, duplicates), cv) if cv else None
    budget = budget_record(compared, cv, duplicates)
    if budget is not None:
        name = budget["selected"]
        rows[BUDGET] = by_name[name]
        if name in rows:
            duplicates = {**duplicates, BUDGET: name}
    if selected is not None:
        rows[DATA_MIX] = selected
    fixed = int(experiment.config["epochs"])
    return Chosen(
        rows=rows,
        epochs={c.name: cv[c.name]["epochs"] if cv else fixed for c in rows.values()},
        own={c.name: cv[c.name]["own"] if cv else fixed for c in rows.values()},
        options={name: dict(s["options"]) for name, s in cv.items() if s["options"]},
        diverged=tuple(diverged),
        duplicates=duplicates,
        budget=budget,
    )


def chosen_candidates(
    compared: Sequence[Candidate],
    cv: Mapping[str, FoldSummary],
    duplicates: Mapping[str, str],
    rows: Sequence[str] = (DATA_MIX, BUDGET),
) -> dict[str, Candidate]:
    """Return what rows chose on the folds, where that is in no other row.

    Parameters
    ----------
    compared, cv, duplicates
        As for :func:`choose`.
    rows : sequence of str
        ``data_mix``, ``budget`` or both, whose candidates all have a summary.
    """
    chosen: dict[str, Candidate | None] = {}
    if DATA_MIX in rows:
        chosen[DATA_MIX] = select(without_duplicates(compared, duplicates), cv)
    if BUDGET in rows:
        budget = budget_record(compared, cv, duplicates)
        name = None if budget is None else budget["selected"]
        chosen[BUDGET] = next((c for c in compared if c.name == name), None)
    return {row: c for row, c in chosen.items() if c is not None and c.source not in FIXED}


def check_reference(diverged: Sequence[str], where: str) -> None:
    """Raise ``ValueError`` if training of Proportional diverged."""
    if REFERENCE in diverged:
        raise ValueError(
            f"Training of {REFERENCE!r} diverged {where}. All mixes are compared with it, so the run "
            "stops; lower learning_rate."
        )
