"""Training batches: tensors that stay on the device, negatives drawn vectorised and seeded.

RecBole's loaders join features and draw negatives in Python for every batch, which
takes half of the time of a step. Here a whole epoch is drawn at once. It depends only on (seed +
repeat, part, epoch), never on the mix: mixes are compared on the same triplets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from recbole.data.interaction import Interaction
from recbole.utils import InputType

from recbole_groupmix.adapters.seeding import NEGATIVES, SAMPLED_USERS, SHUFFLE, stream


class Negatives(Protocol):
    """Draws as :class:`~recbole_groupmix.core.uniform_negatives.UniformNegatives` does."""

    def draw(
        self, users: np.ndarray, rng: np.random.Generator, rows: np.ndarray | None = None
    ) -> np.ndarray:
        """Draw one negative item for each entry of ``users``, or for the entries ``rows``."""


@dataclass(frozen=True)
class BatchFormat:
    """The format of a model's batches.

    Attributes
    ----------
    kind : {"pairwise", "pointwise", "users"}
        Triplets, labelled pairs (positives first), or users alone (RecBole's auto-encoders).
    user, item, negative, label : str
        Field names.
    n_negatives : int
        Negatives per positive.
    batch_size : int
        Rows per batch as RecBole counts them (``train_batch_size``).
    """

    kind: str
    user: str
    item: str
    negative: str
    label: str
    n_negatives: int
    batch_size: int

    @classmethod
    def of_config(cls, config: object, user_wise: bool) -> BatchFormat:
        """Read the format from a RecBole ``Config``; ``user_wise`` for auto-encoders.

        Raises
        ------
        ValueError
            With the key as its first word, if the configuration asks for popularity-based or
            dynamic negatives, for none although the loss needs them, or for ratings in batches.
        """
        sampling = config["train_neg_sample_args"]  # type: ignore[index]
        if sampling.get("dynamic") or sampling["distribution"] not in ("uniform", "none"):
            raise ValueError(
                f"train_neg_sample_args {sampling} is not supported: negatives here are uniform "
                "over a user's non-positive items (distribution 'uniform', dynamic False)"
            )
        if config["inter_matrix_type"] == "rating":  # type: ignore[index]
            raise ValueError(
                "inter_matrix_type is 'rating', which learns to predict ratings; batches here hold "
                "interactions without them, so use inter_matrix_type=01"
            )
        pairwise = config["MODEL_INPUT_TYPE"] == InputType.PAIRWISE  # type: ignore[index]
        n_negatives = sampling["sample_num"]
        if not user_wise and (not isinstance(n_negatives, int) or n_negatives < 1):
            raise ValueError(
                "train_neg_sample_args draws no negatives, and the loss needs at least one per "
                "positive; leave it out, or give a sample_num of 1 or more, such as "
                "{'distribution': 'uniform', 'sample_num': 1}"
            )
        item = config["ITEM_ID_FIELD"]  # type: ignore[index]
        return cls(
            kind="users" if user_wise else "pairwise" if pairwise else "pointwise",
            user=config["USER_ID_FIELD"],  # type: ignore[index]
            item=item,
            negative=config["NEG_PREFIX"] + item,  # type: ignore[index]
            label=config["LABEL_FIELD"],  # type: ignore[index]
            n_negatives=n_negatives if isinstance(n_negatives, int) else 0,
            batch_size=int(config["train_batch_size"]),  # type: ignore[index]
        )

    @property
    def positives_per_batch(self) -> int:
        """Positives in a batch: RecBole's batch size counts negatives too."""
        extra = {"users": 1, "pairwise": self.n_negatives, "pointwise": 1 + self.n_negatives}
        return max(self.batch_size // max(extra[self.kind], 1), 1)


class TrainingBatches:
    """One training part as a stream of epochs, in place of RecBole's ``TrainDataLoader``.

    Iterating yields the batches of the next epoch as RecBole ``Interaction`` objects.

    Parameters
    ----------
    users, items : numpy.ndarray of int64, shape (n_interactions,)
        All training pairs of the part, sorted by user, also of absent users.
    negatives : Negatives
        Draws the negatives of the part.
    form : BatchFormat
        Fields and sizes.
    key : tuple of int
        (seed + repeat, part): fixes shuffles and negatives.
    sampled_by : {None, "user", "interaction"}
        None: an epoch holds every interaction once. Otherwise an epoch is one batch of
        interactions drawn with replacement: users uniformly and then one of their positives, or
        interactions uniformly.
    present : numpy.ndarray of bool, shape (n_users,), optional
        Users that take part. The others are left out of the batches; their random numbers are
        drawn all the same.
    user_draws : callable, optional
        Eq. 7: maps a generator to the multiplicity of every user, int (n_users,), in each epoch.
        With ``sampled_by`` a user counts as often as it was drawn.
    """

    shuffle = True  # read by RecBole's trainer

    def __init__(
        self,
        users: np.ndarray,
        items: np.ndarray,
        negatives: Negatives,
        form: BatchFormat,
        key: tuple[int, ...],
        *,
        sampled_by: str | None = None,
        present: np.ndarray | None = None,
        user_draws: Callable[[np.random.Generator], np.ndarray] | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self._users, self._items = users, items
        self._sampled_by = sampled_by
        self._negatives, self._form, self._key = negatives, form, key
        self._present, self._user_draws, self._device = present, user_draws, device
        self._epoch = 0

    def __len__(self) -> int:
        """Return the number of batches of an epoch without repeated users."""
        by_user = self._form.kind == "users"
        if self._sampled_by is not None and not by_user:
            return 1
        rows = np.unique(self._users) if by_user else self._users
        n_rows = len(rows) if self._present is None else int(self._present[rows].sum())
        return -(-n_rows // self._form.positives_per_batch)

    def __iter__(self) -> Iterator[Interaction]:
        """Yield the batches of the next epoch."""
        epoch, self._epoch = self._epoch, self._epoch + 1
        if self._form.kind == "users":
            yield from self._user_batches(epoch)
            return
        for users, items, negatives in self.arrays(epoch):
            yield self._interaction(users, items, negatives)

    def arrays(self, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield the batches of one epoch as users, items (n,) and negatives (n_negatives, n)."""
        draw = self._draw if self._sampled_by is None else self._sample
        users, items, negatives = draw(epoch)
        step = self._form.positives_per_batch
        for start in range(0, len(users), step):
            rows = slice(start, start + step)
            yield users[rows], items[rows], negatives[:, rows]

    def _draw(self, epoch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Every interaction once with its negatives, in the same order for all mixes."""
        n_rows = len(self._users)
        if n_rows <= self._form.positives_per_batch and self._user_draws is None:
            rows, users, items = self._all_present
            return users, items, self._negatives_of(self._users, epoch, rows)
        negatives = self._negatives_of(self._users, epoch)
        order = stream(SHUFFLE, *self._key, epoch).permutation(n_rows)
        times = self._multiplicity(epoch)
        if times is not None:
            order = np.repeat(order, times[self._users[order]])
        elif self._present is not None:
            order = order[self._present[self._users[order]]]
        return self._users[order], self._items[order], negatives[:, order]

    @cached_property
    def _all_present(self) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
        """Rows, users and items of a batch of all interactions; rows is None without absentees."""
        if self._present is None:
            return None, self._users, self._items
        rows = np.flatnonzero(self._present[self._users])
        return rows, self._users[rows], self._items[rows]

    @cached_property
    def _active(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Users with a positive, their first rows and their numbers of rows."""
        active, starts, counts = np.unique(self._users, return_index=True, return_counts=True)
        return active, starts, counts

    def _sample(self, epoch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One batch of interactions drawn with replacement, and their negatives."""
        rng, n_rows = stream(SHUFFLE, *self._key, epoch), self._form.positives_per_batch
        times = self._multiplicity(epoch)
        if self._sampled_by == "user":
            active, starts, counts = self._active
            drawn = _times_drawn(
                rng, n_rows, len(active), None if times is None else times[active]
            )
            within = rng.random(n_rows) * np.repeat(counts, drawn)
            rows = np.repeat(starts, drawn) + within.astype(np.int64)
        else:
            n_all = len(self._users)
            drawn = _times_drawn(rng, n_rows, n_all, None if times is None else times[self._users])
            rows = np.repeat(np.arange(n_all), drawn)
        users, items = self._users[rows], self._items[rows]
        negatives = self._negatives_of(users, epoch)
        if self._present is None:
            return users, items, negatives
        keep = self._present[users]
        return users[keep], items[keep], negatives[:, keep]

    def _negatives_of(
        self, users: np.ndarray, epoch: int, rows: np.ndarray | None = None
    ) -> np.ndarray:
        rng = stream(NEGATIVES, *self._key, epoch)
        draws = [self._negatives.draw(users, rng, rows) for _ in range(self._form.n_negatives)]
        return draws[0][np.newaxis] if len(draws) == 1 else np.array(draws, dtype=np.int64)

    def _multiplicity(self, epoch: int) -> np.ndarray | None:
        """Return how often each user takes part in an epoch, int (n_users,); None for once."""
        if self._user_draws is None:
            return None
        return self._user_draws(stream(SAMPLED_USERS, *self._key, epoch))

    def _user_batches(self, epoch: int) -> Iterator[Interaction]:
        users = stream(SHUFFLE, *self._key, epoch).permutation(self._active[0])
        times = self._multiplicity(epoch)
        if times is not None:
            users = np.repeat(users, times[users])
        elif self._present is not None:
            users = users[self._present[users]]
        for start in range(0, len(users), self._form.positives_per_batch):
            rows = users[start : start + self._form.positives_per_batch]
            yield Interaction({self._form.user: self._tensor(rows)})

    def _interaction(
        self, users: np.ndarray, items: np.ndarray, negatives: np.ndarray
    ) -> Interaction:
        form, times = self._form, len(negatives)
        if form.kind == "pairwise":
            columns = {
                form.user: np.tile(users, times),
                form.item: np.tile(items, times),
                form.negative: negatives.ravel(),
            }
            return Interaction({name: self._tensor(value) for name, value in columns.items()})
        label = np.zeros(len(users) * (1 + times), dtype=np.float32)
        label[: len(users)] = 1.0
        columns = {
            form.user: np.tile(users, 1 + times),
            form.item: np.r_[items, negatives.ravel()],
            form.label: label,
        }
        return Interaction({name: self._tensor(value) for name, value in columns.items()})

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self._device)


def _times_drawn(
    rng: np.random.Generator, n_draws: int, n: int, times: np.ndarray | None
) -> np.ndarray:
    """Return how often each of n units is drawn with replacement, int64 (n,).

    `times` is the multiplicity of each unit; 1 by default.
    """
    if times is None:
        return np.bincount(rng.integers(n, size=n_draws), minlength=n)
    pool = np.repeat(np.arange(n), times)
    return np.bincount(pool[rng.integers(len(pool), size=n_draws)], minlength=n)
