"""The budget curve: a target's metric against how much of the other groups' data is used.

All other groups keep their shares (Proportional's), and their users weigh ``alpha_aug`` each, so
that 1 is training on everything as it is and 0 on the target alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.statistics.bootstrap import holm
from recbole_groupmix.core.statistics.two_tests import Compared, compared_changes

#: Budgets of the curve; 1 is Proportional and 0 No Augmentation.
BUDGETS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 4.0)
#: The budget that every other one is compared with.
AS_IS = 1.0
#: A corrected p-value below it marks a budget as better or worse.
LEVEL = 0.05


@dataclass(frozen=True)
class BudgetPoint:
    """A budget and how the target fares under it, relative to one that it is compared with.

    Attributes
    ----------
    budget : float
        Budget ratio ``alpha_aug``, >= 0.
    change : Compared
        Relative change of the target's metric, with its interval over users.
    p_holm : float
        Its p-value, corrected over the budgets of the curve; NaN for the one compared with.
    """

    budget: float
    change: Compared
    p_holm: float

    @property
    def verdict(self) -> int:
        """1 where the budget is better than 1 beyond chance, -1 where it is worse, else 0."""
        if not (self.p_holm < LEVEL):
            return 0
        return int(self.change.ci_low > 0) - int(self.change.ci_high < 0)


def nearest_to_as_is(scores: Mapping[float, float]) -> float | None:
    """Return the budget of the best score, of equal ones the nearest to 1; None without a score.

    Parameters
    ----------
    scores : mapping of float to float
        Score by budget, more is better; NaN (training diverged) counts as no score.
    """
    known = {budget: score for budget, score in scores.items() if math.isfinite(score)}
    return max(known, key=lambda b: (known[b], -abs(b - AS_IS)), default=None)


def parts_of_score(
    users: Sequence[Sequence[str]], values: Sequence[npt.ArrayLike]
) -> dict[str, float]:
    """Return each user's part in a score on the folds; the mean over users is the score.

    The score is the mean over folds of the mean over the users who are measured there, so a user's
    part is large where few are.

    Parameters
    ----------
    users : sequence of sequence of str
        For each fold, the users who are measured on it.
    values : sequence of array of float
        For each fold, their values.
    """
    parts: dict[str, float] = {}
    for names, of_fold in zip(users, values, strict=True):
        numbers = np.asarray(of_fold, dtype=np.float64)
        for name, value in zip(names, numbers / len(numbers), strict=True):
            parts[name] = parts.get(name, 0.0) + float(value)
    return {name: part * len(parts) / len(users) for name, part in parts.items()}


def budget_curve(
    by_budget: Mapping[float, npt.ArrayLike],
    baseline: npt.ArrayLike,
    seed: int,
    as_is: float = AS_IS,
) -> list[BudgetPoint]:
    """Return the points of a budget curve, in ascending order of the budget.

    Parameters
    ----------
    by_budget : mapping of float to array of float, shape (n_users,)
        Per-user values of the target's metric under each budget, the same users in the same
        places; that of `baseline` may be among them.
    baseline : array of float, shape (n_users,)
        The same under the budget that the others are compared with.
    seed : int
        Seed of the intervals.
    as_is : float
        The budget of `baseline`, where shares other than Proportional's have another.

    Raises
    ------
    ValueError
        If shapes differ or fewer than 2 users are left.
    """
    base = np.atleast_2d(np.asarray(baseline, dtype=np.float64))
    budgets = sorted(budget for budget in by_budget if budget != as_is)
    pairs = [(np.atleast_2d(np.asarray(by_budget[b], dtype=np.float64)), base) for b in budgets]
    changes = compared_changes(pairs, seed=seed) if pairs else []
    corrected = holm([change.p for change in changes])
    points = [BudgetPoint(*of) for of in zip(budgets, changes, corrected, strict=True)]
    here = BudgetPoint(as_is, Compared(0.0, 0.0, 0.0, 1.0, 1.0), math.nan)
    return sorted([*points, here], key=lambda point: point.budget)


def places_on_axis(budgets: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return where budgets stand on a logarithmic axis; 0, which has no logarithm, apart at the left.

    Parameters
    ----------
    budgets : sequence of float
        Budget ratios, >= 0, one of them positive.
    """
    apart = math.log2(min(budget for budget in budgets if budget > 0)) - 1.5
    return np.array([math.log2(budget) if budget > 0 else apart for budget in budgets])


def reading(points: Sequence[BudgetPoint]) -> str:
    """Return in a sentence what the shape of a curve says about the target.

    Parameters
    ----------
    points : sequence of BudgetPoint
        From :func:`budget_curve`.
    """
    better = [point for point in points if point.verdict > 0]
    worse = [point.budget for point in points if point.verdict < 0]
    if better:
        best = max(better, key=lambda point: point.change.mean)
        gain = f"{100 * best.change.mean:+.1f} % at {best.budget:g}"
        if best.budget < AS_IS:
            return (
                f"A peak below 1 ({gain}): the target differs, and less of the others serves it."
            )
        return f"A peak above 1 ({gain}): more weight on the others' data serves the target."
    below = [budget for budget in worse if budget < AS_IS]
    above = [budget for budget in worse if budget > AS_IS]
    if below and above:
        return (
            f"It falls on both sides (from {max(below):g} down and from {min(above):g} up): the "
            "budget is right as it is."
        )
    if below:
        return (
            f"It falls only towards 0 (from {max(below):g} down): the others' data help, and from "
            "there on how much of them makes no difference that can be told."
        )
    if above:
        return (
            f"It falls only beyond 1 (from {min(above):g} up): as much as there is, or less, serves "
            "the target alike."
        )
    return (
        "Flat: no budget can be told from 1, so all data are about equally good for the target, or "
        "its users are too few to tell."
    )
