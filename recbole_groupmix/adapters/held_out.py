"""Per-user ranking metrics of a RecBole model on held-out interactions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import AbstractRecommender
from scipy.sparse import csr_matrix

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.adapters.inputs import PAIRS_PER_CALL, Inputs
from recbole_groupmix.core.catalogues import Catalogues, arrays_of
from recbole_groupmix.core.user_metrics import METRICS, per_user_metrics
from recbole_groupmix.engine.hit_loops import top_hits
from recbole_groupmix.engine.threads import even_bounds, pool

_SCORES_PER_BLOCK = 2**21  # at a time: 8 MiB of float32, but some models hold 64 numbers for each


@dataclass(frozen=True)
class HeldOut:
    """The held-out items that users are evaluated on.

    Attributes
    ----------
    users : numpy.ndarray of int64, shape (n_eval,)
        Internal ids, ascending; each has at least one held-out item.
    relevant, masked : scipy.sparse.csr_matrix of bool, shape (n_eval, n_items)
        Held-out items, and training items, which are left out of the ranking.
    catalogues : Catalogues or None
        Items that are ranked for each user, of whom each finds an item there; None stands for all.
    inputs : Inputs or None
        What a model reads of the users besides their ids, such as their histories.
    """

    users: np.ndarray
    relevant: csr_matrix
    masked: csr_matrix
    catalogues: Catalogues | None = None
    inputs: Inputs | None = None

    @classmethod
    def of_pairs(
        cls,
        train: tuple[np.ndarray, np.ndarray],
        held_out: tuple[np.ndarray, np.ndarray],
        shape: tuple[int, int],
        eligible: np.ndarray | None = None,
        catalogues: Catalogues | None = None,
        repeatable: bool = False,
    ) -> HeldOut:
        """Build from (users, items) pairs of both sides.

        Parameters
        ----------
        train, held_out : tuple of two numpy.ndarray of int64
            Users and items of the training and the held-out interactions.
        shape : tuple of int
            (n_users, n_items) of RecBole, padding included.
        eligible : numpy.ndarray of bool, shape (n_users,), optional
            Users to evaluate; default all. Users without any training interaction are never
            evaluated: the model has not learned anything about them.
        catalogues : Catalogues, optional
            Items that are ranked for each internal user id; default all. Held-out items outside
            a user's catalogue are left out: no ranking can hold them.
        repeatable : bool
            Whether users may come back to an item, as RecBole's sequential models have it: training
            items are then ranked, and relevant where they are held out too.
        """
        seen = _indicator(*train, shape)
        relevant = _indicator(*held_out, shape)
        if not repeatable:
            relevant = (relevant > relevant.multiply(seen)).tocsr()  # of both sides: known
        if catalogues is not None:
            relevant = _inside(relevant, catalogues)
        keep = (np.diff(relevant.indptr) > 0) & (np.diff(seen.indptr) > 0)
        if eligible is not None:
            keep &= eligible
        users = np.flatnonzero(keep)
        mine = None if catalogues is None else catalogues.of_rows(users)
        masked = csr_matrix((len(users), shape[1]), dtype=bool) if repeatable else seen[users]
        return cls(users, relevant[users], masked, mine)

    def of_users(self, wanted: np.ndarray) -> HeldOut:
        """Keep those of ``wanted``, bool (n_users,) by internal id."""
        rows = np.flatnonzero(wanted[self.users])
        mine = None if self.catalogues is None else self.catalogues.of_rows(rows)
        inputs = None if self.inputs is None else self.inputs.of_rows(rows)
        return HeldOut(self.users[rows], self.relevant[rows], self.masked[rows], mine, inputs)

    def read(self, rows: slice | np.ndarray) -> np.ndarray | Inputs:
        """Return what a model reads of some of the users: the ids, or the inputs."""
        return self.users[rows] if self.inputs is None else self.inputs.of_rows(rows)

    def left_out(self, rows: slice | np.ndarray = slice(None)) -> np.ndarray:
        """Return which items are not ranked, bool (n_rows, n_items).

        Training items, padding, and items outside a user's catalogue.
        """
        left_out: np.ndarray = self.masked[rows].toarray()
        left_out[:, 0] = True
        if self.catalogues is not None:
            left_out |= self.catalogues.left_out(rows)
        return left_out


def _inside(relevant: csr_matrix, catalogues: Catalogues) -> csr_matrix:
    """Return the held-out items of every user, of those in the user's catalogue."""
    pairs = relevant.tocoo()
    kept = catalogues.ranked[catalogues.of_row[pairs.row], pairs.col]
    return _indicator(pairs.row[kept], pairs.col[kept], relevant.shape)


