"""Similarity and influence: whether groups nearer to a target (Delta_d) help it more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from recbole_groupmix.core.statistics.rank_agreement import label_p, order_p, spearman
from recbole_groupmix.core.statistics.resampling import resampled_means
from recbole_groupmix.core.theory.discrepancy import group_discrepancies, group_subspaces, rank_of
from recbole_groupmix.exact.loss_influence import Changes
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.text.numbers import finite
from recbole_groupmix.text.tables import aligned

#: Dimension of Delta_d: the paper compares the mixes of models of that size (Result 4, Figure 7),
#: and in small dimensions discrepancies are more than the size of groups.
D = 4
#: Changes that measure how much a group helps: a value falls where it helps.
MEASURES = {"without": "left out", "loss": "a little more"}


@dataclass(frozen=True)
class Agreement:
    """Spearman's correlation of help with nearness, ``1 - Delta_d``, over the other groups.

    Attributes
    ----------
    measure : {"without", "loss"}
        Measure of help: what a target loses without a group, or how far its loss falls with more.
    per_user : bool
        Whether help is divided by the number of users of the group that gives it.
    target : str or None
        None for the mean over all targets.
    rho : float
        In [-1, 1], above 0 where nearer groups help more; NaN where all help or distances are equal.
    ci_low, ci_high : float
        95 % interval over the target's users; NaN for the mean over targets.
    p : float
        Two-sided p-value from permuted groups.
    """

    measure: str
    per_user: bool
    target: str | None
    rho: float
    ci_low: float
    ci_high: float
    p: float


def interaction_matrix(
    experiment: Experiment, *, every: bool = False
) -> tuple[csr_matrix, np.ndarray]:
    """Return interactions, 0 or 1, and the group of each of their users.

    Those of all of train or, with `every`, all that there are, test included.
    """
    rows = experiment if every else experiment.part(ALL_OF_TRAIN)
    ones = np.ones(len(rows.users))
    matrix = csr_matrix((ones, (rows.users, rows.items)), shape=experiment.shape)
    matrix.data[:] = 1.0  # repeated interactions were added up
    present = np.diff(matrix.indptr) > 0
    return matrix, np.where(present, experiment.groups.of_user, -1)


def discrepancy_at(experiment: Experiment, d: int | None = None) -> tuple[np.ndarray, int]:
    """Return Delta_d of all pairs of groups on all of train, (n_groups, n_groups), and d.

    Without a `d` it is `D`, or the least rank of a group's interactions where that is smaller.

    Raises
    ------
    ValueError
        If a given `d` is below 1 or beyond the rank of a group's interactions.
    """
    matrix, group = interaction_matrix(experiment)
    names = experiment.groups.names
    if d is None:
        subspaces = group_subspaces(matrix, group, len(names), D)
        d = max(min(D, *(rank_of(subspace) for subspace in subspaces)), 1)
    delta: np.ndarray = group_discrepancies(matrix, group, len(names), d, names)[-1]
    return delta, d


def agreements(
    experiment: Experiment,
    changes: Sequence[Changes],
    delta: np.ndarray,
    *,
    n_boot: int = 2000,
) -> list[Agreement]:
    """Compare how much groups help with how near they are, for each target and over all.

    Parameters
    ----------
    experiment : Experiment
        Shared data.
    changes : sequence of Changes
        Measured changes; those of `MEASURES` are used.
    delta : numpy.ndarray of float64, shape (n_groups, n_groups)
        Delta_d of all pairs.
    n_boot : int
        Resamples of users.

    Returns
    -------
    list of Agreement
        Empty for fewer than four groups: two other groups have only two orders.
    """
    names, seed = experiment.groups.names, int(experiment.settings.seed)
    if len(names) < 4:
        return []
    sizes = np.array([experiment.n_users[name] for name in names], dtype=np.float64)
    nearness = 1.0 - delta
    results = []
    for change in changes:
        if change.name not in MEASURES:
            continue
        help_, drawn = _help(experiment, change, n_boot)
        for per_user in (False, True):
            divisor = sizes if per_user else np.ones(len(names))
            for index, target in enumerate(names):
                others = np.arange(len(names)) != index
                near = nearness[index, others]
                mine = (help_[index] / divisor)[others]
                resampled = spearman((drawn[index] / divisor)[:, others], near)
                resampled = resampled[~np.isnan(resampled)]
                low, high = (
                    np.quantile(resampled, [0.025, 0.975]) if resampled.size else (np.nan, np.nan)
                )
                rho = float(spearman(mine, near))
                p = order_p(mine, near, seed)
                results.append(
                    Agreement(change.name, per_user, target, rho, float(low), float(high), p)
                )
            mean, p = label_p(help_ / divisor, nearness, seed)
            results.append(Agreement(change.name, per_user, None, mean, np.nan, np.nan, p))
    return results


def size_agreement(experiment: Experiment, delta: np.ndarray) -> tuple[float, float]:
    """Return the correlation of nearness with the sizes of the other groups, and its p-value.

    The correlation is the mean of Spearman's rho over targets.

    The subspace of a large group is estimated from many users, which alone brings it nearer.
    """
    names = experiment.groups.names
    sizes = np.array([experiment.n_users[name] for name in names], dtype=np.float64)
    tiled = np.tile(sizes, (len(names), 1))
    return label_p(tiled, 1.0 - delta, int(experiment.settings.seed))


def agreement_dict(
    results: Sequence[Agreement], delta: np.ndarray, d: int, size: tuple[float, float] | None
) -> dict[str, Any]:
    """Return agreements for a JSON file, NaN as null."""
    rows = finite([asdict(result) for result in results])
    of_size = None if size is None else {"rho": size[0], "p": size[1]}
    return {"d": d, "delta": delta.tolist(), "agreement": rows, "size": of_size}


def agreement_text(
    results: Sequence[Agreement], d: int, size: tuple[float, float] | None = None
) -> str:
    """Return agreements as text: targets in rows, kinds of help in columns."""
    if not results:
        return "Nearness is not compared with influence, which takes four groups or more."
    kinds = list(dict.fromkeys((r.measure, r.per_user) for r in results))
    titles = [f"{MEASURES[m]}{', per user' if per_user else ''}" for m, per_user in kinds]
    lines = [["target", *titles]]
    for target in dict.fromkeys(r.target for r in results):
        by_kind = {(r.measure, r.per_user): r for r in results if r.target == target}
        lines.append([target or "mean", *(_cell(by_kind[kind]) for kind in kinds)])
    head = (
        f"Do nearer groups help more? Spearman's rho of help with 1 - Delta_{d} over the other groups,\n"
        "above 0 where they do; 95 % intervals over the target's users, p by permuting the groups."
    )
    of_size = []
    if size is not None:
        of_size = [
            f"Nearness is itself correlated with the other group's size: mean rho {size[0]:+.2f}, p "
            f"{size[1]:.3f}. Help per user does not depend on that size."
        ]
    return "\n".join([head, *aligned(lines, left=()), *of_size])


def _help(experiment: Experiment, change: Changes, n_boot: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how much every target is helped by every group, and the same for resampled users.

    Shapes (n_groups, n_groups) and (n_groups, n_boot, n_groups); NaN for a target with fewer than
    two held-out users.
    """
    names = experiment.groups.names
    help_ = np.full((len(names), len(names)), np.nan)
    drawn = np.full((len(names), n_boot, len(names)), np.nan)
    for index, target in enumerate(names):
        mine = change.of_target(experiment, target)
        if len(mine) < 2:
            continue
        fallen = [(change.before - change.after[group])[mine][None] for group in names]
        help_[index] = [values.mean() for values in fallen]
        drawn[index] = resampled_means(fallen, int(experiment.settings.seed), n_boot, False)
    return help_, drawn


def _cell(result: Agreement) -> str:
    if np.isnan(result.rho):
        return "-"
    low, high = result.ci_low, result.ci_high
    interval = "" if np.isnan(low) else f"[{low:+.2f}, {high:+.2f}] "
    return f"{result.rho:+.2f} {interval}p {result.p:.3f}"
