"""A recommender of two item categories and the equilibrium that its groups of users reach."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recbole_groupmix.core.dynamics.fit_states import fit_rates, next_states
from recbole_groupmix.core.dynamics.policies import POLICIES
from recbole_groupmix.core.dynamics.scores import FloatArray, Scores
from recbole_groupmix.core.dynamics.transitions import check_probabilities
from recbole_groupmix.core.theory.prevalence import check_shares


@dataclass(frozen=True)
class System:
    """Who is recommended what, and what that does to the groups (Yao's dissertation, Section 5.3).

    Parameters
    ----------
    scores : pair of Scores
        Distributions of the fit scores in the first and the second item category.
    policies : pair of str
        Keys of `policies.POLICIES`: ``"UN"`` unconstrained, ``"DP"`` demographic parity, ``"EqOpt"``
        equal opportunity.
    transitions : float64 array, shape (..., n_groups, 2, 2, 2, 2)
        Probability of a fit by group, category, the state in it, its decision and the decision in
        the other category, as `compound` makes it; leading axes are systems side by side.
    shares : float64 array, shape (n_groups,)
        Share of each group in the population, together 1.
    break_even : float
        ``u_- / (u_+ + u_-)``, in (0, 1): the probability of a fit from which a recommendation pays.

    Raises
    ------
    ValueError
        If a policy is unknown, or a probability, the shares or ``break_even`` are out of range.
    """

    scores: tuple[Scores, Scores]
    policies: tuple[str, str]
    transitions: FloatArray
    shares: FloatArray
    break_even: float = 0.5

    def __post_init__(self) -> None:
        """Check every part."""
        for policy in self.policies:
            if policy not in POLICIES:
                raise ValueError(
                    f"policy {policy!r} is unknown; choose from {', '.join(POLICIES)}."
                )
        check_shares(self.shares, "shares")
        check_probabilities(self.transitions, (len(self.shares), 2, 2, 2, 2), "transitions")
        if not 0 < self.break_even < 1:
            raise ValueError(f"break_even is {self.break_even!r}; give a number between 0 and 1.")

    def thresholds(self, states: FloatArray) -> FloatArray:
        """Return the thresholds of both categories, shape (..., n_groups, 2), at joint states.

        Raises
        ------
        ValueError
            If a fit rate is 0 or 1, at which no finite threshold is best.
        """
        rates = fit_rates(states)
        if not ((rates > 0) & (rates < 1)).all():
            raise ValueError("a group has the fit rate 0 or 1; thresholds need one between them.")
        both = (
            POLICIES[policy](rates[..., category], self.shares, scores, self.break_even)
            for category, (policy, scores) in enumerate(
                zip(self.policies, self.scores, strict=True)
            )
        )
        return np.stack(list(both), axis=-1)

    def step(self, states: FloatArray) -> FloatArray:
        """Return the joint states, shape (..., n_groups, 2, 2), after one step."""
        thresholds = self.thresholds(states)
        rejected = [scores.rejected(thresholds[..., i]) for i, scores in enumerate(self.scores)]
        return next_states(states, np.stack(rejected, axis=-2), self.transitions)


def equilibrium(
    system: System, states: FloatArray, tolerance: float = 1e-10, most_steps: int = 10_000
) -> FloatArray:
    """Return the joint states that recommendation leads to from a start.

    Theorem 1 says that an equilibrium exists where thresholds are continuous; that steps lead to it
    is not said, so their number is bounded.

    Parameters
    ----------
    system : System
        The recommender.
    states : float64 array, shape (..., n_groups, 2, 2)
        The start, as `joint_states` makes it.
    tolerance : float
        The end: no share changes by more in a step, > 0.
    most_steps : int
        Steps after which it is given up, >= 1.

    Returns
    -------
    float64 array, shape (..., n_groups, 2, 2)
        Share of each group's users by their states in both categories.

    Raises
    ------
    ValueError
        If a fit rate becomes 0 or 1, or the shares still change after ``most_steps``.
    """
    for _ in range(most_steps):
        last, states = states, system.step(states)
        if np.abs(states - last).max() <= tolerance:
            return states
    raise ValueError(
        f"fit rates still change by {np.abs(states - last).max():.1e} after {most_steps} steps."
    )
