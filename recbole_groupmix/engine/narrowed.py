"""Rankings over catalogues as rankings over the items of each catalogue alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from recbole_groupmix.engine.hits import RankingRequest

_FEWEST_ROWS = 8  # of a catalogue, below which taking its items apart costs more than it saves
_MOST_ITEMS = 0.75  # of all items, in a catalogue of a row on average

Indices = npt.NDArray[np.int64]


def narrowed(request: RankingRequest) -> Iterator[tuple[Indices, Indices, RankingRequest]] | None:
    """Return the request of each catalogue over its own items; None where that saves nothing.

    Yields
    ------
    places, items : numpy.ndarray of int64
        Places in ``request.now`` of the users of a catalogue, and its items, padding first.
    of_catalogue : RankingRequest
        These users and items, without a catalogue.
    """
    catalogues, now = request.catalogues, request.now
    if catalogues is None or not len(now):
        return None
    of_row = catalogues.of_row[now]
    used = np.unique(of_row)
    if len(used) * _FEWEST_ROWS > len(now) + _FEWEST_ROWS:
        return None
    sizes = catalogues.ranked.sum(axis=1)[of_row]
    if sizes.mean() > _MOST_ITEMS * catalogues.ranked.shape[1]:
        return None
    return _each(request, of_row, used)


def _each(
    request: RankingRequest, of_row: Indices, used: Indices
) -> Iterator[tuple[Indices, Indices, RankingRequest]]:
    assert request.catalogues is not None
    for catalogue in used:
        places = np.flatnonzero(of_row == catalogue)
        ranked = request.catalogues.ranked[catalogue].copy()
        ranked[0] = True
        items, rows = np.flatnonzero(ranked), request.now[places]
        yield (
            places,
            items,
            replace(
                request,
                users=request.users[rows],
                masked=request.masked[rows][:, items],
                relevant=request.relevant[rows][:, items],
                rows=None,
                catalogues=None,
            ),
        )
