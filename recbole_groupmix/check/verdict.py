"""Whether mixing can matter for a target: a rule on two statistics, against their null."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recbole_groupmix.core.statistics.largest_statistic import largest_statistic_p
from recbole_groupmix.core.theory.discrepancy import FloatArray, distance, heterogeneity
from recbole_groupmix.text.numbers import LEVEL

#: Factor by which Het_d must exceed its null mean: then at least half is not due to group size.
FACTOR = 2.0

RULE = (
    "Dist_d of a target is the mean of its distances Delta_d to the other groups, Het_d their "
    "variance. Relabellings put all users into random groups of the same sizes, each user in the "
    "place of one about as active, so theirs are what size and activity alone make. A statistic "
    f"stands out where its p-value is at most {LEVEL}. It is corrected for all statistics of all "
    "targets: the share of relabellings in which any of them lies as far above its mean, in standard "
    "deviations. ALIKE: neither stands out. EVEN: Dist_d does, Het_d does not. SLIGHT: Het_d does, "
    f"but is less than {FACTOR:g} times the relabellings' mean. DIFFERENT: Het_d does and is at least "
    f"{FACTOR:g} times their mean."
)

_MEANING = {
    "alike": "the groups cannot be told from random groups that are as large and as active: mixing "
    "is unlikely to matter",
    "even": "the other groups differ from this one, but no more unevenly than random groups of "
    "their sizes: which of them is weighted is unlikely to matter; how much of them all, the budget, "
    "may",
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


@dataclass(frozen=True)
class Standing:
    """A statistic of a target beside the same of relabelled data.

    Attributes
    ----------
    value : float
        Het_d or Dist_d.
    random : float
        Mean over the relabellings.
    p : float
        p-value, corrected for all statistics of all targets.
    """

    value: float
    random: float
    p: float

    @property
    def stands_out(self) -> bool:
        """Whether p is at most `LEVEL`, so that the level is that of any number of relabellings."""
        return self.p <= LEVEL

    def words(self, name: str) -> str:
        """Return the numbers as text."""
        return f"{name} {self.value:.3g}, random {self.random:.3g}, corrected p {self.p:.2g}"


def judge(het: Standing, dist: Standing, d: int) -> Verdict:
    """Apply `RULE` to one target and dimension.

    Parameters
    ----------
    het, dist : Standing
        Het_d and Dist_d of the target.
    d : int
        Dimension, for the text.
    """
    label = _label(het, dist)
    return Verdict(label, f"at d={d} {_MEANING[label]} ({het.words('Het')}; {dist.words('Dist')})")


def corrected_p(delta: FloatArray, null: FloatArray, targets: Sequence[int]) -> FloatArray:
    """Return the p-values of Het_d and Dist_d of targets, corrected over both and all of them.

    Parameters
    ----------
    delta : numpy.ndarray of float64, shape (d_max, n_groups, n_groups)
        Delta_d of all pairs.
    null : numpy.ndarray of float64, shape (n_relabellings, d_max, n_groups, n_groups)
        The same under relabellings.
    targets : sequence of int
        Indices of the groups that are judged.

    Returns
    -------
    numpy.ndarray of float64, shape (2, d_max, n_targets)
        Of Het_d, then of Dist_d, each dimension by itself.
    """
    chosen = list(targets)
    values = np.stack([heterogeneity(delta), distance(delta)])[:, :, chosen]
    drawn = np.stack([heterogeneity(null), distance(null)], axis=1)[..., chosen]
    p = np.empty(values.shape)
    for at in range(values.shape[1]):
        of_all = largest_statistic_p(
            values[:, at].ravel(), drawn[:, :, at].reshape(len(drawn), -1)
        )
        p[:, at] = of_all.reshape(2, -1)
    return p


def last_beyond(values: FloatArray, null: FloatArray, p: FloatArray, factor: float = 1.0) -> int:
    """Return the largest d at which a statistic stands out.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (d_max,)
        Statistic of a target.
    null : numpy.ndarray of float64, shape (n_relabellings, d_max)
        The same under relabellings.
    p : numpy.ndarray of float64, shape (d_max,)
        Corrected p-values.
    factor : float
        How many times the mean of the relabellings it must be besides.

    Returns
    -------
    int
        In [0, d_max]; 0 if it stands out nowhere.
    """
    beyond = (p <= LEVEL) & (values >= factor * null.mean(axis=0))
    return int(np.flatnonzero(beyond)[-1]) + 1 if beyond.any() else 0


def _label(het: Standing, dist: Standing) -> str:
    if het.stands_out:
        return "different" if het.value >= FACTOR * het.random else "slight"
    return "even" if dist.stands_out else "alike"
