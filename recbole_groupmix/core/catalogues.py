"""Catalogues: the items that each user's ranking is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Catalogues:
    """The items that are ranked for each of some users; users share a few catalogues.

    Attributes
    ----------
    ranked : numpy.ndarray of bool, shape (n_catalogues, n_items)
        Items of each catalogue.
    of_row : numpy.ndarray of int64, shape (n_rows,)
        Catalogue of each user.

    Raises
    ------
    ValueError
        If a dtype or a shape is another, or a row has no catalogue.
    """

    ranked: npt.NDArray[np.bool_]
    of_row: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        """Check both arrays: compiled loops read them without a check."""
        ranked, of_row = self.ranked, self.of_row
        if ranked.ndim != 2 or ranked.dtype != np.bool_:
            raise ValueError(
                f"ranked has shape {ranked.shape} and dtype {ranked.dtype}; it must be a bool "
                "array of shape (n_catalogues, n_items)."
            )
        if of_row.ndim != 1 or of_row.dtype != np.int64:
            raise ValueError(
                f"of_row has shape {of_row.shape} and dtype {of_row.dtype}; it must be an int64 "
                "array of shape (n_rows,)."
            )
        if len(of_row) and not 0 <= of_row.min() <= of_row.max() < len(ranked):
            raise ValueError(
                f"of_row goes from {of_row.min()} to {of_row.max()}, but there are {len(ranked)} "
                "catalogues."
            )

    def of_rows(self, rows: npt.NDArray[np.int64]) -> Catalogues:
        """Return those of some rows."""
        return Catalogues(self.ranked, self.of_row[rows])

    def left_out(self, rows: slice | npt.NDArray[np.int64] = slice(None)) -> npt.NDArray[np.bool_]:
        """Return which items are outside the catalogue of some rows, bool (n_now, n_items)."""
        outside: npt.NDArray[np.bool_] = ~self.ranked[self.of_row[rows]]
        return outside


def group_catalogues(ranked: npt.NDArray[np.bool_], group: npt.NDArray[np.int64]) -> Catalogues:
    """Return catalogues of users by their groups; all items for users without a group.

    Parameters
    ----------
    ranked : array of bool, shape (n_groups, n_items)
        Items of each group's catalogue.
    group : array of int64, shape (n_users,)
        Group of each user, -1 without one.
    """
    whole = np.ones((1, ranked.shape[1]), dtype=bool)
    return Catalogues(np.concatenate([ranked, whole]), np.where(group < 0, len(ranked), group))


#: Arrays for compiled loops: see :func:`arrays_of`.
Arrays = tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]


def arrays_of(catalogues: Catalogues | None) -> Arrays:
    """Return ``ranked`` and ``of_row`` for a compiled loop; without a catalogue if all items rank."""
    if catalogues is None:
        return np.empty((0, 0), np.bool_), np.empty(0, np.int64)
    return np.ascontiguousarray(catalogues.ranked), np.ascontiguousarray(catalogues.of_row)
