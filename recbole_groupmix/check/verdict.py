"""Whether mixing can matter for a target: a rule on two statistics, against their null."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recbole_groupmix.core.statistics.largest_statistic import largest_statistic_p
from recbole_groupmix.core.theory.discrepancy import FloatArray, distance
from recbole_groupmix.core.theory.unevenness import overlap_ratios, unevenness
from recbole_groupmix.text.numbers import LEVEL

#: Unevenness from which reweighting is worth a search: overlaps that differ by a fifth.
CLEARLY_UNEVEN = 0.2
#: Mean overlap ratio below which groups are called far apart.
FAR_APART = 0.5

RULE = (
    "Dist_d of a target is the mean of its distances Delta_d to the other groups. Uneven_d is the "
    "standard deviation over the other groups of the logarithm of their overlap with it, 1 - Delta_d, "
    "each relative to that of random groups. Relabellings put all users into random groups of the "
    "same sizes, each user in the place of one about as active, so theirs are what size and activity "
    f"alone make. A statistic stands out where its p-value is at most {LEVEL}. It is corrected for "
    "all statistics of all targets: the share of relabellings in which any of them lies as far above "
    "its mean, in standard deviations. ALIKE: neither stands out. EVEN: Dist_d does, Uneven_d does "
    f"not. SLIGHT: Uneven_d does, but is below {CLEARLY_UNEVEN:g}. DIFFERENT: Uneven_d does and is at "
    f"least {CLEARLY_UNEVEN:g}."
)

_MEANING = {
    "alike": "the groups cannot be told from random groups that are as large and as active: mixing "
    "is unlikely to matter",
    "even": "the other groups differ from this one, but all of them about as much, for their sizes: "
    "which of them is weighted is unlikely to matter; how much of them all, the budget, may",
    "slight": "the other groups differ from this one a little unevenly, for their sizes: "
    "reweighting is unlikely to matter much",
    "different": "some groups share much more of this one's interests than others, for their sizes: "
    "reweighting may matter, so a search is worth its time",
}
_APART = (
    "; the groups are far apart, so what each is worth to this one is best seen by leaving it out "
    "(groupmix shapley)"
)


@dataclass(frozen=True)
class Verdict:
    """The verdict of `RULE` on one target.

    Attributes
    ----------
    label : {"alike", "even", "slight", "different"}
        The case of `RULE` that holds.
    text : str
        The same in words, with the numbers behind it.
    shared : float
        Mean overlap of the other groups with the target, relative to random groups: 1 for these.
    """

    label: str
    text: str
    shared: float


@dataclass(frozen=True)
class Standing:
    """A statistic of a target beside the same of relabelled data.

    Attributes
    ----------
    value : float
        Uneven_d or Dist_d.
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


def judge(uneven: Standing, dist: Standing, shared: float, d: int) -> Verdict:
    """Apply `RULE` to one target and dimension.

    Parameters
    ----------
    uneven, dist : Standing
        Uneven_d and Dist_d of the target.
    shared : float
        Its mean overlap ratio, > 0.
    d : int
        Dimension, for the text.
    """
    label = _label(uneven, dist)
    apart = _APART if shared < FAR_APART and label != "alike" else ""
    numbers = f"{uneven.words('Uneven')}; {dist.words('Dist')}; overlap {shared:.0%} of random"
    return Verdict(label, f"at d={d} {_MEANING[label]}{apart} ({numbers})", shared)


@dataclass(frozen=True, eq=False)
class Statistics:
    """Uneven_d and Dist_d of every group, beside the same under relabellings.

    Attributes
    ----------
    uneven, dist : numpy.ndarray of float64, shape (d_max, n_groups)
        The two statistics.
    null_uneven, null_dist : numpy.ndarray of float64, shape (n_relabellings, d_max, n_groups)
        The same under relabellings.
    shared : numpy.ndarray of float64, shape (d_max, n_groups)
        Mean overlap of the other groups with each, relative to random groups.
    """

    uneven: FloatArray
    dist: FloatArray
    null_uneven: FloatArray
    null_dist: FloatArray
    shared: FloatArray

    @classmethod
    def of(cls, delta: FloatArray, null: FloatArray) -> Statistics:
        """Return those of Delta_d.

        Parameters
        ----------
        delta : numpy.ndarray of float64, shape (d_max, n_groups, n_groups)
            Delta_d of all pairs.
        null : numpy.ndarray of float64, shape (n_relabellings, d_max, n_groups, n_groups)
            The same under relabellings.
        """
        of_data, of_null = overlap_ratios(delta, null)
        spread = unevenness(of_data), distance(delta), unevenness(of_null), distance(null)
        return cls(*spread, of_data.mean(axis=-1))


def corrected_p(found: Statistics, targets: Sequence[int]) -> FloatArray:
    """Return the p-values of Uneven_d and Dist_d of targets, corrected over both and all of them.

    Parameters
    ----------
    found : Statistics
        Of the data and under relabellings.
    targets : sequence of int
        Indices of the groups that are judged.

    Returns
    -------
    numpy.ndarray of float64, shape (2, d_max, n_targets)
        Of Uneven_d, then of Dist_d, each dimension by itself.
    """
    chosen = list(targets)
    values = np.stack([found.uneven, found.dist])[:, :, chosen]
    drawn = np.stack([found.null_uneven, found.null_dist], axis=1)[..., chosen]
    p = np.empty(values.shape)
    for at in range(values.shape[1]):
        of_all = largest_statistic_p(
            values[:, at].ravel(), drawn[:, :, at].reshape(len(drawn), -1)
        )
        p[:, at] = of_all.reshape(2, -1)
    return p


def verdicts(
    found: Statistics, p: FloatArray, d: int, targets: dict[str, int]
) -> dict[str, Verdict]:
    """Judge the targets, given with their group indices, at one dimension.

    Parameters
    ----------
    found : Statistics
        As for :func:`corrected_p`, which gives `p`.
    p : numpy.ndarray of float64, shape (2, d_max, n_targets)
        Corrected p-values of Uneven_d and Dist_d.
    d : int
        Dimension, in [1, d_max].
    targets : dict of str to int
        Index of each target's group, in the order of `p`.
    """
    uneven, random_uneven = found.uneven[d - 1], found.null_uneven[:, d - 1].mean(axis=0)
    dist, random_dist = found.dist[d - 1], found.null_dist[:, d - 1].mean(axis=0)
    shared = found.shared[d - 1]
    return {
        target: judge(
            Standing(float(uneven[group]), float(random_uneven[group]), float(p[0, d - 1, at])),
            Standing(float(dist[group]), float(random_dist[group]), float(p[1, d - 1, at])),
            float(shared[group]),
            d,
        )
        for at, (target, group) in enumerate(targets.items())
    }


def last_beyond(values: FloatArray, p: FloatArray, least: float = 0.0) -> int:
    """Return the largest d at which a statistic stands out.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (d_max,)
        Statistic of a target.
    p : numpy.ndarray of float64, shape (d_max,)
        Corrected p-values.
    least : float
        What it must be besides.

    Returns
    -------
    int
        In [0, d_max]; 0 if it stands out nowhere.
    """
    beyond = (p <= LEVEL) & (values >= least)
    return int(np.flatnonzero(beyond)[-1]) + 1 if beyond.any() else 0


def _label(uneven: Standing, dist: Standing) -> str:
    if uneven.stands_out:
        return "different" if uneven.value >= CLEARLY_UNEVEN else "slight"
    return "even" if dist.stands_out else "alike"
