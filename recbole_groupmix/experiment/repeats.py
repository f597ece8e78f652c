"""What is said of a user who has an item more than once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def repeats_note(users: npt.NDArray[np.int64], items: npt.NDArray[np.int64]) -> tuple[str, ...]:
    """Return a note if interactions repeat a user and an item; nothing otherwise.

    Parameters
    ----------
    users, items : numpy.ndarray of int64, shape (n_interactions,)
        Internal ids of all interactions.
    """
    pairs = np.sort(users * (int(items.max(initial=0)) + 1) + items)
    n_repeats = int((pairs[1:] == pairs[:-1]).sum())
    if not n_repeats:
        return ()
    return (
        f"{n_repeats:,} of {len(users):,} interactions repeat a user and an item: each of them trains, "
        "and an item in test that its user has in train is not looked for; --rm_dup_inter=first "
        "keeps one of each",
    )
