"""The population of :mod:`.population` as PyTorch tensors, for a GPU: one step trains all models.

The model is the middle axis of every table, so one gather fetches a triplet's rows for all models
and one sparse product propagates all of them. Forward and backward are written out as in
:mod:`.population`; autograd records nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from recbole_groupmix.engine.hits import RankingRequest
from recbole_groupmix.engine.terms import BETA1, BETA2, EPS, Member, Shared
from recbole_groupmix.engine.torch_hits import torch_hits
from recbole_groupmix.engine.triplets import Triplets

_GAMMA = 1e-10  # of RecBole's BPRLoss, -log(gamma + sigmoid(x))
_LARGEST = 40.0  # e^40 squared is still a float32, and the slope there is 4e-18


class TorchPopulation:
    """Models in training on one device, equivalent to :class:`.Population`.

    A model depends on ``max_bytes`` and on the models trained with it by rounding only: torch's
    kernels choose the order of additions by device, CPU and the shape of a tensor. (The compiled
    engine fixes that order, so there a model's bits do not depend on the other models.)

    Parameters
    ----------
    shared : Shared
        Data and options of all models.
    members : sequence of Member
        One per model; models are numbered in this order.
    device : str or torch.device
        Where tables and batches live.
    max_bytes : int
        Limit of the memory for a chunk of triplets or of users to rank for, besides the tables
        (6 of each model at the peak, 7 while models leave); a chunk has at least one triplet.
    dtype : torch.dtype
        Of the tables; ``torch.float64`` is for comparisons.
    """

    def __init__(
        self,
        shared: Shared,
        members: Sequence[Member],
        device: str | torch.device = "cpu",
        max_bytes: int = 2**28,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._shared, self._members = shared, list(members)
        self._device, self._max_bytes = torch.device(device), max_bytes
        self._columns = {k: k for k in range(len(self._members))}  # of the middle axis
        initial = self._tensor(shared.tables).to(dtype)
        self._table = initial[:, None].repeat(1, len(self._members), 1)
        self._first = torch.zeros_like(self._table)
        self._second = torch.zeros_like(self._table)
        rates = np.array([[member.learning_rate] for member in self._members])
        self._rates = self._tensor(rates)  # (P, 1), float64
        self._steps = 0
        self._graph = None if shared.graph is None else self._sparse(shared.graph)
        self._final: Tensor | None = None

    @property
    def alive(self) -> list[int]:
        """Numbers of the models that are still trained."""
        return list(self._columns)

    def reweigh(self, k: int, member: Member) -> None:
        """Give a model the weights of another member from the next step on; its rate stays."""
        self._members[k] = member

    def tables(self, k: int) -> npt.NDArray[np.float32]:
        """Return a copy of a model's parameters, float32 (n_users + n_items, d)."""
        return _copied(self._table[:, self._columns[k]])

    def output(self, k: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return the user and item embeddings that scores are products of (copies)."""
        final = _copied(self._propagated_tables()[:, self._columns[k]])
        return final[: self._shared.n_users], final[self._shared.n_users :]

    def drop(self, k: int) -> npt.NDArray[np.float32]:
        """Take a model out of training and return its parameters.

        Its memory and time are saved from the next step on.
        """
        table = self.tables(k)
        del self._columns[k]
        return table

    def step(self, batch: Triplets) -> None:
        """Make one update of every model that is alive."""
        self._compact()
        self._steps += 1
        if not self._columns:
            return
        segment = torch.repeat_interleave(
            self._tensor(batch.sizes), output_size=len(batch.pos)
        )  # of every triplet
        pos, neg = self._tensor(batch.pos), self._tensor(batch.neg)
        weight, shrink = self._coefficients(batch, segment, pos, neg)
        users = self._tensor(batch.users)[segment]
        self._adam(self._gradient(segment, users, pos, neg, weight), shrink)

    def hits(self, requests: Mapping[int, RankingRequest]) -> dict[int, npt.NDArray[np.bool_]]:
        """Rank items by models, each for its own users, and mark the relevant ones.

        Parameters
        ----------
        requests : mapping of int to RankingRequest
            By number of the model. Padding item 0 is left out of every ranking.

        Returns
        -------
        dict of int to numpy.ndarray of bool, shape (n_now, depth)
            From best to last; items of equal score in no fixed order.
        """
        return {k: self._hits(k, request) for k, request in requests.items()}

    def _hits(self, k: int, request: RankingRequest) -> npt.NDArray[np.bool_]:
        final = self._propagated_tables()[:, self._columns[k]]
        user = final[self._tensor(request.users[request.now])]
        item = final[self._shared.n_users :].contiguous()
        return torch_hits(user, item, request, self._max_bytes)

    def _tensor(self, values: npt.NDArray[np.generic]) -> Tensor:
        return torch.tensor(values, device=self._device)

    def _sparse(self, graph: csr_matrix) -> Tensor:
        with warnings.catch_warnings():  # torch calls CSR a beta feature
            warnings.simplefilter("ignore", UserWarning)
            return torch.sparse_csr_tensor(
                self._tensor(graph.indptr),
                self._tensor(graph.indices),
                self._tensor(graph.data).to(self._table.dtype),
                size=graph.shape,
                check_invariants=False,
            )

    def _compact(self) -> None:
        """Remove the models that left from the tables."""
        if len(self._columns) == self._table.shape[1]:
            return
        kept = self._tensor(np.array(list(self._columns.values()), dtype=np.int64))
        self._final = None
        self._table = self._table.index_select(1, kept)
        self._first = self._first.index_select(1, kept)
        self._second = self._second.index_select(1, kept)
        self._rates = self._rates.index_select(0, kept)
        self._columns = {k: column for column, k in enumerate(self._columns)}

    def _coefficients(
        self, batch: Triplets, segment: Tensor, pos: Tensor, neg: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Weight of a triplet by segment (n_segments, P), and L2 coefficient by row (n_rows, P).

        In float64, and added in an order that does not depend on the other models, then rounded.
        """
        shared, alive = self._shared, [self._members[k] for k in self._columns]
        n_users, (n_rows, n_alive, _) = shared.n_users, self._table.shape
        group, factor = shared.group_of_user[batch.users], shared.factor[batch.users]
        l2_factor = factor if shared.l2_factor is None else shared.l2_factor[batch.users]
        data = np.stack([member.data_weights for member in alive])
        n_groups = data.shape[1]

        def mass_of_group(of_triplet: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            mass = np.zeros(n_groups)
            np.add.at(mass, group, of_triplet * batch.sizes)  # summed over the triplets
            return mass

        of_group = mass_of_group(np.ones(len(batch.users)))
        n_triplets = np.array([_n_triplets(member, of_group) for member in alive])
        data = data / self._divisor(data, mass_of_group(factor), n_triplets)
        groups, factors = self._tensor(group), self._tensor(factor)
        weight = self._tensor(data.T)[groups] * factors[:, None]

        l2 = np.stack([member.l2_weights for member in alive])
        reg_weight = np.array([[member.reg_weight] for member in alive])
        shrink = torch.zeros((n_rows, n_alive), dtype=torch.float64, device=self._device)
        if shared.l2_on_rows:
            shrink += self._tensor(2.0 * reg_weight.T)
            shrink[0] = shrink[n_users] = 0.0  # padding rows
        else:
            l2 = l2 * (reg_weight / self._divisor(l2, mass_of_group(l2_factor), n_triplets))
            by_group = self._tensor(l2.T)
            mass = self._tensor(l2_factor * batch.sizes)
            shrink[self._tensor(batch.users)] = by_group[groups] * mass[:, None]
            counts = factors.new_zeros(n_groups * (n_rows - n_users))
            first, factor_of_row = (
                groups[segment] * (n_rows - n_users),
                self._tensor(l2_factor)[segment],
            )
            counts.index_add_(0, first + pos, factor_of_row)
            counts.index_add_(0, first + neg, factor_of_row)
            for count, coefficient in zip(counts.view(n_groups, -1), by_group, strict=True):
                shrink[n_users:] += count[:, None] * coefficient
        return weight.to(self._table.dtype), shrink.to(self._table.dtype)

    def _divisor(
        self,
        weights: npt.NDArray[np.float64],
        mass: npt.NDArray[np.float64],
        n_triplets: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.float64]:
        """Divisor of the loss of every model, (P, 1)."""
        if self._shared.loss_norm == "count":
            return np.maximum(n_triplets, 1.0)[:, None]
        total = (weights * mass).sum(axis=1, keepdims=True)
        return np.where(total > 0, total, 1.0)  # a batch of weight 0 leaves a model as it is

    def _gradient(
        self, segment: Tensor, users: Tensor, pos: Tensor, neg: Tensor, weight: Tensor
    ) -> Tensor:
        """Gradient of the data term with respect to the parameters."""
        final = self._propagated_tables()
        _, n_alive, d = final.shape
        grad = torch.zeros_like(final)
        user, item = final.tensor_split([self._shared.n_users])
        grad_user, grad_item = grad.tensor_split([self._shared.n_users])
        away = torch.zeros_like(item)  # apart, so that no order of additions depends on chunks
        chunk = max(self._max_bytes // (n_alive * (3 * d + 5) * final.element_size()), 1)
        buffers = final.new_empty((3, min(chunk, len(pos)), n_alive, d))
        for start in range(0, len(pos), chunk):
            rows = slice(start, start + chunk)
            u, i, j = users[rows], pos[rows], neg[rows]
            own, lean, spare = buffers[:, : len(u)]
            torch.index_select(user, 0, u, out=own)
            torch.index_select(item, 0, i, out=lean)
            lean -= torch.index_select(item, 0, j, out=spare)
            score = torch.mul(own, lean, out=spare).sum(-1)
            slope = _slope(score).mul_(weight[segment[rows]]).unsqueeze_(-1)
            grad_user.index_add_(0, u, lean.mul_(slope))
            own.mul_(slope)
            grad_item.index_add_(0, i, own)
            away.index_add_(0, j, own)
        grad_item -= away
        del final, user, item, away, buffers
        self._final = None  # frees its memory before the next allocation
        return self._propagated(grad)

    def _propagated_tables(self) -> Tensor:
        """Embeddings of all models that scores are products of; kept for the next step."""
        if self._final is None:
            self._final = self._propagated(self._table)
        return self._final

    def _propagated(self, x: Tensor) -> Tensor:
        """Mean of x, Ax, ..., A^L x (by Horner's rule); x itself for matrix factorisation."""
        n_layers = self._shared.n_layers
        if self._graph is None or n_layers == 0:
            return x
        total = flat = x.view(len(x), -1)
        for _ in range(n_layers):
            total = torch.addmm(flat, self._graph, total)
        return total.mul_(1.0 / (n_layers + 1)).view_as(x)

    def _adam(self, grad: Tensor, shrink: Tensor) -> None:
        """One step of Adam as ``torch.optim.Adam`` makes it; ``grad`` is used up."""
        rate = (self._rates / (1.0 - BETA1**self._steps)).to(grad.dtype)
        spare = shrink[:, :, None] * self._table
        grad += spare
        self._first.mul_(BETA1).add_(torch.mul(grad, 1.0 - BETA1, out=spare))
        self._second.mul_(BETA2).add_(torch.mul(grad, grad, out=spare).mul_(1.0 - BETA2))
        torch.sqrt(self._second, out=spare).div_(np.sqrt(1.0 - BETA2**self._steps)).add_(EPS)
        self._table -= torch.mul(self._first, rate, out=grad).div_(spare)


def _n_triplets(member: Member, of_group: npt.NDArray[np.float64]) -> float:
    """Return the number of triplets of a model's present groups."""
    return float(of_group.sum() if member.present is None else of_group[member.present].sum())


def _slope(x: Tensor) -> Tensor:
    """Return the derivative of -log(gamma + sigmoid(x)), without branches; uses up ``x``."""
    e = x.clamp_(max=_LARGEST).exp_()
    one = e + 1.0
    return e.neg().div_((one * _GAMMA).add_(e).mul_(one))


def _copied(x: Tensor) -> npt.NDArray[np.float32]:
    copy: npt.NDArray[np.float32] = x.clone(memory_format=torch.contiguous_format).cpu().numpy()
    return copy
