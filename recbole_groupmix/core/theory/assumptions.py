"""Whether the assumptions of Theorem 3.1 hold for a data set."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy.typing as npt

from recbole_groupmix.core.theory.prevalence import check_shares


@dataclass(frozen=True)
class Assumptions:
    """What Assumptions B.1 and B.2 ask of target and augmentation data together, and what there is.

    Attributes
    ----------
    n_users, n_items : int
        Users n, and items m with an interaction.
    rate : float
        Probability p that a user has an item of the class that the user likes, in the theorem's terms:
        of every user's items, as if they were all of one of k classes of m / k items.
    least_rate : float
        The rate that B.2 asks for, as :func:`least_rate` gives it.
    """

    n_users: int
    n_items: int
    rate: float
    least_rate: float

    @property
    def b1(self) -> bool:
        """Whether there are at least as many items as users."""
        return self.n_items >= self.n_users

    @property
    def b2(self) -> bool:
        """Whether the rate is at least what is asked for, with the theorem's constant taken as 1."""
        return self.rate >= self.least_rate


def assumptions(
    theta_0: npt.ArrayLike, n_users: int, n_items: int, n_interactions: int
) -> Assumptions:
    """Return the assumptions of a target.

    Parameters
    ----------
    theta_0 : array of float, shape (n_classes,)
        Class shares of the target, together 1.
    n_users, n_items, n_interactions : int
        Of all groups together; items with an interaction.

    Raises
    ------
    ValueError
        As :func:`least_rate`.
    """
    least = least_rate(theta_0, n_users, n_items)
    of_class = n_items / len(check_shares(theta_0, "theta_0"))
    return Assumptions(n_users, n_items, min(n_interactions / (n_users * of_class), 1.0), least)


def least_rate(theta_0: npt.ArrayLike, n_users: float, n_items: int) -> float:
    """Return the rate of observation that Assumption B.2 asks for, its constant taken as 1.

    ``max_c(1 / theta_c)^2 * log(m) / (n m)``.

    Parameters
    ----------
    theta_0 : array of float, shape (n_classes,)
        Class shares of the target, together 1; a share of 0 gives infinity.
    n_users : float
        Users n of target and augmentation data together, > 0.
    n_items : int
        Number of items m, >= 2.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    """
    rarest = float(check_shares(theta_0, "theta_0").min())
    if not (n_users > 0 and n_items >= 2):
        raise ValueError(
            f"n_users is {n_users!r} and n_items {n_items!r}; they must be > 0 and >= 2."
        )
    if rarest == 0:
        return math.inf
    return math.log(n_items) / (rarest**2 * n_users * n_items)
