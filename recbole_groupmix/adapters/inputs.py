"""What a model reads of the users that it scores, and of the items, besides their ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from recbole.data.interaction import Interaction

from recbole_groupmix.adapters.columns import rows_of

#: Pairs that are scored at a time: some models hold 50 kB for each (ConvNCF), or the neighbours of
#: its neighbours.
PAIRS_PER_CALL = 2**13


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

    def pairs(self) -> Iterator[Interaction]:
        """Yield every user with every item, by user, some at a time."""
        n_items, device = len(self.items), next(iter(self.items.interaction.values())).device
        n_pairs = len(self.users) * n_items
        for start in range(0, n_pairs, PAIRS_PER_CALL):
            pair = torch.arange(start, min(start + PAIRS_PER_CALL, n_pairs), device=device)
            rows = rows_of(self.users, pair // n_items)
            rows.update(rows_of(self.items, pair % n_items))
            yield rows
