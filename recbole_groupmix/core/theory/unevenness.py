"""Unevenness: how differently the other groups share a group's subspace, for their sizes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.theory.discrepancy import FloatArray, off_diagonal

#: Least ratio of an overlap to that of random groups: below it the logarithm says nothing more.
LEAST_RATIO = 0.01


def overlap_ratios(delta: npt.ArrayLike, null: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the overlap of each pair of groups relative to that of random groups of their sizes.

    The overlap of two groups is ``1 - Delta_d``, the share of either subspace that lies in the
    other (Eq. 9). It is divided by the mean of the same pair over the relabellings and the data as
    they are, so that all of these are treated alike.

    Parameters
    ----------
    delta : float64 array, shape (d_max, n_groups, n_groups)
        Delta_d of all pairs.
    null : float64 array, shape (n_relabellings, d_max, n_groups, n_groups)
        The same of random groups that are as large and as active.

    Returns
    -------
    float64 array, shape (d_max, n_groups, n_groups - 1), and one with n_relabellings in front
        Of the data, then of the relabellings; at least `LEAST_RATIO`, about 1 for random groups. The
        last axis runs over the other groups.
    """
    every = np.concatenate([np.asarray(delta)[None], np.asarray(null)])
    overlap = 1.0 - off_diagonal(every)
    random = overlap.mean(axis=0)
    ratio = np.divide(overlap, random, out=np.ones_like(overlap), where=random > 0)
    ratio = np.maximum(ratio, LEAST_RATIO)
    return ratio[0], ratio[1:]


def unevenness(ratios: npt.ArrayLike) -> FloatArray:
    """Return the standard deviation of the logarithm of overlap ratios over the other groups.

    Het_d is the variance of the distances themselves. These differ between random groups of
    different sizes, too, and where all groups are far apart they are all near 1, so their variance
    is small whatever groups share; the ratios have neither fault. A value of .2 says that some
    groups share about a fifth more, others a fifth less than their size and activity explain.

    Parameters
    ----------
    ratios : float64 array, shape (..., n_groups - 1)
        As :func:`overlap_ratios` gives them, > 0.

    Returns
    -------
    float64 array, shape (...)
        At least 0; 0 for two groups, which have one overlap.
    """
    spread: FloatArray = np.log(np.asarray(ratios, dtype=np.float64)).std(axis=-1)
    return spread