def _indicator(users: np.ndarray, items: np.ndarray, shape: tuple[int, int]) -> csr_matrix:
    matrix = csr_matrix((np.ones(len(users), dtype=bool), (users, items)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = True
    return matrix


def scores_of_all_items(
    model: AbstractRecommender, users: np.ndarray | Inputs, n_items: int
) -> torch.Tensor:
    """Return the model's scores of every item for the given users, float (n, n_items).

    Uses ``full_sort_predict`` and, for models without it, ``predict`` on every pair.

    Parameters
    ----------
    model : AbstractRecommender
        A trained RecBole model.
    users : numpy.ndarray of int64, shape (n,), or Inputs
        Internal ids, or what the model reads of the users.
    n_items : int
        Items, padding included.
    """
    device = next(model.parameters()).device
    if not isinstance(users, Inputs):
        ids, items = torch.from_numpy(users), torch.arange(n_items)
        users = Inputs(Interaction({model.USER_ID: ids}), Interaction({model.ITEM_ID: items}))
    users = users.to(device)
    try:
        scores = model.full_sort_predict(users.users)
    except NotImplementedError:
        scores = torch.cat([model.predict(pairs).view(-1) for pairs in users.pairs()])
    return scores.view(-1, n_items)


@torch.no_grad()
def scores_of_pairs(
    model: AbstractRecommender, users: np.ndarray, items: np.ndarray
) -> np.ndarray:
    """Return the model's scores of pairs of internal ids, int64 (n,), as float (n,).

    The model is put into evaluation mode.
    """
    model.eval()
    device = next(model.parameters()).device
    ids = (torch.from_numpy(of_pairs).to(device) for of_pairs in (users, items))
    with recbole_compat():
        scores: np.ndarray = _scores_of_pairs(model, *ids).cpu().numpy()
    return scores


def _scores_of_pairs(
    model: AbstractRecommender, users: torch.Tensor, items: torch.Tensor
) -> torch.Tensor:
    pairs = zip(users.split(PAIRS_PER_CALL), items.split(PAIRS_PER_CALL), strict=True)
    few = (Interaction({model.USER_ID: user, model.ITEM_ID: item}) for user, item in pairs)
    return torch.cat([model.predict(pair).view(-1) for pair in few])


@torch.no_grad()
def user_metrics(
    model: AbstractRecommender,
    held_out: HeldOut,
    topk: Sequence[int],
    metrics: Sequence[str] = METRICS,
    on_scores: Callable[[slice, np.ndarray], None] | None = None,
) -> dict[str, np.ndarray]:
    """Rank all items, or those of catalogues, except the masked ones; return every user's metrics.

    Parameters
    ----------
    model : AbstractRecommender
        A trained RecBole model; it is put into evaluation mode.
    held_out : HeldOut
        Users, held-out and masked items, and the items that are ranked.
    topk : sequence of int
        Cut-offs, each at most the number of items.
    metrics : sequence of str
        See :data:`recbole_groupmix.core.user_metrics.METRICS`.
    on_scores : callable, optional
        Called with a block of rows of ``held_out`` and their scores of all items, (n, n_items),
        before any item is masked; it must not change them.

    Returns
    -------
    dict of str to numpy.ndarray
        ``"recall@20"`` and so on: float64 (n_eval,), unrounded, in the order of
        ``held_out.users``.
    """
    model.eval()
    n_items = held_out.relevant.shape[1]
    depth, block = max(topk), max(_SCORES_PER_BLOCK // n_items, 1)
    hits = np.zeros((len(held_out.users), depth), dtype=bool)
    for start in range(0, len(held_out.users), block):
        rows = slice(start, start + block)
        with recbole_compat():
            scores = scores_of_all_items(model, held_out.read(rows), n_items).cpu()
        if on_scores is not None:
            on_scores(rows, scores.numpy())
        if scores.dtype not in (torch.float32, torch.float64):
            scores = scores.float()
        _mark_hits(scores.contiguous().numpy(), start, held_out, hits[rows])
    n_relevant = np.diff(held_out.relevant.indptr).astype(np.int64)
    return per_user_metrics(hits, n_relevant, topk, metrics)


def _mark_hits(scores: np.ndarray, start: int, held_out: HeldOut, hits: np.ndarray) -> None:
    """Fill ``hits`` from the scores of as many users from ``start`` on; scores are changed."""
    masked, relevant, threads = held_out.masked, held_out.relevant, pool()
    rows = np.arange(start, start + len(scores))
    of_rows = (masked.indptr, masked.indices, relevant.indptr, relevant.indices)
    lists = (*of_rows, *arrays_of(held_out.catalogues))
    threads.run(
        partial(top_hits, scores[a:b], rows[a:b], *lists, hits[a:b])
        for a, b in pairwise(even_bounds(len(scores), threads.size))
    )
