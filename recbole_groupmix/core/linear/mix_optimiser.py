"""The mix with the least smooth held-out loss of EASE, by its exact gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from recbole_groupmix.core.linear.ease import check_lambda
from recbole_groupmix.core.linear.gram import Floats
from recbole_groupmix.core.linear.mix_gradient import LossGradient, ease_loss_gradient

#: Least and largest weight of an augmentation user: the search is over logarithms.
WEIGHT_BOUNDS = (1e-3, 20.0)
LAMBDA_BOUNDS = (1.0, 1e5)


@dataclass(frozen=True)
class FoldProblem:
    """The data of one fold.

    Attributes
    ----------
    grams : array of float, shape (n_groups, n_items, n_items)
        Gram matrix of each group on the fold's training part.
    seen, relevant : array of bool, shape (n_users, n_items)
        Training items and held-out items of the target's users; see `ease_loss_gradient`.
    left_out : array of bool, shape (n_users, n_items), optional
        Items that are not ranked for them, if more than the training items.
    """

    grams: Floats
    seen: npt.NDArray[np.bool_]
    relevant: npt.NDArray[np.bool_]
    left_out: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Optimum:
    """Result of the search from one start.

    Attributes
    ----------
    weights : array of float64, shape (n_groups,)
        Weight of a user of each group; the target's is 1.
    lam : float
        Weight of the L2 term.
    loss, loss_at_start : float
        Mean over folds.
    evaluations : int
        Number of evaluations of loss and gradient, each over all folds.
    """

    weights: npt.NDArray[np.float64]
    lam: float
    loss: float
    loss_at_start: float
    evaluations: int


def mean_loss_gradient(
    folds: Sequence[FoldProblem],
    weights: npt.NDArray[np.float64],
    lam: float,
    each: Callable[..., Iterable[LossGradient]] = map,
    **options: Any,
) -> tuple[float, npt.NDArray[np.float64], float]:
    """Return the mean over folds of the loss and of its derivatives in weights and lambda.

    ``each`` is called like ``map``, with a function and the folds.
    """

    def of_fold(fold: FoldProblem) -> LossGradient:
        seen, relevant, ranking = fold.seen, fold.relevant, {"left_out": fold.left_out}
        return ease_loss_gradient(fold.grams, weights, lam, seen, relevant, **ranking, **options)

    gradients = list(each(of_fold, folds))
    return (
        float(np.mean([gradient.loss for gradient in gradients])),
        np.mean([gradient.by_weight for gradient in gradients], axis=0),
        float(np.mean([gradient.by_lambda for gradient in gradients])),
    )


def optimise_mix(
    folds: Sequence[FoldProblem],
    target: int,
    start: npt.NDArray[np.float64],
    lam: float,
    *,
    most: int = 20,
    fix_lambda: bool = False,
    each: Callable[..., Iterable[LossGradient]] = map,
    **options: Any,
) -> Optimum:
    """Minimise the mean held-out loss over the weights of the other groups and lambda.

    The weights are ``w_j = exp(t_j)``: a softmax for ``alpha_j``, proportional to ``n_j w_j``, with
    a free budget ``alpha_aug``, in one step. Limited-memory BFGS with bounds, on t and log lambda;
    by the chain rule the slopes are ``w_j dL/dw_j`` and ``lambda dL/dlambda``.

    Parameters
    ----------
    folds : sequence of FoldProblem
        At least one; groups in the same order in each.
    target : int
        Index of the target group, whose weight stays 1.
    start : array of float, shape (n_groups,)
        Weights to start from; those outside `WEIGHT_BOUNDS` are brought to them.
    lam : float
        Lambda to start from, > 0.
    most : int
        Approximate limit on the number of evaluations, >= 1.
    fix_lambda : bool
        Whether lambda stays fixed.
    each : callable
        Called like ``map`` with a function and the folds, which may be processed in parallel.
    **options
        ``loss`` and ``sharpness``; see `held_out_losses`.

    Raises
    ------
    ValueError
        If there are no folds, `target` is not a group, `most` is below 1 or `ease_loss_gradient`
        refuses an input.
    """
    check_lambda(lam)
    start = np.asarray(start, dtype=np.float64)
    n_groups = len(start)
    if not folds or any(len(fold.grams) != n_groups for fold in folds):
        raise ValueError(
            f"{len(folds)} folds are given for {n_groups} weights; give at least one fold, with a "
            "Gram matrix for each weight."
        )
    if not 0 <= target < n_groups or most < 1:
        raise ValueError(
            f"target is {target} and most is {most}; they must be a group's index, 0 to "
            f"{n_groups - 1}, and at least 1."
        )
    others = np.flatnonzero(np.arange(n_groups) != target)
    losses: list[float] = []
    best: list[tuple[float, npt.NDArray[np.float64], float]] = []

    def at(point: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        weights = np.ones(n_groups)
        weights[others] = np.exp(point[:-1])
        here = lam if fix_lambda else math.exp(point[-1])
        loss, by_weight, by_lambda = mean_loss_gradient(folds, weights, here, each, **options)
        losses.append(loss)
        if not best or loss < best[0][0]:
            best[:] = [(loss, weights, here)]
        slope_of_lambda = 0.0 if fix_lambda else here * by_lambda
        return loss, np.r_[weights[others] * by_weight[others], slope_of_lambda]

    bounds = [tuple(map(math.log, WEIGHT_BOUNDS))] * len(others)
    bounds.append(tuple(map(math.log, LAMBDA_BOUNDS)))
    first = np.r_[np.log(np.clip(start[others], *WEIGHT_BOUNDS)), math.log(lam)]
    options_of_scipy = {"maxfun": most, "ftol": 1e-7}
    minimize(at, first, jac=True, method="L-BFGS-B", bounds=bounds, options=options_of_scipy)
    ((loss, weights, at_lambda),) = best
    return Optimum(weights, at_lambda, loss, losses[0], len(losses))
