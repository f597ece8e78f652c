"""A batch of triplets in the order in which the kernels read it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Segments:
    """The segments of a batch that a model is trained on, cut into parts.

    Attributes
    ----------
    which : numpy.ndarray of int64, shape (n_own,), or slice
        These segments, ascending.
    n_triplets : int
        Triplets in them.
    bounds : numpy.ndarray of int64, shape (n_parts + 1,)
        Segments of each part, of about equally many of these triplets. They are the cuts that a
        batch without the other segments has, so that sums have the same order in both.
    """

    which: Ints | slice
    n_triplets: int
    bounds: Ints


@dataclass(frozen=True)
class Triplets:
    """Triplets sorted by user and cut into parts.

    Attributes
    ----------
    users : numpy.ndarray of int64, shape (n_segments,)
        Distinct users, ascending.
    starts : numpy.ndarray of int64, shape (n_segments + 1,)
        Rows ``starts[a]:starts[a + 1]`` belong to ``users[a]``.
    pos, neg : numpy.ndarray of int32, shape (n_triplets,)
        Items.
    bounds : numpy.ndarray of int64, shape (n_parts + 1,)
        Segments of each part, of about equally many triplets.
    """

    users: Ints
    starts: Ints
    pos: npt.NDArray[np.int32]
    neg: npt.NDArray[np.int32]
    bounds: Ints

    @classmethod
    def of_rows(cls, users: Ints, pos: Ints, neg: Ints, n_parts: int) -> Triplets:
        """Sort rows by user, keeping the order inside a user, and share them out."""
        step = np.diff(users, prepend=-1)
        if (step < 0).any():
            order = np.argsort(users, kind="stable")
            users, pos, neg = users[order], pos[order], neg[order]
            step = np.diff(users, prepend=-1)
        first = np.flatnonzero(step)
        starts = np.append(first, len(users)).astype(np.int64)
        return cls(
            users=users[first].astype(np.int64),
            starts=starts,
            pos=np.ascontiguousarray(pos, dtype=np.int32),
            neg=np.ascontiguousarray(neg, dtype=np.int32),
            bounds=balanced_bounds(starts, n_parts),
        )

    @cached_property
    def every_segment(self) -> Segments:
        """All segments."""
        return Segments(slice(None), len(self.pos), self.bounds)

    def segments_of(self, inside: npt.NDArray[np.bool_]) -> Segments:
        """Return the segments where ``inside``, bool (n_segments,), holds."""
        if inside.all():
            return self.every_segment
        which = np.flatnonzero(inside)
        starts = np.append(0, np.cumsum(self.sizes[which]))
        cuts = balanced_bounds(starts, len(self.bounds) - 1)
        return Segments(which, int(starts[-1]), np.append(which, len(inside))[cuts])

    @property
    def sizes(self) -> Ints:
        """Triplets of each segment, int64 (n_segments,)."""
        return np.diff(self.starts)


def balanced_bounds(starts: Ints, n_parts: int) -> Ints:
    """Cut segments into runs of about equal numbers of rows.

    Parameters
    ----------
    starts : numpy.ndarray of int64, shape (n_segments + 1,)
        Running row counts.
    n_parts : int
        Number of runs.
    """
    cuts = np.linspace(0, starts[-1], n_parts + 1)
    bounds = np.searchsorted(starts, cuts).astype(np.int64)
    bounds[0], bounds[-1] = 0, len(starts) - 1
    return np.maximum.accumulate(bounds)
