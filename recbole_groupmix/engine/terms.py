"""The models of a population, their shared data, and the coefficients of a batch for each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from recbole_groupmix.engine import kernels
from recbole_groupmix.engine.triplets import Segments, Triplets

Floats = npt.NDArray[np.float32]
BETA1, BETA2, EPS = 0.9, 0.999, 1e-8  # torch.optim.Adam's defaults


@dataclass(frozen=True)
class Member:
    """Weights and settings of one model.

    Attributes
    ----------
    data_weights, l2_weights : numpy.ndarray of float64, shape (n_groups,)
        Weight of a triplet of each group in the data and in the L2 term.
    learning_rate, reg_weight : float
        Adam's step, and the factor of the L2 term.
    present : numpy.ndarray of bool, shape (n_groups,), optional
        Groups whose triplets the model's batches hold; the others have weight 0 in both terms, and
        do not count in a divisor that is a number of triplets. Default all.
    """

    data_weights: npt.NDArray[np.float64]
    l2_weights: npt.NDArray[np.float64]
    learning_rate: float
    reg_weight: float
    present: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Shared:
    """Data and settings that all models of a population share.

    Attributes
    ----------
    n_users : int
        Rows of the user table; the item table follows it in ``tables``.
    tables : numpy.ndarray of float32, shape (n_users + n_items, d)
        Initial embeddings.
    group_of_user : numpy.ndarray of int64, shape (n_users,)
        Group of every user; -1 is read as the last group and must not occur in triplets.
    factor : numpy.ndarray of float64, shape (n_users,)
        Factor of every triplet of a user (1, or the factor that makes ``l(u)`` a mean).
    l2_factor : numpy.ndarray of float64, shape (n_users,), optional
        The same for the L2 term; None if it is that of the data term.
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
    l2_factor: npt.NDArray[np.float64] | None = None


class BatchTerms:
    """The coefficients of the triplets of a batch, and of the rows in the L2 term.

    Parameters
    ----------
    shared : Shared
        Data and settings of all models.
    batch : Triplets
        The batch.
    """

    def __init__(self, shared: Shared, batch: Triplets) -> None:
        self._shared, self._batch = shared, batch
        self._of_groups: dict[bytes, Segments] = {}
        self._factor = shared.factor[batch.users]
        self._group = shared.group_of_user[batch.users]
        of_l2 = shared.factor if shared.l2_factor is None else shared.l2_factor
        self._mass = self._factor * batch.sizes  # factor summed over the triplets of a segment
        self._l2_mass = of_l2[batch.users] * batch.sizes
        n_groups = int(shared.group_of_user.max()) + 1
        self._counts = np.zeros((n_groups, len(shared.tables) - shared.n_users))
        kernels.weighted_counts(
            batch.users,
            batch.starts,
            batch.pos,
            batch.neg,
            shared.group_of_user,
            of_l2,
            self._counts,
        )

    def segments(self, member: Member) -> Segments:
        """Return the segments of a model's present groups, and how they are shared out."""
        if member.present is None:
            return self._batch.every_segment
        key = member.present.tobytes()
        if key not in self._of_groups:  # threads that both miss it make the same
            self._of_groups[key] = self._batch.segments_of(member.present[self._group])
        return self._of_groups[key]

    def weight(self, member: Member) -> Floats:
        """Return the weight of a triplet of each segment, divisor included, (n_segments,)."""
        divisor = self._divisor(member, member.data_weights, self._mass)
        weight = member.data_weights[self._group] * self._factor / divisor
        return weight.astype(np.float32)

    def shrink(self, member: Member) -> Floats:
        """Return the coefficient of every row in the gradient of the L2 term, (n_rows,)."""
        n_users, size = self._shared.n_users, len(self._shared.tables)
        if self._shared.l2_on_rows:
            shrink = np.full(size, 2.0 * member.reg_weight)
            shrink[[0, n_users]] = 0.0  # padding rows
            return shrink.astype(np.float32)
        shrink = np.zeros(size)
        shrink[self._batch.users] = member.l2_weights[self._group] * self._l2_mass
        weights = member.l2_weights[: len(self._counts)]
        # not by BLAS, which would start its own threads besides the callers'
        shrink[n_users:] = np.einsum("g,gi->i", weights, self._counts)
        shrink *= member.reg_weight / self._divisor(member, member.l2_weights, self._l2_mass)
        return shrink.astype(np.float32)

    def _divisor(
        self,
        member: Member,
        weights: npt.NDArray[np.float64],
        mass: npt.NDArray[np.float64],
    ) -> float:
        own = self.segments(member)
        if self._shared.loss_norm == "count":
            return float(own.n_triplets or 1)
        total = float((weights[self._group[own.which]] * mass[own.which]).sum())
        return total or 1.0  # a batch of weight 0 leaves a model as it is
