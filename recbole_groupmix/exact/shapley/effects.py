"""Shapley values with intervals over the target's users, and what else the games say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from recbole_groupmix.core.shapley import (
    interactions,
    pair_values,
    shapley_values,
    standard_error,
)
from recbole_groupmix.core.statistics.bootstrap import Change, holm, relative_changes
from recbole_groupmix.core.statistics.two_tests import Compared, compared_changes
from recbole_groupmix.exact.shapley.games import Game


@dataclass(frozen=True)
class Effect:
    """A difference of the metric as a share of Proportional's mean, with its interval.

    Attributes
    ----------
    groups : tuple of str
        The group, the pair, or the set of groups that it belongs to.
    change : Compared
        The difference over the mean under Proportional, with interval and tests over the target's
        users.
    p_holm : float
        Corrected over the groups, or the pairs, of the target.
    """

    groups: tuple[str, ...]
    change: Compared
    p_holm: float


@dataclass(frozen=True)
class Effects:
    """What groups do for a target, of one metric and one share of the target's users.

    All differences are shares of the mean under Proportional, which is trained on all groups.

    Attributes
    ----------
    target, metric : str
        Of whose users and of what.
    fraction : float
        Share of the target's users that train.
    n_users : int
        Users that are measured.
    proportional, none : float
        Mean with all groups, and with the target's alone.
    together : Effect
        What all others add together.
    shapley, first, last : list of Effect
        By group: its Shapley value; what it adds to the target alone; what it adds to all others,
        which is what is lost without it.
    errors : list of float
        Standard error of each Shapley value from the sampled orders alone; 0 where all unions are
        solved.
    pairs : list of Effect
        Shapley interaction index of pairs of groups; empty where orders are sampled.
    sets : list of tuple of (tuple of str, Change)
        The sets of groups with their difference to all groups, smallest sets first.
    """

    target: str
    metric: str
    fraction: float
    n_users: int
    proportional: float
    none: float
    together: Effect
    shapley: list[Effect]
    first: list[Effect]
    last: list[Effect]
    errors: list[float]
    pairs: list[Effect]
    sets: list[tuple[tuple[str, ...], Change]]


def effects(
    draws: Sequence[Game],
    metric: str,
    *,
    seed: int,
    orders: np.ndarray | None = None,
    fraction: float = 1.0,
    n_boot: int = 10_000,
    details: bool = True,
) -> Effects:
    """Return what groups do for a target.

    Shapley values are linear in the game, so each user has some of their own, which add up to what
    all others together do for that user; intervals are over the users. Several draws of a share of
    the target's users are repeats, and so are the pairs of sampled orders, each with estimates of
    its own: from five on intervals are over them, too
    (:func:`~recbole_groupmix.core.statistics.bootstrap.relative_changes`).

    Parameters
    ----------
    draws : sequence of Game
        Games of one target: one, or one for each draw of the target's users.
    metric : str
        Metric and cut-off.
    seed : int
        Seed of resamples.
    orders : numpy.ndarray of int64, shape (n_orders, n_players), optional
        Sampled orders of the other groups; without any, all coalitions are known.
    fraction : float
        Share of the target's users that train.
    n_boot : int
        Resamples of users.
    details : bool
        Whether pairs and sets are computed, too.
    """
    game, n = draws[0], len(draws[0].players)
    everyone = (1 << n) - 1
    known = sorted(game.values[metric])
    of = {members: np.stack([g.values[metric][members] for g in draws]) for members in known}
    whole, none = of[everyone], of[0]
    values, errors = _values(of, n, orders)
    compared = partial(_compared, whole, seed=seed, n_boot=n_boot)
    singles = [(name,) for name in game.players]
    (together,) = compared([game.players], [whole - none])
    pairs, sets = [], []
    if details and orders is None and n > 1:
        found = interactions(np.stack([of[members] for members in known]))
        names = [(game.players[i], game.players[j]) for i, j in found]
        pairs = compared(names, list(found.values()))
    if details:
        members_of = sorted(known[:-1], key=lambda members: (members.bit_count(), members))
        changes = relative_changes(
            [(of[members], whole) for members in members_of], seed=seed, n_boot=n_boot
        )
        sets = list(zip(map(game.members, members_of), changes, strict=True))
    return Effects(
        game.target,
        metric,
        fraction,
        len(game.users),
        float(whole.mean()),
        float(none.mean()),
        together,
        compared(singles, list(values)),
        compared(singles, [of[1 << i] - none for i in range(n)]),
        compared(singles, [whole - of[everyone ^ (1 << i)] for i in range(n)]),
        errors,
        pairs,
        sets,
    )


def _values(
    of: dict[int, np.ndarray], n: int, orders: np.ndarray | None
) -> tuple[np.ndarray, list[float]]:
    """Return the Shapley values of every user, (n, n_repeats, n_users), and their sampling errors."""
    if orders is None:
        return shapley_values(np.stack([of[members] for members in range(1 << n)])), [0.0] * n
    pairs = pair_values(of, orders)  # (n_pairs, n, n_draws, n_users)
    scale = of[(1 << n) - 1].mean() or np.nan
    errors = standard_error(pairs.mean(axis=(2, 3))) / scale
    if pairs.shape[2] > 1:  # draws are the repeats
        return pairs.mean(axis=0), errors.tolist()
    return pairs[:, :, 0].transpose(1, 0, 2), errors.tolist()


def _compared(
    whole: np.ndarray,
    names: Sequence[tuple[str, ...]],
    differences: Sequence[np.ndarray],
    *,
    seed: int,
    n_boot: int,
) -> list[Effect]:
    """Return differences as shares of the mean of all groups, corrected over one another."""
    arrays = []
    for difference in differences:
        base = np.broadcast_to(whole, difference.shape)
        arrays.append((base + difference, base))
    found = compared_changes(arrays, seed=seed, n_boot=n_boot)
    corrected = holm([change.p for change in found])
    return [Effect(*each) for each in zip(names, found, corrected, strict=True)]
