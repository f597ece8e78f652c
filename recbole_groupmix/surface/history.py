"""The table of the mixes that a search has tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.mix import Mix, augmentation_sizes, group_weights, mix_from_weights

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class History:
    """What was tried for a target, and how it scored.

    Parameters
    ----------
    groups : tuple of str
        The augmentation groups that have users, in the order of the columns of `weights`.
    n_users : mapping of str to int
        Every group's number of users with at least one training interaction, target included.
    target : str
        Name of the target group, whose users weigh 1.
    weights : array of float64, shape (n, n_groups)
        Weight >= 0 of a user of each group in each tried mix; 0 is off.
    scores : array of float64, shape (n,)
        Mean over folds of the validation metric, more is better; NaN where training diverged.
    differences : array of float64, shape (n, n_values)
        Each value that goes into a score minus Proportional's, so that the mean of a row is its score minus
        Proportional's. The noise of a score is told from how they spread, so columns are to be
        independent of each other: one a user, the user's part in the score
        (:func:`~recbole_groupmix.core.budget_curve.parts_of_score`).
    reference : array of bool, shape (n,)
        Which rows are Proportional: repeats of it, with other training seeds, show the noise of training.

    Raises
    ------
    ValueError
        If shapes do not agree, a group has no users, a weight is negative or not finite, or no row with
        a score is Proportional.
    """

    groups: tuple[str, ...]
    n_users: Mapping[str, int]
    target: str
    weights: FloatArray
    scores: FloatArray
    differences: FloatArray
    reference: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Check the table and keep its columns as arrays."""
        for name in ("weights", "scores", "differences"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        object.__setattr__(self, "reference", np.asarray(self.reference, dtype=np.bool_))
        sizes = augmentation_sizes(self.n_users, self.target)
        filled = tuple(name for name, size in sizes.items() if size > 0)
        if sorted(self.groups) != sorted(filled):
            raise ValueError(
                f"groups are {list(self.groups)}; they must be those besides the target that have "
                f"users: {list(filled)}."
            )
        n = len(self.scores)
        shapes = [self.weights.shape, self.differences.shape[:1], self.reference.shape]
        if self.differences.ndim != 2 or shapes != [(n, len(filled)), (n,), (n,)]:
            raise ValueError(
                f"{n} scores stand beside weights {self.weights.shape}, differences "
                f"{self.differences.shape} and reference {self.reference.shape}; give a row for "
                f"each score, and a weight for each of {len(filled)} groups."
            )
        if not np.isfinite(self.weights).all() or (self.weights < 0).any():
            raise ValueError("weights must be finite and >= 0.")
        if not np.isfinite(self.scores[self.reference]).any():
            raise ValueError(
                "no row with a score is Proportional, with which the others are compared; try it first."
            )

    def __len__(self) -> int:
        """Return the number of tried mixes."""
        return len(self.scores)

    @property
    def sizes(self) -> FloatArray:
        """Users of each group, in the order of `groups`, float64 (n_groups,)."""
        return np.array([self.n_users[name] for name in self.groups], dtype=np.float64)

    @property
    def is_finite(self) -> npt.NDArray[np.bool_]:
        """Which rows have a score, bool (n,)."""
        return np.asarray(np.isfinite(self.scores) & np.isfinite(self.differences).all(axis=1))

    @property
    def reference_score(self) -> float:
        """Mean score of Proportional."""
        of_reference = self.scores[self.reference]
        return float(of_reference[np.isfinite(of_reference)].mean())

    @property
    def scale(self) -> float:
        """What gains are relative to: the size of Proportional's score, and 1 where that is 0."""
        return abs(self.reference_score) or 1.0

    def rows(self, which: Any) -> History:
        """Return the table of some of its rows: a mask or places."""
        parts = (self.weights, self.scores, self.differences, self.reference)
        return History(self.groups, self.n_users, self.target, *(part[which] for part in parts))

    def mixes(self, weights: FloatArray) -> list[Mix]:
        """Return the mixes of rows of weights, float64 (n, n_groups)."""
        return [mix_of(row, self.groups, self.n_users, self.target) for row in weights]


def mix_of(
    weights: Sequence[float] | FloatArray,
    groups: Sequence[str],
    n_users: Mapping[str, int],
    target: str,
) -> Mix:
    """Return the mix in which a user of each of `groups` has a weight, and the target's 1.

    Groups without users, which `groups` does not name, get weight 0.
    """
    named = dict.fromkeys(n_users, 0.0)
    named[target] = 1.0
    named.update(zip(groups, map(float, weights), strict=True))
    return mix_from_weights(named, n_users, target)


def weights_of(
    mix: Mix, groups: Sequence[str], n_users: Mapping[str, int], target: str
) -> FloatArray:
    """Return the weight of a user of each of `groups` in a mix, float64 (n_groups,)."""
    by_group = group_weights(mix, n_users, target)
    return np.array([by_group[name] for name in groups])
