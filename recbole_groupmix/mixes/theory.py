"""Class shares of the groups of an experiment, and the mix that the paper's theory prefers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from recbole_groupmix.core.mix import Mix, augmentation_sizes, proportional
from recbole_groupmix.core.theory.class_shares import (
    favourites,
    group_class_shares,
    item_class_shares,
    user_class_shares,
)
from recbole_groupmix.core.theory.item_clusters import item_clusters
from recbole_groupmix.core.theory.optimal_mix import OptimalMix, optimal_mix
from recbole_groupmix.core.theory.prevalence import prevalence
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.item_labels import item_labels
from recbole_groupmix.experiment.labels import liked_pairs
from recbole_groupmix.experiment.part import ALL_OF_TRAIN

#: How a user's items make the user's classes: shares of all of them, or the favourite class.
USER_CLASSES = ("shares", "favourite")


@dataclass(frozen=True, eq=False)
class ClassShares:
    """The paper's theta and Theta of an experiment, counted on a part of the data.

    Attributes
    ----------
    field : str
        Column of the ``.item`` file, or "8 clusters of items".
    classes : tuple of str
        Classes that some user likes, or that are some user's favourite.
    shares : numpy.ndarray of float64, shape (n_groups, n_classes)
        Class shares of each group, in the order of the experiment's groups; rows sum to 1.
    """

    field: str
    classes: tuple[str, ...]
    shares: npt.NDArray[np.float64]


def class_shares(
    experiment: Experiment,
    user_class: str = "shares",
    clusters: int | None = None,
    part: int = ALL_OF_TRAIN,
) -> ClassShares | None:
    """Estimate the class shares of all groups; None for a data set without item classes.

    Parameters
    ----------
    experiment : Experiment
        Its ``class_field`` names the column.
    user_class : {"shares", "favourite"}
        A user's classes: shares of all the user's items, or the favourite class alone.
    clusters : int, optional
        Number of clusters of items that serve as classes; the class column is then not read.
    part : int
        The part whose training interactions are counted.

    Raises
    ------
    ValueError
        If the user named a column that cannot be used, or a group likes no item with a class.
    """
    if user_class not in USER_CLASSES:
        raise ValueError(f"user_class is {user_class!r}; allowed are {', '.join(USER_CLASSES)}")
    pairs = liked_pairs(experiment, experiment.part(part))
    if clusters is None:
        labels = item_labels(experiment)
        field = str(experiment.settings.class_field)
    else:
        ones = np.ones(len(pairs))
        matrix = csr_matrix((ones, (pairs[:, 0], pairs[:, 1])), shape=experiment.shape)
        of_item = item_clusters(matrix, clusters, experiment.settings.seed)
        width = len(str(clusters))  # their order by name is that of their sizes
        labels = [[f"cluster {c + 1:0{width}d}"] if c >= 0 else [] for c in of_item]
        field = f"{clusters} clusters of items"
    if labels is None:
        return None
    by_item, classes = item_class_shares(labels)
    of_user = user_class_shares(pairs[:, 0], pairs[:, 1], by_item, experiment.shape[0])
    if user_class == "favourite":
        of_user = favourites(of_user)
    groups = experiment.groups
    try:
        shares = group_class_shares(of_user, groups.of_user, len(groups.names), groups.names)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from error
    liked = shares.sum(axis=0) > 0
    names = tuple(name for name, kept in zip(classes, liked, strict=True) if kept)
    return ClassShares(field, names, shares[:, liked])


@dataclass(frozen=True, eq=False)
class Theory:
    """The result of Theorem 3.1 for a target at one budget.

    Attributes
    ----------
    mix : Mix
        The mix of least bound.
    optimum : OptimalMix
        Its prevalences and ``sigma_max / sigma_min^2``.
    proportional : numpy.ndarray of float64, shape (n_classes,)
        Prevalences under Proportional at the same budget.
    """

    mix: Mix
    optimum: OptimalMix
    proportional: npt.NDArray[np.float64]


def theory(
    experiment: Experiment,
    classes: ClassShares,
    target: str,
    alpha_aug: float = 1.0,
    part: int = ALL_OF_TRAIN,
) -> Theory:
    """Return the mix of least recovery bound for a target.

    Parameters
    ----------
    experiment : Experiment
        Counts users of all groups.
    classes : ClassShares
        From `class_shares`.
    target : str
        Name of the target group.
    alpha_aug : float
        Budget ratio, >= 0.
    part : int
        The part whose users are counted, that of `classes`.
    """
    n_users = experiment.part(part).n_users
    sizes = {n: size for n, size in augmentation_sizes(n_users, target).items() if size > 0}
    row = dict(zip(experiment.groups.names, classes.shares, strict=True))
    others = np.stack([row[name] for name in sizes])
    alpha_prop = np.array([proportional(n_users, target).alpha[name] for name in sizes])
    n_aug = alpha_aug * sum(sizes.values())
    setting = (row[target], others, float(n_users[target]), n_aug)
    optimum = optimal_mix(*setting, alpha_prop)
    alpha = dict.fromkeys(augmentation_sizes(n_users, target), 0.0)
    alpha.update(zip(sizes, optimum.alpha.tolist(), strict=True))
    return Theory(Mix(alpha, alpha_aug), optimum, prevalence(alpha_prop, *setting))


class SharesOfParts:
    """Class shares of the parts of an experiment, counted once for all of its targets.

    Parameters
    ----------
    experiment : Experiment
        That of any target.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._known: dict[int, ClassShares | None] = {}

    def of(self, part: int) -> ClassShares | None:
        """Return the shares on a part: None without a class column, or for a fold that has none.

        A fold has none if it leaves a group without an item that has a class.

        Raises
        ------
        ValueError
            As :func:`class_shares`, for all of train.
        """
        if part not in self._known:
            try:
                self._known[part] = class_shares(self._experiment, part=part)
            except ValueError:
                if part == ALL_OF_TRAIN:
                    raise
                self._known[part] = None
        return self._known[part]


def theory_mix(
    experiment: Experiment, shares: SharesOfParts, part: int = ALL_OF_TRAIN
) -> Mix | None:
    """Return theory's mix for the experiment's target at budget 1, to be trained beside the others.

    It is counted on the training interactions of a part, so that the mix of a fold has not seen
    what the fold holds out. None without a class column, where every mix has an infinite bound, or
    where a fold leaves a group without an item that has a class.

    Parameters
    ----------
    experiment : Experiment
        Its target is served.
    shares : SharesOfParts
        Those of its parts.
    part : int
        The part.
    """
    classes = shares.of(part)
    if classes is None:
        return None
    least = theory(experiment, classes, experiment.target, part=part)
    return least.mix if math.isfinite(least.optimum.disparity) else None
