"""How much a mix changes users' values: the scale of its gain, and of the luck in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recbole_groupmix.surface.coordinates import SMALLEST, log_doses
from recbole_groupmix.surface.gaussian_process import (
    Fitted,
    FloatArray,
    Hyperparameters,
    Places,
    condition,
)
from recbole_groupmix.surface.history import History

#: The spread of all mixes in a table that does not tell users' values.
UNKNOWN = 0.3
#: A mix no further from Proportional is Proportional.
NEAREST = 1e-3
#: The process of log spreads about their line: amplitude, nugget and length-scale.
_AMPLITUDE, _NUGGET, _LENGTH = 0.5, 0.05, 3.0


@dataclass(frozen=True, eq=False)
class Spread:
    """The root mean square of users' changes against Proportional, relative to its score, by mix.

    The logarithm is a line in the log distance from Proportional and a smooth surface about it, both
    fitted to the mixes that were tried. Proportional itself has 0.

    Attributes
    ----------
    sizes : array of float64, shape (n_groups,)
        Users of each group.
    line : array of float64, shape (2,)
        Level and slope >= 0.
    about : Fitted or None
        The surface about the line; None in tables without users' values.
    """

    sizes: FloatArray
    line: FloatArray
    about: Fitted | None

    @classmethod
    def of(cls, history: History) -> Spread:
        """Return the spreads that a table gives reason to expect."""
        seen = rms_changes(history)
        told = (seen > 0) & ~history.reference
        weights, sizes = history.weights[told], history.sizes
        if not told.any():
            return cls.alike(sizes)
        near, logs = np.log(distances(weights, sizes)), np.log(seen[told])
        # a line through the logarithms, with one more row that takes its slope for 1
        rows = np.vstack([np.column_stack([np.ones(len(near)), near]), [0.0, 1.0]])
        line = np.linalg.lstsq(rows, np.append(logs, 1.0), rcond=None)[0]
        line[1] = max(line[1], 0.0)
        places = _places(weights, sizes)
        at = Hyperparameters(_AMPLITUDE, _NUGGET, np.full(places.points.shape[1], _LENGTH))
        noise = np.zeros((len(near), len(near)))
        about = condition(places, logs - line[0] - line[1] * near, noise, at)
        return cls(sizes, line, about)

    @classmethod
    def alike(cls, sizes: FloatArray) -> Spread:
        """Return the spread that is :data:`UNKNOWN` for all mixes but Proportional."""
        return cls(sizes, np.array([np.log(UNKNOWN), 0.0]), None)

    def __call__(self, weights: FloatArray) -> FloatArray:
        """Return the spreads of mixes, float64 (m,), >= 0."""
        away = distances(weights, self.sizes)
        logs = self.line[0] + self.line[1] * np.log(away)
        if self.about is not None:
            logs = logs + self.about.mean(_places(weights, self.sizes))
        return np.where(away <= NEAREST, 0.0, np.exp(logs))


def distances(weights: FloatArray, sizes: FloatArray) -> FloatArray:
    """Return how far mixes are from Proportional, float64 (m,), at least :data:`NEAREST`.

    The root of the squared log budget and of the mean square, over users, of the log weight relative
    to it, each on the axes of :func:`~recbole_groupmix.surface.coordinates.log_doses`.
    """
    doses = log_doses(weights, sizes)
    budget = doses[:, 0] - np.log(1 + SMALLEST)
    uneven = (doses[:, 1:] - doses[:, :1]) ** 2 @ sizes / sizes.sum()
    return np.asarray(np.maximum(np.sqrt(budget**2 + uneven), NEAREST))


def rms_changes(history: History) -> FloatArray:
    """Return the root mean square of each row's differences, relative to Proportional's score.

    0 for all in a table with fewer than two values a row, float64 (n,).
    """
    if history.differences.shape[1] < 2:
        return np.zeros(len(history))
    return np.asarray(np.sqrt((history.differences**2).mean(axis=1)) / history.scale)


def luck_of_users(history: History) -> FloatArray:
    """Return the variance of each relative gain over draws of users, float64 (n,).

    ``var(D) / u`` of the differences D of u users, times ``sqrt(n / r)``: mixes that are alike share the
    luck of their users, so that n rows are no n independent ones. r is their effective number, ``n^2``
    over the sum of the squared correlations of all pairs of rows (the participation ratio of the eigenvalues).
    The factor is the geometric mean of 1, rows that count as n, and of n / r, rows that count as r. 0 for
    rows without differences, and in a table of fewer than two users.
    """
    differences = history.differences
    u = differences.shape[1]
    if u < 2:
        return np.zeros(len(history))
    centred = (differences - differences.mean(axis=1, keepdims=True)) / history.scale
    variances = (centred**2).sum(axis=1) / (u - 1)
    differs = variances > 0
    scaled = centred[differs] / np.sqrt(variances[differs])[:, None]
    shared = ((scaled @ scaled.T / (u - 1)) ** 2).sum() / max(int(differs.sum()), 1)
    return np.asarray(variances / u * np.sqrt(max(shared, 1.0)))


def _places(weights: FloatArray, sizes: FloatArray) -> Places:
    return Places(log_doses(weights, sizes), np.zeros((len(weights), 0)))
