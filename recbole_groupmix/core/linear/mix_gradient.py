"""A smooth loss of held-out items and its gradient in the groups' weights and in lambda."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.special import logsumexp

from recbole_groupmix.core.linear.ease import ease_scores, regularized_inverse
from recbole_groupmix.core.linear.gram import Floats, weighted_gram

LOSSES = ("softmax", "squared")
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class LossGradient:
    """A held-out loss and its derivatives.

    Attributes
    ----------
    loss : float
        Mean over users.
    by_weight : array of float64, shape (n_groups,)
        Derivative in the weight of a user of each group.
    by_lambda : float
        Derivative in lambda.
    """

    loss: float
    by_weight: npt.NDArray[np.float64]
    by_lambda: float


def held_out_losses(
    scores: Floats,
    seen: npt.NDArray[np.bool_],
    relevant: npt.NDArray[np.bool_],
    loss: str = "softmax",
    sharpness: float = 10.0,
    left_out: npt.NDArray[np.bool_] | None = None,
) -> tuple[npt.NDArray[np.float64], Floats]:
    """Return a smooth surrogate of each user's ranking quality, and its gradient in the scores.

    Items that are not ranked take no part. With H_u the held-out items of user u and C_u the ranked
    ones, by default all items but the training ones, "softmax" is ``-1 / |H_u| sum_{i in H_u} log softmax_{C_u}(t
    s_u)_i`` with sharpness t, "squared" is ``sum_{i in C_u} (s_ui - [i in H_u])^2``.

    Parameters
    ----------
    scores : array of float, shape (n_users, n_items)
        Scores of every item.
    seen, relevant : array of bool, shape (n_users, n_items)
        Training items and held-out items; at least one of the latter in each row.
    loss : {"softmax", "squared"}
        Name of the loss.
    sharpness : float
        Factor of the scores in the softmax, > 0: EASE's scores lie in about [0, 1].
    left_out : array of bool, shape (n_users, n_items), optional
        Items that are not ranked, the training ones among them; default these alone.

    Returns
    -------
    losses : array of float64, shape (n_users,)
    slopes : array of the dtype of `scores`, shape (n_users, n_items)
        Derivative of each user's loss in that user's scores.

    Raises
    ------
    ValueError
        If the name is unknown, `sharpness` is not above 0, a user has no held-out item, or one
        that is a training item or not ranked.
    """
    if loss not in LOSSES:
        raise ValueError(f"loss is {loss!r}; allowed are {', '.join(LOSSES)}.")
    if not sharpness > 0:
        raise ValueError(f"sharpness is {sharpness!r}; it must be > 0.")
    n_relevant = relevant.sum(axis=1, keepdims=True)
    if len(scores) == 0 or not n_relevant.all():
        raise ValueError("every user needs a held-out item; leave out those without one.")
    if (seen & relevant).any():
        raise ValueError("a training item is held out too; an item can be only one of them.")
    hidden = seen if left_out is None else left_out
    if (hidden & relevant).any():
        raise ValueError("a held-out item is not ranked; leave it out of the held-out ones.")
    if loss == "squared":
        residual = np.where(hidden, 0, scores - relevant)
        return np.square(residual, dtype=np.float64).sum(axis=1), (2 * residual).astype(
            scores.dtype
        )
    logits = np.where(hidden, -np.inf, scores * sharpness)
    log_shares = logits - logsumexp(logits, axis=1, keepdims=True)
    of_relevant = np.where(relevant, log_shares, 0).sum(axis=1, dtype=np.float64)
    slopes = (np.exp(log_shares) - relevant / n_relevant) * sharpness
    return -of_relevant / n_relevant[:, 0], slopes.astype(scores.dtype)


def ease_loss_gradient(
    grams: Floats,
    weights: Sequence[float] | npt.NDArray[np.float64],
    lam: float,
    seen: npt.NDArray[np.bool_],
    relevant: npt.NDArray[np.bool_],
    **options: Any,
) -> LossGradient:
    """Return the held-out loss of EASE on a mix with its exact gradient, for about 3 products.

    Scores are ``S = X - (X P) / p`` with ``P = (G(w) + lam I)^-1`` and ``p = diag(P)``. For a loss
    with slope R in S, and ``M = X P``, ``dL = -<R / p, X dP> + sum_j dP_jj c_j`` where ``c_j =
    sum_u R_uj M_uj / p_j^2``. As ``dP = -P dG P``, the derivative in G is ``D = M' (R / p) P -
    P diag(c) P``, that in ``w_j`` is ``<D, G_j>``, and that in lambda the trace of D.

    Parameters
    ----------
    grams : array of float64 or float32, shape (n_groups, n_items, n_items)
        Gram matrices of the training part; their dtype is that of the work.
    weights : array of float, shape (n_groups,)
        Weight of a user of each group, >= 0.
    lam : float
        Weight of the L2 term, > 0.
    seen, relevant : array of bool, shape (n_users, n_items)
        Training items (the users' inputs) and held-out items of the evaluated users.
    **options
        ``loss``, ``sharpness`` and ``left_out`` of `held_out_losses`.

    Raises
    ------
    ValueError
        As `weighted_gram`, `regularized_inverse` and `held_out_losses`.
    """
    inverse = regularized_inverse(weighted_gram(grams, weights), lam)
    diagonal = np.diag(inverse).copy()
    inputs = seen.astype(inverse.dtype)
    scores = ease_scores(inputs, inverse)
    losses, slope = held_out_losses(scores, seen, relevant, **options)
    slope /= len(losses)
    product = (inputs - scores) * diagonal  # M = X P, back from the scores
    by_diagonal = (slope * product).sum(axis=0) / diagonal**2
    derivative = product.T @ ((slope / diagonal) @ inverse)
    derivative -= (inverse * by_diagonal) @ inverse
    by_weight = np.array([np.vdot(derivative, matrix) for matrix in grams], dtype=np.float64)
    return LossGradient(float(losses.mean()), by_weight, float(np.trace(derivative)))


def _user_losses(
    inverse: Floats,
    inputs: Floats,
    seen: npt.NDArray[np.bool_],
    relevant: npt.NDArray[np.bool_],
    **options: Any,
) -> tuple[Floats, Floats, npt.NDArray[np.float64], Floats]:
    """Return ``p = diag(P)``, ``M = X P``, the losses of the users and their slopes ``R / p``."""
    diagonal: Floats = np.diag(inverse).copy()
    product = inputs @ inverse
    losses, slope = held_out_losses(inputs - product / diagonal, seen, relevant, **options)
    slope /= diagonal
    return diagonal, product, losses, slope


def user_lambda_slopes(
    inverse: Floats,
    seen: npt.NDArray[np.bool_],
    relevant: npt.NDArray[np.bool_],
    **options: Any,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return every user's held-out loss, and its derivative in lambda.

    As ``dP = -P P`` for lambda, ``dL_u = <R_u / p, M_u P> - sum_j R_uj M_uj q_j / p_j^2`` with the
    names of `ease_loss_gradient` and ``q = diag(P P)``.

    Parameters
    ----------
    inverse : array of float, shape (n_items, n_items)
        ``P``; its dtype is that of the work.
    seen, relevant : array of bool, shape (n_users, n_items)
        Training and held-out items of the evaluated users.
    **options
        ``loss``, ``sharpness`` and ``left_out`` of `held_out_losses`.

    Returns
    -------
    losses, slopes : array of float64, shape (n_users,)

    Raises
    ------
    ValueError
        As `held_out_losses`.
    """
    inputs = seen.astype(inverse.dtype)
    diagonal, product, losses, slope = _user_losses(inverse, inputs, seen, relevant, **options)
    squares = np.einsum("ij,ij->j", inverse, inverse)
    slopes = np.einsum("ij,ij->i", slope, product @ inverse)
    slopes -= (slope * product) @ (squares / diagonal)
    return losses, slopes.astype(np.float64)


def user_loss_slopes(
    rows: csr_matrix,
    group: npt.NDArray[np.integer[Any]],
    n_groups: int,
    inverse: Floats,
    seen: npt.NDArray[np.bool_],
    relevant: npt.NDArray[np.bool_],
    **options: Any,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return every user's held-out loss, and its derivative in the weight of each group.

    The same derivative as `ease_loss_gradient`, user by user and without a Gram matrix of a group:
    with ``G_j = sum_v x_v x_v'`` over its training users v, and ``W_v = x_v P``, ``dL_u / dw_j =
    sum_v <W_v, R_u / p> <W_v, x_u> - (R_u M_u / p^2) d_j``, where ``d_j = diag(P G_j P) = sum_v
    W_v^2``.

    Parameters
    ----------
    rows : scipy.sparse.csr_matrix, shape (n_train_users, n_items)
        Training interactions ``x_v``, of which ``P`` is made; row factors as in the Gram matrix.
    group : array of int, shape (n_train_users,)
        Group of each row, in [0, n_groups); rows of other groups (-1) are left out.
    n_groups : int
        Number of groups.
    inverse : array of float, shape (n_items, n_items)
        ``P`` of the mix; its dtype is that of the work.
    seen, relevant : array of bool, shape (n_users, n_items)
        Training and held-out items of the evaluated users.
    **options
        ``loss``, ``sharpness`` and ``left_out`` of `held_out_losses`.

    Returns
    -------
    losses : array of float64, shape (n_users,)
    slopes : array of float64, shape (n_users, n_groups)

    Raises
    ------
    ValueError
        As `held_out_losses`.
    """
    inputs = seen.astype(inverse.dtype)
    diagonal, product, losses, slope = _user_losses(inverse, inputs, seen, relevant, **options)
    slopes = np.zeros((len(losses), n_groups))
    diagonals = np.zeros((n_groups, len(diagonal)))
    for index in range(n_groups):
        members = np.flatnonzero(group == index)
        for start in range(0, len(members), _ROWS_AT_ONCE):
            block = rows[members[start : start + _ROWS_AT_ONCE]].astype(inverse.dtype).toarray()
            block = block @ inverse
            diagonals[index] += np.einsum("ij,ij->j", block, block)
            slopes[:, index] += np.einsum("ij,ij->j", block @ slope.T, block @ inputs.T)
    slopes -= (slope * product / diagonal) @ diagonals.T
    return losses, slopes
