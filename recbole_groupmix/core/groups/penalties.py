"""Unfairness between two groups of users as a penalty to train with, and its gradient.

Chapter 3 of S. Yao's dissertation "Evaluating, Understanding, and Mitigating Unfairness in
Recommender Systems", Section 3.4.2 (first in Yao and Huang, "Beyond Parity", NIPS 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.groups.item_sums import Floats
from recbole_groupmix.core.groups.unfairness import VARIANTS

PENALTIES = ("value", "absolute", "underestimation", "overestimation", "parity")
SMOOTHINGS = ("squared", "huber", "none")

#: What is compared between groups: a function of an error and its derivative, 0 at a kink.
_COMPARED: Mapping[str, tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]] = {
    "value": (lambda x: x, np.ones_like),
    "absolute": (np.abs, np.sign),
    "underestimation": (lambda x: np.maximum(-x, 0.0), lambda x: -(x < 0).astype(float)),
    "overestimation": (lambda x: np.maximum(x, 0.0), lambda x: (x > 0).astype(float)),
}


class Penalty:
    """One measure of :func:`~.unfairness.unfairness` over fixed rows, as a function of predictions.

    It is the mean over items of h(gap), where a gap is the difference of the groups that the
    measure takes the absolute value of; of parity, the one h(gap) of the groups' mean
    predictions. Items that only one group has rated are left out. The outer absolute value is
    replaced by a smoothed one:

    - ``"squared"``: h(x) = x^2 where |x| < 1, else |x|, as Section 3.4.2 says in words. Parity is
      then the square that Eq. 3.7 prints, as long as the gap is below 1.
    - ``"huber"``: h(x) = x^2 / 2 where |x| < 1, else |x| - 1/2, which has no kink at 1.
    - ``"none"``: h(x) = |x|, which makes the penalty the measure.

    Parameters
    ----------
    ratings : array of float, shape (n_rows,)
        True rating of every pair of user and item.
    items : array of int, shape (n_rows,)
        Item of every row; any integers >= 0.
    in_first : array of bool, shape (n_rows,)
        Whether the row's user is of the first group; the others are the second. The penalty is the
        same with the groups swapped.
    kind : str
        One of ``PENALTIES``.
    variant : {"paper", "code"}
        Whether absolute values and maxima are taken of the groups' mean errors of an item, as
        printed, or of single rows before their means, as the published tables were probably made.
        Value and parity are the same in both.
    smooth : {"squared", "huber", "none"}
        The outer absolute value.

    Attributes
    ----------
    n_items_used : int
        Items that both groups have rated.

    Raises
    ------
    ValueError
        If an option is unknown, shapes differ, or no item (for parity: not both groups) has rows
        of both groups.
    """

    def __init__(
        self,
        ratings: npt.NDArray[np.floating[Any]],
        items: npt.NDArray[np.integer[Any]],
        in_first: npt.NDArray[np.bool_],
        kind: str,
        *,
        variant: str = "paper",
        smooth: str = "squared",
    ) -> None:
        for name, value, allowed in (
            ("kind", kind, PENALTIES),
            ("variant", variant, VARIANTS),
            ("smooth", smooth, SMOOTHINGS),
        ):
            if value not in allowed:
                raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(allowed)}.")
        self._ratings = np.asarray(ratings, np.float64)
        items, first = np.asarray(items), np.asarray(in_first, bool)
        if not self._ratings.shape == items.shape == first.shape or items.ndim != 1:
            raise ValueError(
                f"ratings, items and in_first have shapes {self._ratings.shape}, {items.shape} and "
                f"{first.shape}; each needs one entry per row."
            )
        self._kind, self._variant, self._smooth = kind, variant, smooth
        # of parity all rows count as one item, and ratings do not matter
        _, item = np.unique(
            np.zeros_like(items) if kind == "parity" else items, return_inverse=True
        )
        n_items = int(item.max(initial=-1)) + 1
        self._cell = 2 * item + first
        self._of_cell = np.bincount(self._cell, minlength=2 * n_items)
        self._used = (self._of_cell.reshape(-1, 2) > 0).all(axis=1)
        self.n_items_used = int(self._used.sum())
        if not self.n_items_used:
            raise ValueError("no item has rows of both groups; a penalty compares the two.")

    def __call__(self, predictions: npt.NDArray[np.floating[Any]]) -> tuple[float, Floats]:
        """Return the penalty and its gradient.

        Parameters
        ----------
        predictions : array of float, shape (n_rows,)
            Predicted rating of every row.

        Returns
        -------
        float
            The penalty, >= 0.
        array of float64, shape (n_rows,)
            Its derivative by each prediction; at a kink that of one side, or 0.
        """
        predicted = np.asarray(predictions, np.float64)
        if predicted.shape != self._ratings.shape:
            raise ValueError(
                f"predictions has shape {predicted.shape}; there are {len(self._ratings)} rows."
            )
        compared, slope = _COMPARED["value" if self._kind == "parity" else self._kind]
        errors = predicted if self._kind == "parity" else predicted - self._ratings
        if self._variant == "code":
            sides, slopes = self._means(compared(errors)), slope(errors)
        else:
            deviations = self._means(errors)
            sides, slopes = compared(deviations), slope(deviations)[self._cell]
        gaps = np.where(self._used, sides[1::2] - sides[::2], 0.0)
        heights, outer = _smoothed(gaps, self._smooth)
        of_cell = np.repeat(outer / self.n_items_used, 2) * np.tile([-1.0, 1.0], len(gaps))
        of_cell /= np.maximum(self._of_cell, 1)
        return float(heights.sum() / self.n_items_used), of_cell[self._cell] * slopes

    def _means(self, of_rows: Floats) -> Floats:
        """Return the mean over the rows of each cell: item by item, the second group first."""
        sums = np.bincount(self._cell, weights=of_rows, minlength=len(self._of_cell))
        means: Floats = sums / np.maximum(self._of_cell, 1)
        return means


def _smoothed(gaps: Floats, smooth: str) -> tuple[Floats, Floats]:
    """Return the smoothed absolute values of gaps, and their derivatives."""
    size, sign = np.abs(gaps), np.sign(gaps)
    if smooth == "none":
        return size, sign
    near = size < 1.0
    if smooth == "squared":
        return np.where(near, gaps**2, size), np.where(near, 2 * gaps, sign)
    return np.where(near, gaps**2 / 2, size - 0.5), np.where(near, gaps, sign)
