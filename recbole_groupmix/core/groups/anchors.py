"""Anchor users of local models: how near users are to each other, and which of them are chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_NEIGHBOURS = 10  # that a profile is smoothed with, and a local model has, at the least


def angular_distances(embeddings: npt.NDArray[np.floating[Any]]) -> Floats:
    """Return ``(2 / pi) arccos cos(e_u, e_v)`` (LOCA; Choi, Jeong, Lee and Lee, WSDM 2021).

    Parameters
    ----------
    embeddings : array of float, shape (n_users, size)
        A row of zeros is at distance 1 from every other.

    Returns
    -------
    array of float64, shape (n_users, n_users)
        In [0, 2], and 0 on the diagonal.
    """
    distances: Floats = 2 / np.pi * np.arccos(np.clip(cosines(embeddings), -1, 1))
    np.fill_diagonal(distances, 0.0)
    return distances


def epanechnikov(distances: Floats, width: float) -> Floats:
    """Return ``max(1 - (distance / width)^2, 0)``: LOCA's kernel, with a peak of 1 in place of 3/4.

    Parameters
    ----------
    distances : array of float64
    width : float
        Above 0; infinite for 1 everywhere.
    """
    kernel: Floats = np.maximum(1 - (distances / width) ** 2, 0)
    return kernel


def covering_anchors(covers: npt.NDArray[np.bool_], n: int) -> npt.NDArray[np.intp]:
    """Return users who together cover many: each the one who covers most users not yet covered.

    Parameters
    ----------
    covers : bool array, shape (n_users, n_users)
        Whether the user of a row covers the one of a column.
    n : int
        Anchors, at most n_users. Of users who cover equally many the first is taken; once all are
        covered, the one who covers most among the others.

    Returns
    -------
    array of int, shape (n,)
        Different users, in the order of their choice.
    """
    left, chosen = np.ones(covers.shape[1], bool), np.zeros(len(covers), bool)
    anchors = []
    for _ in range(n):
        gains = (covers & left).sum(axis=1) * (covers.shape[1] + 1) + covers.sum(axis=1)
        anchors.append(int(np.where(chosen, -1, gains).argmax()))
        chosen[anchors[-1]] = True
        left &= ~covers[anchors[-1]]
    return np.array(anchors, np.intp)


def smoothed_profiles(rows: npt.NDArray[np.floating[Any]]) -> Floats:
    """Return ``0.7 O_u + 0.3 mean O_v`` over users v similar to u (LFT; Zhu and Caverlee, 2022).

    Similar are those with a Jaccard similarity above 0.1, or, where they are fewer than 10, the 10
    most similar ones.

    Parameters
    ----------
    rows : array of float, shape (n_users, n_items)
        1 for items that a user interacted with, else 0.

    Returns
    -------
    array of float64, shape (n_users, n_items)
        In [0, 1].
    """
    rows = np.asarray(rows, np.float64)
    common, sizes = rows @ rows.T, rows.sum(axis=1)
    jaccard = common / np.maximum(sizes[:, None] + sizes - common, 1)
    np.fill_diagonal(jaccard, -1.0)
    near = near_or_nearest(jaccard, 0.1)
    np.fill_diagonal(near, False)
    smoothed: Floats = 0.7 * rows + 0.3 * (near @ rows) / np.maximum(near.sum(axis=1), 1)[:, None]
    return smoothed


def near_or_nearest(similarity: Floats, above: float) -> npt.NDArray[np.bool_]:
    """Return, by row, the users above a similarity, and the 10 most similar ones if they are fewer."""
    near: npt.NDArray[np.bool_] = similarity > above
    few = near.sum(axis=1) < _NEIGHBOURS
    order = np.argsort(-similarity[few], axis=1, kind="stable")[:, :_NEIGHBOURS]
    near[np.flatnonzero(few)[:, None], order] = True
    return near


def spread_anchors(similarity: Floats, n: int) -> npt.NDArray[np.intp]:
    """Return users similar to the rest and not to each other (EnLFT; Zhu and Caverlee, 2022).

    The first has the largest mean similarity. Each further one has the largest mean similarity to the
    users not yet chosen, less 1.5 times that to the chosen ones.

    Parameters
    ----------
    similarity : array of float64, shape (n_users, n_users)
        Of users' profiles.
    n : int
        Anchors, at most n_users.

    Returns
    -------
    array of int, shape (n,)
        Different users, in the order of their choice.
    """
    n_users = len(similarity)
    anchors = [int(similarity.mean(axis=0).argmax())]
    to_chosen = similarity[anchors[0]].copy()
    for i in range(1, n):
        gains = (similarity.sum(axis=0) - to_chosen) / (n_users - i) - 1.5 * to_chosen / i
        gains[anchors] = -np.inf
        anchors.append(int(gains.argmax()))
        to_chosen += similarity[anchors[-1]]
    return np.array(anchors, np.intp)


def cosines(rows: npt.NDArray[np.floating[Any]]) -> Floats:
    """Return the cosine of each pair of rows, float64 (n_rows, n_rows); 0 for a row of zeros."""
    rows = np.asarray(rows, np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.where(norms == 0, 1, norms)
    found: Floats = unit @ unit.T
    return found
