"""What a model reads of the users that it scores, and of the items, besides their ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from recbole.data.interaction import Interaction

from recbole_groupmix.adapters.columns import rows_of


@dataclass(frozen=True)
class Inputs:
    """A row of columns for each of some users, and the features of all items.

    Attributes
    ----------
    users : Interaction
        One row for each user: the ids, and the histories or features that a model reads.
    items : Interaction
        Features of every internal item id, padding included; at least the ids.
    """

    users: Interaction
    items: Interaction

    def of_rows(self, rows: slice | np.ndarray) -> Inputs:
        """Return those of some of the users."""
        return Inputs(self.users[rows], self.items)

    def to(self, device: torch.device) -> Inputs:
        """Return the same on a device."""
        return Inputs(self.users.to(device), self.items.to(device))

    def pairs(self, most: int) -> Iterator[Interaction]:
        """Yield every user with every item, by user, at most so many pairs at a time."""
        n_items = len(self.items)
        n_pairs = len(self.users) * n_items
        for start in range(0, n_pairs, most):
            pair = torch.arange(start, min(start + most, n_pairs))
            rows = rows_of(self.users, pair // n_items)
            rows.update(rows_of(self.items, pair % n_items))
            yield rows
