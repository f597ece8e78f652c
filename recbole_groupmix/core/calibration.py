"""Calibrated re-ranking: lists whose shares of item classes are near to given shares.

After Steck, "Calibrated recommendations" (RecSys 2018), with a score that has no unit: the best
candidate of a user has 1 and the last has 0, so that a trade-off means the same in every model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.special import xlogy

FloatArray = npt.NDArray[np.float64]
Scores = npt.NDArray[np.floating[Any]]

#: Weight of the wanted shares in the mixture that a list is compared by (Steck's alpha).
SMOOTHING = 0.01
#: Candidates of a list, as a multiple of its length.
CANDIDATES = 10


@dataclass(frozen=True, eq=False)
class ItemProfiles:
    """Items by what they add to the class shares of a list.

    Attributes
    ----------
    of_item : numpy.ndarray of int64, shape (n_items,)
        Profile of each item; items of the same class shares have the same.
    has_class : numpy.ndarray of bool, shape (n_profiles,)
        Whether the items of a profile have a class.
    classes : numpy.ndarray of int64, shape (n_pairs,)
        Class of each pair of a class and a share of it that occur.
    shares : numpy.ndarray of float64, shape (n_pairs,)
        Share of each pair.
    holds : scipy.sparse.csr_matrix of float64, shape (n_profiles, n_pairs)
        1 for the pairs of a profile.
    """

    of_item: npt.NDArray[np.int64]
    has_class: npt.NDArray[np.bool_]
    classes: npt.NDArray[np.int64]
    shares: FloatArray
    holds: csr_matrix

    @classmethod
    def of_shares(cls, item_shares: FloatArray) -> ItemProfiles:
        """Build from the class shares of items, float (n_items, n_classes).

        Rows sum to 1, or to 0 for an item without a class
        (:func:`~recbole_groupmix.core.theory.class_shares.item_class_shares`).
        """
        profiles, of_item = np.unique(item_shares, axis=0, return_inverse=True)
        profile, klass = np.nonzero(profiles)
        held = np.stack([klass, profiles[profile, klass]], axis=1)
        pairs, pair = np.unique(held, axis=0, return_inverse=True)
        shape = (len(profiles), len(pairs))
        holds = csr_matrix((np.ones(len(profile)), (profile, pair.ravel())), shape=shape)
        has_class = profiles.any(axis=1)
        return cls(of_item.ravel(), has_class, pairs[:, 0].astype(int), pairs[:, 1], holds)


def divergence(wanted: FloatArray, found: FloatArray) -> FloatArray:
    """Return Steck's ``KL(p || q~)`` with ``q~ = (1 - a) q + a p`` and a = ``SMOOTHING``.

    Parameters
    ----------
    wanted : array of float64, shape (..., n_classes)
        p, in [0, 1].
    found : array of float64, shape (..., n_classes)
        q, in [0, 1].

    Returns
    -------
    float64 array, shape (...)
        In nats: 0 where q is p, and ``log(1 / a)`` where q is 0 or has nothing of p. 0 if p is 0.
    """
    mixed = (1 - SMOOTHING) * found + SMOOTHING * wanted
    kl: FloatArray = (xlogy(wanted, wanted) - xlogy(wanted, mixed)).sum(axis=-1)
    return kl


def calibrated_lists(
    scores: Scores,
    wanted: FloatArray,
    items: ItemProfiles,
    length: int,
    trade_off: float,
) -> npt.NDArray[np.int64]:
    """Return a list of items for each user, chosen greedily for its scores and its class shares.

    A list is filled item by item, each time with the candidate that makes
    ``(1 - c) sum s - c KL(p || q~)`` of the list so far largest; of equal ones with the one of the
    larger score, then with the first. The candidates of a user are the ``CANDIDATES * length``
    items of the largest scores (the first items, of equal scores); s is their score, shifted and
    scaled so that the best has 1 and the last has 0 (all 0 if they are equal); q are the mean
    class shares of those items of the list that have a class (0 if none has), and q~ is that of
    :func:`divergence`.

    Parameters
    ----------
    scores : array of float, shape (n_users, n_items)
        Not finite for items that cannot be listed.
    wanted : array of float64, shape (n_users, n_classes)
        p: rows sum to 1, or to 0 for a user whose list is to be the plain ranking.
    items : ItemProfiles
        Class shares of the items.
    length : int
        Items of a list.
    trade_off : float
        c in [0, 1]; 0 is the plain ranking.

    Returns
    -------
    int64 array, shape (n_users, length)
        Items, the first choice first; -1 at the end of a list for which items are lacking.
    """
    pool = _best(scores, CANDIDATES * length)
    lacking = pool < 0
    gained = (1 - trade_off) * _scaled(np.take_along_axis(scores, pool, axis=1), lacking)
    gained[lacking] = -np.inf
    profile = items.of_item[pool]
    users = np.arange(len(pool))
    mass, n_listed = np.zeros_like(wanted), np.zeros(len(pool))
    lists = np.full((len(pool), length), -1)
    of_profile = _class_sums(items, wanted.shape[1])
    for place in range(min(length, pool.shape[1])):
        kl = _divergences(mass, n_listed, wanted, items)
        value = gained - trade_off * np.take_along_axis(kl, profile, axis=1)
        best = value.argmax(axis=1)
        lists[:, place] = np.where(value[users, best] > -np.inf, pool[users, best], -1)
        taken = profile[users, best]
        mass += of_profile[taken]
        n_listed += items.has_class[taken]
        gained[users, best] = -np.inf
    return lists


def listed_first(scores: Scores, lists: npt.NDArray[np.int64]) -> Scores:
    """Return scores in which the items of a list come first, in its order.

    Parameters
    ----------
    scores : array of float, shape (n_users, n_items)
        Those of all other items stay as they are.
    lists : array of int64, shape (n_users, length)
        Items, the first choice first; -1 for none.

    Returns
    -------
    array of the type and shape of `scores`
        Listed items are above the largest finite score by steps of at least 1.
    """
    raised = scores.copy()
    top = np.max(scores, axis=1, initial=0.0, where=np.isfinite(scores))
    step = np.maximum(1, np.abs(top))
    row, place = np.nonzero(lists >= 0)
    raised[row, lists[row, place]] = top[row] + step[row] * (lists.shape[1] - place)
    return raised


def _best(scores: Scores, size: int) -> npt.NDArray[np.int64]:
    """Return the items of the largest finite scores, best first, int64 (n, size); -1 for none."""
    size = min(size, scores.shape[1])
    finite = np.where(np.isfinite(scores), scores, -np.inf)
    least = np.partition(finite, -size, axis=1)[:, -size, None]
    above, equal = finite > least, finite == least
    equal &= np.cumsum(equal, axis=1) <= size - above.sum(axis=1, keepdims=True)
    pool: npt.NDArray[np.int64] = np.nonzero(above | equal)[1].reshape(len(scores), size)
    of_pool = np.take_along_axis(finite, pool, axis=1)
    order = np.argsort(-of_pool, axis=1, kind="stable")
    pool = np.take_along_axis(pool, order, axis=1)
    pool[np.take_along_axis(of_pool, order, axis=1) == -np.inf] = -1
    return pool


def _scaled(scores: Scores, lacking: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the scores of candidates, best first, as float64 in [0, 1]."""
    of_pool = np.where(lacking, np.inf, scores.astype(np.float64))
    last = of_pool.min(axis=1, keepdims=True, initial=np.inf)
    last[np.isinf(last)] = 0.0
    of_pool[lacking] = 0.0
    above = np.where(lacking, 0.0, of_pool - last)
    spread = above.max(axis=1, keepdims=True, initial=0.0)
    return np.divide(above, spread, out=np.zeros_like(above), where=spread > 0)


