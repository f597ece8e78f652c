"""Thresholds of a recommender that maximises utility, without and with a fairness constraint."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.dynamics.scores import FloatArray, Scores

#: Acceptance rates that demographic parity can take: its thresholds stay finite.
_LEAST, _MOST = 1e-300, 1.0 - 1e-15


def unconstrained(
    rates: FloatArray, shares: FloatArray, scores: Scores, break_even: float
) -> FloatArray:
    """Return the thresholds of largest utility: ``gamma^s(theta^s) = u_- / (u_+ + u_-)``.

    Section 5.2 of Yao's dissertation, after Lemma 1 of its reference [123]. A recommendation gains
    ``u_+`` from a user who fits and loses ``u_-`` by one who does not (Eq. 5.1).

    Parameters
    ----------
    rates : float64 array, shape (..., n_groups)
        Fit rate of each group, in (0, 1).
    shares : float64 array, shape (n_groups,)
        Share of each group in the population, together 1.
    scores : Scores
        Distributions of the fit score.
    break_even : float
        ``u_- / (u_+ + u_-)``, in (0, 1): the probability of a fit from which a recommendation pays.

    Returns
    -------
    float64 array, shape (..., n_groups)
        Thresholds, in units of the score; a score of at least the threshold is recommended.
    """
    return scores.score_of(break_even, rates)


def equal_opportunity(
    rates: FloatArray, shares: FloatArray, scores: Scores, break_even: float
) -> FloatArray:
    """Return the best thresholds of which groups have the same true positive rate.

    Where groups share the distribution of scores, equal rates mean one threshold for all of them,
    and the best one is `unconstrained` at the fit rate of the population, ``sum_s p_s alpha^s``.
    (The condition that Section 5.2 prints, ``sum_s p_s / gamma^s = u_- / (u_+ + u_-)``, has no
    solution: its left side is at least 1.) Parameters and return value are those of
    `unconstrained`.
    """
    pooled = (shares * rates).sum(axis=-1, keepdims=True)
    return np.broadcast_to(scores.score_of(break_even, pooled), rates.shape)


def demographic_parity(
    rates: FloatArray, shares: FloatArray, scores: Scores, break_even: float
) -> FloatArray:
    """Return the best thresholds at which the same share of every group is recommended.

    They solve ``sum_s p_s gamma^s(theta^s) = u_- / (u_+ + u_-)`` (Section 5.2). Parameters and
    return value are those of `unconstrained`.
    """

    def thresholds(accepted: FloatArray) -> FloatArray:
        return _increasing_root(
            lambda theta: (accepted - scores.accepted(theta, rates), scores.density(theta, rates)),
            *scores.bracket(accepted),
        )

    def lacking(accepted: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what the mean posterior lacks, and its slope, at a share of acceptance."""
        theta = thresholds(accepted)
        gamma = scores.posterior(theta, rates)
        slopes = scores.slope * gamma * (1.0 - gamma) / scores.density(theta, rates)
        mean = (shares * gamma).sum(axis=-1, keepdims=True)
        return break_even - mean, (shares * slopes).sum(axis=-1, keepdims=True)

    # the shares of the unconstrained thresholds enclose it: there each gamma is the break-even
    free = scores.accepted(scores.score_of(break_even, rates), rates).clip(_LEAST, _MOST)
    ends = free.min(axis=-1, keepdims=True), free.max(axis=-1, keepdims=True)
    return thresholds(_increasing_root(lacking, *ends))


def _increasing_root(
    function: Callable[[FloatArray], tuple[FloatArray, FloatArray]],
    low: npt.ArrayLike,
    high: npt.ArrayLike,
) -> FloatArray:
    """Return the roots of increasing functions between bounds, by Newton's method and bisection.

    ``function`` returns values and slopes; a step that leaves the bounds becomes a bisection.
    """
    low, high = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    root: FloatArray = (low + high) / 2
    for _ in range(100):
        value, slope = function(root)
        low, high = np.where(value < 0, root, low), np.where(value > 0, root, high)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            newton = root - value / slope
        last, root = root, np.where((low <= newton) & (newton <= high), newton, (low + high) / 2)
        if np.all(np.abs(root - last) <= 1e-13 * (1.0 + np.abs(root))):
            break
    return root


#: The policies by the abbreviations of the dissertation.
POLICIES: dict[str, Callable[[FloatArray, FloatArray, Scores, float], FloatArray]] = {
    "UN": unconstrained,
    "DP": demographic_parity,
    "EqOpt": equal_opportunity,
}
