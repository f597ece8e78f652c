"""Checks the groups of a data set before any training, from settings to verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from recbole_groupmix.check.group_influence import GroupInfluence, group_influence_of
from recbole_groupmix.check.verdict import Statistics, Verdict, corrected_p, verdicts
from recbole_groupmix.core.theory.assumptions import Assumptions, assumptions
from recbole_groupmix.core.theory.discrepancy import (
    FloatArray,
    discrepancies,
    group_discrepancies,
    group_subspaces,
    heterogeneity,
    rank_of,
)
from recbole_groupmix.core.theory.relabelling import (
    activity_strata,
    movable_share,
    null_discrepancies,
)
from recbole_groupmix.exact.similarity import interaction_matrix
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.notes import say_notes
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.mixes.theory import ClassShares, Theory, class_shares, theory
from recbole_groupmix.settings.settings import Settings

#: Largest dimension by default: the usual embedding size, where all groups have that rank.
MAX_D = 64
#: Relabellings of the users by default, and the fewest from which a p-value can be .05.
RELABELLINGS, FEWEST_RELABELLINGS = 99, 19
#: Below this :func:`movable_share` a note says that the groups differ much in activity.
_MOVABLE = 0.5


@dataclass(frozen=True, eq=False)
class Check:
    """What can be said about the groups of a data set before any training.

    Attributes
    ----------
    dataset, group_field : str
        Data set, and the column of its groups.
    groups : tuple of str
        Names of the groups.
    n_users, n_interactions : dict of str to int
        Numbers of each group in all of train.
    n_items : int
        Items with an interaction there.
    every : bool
        Whether `delta` and `null` are of all interactions, or of the training part.
    delta : numpy.ndarray of float64, shape (d_max, n_groups, n_groups)
        Delta_d of all pairs (Eq. 9), in [0, 1].
    null : numpy.ndarray of float64, shape (n_relabellings, d_max, n_groups, n_groups)
        The same for random groups that are as large and as active.
    statistics : Statistics
        Uneven_d and Dist_d of `delta` and `null`.
    p : numpy.ndarray of float64, shape (2, d_max, n_targets)
        p-values of Uneven_d and Dist_d, corrected over both and the targets.
    d : int
        Dimension of the verdicts.
    shares : ClassShares or None
        The paper's theta and Theta; None without a class column.
    theory : dict of str to Theory
        Mix with the least recovery bound, by target; empty without a class column.
    influence : GroupInfluence or None
        Effect of a little more of each group in EASE; None where it was left out.
    verdicts : dict of str to Verdict
        By target: the one of the settings, or every group.
    notes : tuple of str
        Remarks for the reader.
    """

    dataset: str
    group_field: str
    groups: tuple[str, ...]
    n_users: dict[str, int]
    n_interactions: dict[str, int]
    n_items: int
    every: bool
    delta: FloatArray
    null: FloatArray
    statistics: Statistics
    p: FloatArray
    d: int
    shares: ClassShares | None
    theory: dict[str, Theory]
    influence: GroupInfluence | None
    verdicts: dict[str, Verdict]
    notes: tuple[str, ...]

    @property
    def targets(self) -> tuple[str, ...]:
        """The target of the settings, or all groups."""
        return tuple(self.verdicts)

    @property
    def assumptions(self) -> dict[str, Assumptions]:
        """Assumptions B.1 and B.2 of the theory's mix, by target; empty without item classes."""
        if self.shares is None:
            return {}
        users, pairs = sum(self.n_users.values()), sum(self.n_interactions.values())
        of = dict(zip(self.groups, self.shares.shares, strict=True))
        return {t: assumptions(of[t], users, self.n_items, pairs) for t in self.targets}

    @property
    def het(self) -> FloatArray:
        """Het_d of every group, shape (d_max, n_groups)."""
        return heterogeneity(self.delta)

    @property
    def null_het(self) -> FloatArray:
        """Het_d under relabellings, shape (n_relabellings, d_max, n_groups)."""
        return heterogeneity(self.null)


