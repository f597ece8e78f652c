"""Training batches: tensors that stay on the device, negatives drawn vectorised and seeded.

RecBole's loaders join features and draw negatives in Python for every batch, which
takes half of the time of a step. Here a whole epoch is drawn at once, as rows of the part and a
negative item for each. It depends only on (seed + repeat, part, epoch), never on the mix: mixes
are compared on the same triplets. Models that read more columns than the ids get those of the
rows, too (:class:`~recbole_groupmix.adapters.columns.PartColumns`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from recbole.data.interaction import Interaction

from recbole_groupmix.adapters.batch_format import BatchFormat
from recbole_groupmix.adapters.seeding import NEGATIVES, SAMPLED_USERS, SHUFFLE, stream


class Negatives(Protocol):
    """Draws as :class:`~recbole_groupmix.core.uniform_negatives.UniformNegatives` does."""

    def draw(
        self, users: np.ndarray, rng: np.random.Generator, rows: np.ndarray | None = None
    ) -> np.ndarray:
        """Draw one negative item for each entry of ``users``, or for the entries ``rows``."""


class Columns(Protocol):
    """Makes batches with the columns of a part, as :class:`~.columns.PartColumns` does."""

    def batch(self, rows: np.ndarray, negatives: np.ndarray) -> Interaction:
        """Return the batch of rows of the part, int64 (n,), and negatives (n_negatives, n)."""


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
    columns : Columns, optional
        The columns of the part's rows, for models that read more than ids.
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
        columns: Columns | None = None,
    ) -> None:
        self._users, self._items = users, items
        self._sampled_by = sampled_by
        self._negatives, self._form, self._key = negatives, form, key
        self._present, self._user_draws, self._device = present, user_draws, device
        self._columns = columns
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
        for rows, negatives in self._batches(epoch):
            yield self._interaction(rows, negatives)

    def arrays(self, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield the batches of one epoch as users, items (n,) and negatives (n_negatives, n)."""
        for rows, negatives in self._batches(epoch):
            yield (*self._pairs(rows), negatives)

    def _batches(self, epoch: int) -> Iterator[tuple[np.ndarray | None, np.ndarray]]:
        """Yield the rows of each batch of one epoch, None for all, and their negatives."""
        draw = self._draw if self._sampled_by is None else self._sample
        rows, negatives = draw(epoch)
        step = self._form.positives_per_batch
        n_rows = negatives.shape[1]
        if n_rows <= step:
            if n_rows:
                yield rows, negatives
            return
        if rows is None:
            rows = np.arange(n_rows)
        for start in range(0, n_rows, step):
            these = slice(start, start + step)
            yield rows[these], negatives[:, these]

    def _pairs(self, rows: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Return users and items of rows; of all that are present for None."""
        if rows is None:
            return self._users, self._items
        if rows is self._present_rows:
            return self._present_pairs
        return self._users[rows], self._items[rows]

    def _draw(self, epoch: int) -> tuple[np.ndarray | None, np.ndarray]:
        """Every interaction once with its negatives, in the same order for all mixes."""
        n_rows = len(self._users)
        if n_rows <= self._form.positives_per_batch and self._user_draws is None:
            return self._present_rows, self._negatives_of(self._users, epoch, self._present_rows)
        negatives = self._negatives_of(self._users, epoch)
        order = stream(SHUFFLE, *self._key, epoch).permutation(n_rows)
        times = self._multiplicity(epoch)
        if times is not None:
            order = np.repeat(order, times[self._users[order]])
        elif self._present is not None:
            order = order[self._present[self._users[order]]]
        return order, negatives[:, order]

    @cached_property
    def _present_rows(self) -> np.ndarray | None:
        """Rows of the users who take part; None if all do."""
        return None if self._present is None else np.flatnonzero(self._present[self._users])

    @cached_property
    def _present_pairs(self) -> tuple[np.ndarray, np.ndarray]:
        return self._users[self._present_rows], self._items[self._present_rows]

    @cached_property
    def _active(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Users with a positive, their first rows and their numbers of rows."""
        active, starts, counts = np.unique(self._users, return_index=True, return_counts=True)
        return active, starts, counts

    def _sample(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
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
        users = self._users[rows]
        negatives = self._negatives_of(users, epoch)
        if self._present is None:
            return rows, negatives
        keep = self._present[users]
        return rows[keep], negatives[:, keep]

    def _negatives_of(
        self, users: np.ndarray, epoch: int, rows: np.ndarray | None = None
    ) -> np.ndarray:
        if not self._form.n_negatives:
            return np.empty((0, len(users) if rows is None else len(rows)), dtype=np.int64)
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

    def _interaction(self, rows: np.ndarray | None, negatives: np.ndarray) -> Interaction:
        form, times = self._form, len(negatives)
        if self._columns is not None:
            every = np.arange(len(self._users)) if rows is None else rows
            return self._columns.batch(every, negatives)
        users, items = self._pairs(rows)
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
