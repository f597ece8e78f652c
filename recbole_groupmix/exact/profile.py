"""Profile curves around a mix: the target's metric and loss against the weight of each group.

A last curve is that of the budget: all other groups keep their shares, and their weights change
together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recbole_groupmix.core.budget_curve import (
    AS_IS,
    BUDGETS,
    BudgetPoint,
    budget_curve,
    parts_of_score,
)
from recbole_groupmix.core.mix import Mix, group_weights, mix_from_weights, proportional
from recbole_groupmix.core.names import BUDGET
from recbole_groupmix.core.statistics.two_tests import Compared
from recbole_groupmix.exact.profile_models import LOSS, OnFold, measured_on_fold, solved
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.training.closed_form.gram_cache import GramCache

#: The place of the mix itself, on every curve.
_CENTRE = ("", 1.0)


@dataclass(frozen=True)
class Point:
    """One weight of one group, all other weights as in the mix; or one budget.

    Attributes
    ----------
    factor : float
        What the group's weight in the mix is multiplied by, on the curve of the budget that of
        all other groups, >= 0; 1 is the mix itself.
    weight : float
        Weight of a user of the group beside 1 of a target user; NaN on the curve of the budget.
    alpha_aug : float
        The budget ratio.
    lams : dict of str to float or None
        EASE's L2 weight by measure, of several the best on the folds: all metrics have that of the
        validation metric, as in a run, and the loss has its own. None for WeightedSVD.
    values : dict of str to numpy.ndarray of float64, shape (n_folds,)
        Mean over the target's users of every metric and of the held-out log loss, by fold.
    """

    factor: float
    weight: float
    alpha_aug: float
    lams: dict[str, float | None]
    values: dict[str, np.ndarray]


@dataclass(frozen=True)
class Profile:
    """Curves around a mix.

    Attributes
    ----------
    mix_name : str
        Name of the mix.
    metric : str
        Metric that chooses lambda, such as "recall@20".
    curves : dict of str to list of Point
        By group and, last, `BUDGET`, in ascending order of the factor.
    budgets : list of BudgetPoint
        The curve of the budget, point by point: changes of the metric with intervals over the
        target's users; empty where fewer than 2 are measured.
    """

    mix_name: str
    metric: str
    curves: dict[str, list[Point]]
    budgets: list[BudgetPoint]

    @property
    def centre(self) -> Point:
        """The mix itself."""
        return next(p for points in self.curves.values() for p in points if p.factor == 1)

    def change_of(self, budget: Point) -> Compared | None:
        """Return the change of the metric at a point of the curve of the budget."""
        found = (of.change for of in self.budgets if math.isclose(of.budget, budget.alpha_aug))
        return next(found, None)


def factors_of(points: int, reach: float) -> list[float]:
    """Return factors from ``1 / reach`` to `reach`, evenly spaced in their logarithms.

    Raises
    ------
    ValueError
        If `points` is even or below 3, or `reach` is not a finite number above 1.
    """
    if points < 3 or points % 2 == 0:
        raise ValueError(f"points is {points}; it must be odd, with the mix itself in the middle")
    if not 1 < reach < math.inf:
        raise ValueError(f"reach is {reach}; the largest factor of a weight is a number above 1")
    half = points // 2
    return [float(reach ** (step / half)) for step in range(-half, half + 1)]


def profile(
    experiment: Experiment,
    mix: Mix | None,
    mix_name: str,
    factors: list[float],
    on_model: Callable[[int, int], None] | None = None,
) -> Profile:
    """Solve EASE or WeightedSVD on every fold, for every weight of each group and every budget.

    Parameters
    ----------
    experiment : Experiment
        Shared data, of a run with ``model: EASE`` or ``WeightedSVD``; its folds are used.
    mix : Mix or None
        The mix in the middle; None is Proportional, by the users of each fold.
    mix_name : str
        Its name.
    factors : list of float
        Result of `factors_of`.
    on_model : callable, optional
        Called with the number of models solved so far and in all.

    Raises
    ------
    ValueError
        If the mix gives no other group any weight.
    """
    settings, target = experiment.settings, experiment.target
    metric = str(settings.valid_metric)
    weights = _weights(experiment, mix, experiment.n_users)
    of_curve = {name: factors for name, w in weights.items() if name != target and w > 0}
    if not of_curve:
        raise ValueError(
            f"mix {mix_name!r} gives no other group any weight, so there is nothing to change; "
            "choose one with alpha_aug > 0"
        )
    own = mix.alpha_aug if mix else AS_IS
    budget_at = {budget / own: budget for budget in sorted({*BUDGETS, own})}
    of_curve[BUDGET] = list(budget_at)
    places = [(name, factor) for name, of in of_curve.items() for factor in of if factor != 1]
    measured = _measured(experiment, mix, [_CENTRE, *places], on_model)
    tried = {place: _Tried(of, metric) for place, of in measured.items()}

    def at(name: str, factor: float) -> _Tried:
        return tried[_CENTRE if factor == 1 else (name, factor)]

    def point(name: str, factor: float) -> Point:
        found = at(name, factor)
        of_point = _changed(weights, name, factor, target)
        return Point(
            factor,
            math.nan if name == BUDGET else of_point[name],
            mix_from_weights(of_point, experiment.n_users, target).alpha_aug,
            {measure: _lambdas(experiment)[place] for measure, place in found.best.items()},
            found.values,
        )

    curves = {name: [point(name, factor) for factor in of] for name, of in of_curve.items()}
    parts = {budget: list(at(BUDGET, f).parts.values()) for f, budget in budget_at.items()}
    several = len(parts[own]) > 1
    budgets = budget_curve(parts, parts[own], settings.seed, own) if several else []
    return Profile(mix_name, metric, curves, budgets)


class _Tried:
    """What was measured at a place of a profile, by lambda and fold, and which lambda is best.

    Attributes
    ----------
    best : dict of str to int
        Place of the best lambda by measure.
    values : dict of str to numpy.ndarray of float64, shape (n_folds,)
        Means by measure, each under its best lambda.
    parts : dict of str to float
        Parts of the users in the score, see
        :func:`~recbole_groupmix.core.budget_curve.parts_of_score`.
    """

    def __init__(self, measured: Sequence[Sequence[OnFold]], metric: str) -> None:
        of = [
            {m: np.array([fold.means[m] for fold in folds]) for m in folds[0].means}
            for folds in measured
        ]
        of_metric = int(np.argmax([values[metric].mean() for values in of]))
        of_loss = int(np.argmin([values[LOSS].mean() for values in of]))
        self.best = {m: of_loss if m == LOSS else of_metric for m in of[0]}
        self.values = {measure: of[place][measure] for measure, place in self.best.items()}
        chosen = measured[of_metric]
        self.parts = parts_of_score([f.users for f in chosen], [f.of_users for f in chosen])


def _measured(
    experiment: Experiment,
    mix: Mix | None,
    places: Sequence[tuple[str, float]],
    on_model: Callable[[int, int], None] | None,
) -> dict[tuple[str, float], list[list[OnFold]]]:
    """Solve and measure a model at every place of a profile, by place, lambda and fold."""
    grid, n_folds = _lambdas(experiment), int(experiment.settings.folds)
    measured: dict[tuple[str, float], list[list[OnFold]]] = {
        place: [[] for _ in grid] for place in places
    }
    grams, done = GramCache(experiment), 0
    for fold in range(n_folds):
        part = experiment.part(fold + 1)
        of_part = _weights(experiment, mix, part.n_users)
        for name, factor in places:
            weights = _changed(of_part, name, factor, experiment.target)
            for place, lam in enumerate(grid):
                model = solved(experiment, part, grams, weights, lam)
                found = measured_on_fold(experiment, part, model, keep=name in ("", BUDGET))
                measured[name, factor][place].append(found)
                done += 1
                if on_model is not None:
                    on_model(done, n_folds * len(places) * len(grid))
    return measured


def _lambdas(experiment: Experiment) -> list[float | None]:
    return [*(experiment.settings.lambdas or (None,))]


def _weights(
    experiment: Experiment, mix: Mix | None, n_users: Mapping[str, int]
) -> dict[str, float]:
    target = experiment.target
    by_group = group_weights(mix or proportional(n_users, target), n_users, target)
    return {name: by_group[name] for name in experiment.groups.names}


def _changed(
    weights: Mapping[str, float], name: str, factor: float, target: str
) -> dict[str, float]:
    """Return weights of which that of a group, or of all but the target's, is multiplied."""
    return {
        group: w * factor if name == group or (name == BUDGET and group != target) else w
        for group, w in weights.items()
    }
