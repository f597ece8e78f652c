"""The mix of least recovery bound (Theorem 3.1), found exactly.

What is minimised, ``sigma_max / sigma_min^2``, is not convex in alpha, and neither the mix of the
largest ``sigma_min`` nor a search along one line need be optimal. But with ``s(t)`` the least
``sigma_max`` of all mixes that reach ``sigma_min >= t``, the answer is the least ``s(t) / t^2``, and
``s`` is convex and piecewise linear. On a piece ``a + b t`` the ratio has derivative
``-(2 a + b t) / t^3``, whose one zero is a maximum, so the least value lies at an end of a piece:
it is enough to look at every corner of ``s``. The corners are the corners of the frontier of
``sigma_max`` (small) against ``sigma_min`` (large), and a linear programme that weighs the two finds
one between any two others, or shows that none exists.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog, nnls

from recbole_groupmix.core.theory.prevalence import (
    FloatArray,
    check_setting,
    check_shares,
    disparity,
    prevalence,
)

_EPS = 1e-10  # of shares of users: corners closer than this are the same
_EQUAL = 1e-9  # relative: bounds closer than this are equal
_OPTIONS = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


@dataclass(frozen=True, eq=False)
class OptimalMix:
    """The mix of least recovery bound for one budget.

    Attributes
    ----------
    alpha : float64 array, shape (n_groups,)
        Shares of the augmentation groups in [0, 1], together 1.
    n_aug : float
        Augmentation users, >= 0.
    sigma : float64 array, shape (n_classes,)
        Prevalences of the classes under the mix, in users.
    disparity : float
        ``sigma_max / sigma_min^2``, the smallest possible; infinite if every mix leaves a class
        without users.
    """

    alpha: FloatArray
    n_aug: float
    sigma: FloatArray
    disparity: float


def optimal_mix(
    theta_0: npt.ArrayLike,
    theta_aug: npt.ArrayLike,
    n_0: float,
    n_aug: float,
    alpha_prop: npt.ArrayLike | None = None,
) -> OptimalMix:
    """Return the mix that minimises the bound of Theorem 3.1 for a given budget.

    Parameters
    ----------
    theta_0, theta_aug, n_0, n_aug
        As for `prevalence`.
    alpha_prop : array of float, shape (n_groups,), optional
        The Proportional mix: of mixes with equal bound the one nearest to it (Euclidean) is
        returned. Default: equal shares.

    Returns
    -------
    OptimalMix

    Raises
    ------
    ValueError
        As `prevalence`, or if `alpha_prop` is off the simplex or of another length.

    Notes
    -----
    Equal bounds for all mixes, and so `alpha_prop` itself, come from a budget of 0 and from a
    class that neither the target nor any group prefers (an infinite bound).
    """
    target, others = check_setting(theta_0, theta_aug, n_0, n_aug)
    n_groups = len(others)
    nearest = (
        np.full(n_groups, 1.0 / n_groups)
        if alpha_prop is None
        else check_shares(alpha_prop, "alpha_prop")
    )
    if nearest.shape != (n_groups,):
        raise ValueError(
            f"alpha_prop has shape {nearest.shape}, but theta_aug has {n_groups} groups."
        )
    problem = _Problem(target, others, n_0, n_aug)
    best, chosen = problem.disparity(nearest), nearest
    if n_aug > 0 and n_groups > 1:
        corners = problem.corners()
        least = min(problem.disparity(alpha) for alpha in corners)
        if math.isfinite(least) and least < best * (1 - _EQUAL):
            ties = [a for a in corners if problem.disparity(a) <= least * (1 + _EQUAL)]
            pulled = [problem.pulled(alpha, nearest, least) for alpha in ties]
            chosen = min(pulled, key=lambda alpha: float(np.linalg.norm(alpha - nearest)))
    sigma = prevalence(chosen, target, others, n_0, n_aug)
    return OptimalMix(chosen, float(n_aug), sigma, float(disparity(sigma)))


class _Problem:
    """Prevalences as shares of all users, so that a tolerance means the same in every problem."""

    def __init__(self, theta_0: FloatArray, theta_aug: FloatArray, n_0: float, n_aug: float):
        total = n_0 + n_aug
        self.fixed: FloatArray = theta_0 * (n_0 / total)
        self.per_share: FloatArray = theta_aug.T * (n_aug / total)  # (n_classes, n_groups)
        k, g = self.per_share.shape
        ones, zeros = np.ones((k, 1)), np.zeros((k, 1))
        # unknowns alpha, s, t:  sigma_c - s <= 0  and  t - sigma_c <= 0  for every class c
        self._above = np.block([[self.per_share, -ones, zeros], [-self.per_share, zeros, ones]])
        self._limits = np.concatenate([-self.fixed, self.fixed])
        self._whole = np.concatenate([np.ones(g), [0.0, 0.0]])[None, :]

    def sigma(self, alpha: FloatArray) -> FloatArray:
        return self.fixed + self.per_share @ alpha

    def disparity(self, alpha: FloatArray) -> float:
        sigma = self.sigma(alpha)
        return float(sigma.max() / sigma.min() ** 2) if sigma.min() > _EPS else math.inf

    def corners(self) -> list[FloatArray]:
        """Return a mix for every corner of the frontier, from least sigma_max on."""
        first, last = self._solve(1.0, 0.0), self._solve(0.0, 1.0)
        corners = [first, last]
        pending = [(first, last)]
        while pending:
            low, high = pending.pop()
            (s_low, t_low), (s_high, t_high) = self._point(low), self._point(high)
            rise, run = max(s_high - s_low, 0.0), max(t_high - t_low, 0.0)
            if rise + run <= _EPS:
                continue
            # the line through both ends: run * s - rise * t is the same at either
            between = self._solve(run / (rise + run), rise / (rise + run))
            s, t = self._point(between)
            if (run * (s - s_low) - rise * (t - t_low)) / (rise + run) < -_EPS:
                corners.append(between)
                pending += [(low, between), (between, high)]
        return corners

    def pulled(self, alpha: FloatArray, nearest: FloatArray, least: float) -> FloatArray:
        """Return the mix nearest to another one among those that are as good as `alpha`.

        They are a polytope; the distance to it is a problem of non-negative least squares (Lawson
        and Hanson, Solving Least Squares Problems, chapter 23: least distance programming).
        """
        s, t = self._point(alpha)
        g = len(alpha)
        sigma = self.sigma(nearest)
        ones = np.ones((1, g))
        # with x = alpha - nearest:  rows @ x >= bounds
        rows = np.vstack([self.per_share, -self.per_share, np.eye(g), ones, -ones])
        bounds = np.concatenate([t - sigma, sigma - s, -nearest, [0.0, 0.0]])
        system = np.vstack([rows.T, bounds])
        try:
            solution, _ = nnls(system, np.append(np.zeros(g), 1.0))
        except RuntimeError:  # too many iterations: keep the corner, which is as good
            return alpha
        residual = system @ solution - np.append(np.zeros(g), 1.0)
        if residual[-1] > -_EPS:
            return alpha
        moved = _on_simplex(nearest - residual[:-1] / residual[-1])
        return moved if self.disparity(moved) <= least * (1 + 2 * _EQUAL) else alpha

    def _point(self, alpha: FloatArray) -> tuple[float, float]:
        sigma = self.sigma(alpha)
        return float(sigma.max()), float(sigma.min())

    def _solve(self, on_largest: float, on_least: float) -> FloatArray:
        """Return the alpha that minimises ``on_largest * s - on_least * t``."""
        g = self.per_share.shape[1]
        solved = linprog(
            np.concatenate([np.zeros(g), [on_largest, -on_least]]),
            A_ub=self._above,
            b_ub=self._limits,
            A_eq=self._whole,
            b_eq=[1.0],
            bounds=[(0.0, None)] * g + [(0.0, 1.0)] * 2,
            method="highs",
            options=_OPTIONS,
        )
        if solved.x is None:
            raise ArithmeticError(f"the linear programme found no mix: {solved.message}")
        return _on_simplex(np.asarray(solved.x[:g], dtype=np.float64))


def _on_simplex(alpha: FloatArray) -> FloatArray:
    """Clip and rescale what rounding left below 0 or off the sum of 1."""
    clipped = np.where(alpha > 1e-12, alpha, 0.0)
    whole: FloatArray = clipped / clipped.sum()
    return whole