def _class_sums(items: ItemProfiles, n_classes: int) -> FloatArray:
    """Return the class shares of every profile, float64 (n_profiles, n_classes)."""
    n_pairs = len(items.classes)
    by_class = csr_matrix(
        (items.shares, (np.arange(n_pairs), items.classes)), shape=(n_pairs, n_classes)
    )
    sums: FloatArray = (items.holds @ by_class).toarray()
    return sums


def _divergences(
    mass: FloatArray, n_listed: FloatArray, wanted: FloatArray, items: ItemProfiles
) -> FloatArray:
    """Return :func:`divergence` of a list after an item of each profile, (n_users, n_profiles).

    An item changes few of the sum's terms, those of its classes, and there are few pairs of a
    class and a share: their terms are computed once and added up for every profile.
    """
    after = n_listed[:, None] + 1
    smooth, rest = SMOOTHING * wanted, 1 - SMOOTHING
    others = xlogy(wanted, rest * mass / after + smooth)
    at = (mass[:, items.classes] + items.shares) / after
    terms = xlogy(wanted[:, items.classes], rest * at + smooth[:, items.classes])
    changed = (items.holds @ (terms - others[:, items.classes]).T).T
    entropy = xlogy(wanted, wanted).sum(axis=1, keepdims=True)
    kl: FloatArray = entropy - others.sum(axis=1, keepdims=True) - changed
    now = divergence(wanted, mass / np.maximum(n_listed, 1)[:, None])
    kl[:, ~items.has_class] = now[:, None]
    return kl
