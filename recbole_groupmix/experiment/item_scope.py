"""Which items users are ranked over, and which items the rows of other groups are kept on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from recbole.data.dataset import Dataset

from recbole_groupmix.adapters.group_items import ALL, OF_GROUP, offered_items, trained_items
from recbole_groupmix.adapters.groups import Groups
from recbole_groupmix.core.catalogues import Catalogues, group_catalogues
from recbole_groupmix.settings.settings import Settings

#: Value of ``rank_items`` and of ``train_items``.
OF_TARGET = OF_GROUP


@dataclass(frozen=True)
class ItemScope:
    """The items of rankings and of training, by the settings ``rank_items`` and ``train_items``.

    Attributes
    ----------
    settings : Settings
        The run's settings.
    groups : Groups
        Groups of the users.
    n_items : int
        Items of RecBole, padding included.
    offered : numpy.ndarray of bool, shape (n_groups, n_items), or None
        Items that an item column offers to the users of each group; None without such a column.
    """

    settings: Settings
    groups: Groups
    n_items: int
    offered: np.ndarray | None = None

    @classmethod
    def of(
        cls, settings: Settings, dataset: Dataset, groups: Groups, all_users: bool
    ) -> ItemScope:
        """Read the item column that ``rank_items`` names, if it names one.

        ``all_users`` tells that there is no single target.

        Raises
        ------
        ValueError
            If there is no such column or no group's name in it, or training depends on the items of
            a target and there is no single one.
        """
        alone = settings.target in groups.names  # also a group that is called "all"
        if all_users and not alone and settings.train_items == OF_TARGET:
            raise ValueError(
                f"{settings.describe('train_items')}, which needs one target: each trains on other "
                "rows, so targets share no model; name one by --target=GROUP"
            )
        n_items = int(dataset.item_num)
        if settings.rank_items in (ALL, OF_TARGET):
            return cls(settings, groups, n_items)
        offered = offered_items(
            dataset, groups, settings.rank_items, settings.describe("rank_items")
        )
        return cls(settings, groups, n_items, offered)

    @property
    def in_words(self) -> str:
        """The items that a user is ranked over, in words."""
        if self.settings.rank_items == ALL:
            return "all items"
        if self.settings.rank_items == OF_TARGET:
            return "the items that their own group has a training interaction with"
        return f"the items that column {self.settings.rank_items} offers to their group"

    def training_rows(
        self, users: np.ndarray, items: np.ndarray, train: np.ndarray, target: str
    ) -> np.ndarray:
        """Return the rows that train, bool (n_interactions,), of those that may.

        Under ``train_items: target`` rows of other groups stay only on items that the target's
        users have a row of ``train`` with; held-out rows decide nothing.

        Parameters
        ----------
        users, items : numpy.ndarray of int64, shape (n_interactions,)
            Internal ids of all rows.
        train : numpy.ndarray of bool, shape (n_interactions,)
            Rows that are not held out.
        target : str
            The target group.
        """
        if self.settings.train_items != OF_TARGET:
            return train
        mine = train & (self.groups.of_user[users] == self.groups.index(target))
        of_target = np.zeros(self.n_items, dtype=bool)
        of_target[items[mine]] = True
        return train & of_target[items]

    def catalogues(self, users: np.ndarray, items: np.ndarray) -> Catalogues | None:
        """Return the catalogue of every internal user id; None where all items are ranked.

        Parameters
        ----------
        users, items : numpy.ndarray of int64, shape (n_train,)
            Internal ids of the training rows of a part.
        """
        if self.settings.rank_items == ALL:
            return None
        ranked = self.offered
        if ranked is None:
            ranked = trained_items(self.groups, users, items, self.n_items)
        return group_catalogues(ranked, self.groups.of_user)

    def check_topk(self, catalogues: Catalogues | None, target: str, what: str) -> None:
        """Raise ``ValueError`` for cut-offs beyond the items that the target's users are ranked over.

        Parameters
        ----------
        catalogues : Catalogues or None
            Those of a part.
        target : str
            The target group.
        what : str
            The part, for the message.
        """
        settings, longest = self.settings, self.settings.topk[-1]
        n_ranked = self.n_items - 1
        if settings.rank_items == ALL:  # sampled candidates are fewer, as the user wants it
            catalogues = None
        if catalogues is not None:
            n_ranked = int(catalogues.ranked[self.groups.index(target), 1:].sum())
        if n_ranked == 0:
            raise ValueError(
                f"{settings.describe('rank_items')}, which leaves no item for the users of target "
                f"{target!r} on {what}; choose another target or column"
            )
        if longest > n_ranked and catalogues is None:
            raise ValueError(
                f"{settings.describe('topk')}, which is beyond the {n_ranked} items of "
                f"{settings.dataset!r}; cut-offs are at most the number of items"
            )
        if longest > n_ranked:
            raise ValueError(
                f"{settings.describe('topk')}, which is beyond the {n_ranked} items that users of "
                f"target {target!r} are ranked over on {what} ({settings.describe('rank_items')}); "
                "cut-offs are at most the number of items"
            )
