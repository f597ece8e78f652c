"""A schedule of weights: which weights the groups have from which epoch of a training on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Schedule:
    """The weights of groups over a training; before the first change they are 1.

    Attributes
    ----------
    changes : tuple of (int, tuple of float)
        First epoch, from 1 and ascending, and the weight of a user of each group from it on.
    """

    changes: tuple[tuple[int, tuple[float, ...]], ...] = ()

    def begins(self, epoch: int) -> tuple[float, ...] | None:
        """Return the weights that begin at an epoch; None if those of the epoch before stay."""
        return next((weights for first, weights in self.changes if first == epoch), None)

    def then(self, epoch: int, weights: npt.NDArray[np.float64]) -> Schedule:
        """Return the schedule with weights from an epoch on; itself if they change nothing."""
        new = tuple(float(weight) for weight in weights)
        last = self.changes[-1][1] if self.changes else (1.0,) * len(new)
        return self if new == last else Schedule((*self.changes, (epoch, new)))

    def by_epoch(self, epochs: int, n_groups: int) -> npt.NDArray[np.float64]:
        """Return the weights in every epoch, float64 (epochs, n_groups)."""
        weights = np.ones((epochs, n_groups))
        for first, changed in self.changes:
            weights[first - 1 :] = changed
        return weights

    def mean(self, epochs: int, n_groups: int) -> npt.NDArray[np.float64]:
        """Return the mean weights over the first epochs, float64 (n_groups,)."""
        mean: npt.NDArray[np.float64] = self.by_epoch(epochs, n_groups).mean(axis=0)
        return mean
