"""Profile curves: the target's metric and loss against the weight of each group, around a mix."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from recbole_groupmix.adapters.closed_form import ClosedForm
from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.held_out import HeldOut, user_metrics
from recbole_groupmix.core.linear.mix_gradient import held_out_losses
from recbole_groupmix.core.mix import Mix, group_weights, proportional
from recbole_groupmix.core.user_metrics import METRICS
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import Part
from recbole_groupmix.training.closed_form.back_end import weighted_ease
from recbole_groupmix.training.closed_form.gram_cache import GramCache
from recbole_groupmix.training.one_by_one import triplet_factors

#: The curve on which the weights of all other groups change together: the budget.
ALL_OTHERS = "all others"
LOSS = "loss"


@dataclass(frozen=True)
class Point:
    """One weight of one group, all other weights as in the mix.

    Attributes
    ----------
    factor : float
        What the group's weight in the mix is multiplied by, > 0; 1 is the mix itself.
    weight : float
        Weight of a user of the group beside 1 of a target user; NaN on the curve of all others.
    lams : dict of str to float or None
        EASE's L2 weight by measure, of several the best on the folds: all metrics have that of the
        validation metric, as in a run, and the loss has its own. None for WeightedSVD.
    values : dict of str to numpy.ndarray of float64, shape (n_folds,)
        Mean over the target's users of every metric and of the held-out log loss, by fold.
    """

    factor: float
    weight: float
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
        By group and `ALL_OTHERS`, in ascending order of the factor.
    """

    mix_name: str
    metric: str
    curves: dict[str, list[Point]]

    @property
    def centre(self) -> Point:
        """The mix itself."""
        return next(p for points in self.curves.values() for p in points if p.factor == 1)


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
    """Solve EASE or WeightedSVD for every factor of every group's weight on every fold.

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
    k = int(metric.partition("@")[2])
    grid: list[float | None] = [*(settings.lambdas or (None,))]
    weights = _weights(experiment, mix, experiment.n_users)
    changed = [name for name, weight in weights.items() if name != target and weight > 0]
    if not changed:
        raise ValueError(
            f"mix {mix_name!r} gives no other group any weight, so there is nothing to change; "
            "choose one with alpha_aug > 0"
        )
    names = [*changed, *([ALL_OTHERS] if len(changed) > 1 else [])]
    plan = [("", 1.0), *((name, f) for name in names for f in factors if f != 1)]
    n_folds = int(settings.folds)
    measured: dict[tuple[str, float], list[list[dict[str, float]]]] = {
        key: [[] for _ in grid] for key in plan
    }
    grams, done = GramCache(experiment), 0
    for fold in range(n_folds):
        part = experiment.part(fold + 1)
        held_out = experiment.target_held_out(part)
        of_part = _weights(experiment, mix, part.n_users)
        for name, factor in plan:
            here = {
                group: w * factor
                if name == group or (name == ALL_OTHERS and group != target)
                else w
                for group, w in of_part.items()
            }
            for place, lam in enumerate(grid):
                model = _solved(experiment, part, grams, here, lam)
                measured[name, factor][place].append(_measured(model, held_out, k))
                done += 1
                if on_model is not None:
                    on_model(done, n_folds * len(plan) * len(grid))

    def point(name: str, factor: float) -> Point:
        of_lambda = measured[("", 1.0) if factor == 1 else (name, factor)]
        tried = [_by_measure(folds) for folds in of_lambda]
        of_metric = int(np.argmax([values[metric].mean() for values in tried]))
        of_loss = int(np.argmin([values[LOSS].mean() for values in tried]))
        best = {m: of_loss if m == LOSS else of_metric for m in tried[0]}
        weight = weights[name] * factor if name in weights else math.nan
        lams = {measure: grid[place] for measure, place in best.items()}
        values = {measure: tried[place][measure] for measure, place in best.items()}
        return Point(factor, weight, lams, values)

    curves = {name: [point(name, factor) for factor in factors] for name in names}
    return Profile(mix_name, metric, curves)


def _weights(
    experiment: Experiment, mix: Mix | None, n_users: Mapping[str, int]
) -> dict[str, float]:
    target = experiment.target
    by_group = group_weights(mix or proportional(n_users, target), n_users, target)
    return {name: by_group[name] for name in experiment.groups.names}


def _solved(
    experiment: Experiment,
    part: Part,
    grams: GramCache,
    weights: Mapping[str, float],
    lam: float | None,
) -> ClosedForm:
    if lam is not None:
        return weighted_ease(experiment, part, grams, list(weights.values()), lam)
    config = copy.copy(experiment.config)
    with recbole_compat():
        model: ClosedForm = experiment.model_class(config, grams.data_set(part, None))
    model = model.to(config["device"])
    of_users = experiment.groups.weights_of_users(dict(weights))
    model.fit(of_users * triplet_factors(experiment, part))
    return model


def _measured(model: ClosedForm, held_out: HeldOut, k: int) -> dict[str, float]:
    """Return the means over users of every metric at k and of the log loss."""
    losses = np.empty(len(held_out.users))

    def loss_of(rows: slice, scores: np.ndarray) -> None:
        losses[rows] = held_out_losses(
            scores, held_out.left_out(rows), held_out.relevant[rows].toarray()
        )[0]

    metrics = user_metrics(model, held_out, [k], METRICS, on_scores=loss_of)
    return {
        **{name: float(values.mean()) for name, values in metrics.items()},
        LOSS: losses.mean(),
    }


def _by_measure(folds: list[dict[str, float]]) -> dict[str, np.ndarray]:
    return {measure: np.array([fold[measure] for fold in folds]) for measure in folds[0]}
