"""A population of models that differ in their weights only and are trained on the same triplets.

Matrix factorisation, and LightGCN, which is the same on embeddings averaged over powers of the
normalised graph. Forward and backward are written out: the graph's matrix is symmetric, so the
gradient of the propagation is the propagation of the gradient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from recbole_groupmix.engine import kernels
from recbole_groupmix.engine.graph import Graph, in_bunches
from recbole_groupmix.engine.hits import RankingRequest, hits_at
from recbole_groupmix.engine.narrowed import narrowed
from recbole_groupmix.engine.terms import BETA1, BETA2, EPS, BatchTerms, Floats, Member, Shared
from recbole_groupmix.engine.threads import ALONE, ThreadPool, even_bounds, one_blas_thread, pool
from recbole_groupmix.engine.triplets import Ints, Triplets


class Population:
    """Models in training; each has its own tables and Adam state.

    Parameters
    ----------
    shared : Shared
        Data and options of all models.
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
        self._threads = pool()
        self._rows = even_bounds(shape[0], self._threads.size)
        n_items = shape[0] - shared.n_users
        self._item_rows = even_bounds(n_items, self._threads.size)
        self._of_parts = np.empty((self._threads.size, n_items, shape[1]), np.float32)
        self._graph = None
        if shared.graph is not None:
            self._graph = Graph(shared.graph, shared.n_layers, self._threads.size)

    @property
    def alive(self) -> list[int]:
        """Numbers of the models that are still trained."""
        return list(self._tables)

    def reweigh(self, k: int, member: Member) -> None:
        """Give a model the weights of another member from the next step on."""
        self._members[k] = member

    def tables(self, k: int) -> Floats:
        """Return a model's parameters, float32 (n_users + n_items, d); not a copy."""
        return self._tables[k]

    def output(self, k: int) -> tuple[Floats, Floats]:
        """Return the user and item embeddings that scores are products of; perhaps a view."""
        (final,) = self._propagated([self._tables[k]], self._threads)
        return final[: self._shared.n_users], final[self._shared.n_users :]

    def hits(self, requests: Mapping[int, RankingRequest]) -> dict[int, npt.NDArray[np.bool_]]:
        """Rank items by models, each for its own users, and mark the relevant ones.

        Parameters
        ----------
        requests : mapping of int to RankingRequest
            By number of the model.

        Returns
        -------
        dict of int to numpy.ndarray of bool, shape (n_now, depth)
            From best to last: see :func:`~.hits.hits_at`.
        """
        hits: dict[int, npt.NDArray[np.bool_]] = {}
        bunches = self._bunches(list(requests))
        if len(bunches) < self._threads.size:
            for bunch in bunches:
                self._rank(bunch, requests, self._threads, hits)
        else:
            with one_blas_thread():
                self._threads.run(partial(self._rank, b, requests, ALONE, hits) for b in bunches)
        return hits

    def _rank(
        self,
        models: Sequence[int],
        requests: Mapping[int, RankingRequest],
        threads: ThreadPool,
        hits: dict[int, npt.NDArray[np.bool_]],
    ) -> None:
        finals = self._propagated([self._tables[k] for k in models], threads)
        for k, final in zip(models, finals, strict=True):
            user, item = final[: self._shared.n_users], final[self._shared.n_users :]
            hits[k] = _hits(user, item, requests[k], threads)

    def drop(self, k: int) -> Floats:
        """Take a model out of training and return its parameters."""
        del self._first[k], self._second[k]
        return self._tables.pop(k)

    def step(self, batch: Triplets) -> None:
        """Make one update of every model that is alive.

        With as many bunches of models as threads or more, each thread trains whole models; with
        fewer, all threads work on the same model. The additions are the same either way.
        """
        self._steps += 1
        terms, alive = BatchTerms(self._shared, batch), self.alive
        bunches = self._bunches(alive)
        if len(bunches) < self._threads.size:
            for bunch in bunches:
                self._advance(bunch, batch, terms, self._threads)
        else:
            self._threads.run(partial(self._advance, b, batch, terms, ALONE) for b in bunches)

    def _bunches(self, models: Sequence[int]) -> list[Sequence[int]]:
        """Cut models into bunches that go through the graph together; see :func:`in_bunches`."""
        if self._graph is None:
            return [[k] for k in models]
        return in_bunches(models, self._shared.tables.shape[1], self._threads.size)

    def _advance(
        self, models: Sequence[int], batch: Triplets, terms: BatchTerms, threads: ThreadPool
    ) -> None:
        """Make the update of the given models."""
        finals = self._propagated([self._tables[k] for k in models], threads)
        members = [self._members[k] for k in models]
        gradients = [
            self._gradient(final, batch, terms.weight(m), terms.segments(m).bounds, threads)
            for m, final in zip(members, finals, strict=True)
        ]
        for k, gradient in zip(models, self._propagated(gradients, threads), strict=True):
            threads.over(
                self._rows if threads.size > 1 else self._rows[[0, -1]],
                kernels.adam_rows,
                self._tables[k],
                gradient,
                terms.shrink(self._members[k]),
                self._first[k],
                self._second[k],
                np.float32(self._members[k].learning_rate / (1.0 - BETA1**self._steps)),
                np.float32(np.sqrt(1.0 - BETA2**self._steps)),
                np.float32(BETA1),
                np.float32(1.0 - BETA1),
                np.float32(BETA2),
                np.float32(1.0 - BETA2),
                np.float32(EPS),
            )

    def _gradient(
        self,
        final: Floats,
        batch: Triplets,
        weight: Floats,
        bounds: Ints,
        threads: ThreadPool,
    ) -> Floats:
        """Gradient of the data term with respect to the final embeddings."""
        n_users = self._shared.n_users
        gradient = np.zeros_like(final)
        by_user, by_item = gradient[:n_users], gradient[n_users:]
        triplets = (batch.users, batch.starts, batch.pos, batch.neg, weight)
        tables = (final[:n_users], final[n_users:])
        parts = list(pairwise(bounds))
        if threads.size > 1:
            threads.run(
                partial(kernels.bpr_gradients, *ends, *triplets, *tables, by_user, of_part)
                for ends, of_part in zip(parts, self._of_parts, strict=True)
            )
            threads.over(self._item_rows, kernels.sum_tables, self._of_parts, by_item)
            return gradient
        of_part = np.empty_like(by_item)
        for ends in parts:
            kernels.bpr_gradients(*ends, *triplets, *tables, by_user, of_part)
            kernels.add_rows(of_part, by_item)
        return gradient

    def _propagated(self, tables: list[Floats], threads: ThreadPool) -> list[Floats]:
        return tables if self._graph is None else self._graph.propagated(tables, threads)


def _hits(
    user: Floats, item: Floats, request: RankingRequest, threads: ThreadPool
) -> npt.NDArray[np.bool_]:
    """Return the hits of a request from the embeddings of all users and items."""
    now, parts = request.now, narrowed(request)
    if parts is None:
        lists = request.masked, request.relevant, request.depth
        return hits_at(user[request.users[now]], item, *lists, threads, now, request.catalogues)
    hits = np.zeros((len(now), request.depth), dtype=bool)
    for places, items, part in parts:
        lists = part.masked, part.relevant, part.depth
        hits[places] = hits_at(user[part.users], item[items], *lists, threads)
    return hits
