"""Records of the interactions that a step of loading removed."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


class NothingLeftError(ValueError):
    """A data set whose last interaction was removed while it was loaded."""


@dataclass(frozen=True)
class Removed:
    """Interactions removed by one step, and the users and items that were left without any.

    Attributes
    ----------
    step : str
        What was removed, and by which file or key.
    n_rows, n_users, n_items : int
        Removed interactions; users and items that lost all their interactions by it.
    of_rows, of_users, of_items : int
        Numbers before the step.
    keep : str
        How to keep them.
    """

    step: str
    n_rows: int
    n_users: int
    n_items: int
    of_rows: int
    of_users: int
    of_items: int
    keep: str

    @classmethod
    def between(
        cls, before: pd.DataFrame, after: pd.DataFrame, step: str, keep: str
    ) -> Removed | None:
        """Count the rows, users and items that are in `before` but not in `after`.

        Parameters
        ----------
        before, after : pandas.DataFrame
            Users and items, the first two columns, of the interactions; `after` is a part.
        step, keep : str
            As the attributes.

        Returns
        -------
        Removed or None
            None if the step removed nothing.
        """
        if len(before) == len(after):
            return None
        had, has = ([frame.iloc[:, i].nunique() for i in (0, 1)] for frame in (before, after))
        gone = [old - new for old, new in zip(had, has, strict=True)]
        n_rows = len(before) - len(after)
        return cls(step, n_rows, gone[0], gone[1], len(before), had[0], had[1], keep)

    def __str__(self) -> str:
        """Return the line that a run prints."""
        return (
            f"{self.step}: {self.n_rows} of {self.of_rows} interactions are left out, with them "
            f"{self.n_users} of {self.of_users} users and {self.n_items} of {self.of_items} "
            f"items; {self.keep}"
        )
