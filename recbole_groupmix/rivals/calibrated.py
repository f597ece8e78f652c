"""The rival that ranks anew: lists with the item classes that a user, or the target group, likes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from recbole_groupmix.core.calibration import ItemProfiles, calibrated_lists, listed_first
from recbole_groupmix.core.theory.class_shares import item_class_shares, user_class_shares
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.item_labels import item_labels
from recbole_groupmix.experiment.labels import liked_pairs
from recbole_groupmix.experiment.part import Part
from recbole_groupmix.rivals.recipe import Recipe
from recbole_groupmix.rivals.rival import Point, Reference, Rival
from recbole_groupmix.settings.settings import Settings

#: Weights of calibration against the scores, the most promising first.
TRADE_OFFS = (0.2, 0.3, 0.1, 0.03, 0.5, 0.01, 0.7, 0.9)
#: Names of the knobs: the weight, and whose class shares are wanted (1: the target group's).
TRADE_OFF, OF_GROUP = "trade_off", "of_group"


@dataclass(frozen=True, eq=False)
class CalibratedRanking:
    """Ranks the items of users of a part by :mod:`~recbole_groupmix.core.calibration`.

    Attributes
    ----------
    part : Part
        Its training items are not listed, unless it ranks them, nor items outside a user's
        catalogue.
    items : ItemProfiles
        Class shares of the items.
    wanted : numpy.ndarray of float64, shape (n_users, n_classes)
        Class shares that the list of every user is to have.
    length : int
        Items of a list; those behind it keep their order.
    trade_off : float
        Weight of the shares against the scores.
    """

    part: Part
    items: ItemProfiles
    wanted: np.ndarray
    length: int
    trade_off: float

    def __call__(self, scores: np.ndarray, users: np.ndarray) -> np.ndarray:
        """Return scores in which the lists of users, int64 (n,), come first."""
        open_scores = scores.copy()
        open_scores[:, 0] = -np.inf
        if self.part.catalogues is not None:
            open_scores[self.part.catalogues.left_out(users)] = -np.inf
        if not self.part.repeatable:
            ends = np.searchsorted(self.part.users, users, side="right")  # ordered by user
            starts = np.searchsorted(self.part.users, users)
            for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
                open_scores[row, self.part.items[start:end]] = -np.inf
        wanted = self.wanted[users]
        lists = calibrated_lists(open_scores, wanted, self.items, self.length, self.trade_off)
        return listed_first(scores, lists)


class Calibrated(Rival):
    """Proportional, whose lists are chosen greedily for scores and class shares."""

    name = "calibrated"
    says = (
        "the model of all data as they are, whose lists are chosen for the scores and for the "
        "shares of item classes in the user's, or the target group's, training items"
    )
    advice = (
        "train on everything as it is, and choose every list for its scores and its shares of "
        "item classes (calibrated)"
    )
    source = 'Steck, "Calibrated recommendations", RecSys 2018'
    costs_little = False
    own_length = False

    def __init__(self) -> None:
        # by data set, which the experiments of all targets share
        self._shares: WeakKeyDictionary[object, _ClassShares] = WeakKeyDictionary()

    def most_points(self, settings: Settings) -> int:
        """Return 1: the points rank the lists of one model anew."""
        return 1

    def why_not(self, experiment: Experiment) -> str | None:
        """Return why there are no class shares; None if there are."""
        try:
            labels = item_labels(experiment)
        except ValueError as error:
            return str(error)
        if labels is None or not any(labels):
            return (
                f"no classes of items are known for data set {experiment.settings.dataset!r}; "
                "name a column of the .item file by --class_field"
            )
        return None

    def points(self, experiment: Experiment, reference: Reference) -> Sequence[Point]:
        """Return the weights of calibration, with the shares of the user and of the group."""
        return [
            {TRADE_OFF: trade_off, OF_GROUP: float(of_group)}
            for trade_off in TRADE_OFFS
            for of_group in (False, True)
        ]

    def recipe(
        self, experiment: Experiment, part: int, point: Point, reference: Reference
    ) -> Recipe:
        """Return Proportional with the lists of a point."""
        trade_off, of_group = point[TRADE_OFF], bool(point[OF_GROUP])
        trained = experiment.part(part)
        if experiment.dataset not in self._shares:
            self._shares[experiment.dataset] = _ClassShares(experiment)
        shares = self._shares[experiment.dataset]
        wanted = shares.of_users(experiment, trained)
        if of_group:
            mine = experiment.groups.of_user == experiment.groups.index(experiment.target)
            wanted = _mean(wanted, mine)
        length = experiment.settings.topk[-1]
        return reference.recipe(
            experiment,
            rerank=CalibratedRanking(trained, shares.items, wanted, length, trade_off),
            key=(self.name, trade_off, experiment.target if of_group else ""),
        )


class _ClassShares:
    """Class shares of items, and of users on the parts of an experiment, counted once."""

    def __init__(self, experiment: Experiment) -> None:
        self._n_users = experiment.shape[0]
        self._of_item, _ = item_class_shares(item_labels(experiment) or [])
        self.items = ItemProfiles.of_shares(self._of_item)
        self._of_user: dict[int, np.ndarray] = {}

    def of_users(self, experiment: Experiment, part: Part) -> np.ndarray:
        """Return the shares of every user's positive items, float64 (n_users, n_classes)."""
        if part.index not in self._of_user:
            pairs = liked_pairs(experiment, part)
            self._of_user[part.index] = user_class_shares(
                pairs[:, 0], pairs[:, 1], self._of_item, self._n_users
            )
        return self._of_user[part.index]


def _mean(of_user: np.ndarray, mine: np.ndarray) -> np.ndarray:
    """Return the mean shares of some users for all, of those who have any; 0 if none has."""
    sums = of_user[mine & of_user.any(axis=1)].sum(axis=0)
    shares = np.divide(sums, sums.sum(), out=np.zeros_like(sums), where=sums.sum() > 0)
    return np.broadcast_to(shares, of_user.shape)


RIVAL = Calibrated()
