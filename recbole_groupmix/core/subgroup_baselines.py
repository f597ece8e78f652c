"""Baselines of personal lambdas: lambdas by number of ratings, and a penalty on a group's error."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.als import Factors, FloatArray, Ratings

#: How lambda falls with n + e, by the name of the rule.
DEGREE_RULES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "linear": lambda n: n,
    "sqrt": np.sqrt,
    "log": np.log,
}


def degree_lambdas(counts: npt.ArrayLike, rule: str, mean: float | None = None) -> FloatArray:
    """Return lambdas that fall with the number of a user's ratings (differentiated regularisation).

    They are proportional to ``1 / (n_u + e)``, ``1 / sqrt(n_u + e)`` or ``1 / ln(n_u + e)``.

    Parameters
    ----------
    counts : array of int, shape (n_users,)
        Ratings of each user, >= 0.
    rule : {"linear", "sqrt", "log"}
        Which of the three.
    mean : float, optional
        Mean over users that they are scaled to, > 0, which makes them comparable with a global
        lambda of that value; without, they are these numbers, a lambda of 1 divided.

    Returns
    -------
    float64 array, shape (n_users,)
    """
    lambdas = 1.0 / DEGREE_RULES[rule](np.asarray(counts, dtype=np.float64) + np.e)
    return lambdas if mean is None else lambdas * (mean / lambdas.mean())


def group_penalty(
    ratings: Ratings, in_group: npt.NDArray[np.bool_], weight: float
) -> Callable[[Factors], FloatArray]:
    """Return the weights of ratings that lower ``J + weight * RMSE_g`` (unfairness regularisation).

    J is the objective of :func:`~recbole_groupmix.core.als.factorise`, a sum of squared errors e_k,
    and RMSE_g the group's error on the same ratings. The slope of their sum by e_k is
    ``2 e_k (1 + weight / (2 n_g RMSE_g))`` in the group: that of a squared error with the weight in
    brackets. The root is concave, so J plus that weighted sum, with RMSE_g as it was before the
    sweep, touches the penalised objective there and is nowhere below it. Least squares with weights
    that are renewed before each sweep therefore never raise the objective.

    Parameters
    ----------
    ratings : Ratings
        The ratings that are factorised.
    in_group : bool array, shape (n_users,)
        The users whose error is penalised, with one rating or more.
    weight : float
        Weight of the group's error, >= 0, for a sum of squared errors; for their mean, multiply it
        by the number of ratings.

    Returns
    -------
    function
        The `weigh` of :func:`~recbole_groupmix.core.als.factorise`.
    """
    penalised = in_group[ratings.users]

    def weigh(factors: Factors) -> FloatArray:
        error = max(factors.rmse(ratings, in_group), 1e-12)
        extra = weight / (2.0 * float(penalised.sum()) * error)
        return np.where(penalised, 1.0 + extra, 1.0)

    return weigh
