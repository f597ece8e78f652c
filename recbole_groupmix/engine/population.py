"""A population of models that differ in their weights only and are trained on the same triplets.

Matrix factorisation, and LightGCN, which is the same on embeddings averaged over powers of the
normalised graph. Forward and backward are written out: the graph's matrix is symmetric, so the
gradient of the propagation is the propagation of the gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from recbole_groupmix.engine import kernels
from recbole_groupmix.engine.graph import Graph
from recbole_groupmix.engine.ranking import hits_at
from recbole_groupmix.engine.triplets import Triplets

Floats = npt.NDArray[np.float32]
_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8  # torch.optim.Adam's defaults
_FLOATS_PER_NODE = 256


def models_in_graph(width: int) -> int:
    """Return how many models of a width go through the graph together."""
    return max(_FLOATS_PER_NODE // width, 1)


@dataclass(frozen=True)
class Member:
    """What is one model's own.

    Attributes
    ----------
    data_weights, l2_weights : numpy.ndarray of float64, shape (n_groups,)
        Weight of a triplet of each group in the data and in the L2 term.
    learning_rate, reg_weight : float
        Adam's step, and the factor of the L2 term.
    """

    data_weights: npt.NDArray[np.float64]
    l2_weights: npt.NDArray[np.float64]
    learning_rate: float
    reg_weight: float


@dataclass(frozen=True)
class Shared:
    """What all models of a population share.

    Attributes
    ----------
    n_users : int
        Rows of the user table; the item table follows it in ``tables``.
    tables : numpy.ndarray of float32, shape (n_users + n_items, d)
        Initial embeddings.
    group_of_user : numpy.ndarray of int64, shape (n_users,)
        Group of every user; -1 is read as the last group and must not occur in triplets.
    factor : numpy.ndarray of float64, shape (n_users,)
        Factor of every triplet of a user (1, or what makes ``l(u)`` a mean).
    loss_norm : {"count", "weight"}
        Divisor of the loss: number of triplets, or the sum of their weights.
    l2_on_rows : bool
        Whether the L2 term is ``||Theta||^2`` (each row once) instead of that of the triplets.
    graph : scipy.sparse.csr_matrix of float32, optional
        Symmetric, shape (n_users + n_items,) squared; None for matrix factorisation.
    n_layers : int
        Layers of propagation.
    """

    n_users: int
    tables: Floats
    group_of_user: npt.NDArray[np.int64]
    factor: npt.NDArray[np.float64]
    loss_norm: str = "count"
    l2_on_rows: bool = False
    graph: csr_matrix | None = None
    n_layers: int = 0


class Population:
    """Models in training; each has its own tables and Adam state.

    Parameters
    ----------
    shared : Shared
        Data and options of all.
    members : sequence of Member
        One per model; models are numbered in this order.
    """

    def __init__(self, shared: Shared, members: Sequence[Member]) -> None:
        self._shared, self._members = shared, list(members)
        shape = shared.tables.shape
        self._tables = {k: shared.tables.copy() for k in range(len(self._members))}
        self._first = {k: np.zeros(shape, np.float32) for k in self._tables}
        self._second = {k: np.zeros(shape, np.float32) for k in self._tables}
        self._steps = 0
        self._grad_item = np.zeros(
            (kernels.n_threads(), shape[0] - shared.n_users, shape[1]), np.float32
        )
        self._graph = None if shared.graph is None else Graph(shared.graph, shared.n_layers)
        self._together = 1 if shared.graph is None else models_in_graph(shape[1])

    @property
    def alive(self) -> list[int]:
        """Numbers of the models that are still trained."""
        return list(self._tables)

    def tables(self, k: int) -> Floats:
        """Return a model's parameters, float32 (n_users + n_items, d); not a copy."""
        return self._tables[k]

    def output(self, k: int) -> tuple[Floats, Floats]:
        """Return the user and item embeddings that scores are products of; perhaps a view."""
        (final,) = self._propagated([self._tables[k]])
        return final[: self._shared.n_users], final[self._shared.n_users :]

    def hits(
        self,
        k: int,
        users: npt.NDArray[np.int64],
        masked: csr_matrix,
        relevant: csr_matrix,
        depth: int,
    ) -> npt.NDArray[np.bool_]:
        """Rank all items for some users by a model: see :func:`~.ranking.hits_at`.

        Parameters
        ----------
        k : int
            Number of the model.
        users : numpy.ndarray of int64, shape (n_eval,)
            Rows of the user table.
        masked, relevant, depth
            As there.
        """
        user, item = self.output(k)
        return hits_at(user[users], item, masked, relevant, depth)

    def drop(self, k: int) -> Floats:
        """Take a model out of training and return its parameters."""
        del self._first[k], self._second[k]
        return self._tables.pop(k)

    def step(self, batch: Triplets) -> None:
        """Make one update of every model that is alive."""
        shared, n_users = self._shared, self._shared.n_users
        self._steps += 1
        factor = shared.factor[batch.users]
        group = shared.group_of_user[batch.users]
        mass = factor * batch.sizes  # factor summed over the triplets of a segment
        counts = np.zeros((len(self._members[0].data_weights), len(shared.tables) - n_users))
        kernels.weighted_counts(
            batch.users,
            batch.starts,
            batch.pos,
            batch.neg,
            shared.group_of_user,
            shared.factor,
            counts,
        )
        alive = self.alive
        for start in range(0, len(alive), self._together):
            some = alive[start : start + self._together]
            gradients = []
            for k, final in zip(
                some, self._propagated([self._tables[k] for k in some]), strict=True
            ):
                member = self._members[k]
                divisor = self._divisor(member.data_weights, group, mass, batch)
                weight = (member.data_weights[group] * factor / divisor).astype(np.float32)
                gradients.append(self._gradient(final, batch, weight))
            for k, gradient in zip(some, self._propagated(gradients), strict=True):
                shrink = self._shrink(self._members[k], batch, group, mass, counts)
                self._move(k, gradient, shrink.astype(np.float32))

    def _move(self, k: int, gradient: Floats, shrink: Floats) -> None:
        """Make Adam's step on a model's tables."""
        correction1 = 1.0 - _BETA1**self._steps
        correction2 = np.sqrt(1.0 - _BETA2**self._steps)
        kernels.adam_rows(
            self._tables[k],
            gradient,
            shrink,
            self._first[k],
            self._second[k],
            np.float32(self._members[k].learning_rate / correction1),
            np.float32(correction2),
            np.float32(_BETA1),
            np.float32(_BETA2),
            np.float32(_EPS),
        )

    def _divisor(
        self,
        weights: npt.NDArray[np.float64],
        group: npt.NDArray[np.int64],
        mass: npt.NDArray[np.float64],
        batch: Triplets,
    ) -> float:
        if self._shared.loss_norm == "count":
            return float(len(batch.pos))
        return float((weights[group] * mass).sum())

    def _shrink(
        self,
        member: Member,
        batch: Triplets,
        group: npt.NDArray[np.int64],
        mass: npt.NDArray[np.float64],
        counts: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.float64]:
        """Coefficient of every row in the gradient of the L2 term."""
        n_users, size = self._shared.n_users, len(self._shared.tables)
        if self._shared.l2_on_rows:
            shrink = np.full(size, 2.0 * member.reg_weight)
            shrink[[0, n_users]] = 0.0  # padding rows
            return shrink
        shrink = np.zeros(size)
        shrink[batch.users] = member.l2_weights[group] * mass
        shrink[n_users:] = member.l2_weights @ counts
        return shrink * (member.reg_weight / self._divisor(member.l2_weights, group, mass, batch))

    def _gradient(self, final: Floats, batch: Triplets, weight: Floats) -> Floats:
        """Gradient of the data term with respect to the final embeddings."""
        n_users = self._shared.n_users
        gradient = np.zeros_like(final)
        kernels.bpr_gradients(
            batch.bounds,
            batch.users,
            batch.starts,
            batch.pos,
            batch.neg,
            weight,
            final[:n_users],
            final[n_users:],
            gradient[:n_users],
            self._grad_item,
        )
        kernels.sum_tables(self._grad_item, gradient[n_users:])
        return gradient

    def _propagated(self, tables: list[Floats]) -> list[Floats]:
        return tables if self._graph is None else self._graph.propagated(tables)
