"""Which unions of groups are solved for Shapley values, and how many solutions that takes.

A union is a whole number whose bit j says whether group j of ``groups.names`` is in it. A union
serves every target that is in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recbole_groupmix.core.shapley import antithetic_orders, coalitions_of
from recbole_groupmix.experiment.experiment import Experiment

#: Groups up to which all unions are solved, unless the user asks for a sample.
MOST_EXACT = 8
#: Orders of groups that are drawn beyond.
PERMUTATIONS = 32


@dataclass(frozen=True)
class Plan:
    """The unions that are solved.

    Attributes
    ----------
    unions : dict of str to tuple of int
        Unions by target, each with the target in it, ascending.
    orders : numpy.ndarray of int64, shape (n_orders, n_groups), or None
        Orders of all groups, each followed by its reverse; a target's are these without it. None
        where all unions are solved.
    """

    unions: Mapping[str, tuple[int, ...]]
    orders: np.ndarray | None

    def orders_of(self, index: int) -> np.ndarray | None:
        """Return the orders of the other groups, by their numbers among these, for a target."""
        if self.orders is None:
            return None
        others = self.orders[self.orders != index].reshape(len(self.orders), -1)
        orders: np.ndarray = others - (others > index)
        return orders


def plan(
    names: Sequence[str], targets: Sequence[str], permutations: int | None, seed: int
) -> Plan:
    """Return the unions for some targets.

    Parameters
    ----------
    names : sequence of str
        All groups.
    targets : sequence of str
        Those for which values are computed.
    permutations : int or None
        Orders to draw; None solves all unions of up to `MOST_EXACT` groups and draws
        `PERMUTATIONS` orders of more.
    seed : int
        Seed of the orders.

    Raises
    ------
    ValueError
        If `permutations` is odd or below 4.
    """
    n = len(names)
    if permutations is None and n <= MOST_EXACT:
        every = range(1, 1 << n)
        return Plan({t: tuple(u for u in every if u >> names.index(t) & 1) for t in targets}, None)
    orders = antithetic_orders(n, permutations or PERMUTATIONS, seed)
    everyone, unions = (1 << n) - 1, {}
    for target in targets:
        own = 1 << names.index(target)
        others = [1 << j for j in range(n) if 1 << j != own]
        wanted = {own | other for other in others} | {everyone ^ other for other in others}
        for order in orders:  # a target that came in first: the coalitions of the others and it
            wanted |= {members | own for members in coalitions_of(order)}
        unions[target] = tuple(sorted(wanted))
    return Plan(unions, orders)


def coalition(union: int, index: int) -> int:
    """Return a union as a coalition of the groups other than a target, by their numbers there."""
    low = union & ((1 << index) - 1)
    return low | (union >> (index + 1)) << index


@dataclass(frozen=True)
class Work:
    """Numbers of solutions.

    Attributes
    ----------
    unions : int
        Unions, each counted as often as it is solved with other data.
    folds, lambdas : int
        Folds on which each is solved with every lambda; 0 folds with a single lambda.
    at_most : int
        Most solutions on all of train: one for every lambda that a target of a union chose.
    """

    unions: int
    folds: int
    lambdas: int
    at_most: int

    @property
    def on_folds(self) -> int:
        """Solutions on folds."""
        return self.unions * self.folds * self.lambdas

    def __add__(self, other: Work) -> Work:
        """Return both."""
        return Work(
            self.unions + other.unions, self.folds, self.lambdas, self.at_most + other.at_most
        )

    def __str__(self) -> str:
        """Return the counts in words."""
        said = f"{self.unions} unions of groups"
        if not self.on_folds:
            return f"{said}, each solved once"
        most = f" to {self.at_most}" if self.at_most > self.unions else ""
        return (
            f"{said}: {self.on_folds} solutions on folds ({self.folds} folds x {self.lambdas} lambdas) "
            f"and {self.unions}{most} on all of train"
        )


def work(experiment: Experiment, unions: Mapping[str, Sequence[int]]) -> Work:
    """Return what the unions of targets take that share their training data."""
    lambdas = len(experiment.settings.lambdas or (None,))
    distinct = {union for of_target in unions.values() for union in of_target}
    choices = sum(
        min(lambdas, sum(union in of_target for of_target in map(set, unions.values())))
        for union in distinct
    )
    folds = int(experiment.settings.folds) if lambdas > 1 else 0
    return Work(len(distinct), folds, lambdas, choices)
