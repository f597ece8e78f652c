"""The baseline ``budget``: all data in their own shares, and how much of them the folds choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recbole_groupmix.core.budget_curve import BUDGETS, nearest_to_as_is
from recbole_groupmix.core.mix import Mix, proportional
from recbole_groupmix.core.names import BUDGET, BUDGET_CANDIDATE
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.record.schema import FoldSummary


def budget_candidates(n_users: Mapping[str, int], target: str) -> list[Candidate]:
    """Return the candidates of the baseline ``budget``, in ascending order of the budget.

    Those of the budgets 0 and 1 equal No Augmentation and Proportional, whose models serve them
    (:func:`~recbole_groupmix.mixes.duplicates.find_duplicates`).

    Parameters
    ----------
    n_users : mapping of str to int
        Users of every group in all of train; on a part the candidates follow its counts.
    target : str
        Name of the target group.
    """
    shares = proportional(n_users, target).alpha
    return [
        Candidate(f"{BUDGET_CANDIDATE}{budget:g}", Mix(shares, budget), BUDGET)
        for budget in BUDGETS
    ]


def chosen_budget(
    compared: Sequence[Candidate],
    cv: Mapping[str, FoldSummary],
    duplicates: Mapping[str, str],
) -> Candidate | None:
    """Return the candidate that the row ``budget`` is: the best on the folds.

    Of equal scores the budget nearest to 1 is chosen. None where there are no candidates or folds.

    Parameters
    ----------
    compared : sequence of Candidate
        All candidates.
    cv : mapping of str to FoldSummary
        Summaries on the folds, by candidate.
    duplicates : mapping of str to str
        Candidates whose summary is that of an earlier, equal one.
    """
    tried = {c.mix.alpha_aug: c for c in compared if c.source == BUDGET}
    served = {budget: duplicates.get(c.name, c.name) for budget, c in tried.items()}
    scores = {budget: cv[name]["score"] for budget, name in served.items() if name in cv}
    best = nearest_to_as_is(scores)
    return None if best is None else tried[best]
