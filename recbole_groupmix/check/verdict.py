"""Whether mixing can matter for a target: a rule on two statistics, each against its null."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recbole_groupmix.core.theory.discrepancy import FloatArray

#: Factor by which Het_d must exceed its null mean: then at least half is not due to group size.
FACTOR = 2.0

RULE = (
    "Dist_d of a target is the mean of its distances Delta_d to the other groups, Het_d their "
    "variance. Relabellings put all users into random groups of the same sizes, so theirs are what "
    "group size alone makes. ALIKE: neither exceeds all relabellings. EVEN: Dist_d does, Het_d does "
    f"not. SLIGHT: Het_d does, but is less than {FACTOR:g} times their mean. DIFFERENT: Het_d does and "
    f"is at least {FACTOR:g} times their mean."
)

_MEANING = {
    "alike": "the groups are as alike as random groups of their sizes: mixing is unlikely to "
    "matter",
    "even": "the other groups differ from this one, but all of them alike for their sizes: which "
    "of them is weighted is unlikely to matter; how much of them all, the budget, may",
    "slight": "the other groups differ from this one a little more unevenly than random groups of "
    "their sizes: reweighting is unlikely to matter much",
    "different": "some groups are much nearer to this one than others, for their sizes: reweighting "
    "may matter, so a search is worth its time",
}


@dataclass(frozen=True)
class Verdict:
    """The verdict of `RULE` on one target.

    Attributes
    ----------
    label : {"alike", "even", "slight", "different"}
        The case of `RULE` that holds.
    text : str
        The same in words, with the numbers behind it.
    """

    label: str
    text: str


def judge(het: float, null_het: FloatArray, dist: float, null_dist: FloatArray, d: int) -> Verdict:
    """Apply `RULE` to one target and dimension.

    Parameters
    ----------
    het, dist : float
        Het_d and Dist_d of the target.
    null_het, null_dist : numpy.ndarray of float64, shape (n_relabellings,)
        The same under relabellings.
    d : int
        Dimension, for the text.
    """
    label = _label(het, null_het, dist, null_dist)
    return Verdict(
        label,
        f"at d={d} {_MEANING[label]} ({_numbers('Het', het, null_het)}; "
        f"{_numbers('Dist', dist, null_dist)})",
    )


def last_beyond(values: FloatArray, null: FloatArray, factor: float = 1.0) -> int:
    """Return the largest d up to which, from d = 1 on or later, a statistic stands out.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (d_max,)
        Statistic of a target.
    null : numpy.ndarray of float64, shape (n_relabellings, d_max)
        The same under relabellings.
    factor : float
        How many times the mean of the relabellings it must be, besides exceeding all of them.

    Returns
    -------
    int
        In [0, d_max]; 0 if it stands out nowhere.
    """
    beyond = (values > null.max(axis=0)) & (values >= factor * null.mean(axis=0))
    return int(np.flatnonzero(beyond)[-1]) + 1 if beyond.any() else 0


def _label(het: float, null_het: FloatArray, dist: float, null_dist: FloatArray) -> str:
    if het > null_het.max():
        return "different" if het >= FACTOR * null_het.mean() else "slight"
    return "even" if dist > null_dist.max() else "alike"


def _numbers(name: str, value: float, null: Sequence[float] | FloatArray) -> str:
    return f"{name} {value:.3g}, random {np.mean(null):.3g}, at most {np.max(null):.3g}"
