"""What a step of loading took out of the interactions, counted and said."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


class NothingLeftError(ValueError):
    """A data set of which some step of loading took the last interaction."""


@dataclass(frozen=True)
class Removed:
    """Interactions that one step removed, and users and items that then had none left.

    Attributes
    ----------
    step : str
        What was removed, and by which file or key.
    n_rows, n_users, n_items : int
        Removed interactions; users and items all of whose interactions went with them.
    of_rows, of_users, of_items : int
        How many there were before the step.
    keep : str
        The way to keep them.
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
        """Count what is in the rows `before` a step and not in those `after` it.

        Parameters
        ----------
        before, after : pandas.DataFrame
            Users and items, the first two columns, of the interactions; `after` is a part.
        step, keep : str
            As the attributes.

        Returns
        -------
        Removed or None
            None where the step removed nothing.
        """
        if len(before) == len(after):
            return None
        had, has = ([frame.iloc[:, i].nunique() for i in (0, 1)] for frame in (before, after))
        gone = [old - new for old, new in zip(had, has, strict=True)]
        n_rows = len(before) - len(after)
        return cls(step, n_rows, gone[0], gone[1], len(before), had[0], had[1], keep)

    def __str__(self) -> str:
        """Return the line that a run says."""
        return (
            f"{self.step}: {self.n_rows} of {self.of_rows} interactions are left out, with them "
            f"{self.n_users} of {self.of_users} users and {self.n_items} of {self.of_items} "
            f"items; {self.keep}"
        )
