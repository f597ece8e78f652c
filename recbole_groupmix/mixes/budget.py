"""The baseline ``budget``: all data in their own shares, and how much of them the folds choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recbole_groupmix.core.budget_curve import nearest_to_as_is
from recbole_groupmix.core.names import BUDGET
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.record.fold_schema import FoldSummary
from recbole_groupmix.record.result_schema import BudgetPoint, BudgetRecord
from recbole_groupmix.text.numbers import or_null


def budget_record(
    compared: Sequence[Candidate], cv: Mapping[str, FoldSummary], duplicates: Mapping[str, str]
) -> BudgetRecord | None:
    """Return the budgets that the folds tried, and the best of them.

    Of equal scores the budget nearest to 1 is chosen; one whose training diverged never is.

    Parameters
    ----------
    compared : sequence of Candidate
        All candidates.
    cv : mapping of str to FoldSummary
        Summaries on the folds, by candidate.
    duplicates : mapping of str to str
        Candidates that equal an earlier one, whose models and summary are theirs.

    Returns
    -------
    BudgetRecord or None
        Value of ``budget`` in ``result.json``; None without budgets, folds or a score.
    """
    served = {
        c.mix.alpha_aug: duplicates.get(c.name, c.name) for c in compared if c.source == BUDGET
    }
    scores = {budget: cv[name]["score"] for budget, name in served.items() if name in cv}
    best = nearest_to_as_is(scores)
    if best is None:
        return None
    curve: list[BudgetPoint] = [
        {"alpha_aug": budget, "candidate": served[budget], "score": or_null(score)}
        for budget, score in sorted(scores.items())
    ]
    return {"selected": served[best], "alpha_aug": best, "curve": curve}


def two_groups_note(experiment: Experiment, budgets: bool) -> list[str]:
    """Return the note that the budget is all that a search can choose, where it is so.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    budgets : bool
        Whether the run has the baseline ``budget``.
    """
    if len(experiment.groups.names) != 2 or not (budgets and experiment.settings.trials):
        return []
    return [
        "with two groups a mix is its budget alone, so that the budget curve is the whole search: "
        "--trials=0 leaves out what it tries already"
    ]
