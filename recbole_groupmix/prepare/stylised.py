"""Generator of data sets in the paper's stylised setting (Section 3.2.2), with known ground truth.

Items fall into classes of equal size, every user prefers exactly one class and is observed to like
each of its items with probability p. Groups differ only in their shares of users per class, Theta.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recbole_groupmix.prepare.publish import Tables

# One stream of random numbers for each decision: a change of one does not affect the others.
_ITEM_CLASSES, _USER_ORDER, _OBSERVED, _ROW_ORDER = range(4)


@dataclass(frozen=True)
class BlockMix:
    """A generated data set with its ground truth.

    Attributes
    ----------
    seed : int
        Seed of all random decisions.
    p, off_class_rate : float
        Probability in [0, 1] that an item of the preferred class, or of another, is observed.
    groups, classes, users, items : tuple of str
        Tokens, of length n_groups, n_classes, n_users and n_items.
    counts : int64 array, shape (n_groups, n_classes)
        Users of each group who prefer each class.
    user_group, user_class : int64 array, shape (n_users,)
        Index of each user's group and of the class that the user prefers.
    item_class : int64 array, shape (n_items,)
        Index of each item's class; all classes have as many items.
    pairs : int64 array, shape (n_interactions, 2)
        Index of user and item of each interaction, each pair once, in random order.
    """

    seed: int
    p: float
    off_class_rate: float
    groups: tuple[str, ...]
    classes: tuple[str, ...]
    users: tuple[str, ...]
    items: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    user_group: npt.NDArray[np.int64]
    user_class: npt.NDArray[np.int64]
    item_class: npt.NDArray[np.int64]
    pairs: npt.NDArray[np.int64]

    @property
    def theta(self) -> npt.NDArray[np.float64]:
        """Theta, the share of each class in each group, exactly as generated.

        float64, shape (n_groups, n_classes), each row sums to 1.
        """
        shares: npt.NDArray[np.float64] = self.counts / self.counts.sum(axis=1, keepdims=True)
        return shares

    def tables(self) -> Tables:
        """Return the atomic tables ``"inter"``, ``"user"`` and ``"item"``."""
        return {
            "inter": {
                "user_id:token": [self.users[user] for user in self.pairs[:, 0]],
                "item_id:token": [self.items[item] for item in self.pairs[:, 1]],
            },
            "user": {
                "user_id:token": self.users,
                "group:token": [self.groups[group] for group in self.user_group],
                "preferred_class:token": [self.classes[c] for c in self.user_class],
            },
            "item": {
                "item_id:token": self.items,
                "class:token": [self.classes[c] for c in self.item_class],
            },
        }


def generate_blocks(
    seed: int,
    *,
    counts: Sequence[Sequence[int]],
    n_items: int,
    p: float,
    off_class_rate: float = 0.0,
) -> BlockMix:
    """Draw a data set; the same arguments give the same one.

    Parameters
    ----------
    seed : int
        Seed, at least 0.
    counts : sequence of sequences of int, shape (n_groups, n_classes)
        Users of each group (at most 26, called A, B, ...) who prefer each class (c1, c2, ...).
        They fix the sizes of the groups and Theta, with nothing left to chance.
    n_items : int
        Number of items, a multiple of n_classes. Assumption B.1 wants at least as many items as
        users.
    p : float
        Probability in (0, 1] that an item of the preferred class is observed.
    off_class_rate : float
        Probability in [0, 1] that an item of another class is observed: noise, which the paper's
        setting does not have.

    Returns
    -------
    BlockMix

    Raises
    ------
    ValueError
        If an argument is out of its range, or a user is left without any interaction.
    """
    table = np.asarray(counts)
    _check(seed, table, n_items, p, off_class_rate)
    table = table.astype(np.int64)
    n_groups, n_classes = table.shape
    n_users = int(table.sum())

    cell = np.repeat(np.arange(n_groups * n_classes), table.ravel())
    cell = cell[_order(seed, _USER_ORDER, n_users)]
    user_group, user_class = np.divmod(cell, n_classes)
    item_class = np.arange(n_items) % n_classes
    item_class = item_class[_order(seed, _ITEM_CLASSES, n_items)]

    preferred = user_class[:, None] == item_class[None, :]
    uniform = _stream(seed, _OBSERVED).random((n_users, n_items))
    observed = uniform < np.where(preferred, p, off_class_rate)
    empty = np.flatnonzero(~observed.any(axis=1))
    if len(empty):
        raise ValueError(
            f"{len(empty)} of {n_users} users have no interaction with seed {seed} and p {p}; "
            f"take a larger p or more items"
        )
    pairs = np.argwhere(observed)
    pairs = pairs[_order(seed, _ROW_ORDER, len(pairs))]
    return BlockMix(
        seed=seed,
        p=p,
        off_class_rate=off_class_rate,
        groups=tuple(chr(ord("A") + group) for group in range(n_groups)),
        classes=tuple(f"c{number}" for number in range(1, n_classes + 1)),
        users=tuple(f"u{number:03d}" for number in range(1, n_users + 1)),
        items=tuple(f"i{number:03d}" for number in range(1, n_items + 1)),
        counts=table,
        user_group=user_group,
        user_class=user_class,
        item_class=item_class,
        pairs=pairs,
    )


def _check(
    seed: int, counts: npt.NDArray[np.int64], n_items: int, p: float, off_class_rate: float
) -> None:
    if seed < 0:
        raise ValueError(f"seed {seed} is negative; take 0 or more")
    whole = counts.ndim == 2 and np.issubdtype(counts.dtype, np.integer)
    if not whole or counts.size == 0 or counts.min() < 0 or counts.sum(axis=1).min() == 0:
        raise ValueError(
            f"counts {counts.tolist()} are not whole numbers of users, one row for each group with "
            f"at least one user in it"
        )
    if len(counts) > 26:
        raise ValueError(f"counts have {len(counts)} groups; at most 26 can be named by a letter")
    if n_items < 1 or n_items % counts.shape[1]:
        raise ValueError(
            f"n_items {n_items} is not a multiple of the {counts.shape[1]} classes; classes have "
            f"equal sizes"
        )
    if not 0 < p <= 1:
        raise ValueError(f"p {p} is not a probability in (0, 1]")
    if not 0 <= off_class_rate <= 1:
        raise ValueError(f"off_class_rate {off_class_rate} is not a probability in [0, 1]")


def _stream(seed: int, decision: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, decision))))


def _order(seed: int, decision: int, n: int) -> npt.NDArray[np.int64]:
    # Generator.random is the only method used here: numpy may change how others consume a stream.
    order: npt.NDArray[np.int64] = np.argsort(_stream(seed, decision).random(n), kind="stable")
    return order
