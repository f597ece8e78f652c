"""Parts of the data: all of train with test, or train without a fold with that fold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix

from recbole_groupmix.adapters.groups import Groups
from recbole_groupmix.adapters.held_out import HeldOut
from recbole_groupmix.adapters.seeding import GUIDE, stream
from recbole_groupmix.core.catalogues import Catalogues
from recbole_groupmix.core.groups.mainstream import mainstream_scores
from recbole_groupmix.core.linear.elimination import Elimination, elimination_of
from recbole_groupmix.core.split import guide_mask
from recbole_groupmix.core.uniform_negatives import UniformNegatives
from recbole_groupmix.experiment.item_scope import ItemScope

#: Part 0 trains on all of train and is evaluated on test; part f + 1 leaves fold f out.
ALL_OF_TRAIN = 0


@dataclass(frozen=True)
class Guide:
    """Training rows of a part that are held back, so that a training can follow its losses.

    Attributes
    ----------
    users, items, negatives : numpy.ndarray of int64, shape (n_guide,)
        Internal ids of the rows, and for each an item that is no training item of its user, drawn
        once.
    """

    users: np.ndarray
    items: np.ndarray
    negatives: np.ndarray


@dataclass(frozen=True)
class Part:
    """A training part and its held-out items.

    Attributes
    ----------
    rows : numpy.ndarray of int64, shape (n_train,)
        Rows of the data set that train.
    users, items : numpy.ndarray of int64, shape (n_train,)
        Internal ids of those rows.
    n_users : dict of str to int
        Users with at least one training interaction, by group: the ``n_j`` of Eq. 8.
    negatives : UniformNegatives
        Draws items that are not positives of a user in this part.
    held_out : HeldOut
        Users of all groups with their held-out items; training items are masked.
    catalogues : Catalogues or None
        Items that every user, by internal id, is ranked over; None stands for all items.
    guide : Guide or None
        What is held back of the part's own training rows; see :meth:`without_guide`.
    repeatable : bool
        Whether training items are ranked, since users may come back to them.
    """

    index: int
    rows: np.ndarray
    users: np.ndarray
    items: np.ndarray
    n_users: dict[str, int]
    negatives: UniformNegatives
    held_out: HeldOut
    catalogues: Catalogues | None = None
    guide: Guide | None = None
    repeatable: bool = False

    @cached_property
    def mainstream(self) -> np.ndarray:
        """Mainstream score of every user by the training rows, float64 (n_users,), NaN without."""
        n_users, n_items = len(self.negatives.first), self.negatives.span + 1
        return mainstream_scores(self.users, self.items, n_users, n_items)

    @cached_property
    def elimination(self) -> Elimination | None:
        """How the items of a sparse Gram matrix are eliminated; None where it is not sparse."""
        shape = len(self.negatives.first), self.negatives.span + 1
        ones = np.ones(len(self.users), dtype=np.float32)
        return elimination_of(csr_matrix((ones, (self.users, self.items)), shape=shape))

    @classmethod
    def of_rows(
        cls,
        index: int,
        users: np.ndarray,
        items: np.ndarray,
        train: np.ndarray,
        held_out: np.ndarray,
        groups: Groups,
        shape: tuple[int, int],
        name_of: Callable[[int], str],
        scope: ItemScope | None = None,
        repeatable: bool = False,
    ) -> Part:
        """Build from the rows of a data set, those that train ordered by user.

        Parameters
        ----------
        index : int
            Which part it is.
        users, items : numpy.ndarray of int64, shape (n_interactions,)
            Internal ids of all rows.
        train, held_out : numpy.ndarray of bool, shape (n_interactions,)
            Rows that train, and rows to evaluate on.
        groups : Groups
            Groups of the users.
        shape : tuple of int
            (n_users, n_items) of RecBole, padding included.
        name_of : callable
            Names a user by internal id, for messages.
        scope : ItemScope, optional
            Which items users are ranked over; default all.
        repeatable : bool
            Whether training items are ranked.
        """
        rows = np.flatnonzero(train)
        rows = rows[np.argsort(users[rows], kind="stable")]
        of_rows = users[rows], items[rows]
        catalogues = None if scope is None else scope.catalogues(*of_rows)
        return cls(
            index=index,
            rows=rows,
            users=of_rows[0],
            items=of_rows[1],
            n_users=groups.n_users(of_rows[0]),
            negatives=UniformNegatives(*of_rows, *shape, name_of=name_of),
            held_out=HeldOut.of_pairs(
                of_rows,
                (users[held_out], items[held_out]),
                shape,
                catalogues=catalogues,
                repeatable=repeatable,
            ),
            catalogues=catalogues,
            repeatable=repeatable,
        )

    def without_guide(
        self, seed: int, shape: tuple[int, int], name_of: Callable[[int], str]
    ) -> Part:
        """Return the part with a tenth of each user's training rows held back as its guide.

        Every user keeps a training row. The choice depends on the training rows of the part and on
        nothing else, so neither held-out items nor test take part in what is learned by it.

        Parameters
        ----------
        seed : int
            Seed of the split and of the guide's negatives.
        shape, name_of
            As for :meth:`of_rows`.
        """
        held_back = guide_mask(self.users, seed)
        users, items = self.users[~held_back], self.items[~held_back]
        pairs = self.users * shape[1] + self.items
        new = held_back & ~np.isin(pairs, pairs[~held_back])  # a pair of both sides is known
        drawn = self.negatives.draw(self.users[new], stream(GUIDE, seed, self.index))
        return replace(
            self,
            rows=self.rows[~held_back],
            users=users,
            items=items,
            negatives=UniformNegatives(users, items, *shape, name_of=name_of),
            guide=Guide(self.users[new], self.items[new], drawn),
        )