def check_data_set(
    settings: Settings,
    *,
    relabellings: int = RELABELLINGS,
    max_d: int | None = None,
    user_class: str = "shares",
    clusters: int | None = None,
    budget: float = 1.0,
    influence: bool = True,
    influence_lambda: float | None = None,
    every: bool = False,
    say: Callable[[str], None] | None = None,
) -> Check:
    """Check the groups of a data set without training a model.

    Parameters
    ----------
    settings : Settings
        Merged settings. Without a ``target`` every group is a target; ``embedding_size`` is the
        dimension of the verdicts.
    relabellings : int
        Random relabellings of the users, >= 1; from 19 on a verdict other than alike is possible.
    max_d : int, optional
        Largest dimension of the curves; default 64, or the least rank of a group.
    user_class : {"shares", "favourite"}
        How a user's items make the user's classes.
    clusters : int, optional
        Number of clusters of items that serve as classes instead of the class column.
    budget : float
        Budget ratio of the theory's mix, >= 0.
    influence : bool
        Whether to compute group influence.
    influence_lambda : float, optional
        EASE's lambda for it, > 0; by default each target has its own.
    every : bool
        Whether Delta_d is that of all interactions, test included, as in the paper's Figures 4 and
        7; by default that of the training part. Theta and influence are of the training part.
    say : callable, optional
        Prints a line for people.

    Returns
    -------
    Check

    Raises
    ------
    ValueError
        For input that cannot be used, such as a dimension beyond the rank of a group.
    """
    experiment = Experiment(settings, all_users=not settings.target)
    say_notes(experiment, say)
    names = experiment.groups.names
    matrix, group_of_user = interaction_matrix(experiment, every=every)
    targets = (settings.target,) if settings.target else names
    # threads of the many small products wait for each other longer than they compute
    with threadpool_limits(1, user_api="blas"):
        delta, null = _all_discrepancies(
            matrix, group_of_user, names, max_d, relabellings, settings.seed
        )
    size, d_max = int(settings.embedding_size), len(delta)
    d, notes = min(size, d_max), []
    if d < size:
        notes.append(
            f"The verdicts are at d={d} and not at embedding_size {size}: "
            + (
                "--max_d is smaller."
                if max_d
                else "some group, or a random one of its size, has no higher rank."
            )
        )
    if relabellings < FEWEST_RELABELLINGS:
        notes.append(
            f"{relabellings} relabellings are too few for any verdict but alike: the least p-value is "
            f"1/{relabellings + 1}. Ask for {FEWEST_RELABELLINGS} or more."
        )
    free = movable_share(
        activity_strata(np.diff(matrix.indptr), group_of_user, len(names)),
        group_of_user,
        len(names),
    )
    if settings.group_by == "activity":
        notes.append(
            "The groups are made by activity, and relabellings put each user in the place of one "
            f"about as active, so that they move only {free:.0%} of the users that they would move "
            "elsewhere: the verdicts on these groups say nothing, alike least of all."
        )
    elif free < _MOVABLE:
        notes.append(
            "The groups differ so much in activity that users of one stratum of activity are mostly "
            f"of one group: relabelling moves {free:.0%} of the users that it would move without strata. "
            "Verdicts say what differs beyond activity, and alike may mean too little to tell."
        )
    judged = {target: names.index(target) for target in targets}
    statistics = Statistics.of(delta, null)
    p = corrected_p(statistics, list(judged.values()))
    shares = class_shares(experiment, user_class, clusters)
    if shares is None:
        notes.append(
            "No item class column is known, so there is no Theta and no theory's mix; name one of "
            "the .item file by --class_field, or make some by --item_clusters=8."
        )
    influences, why_not = (
        group_influence_of(experiment, targets, influence_lambda)
        if influence
        else (None, "Group influence is left out, as --influence=false asks.")
    )
    notes += [why_not] if why_not else []
    train = experiment.part(ALL_OF_TRAIN)
    return Check(
        dataset=settings.dataset,
        group_field=experiment.groups.field,
        groups=names,
        n_users=experiment.n_users,
        n_interactions=experiment.groups.n_interactions(train.users),
        n_items=len(np.unique(train.items)),
        every=every,
        delta=delta,
        null=null,
        statistics=statistics,
        p=p,
        d=d,
        shares=shares,
        theory={t: theory(experiment, shares, t, budget) for t in targets} if shares else {},
        influence=influences,
        verdicts=verdicts(statistics, p, d, judged),
        notes=tuple(notes),
    )


def _all_discrepancies(
    matrix: csr_matrix,
    group_of_user: npt.NDArray[np.int64],
    names: tuple[str, ...],
    max_d: int | None,
    relabellings: int,
    seed: int,
) -> tuple[FloatArray, FloatArray]:
    """Return Delta_d of the groups and of random groups, up to a d that all of them have."""
    if max_d is not None:
        delta = group_discrepancies(matrix, group_of_user, len(names), max_d, names)
    else:
        subspaces = group_subspaces(matrix, group_of_user, len(names), MAX_D)
        ranks = [rank_of(subspace) for subspace in subspaces]
        least = min(ranks)
        if least == 0:
            raise ValueError(
                f"group {names[ranks.index(0)]!r} has no interaction in the training part, so it "
                "has no interests to compare; leave its users out"
            )
        delta = discrepancies([subspace[:, :least] for subspace in subspaces])
    null = null_discrepancies(matrix, group_of_user, len(names), len(delta), relabellings, seed)
    known = ~np.isnan(null).any(axis=(0, 2, 3))
    d_max = int(known.sum())  # NaN only beyond a rank
    return delta[:d_max], null[:, :d_max]
