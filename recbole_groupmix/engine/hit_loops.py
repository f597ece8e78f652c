"""Which of the best items of a user are relevant, found without sorting: the loop of ranking.

The scores of a user are folded into lanes, each the largest of every L-th score, and these into few.
The depth-th largest of the few is a bound that at least ``depth`` items reach, and hardly more do.
The rank of a relevant item that reaches it is the number of better items.
"""

from __future__ import annotations

import numpy as np

from recbole_groupmix.engine.compiled import compiled

#: Items in a lane, at least.
_IN_LANE = 8


@compiled(nogil=True)
def _larger(a, b, out):  # type: ignore[no-untyped-def]
    """Entry by entry; NaN in b is passed over, NaN in a stays.

    LLVM vectorises it as long as ``out`` is neither of the two.
    """
    for i in range(out.shape[0]):
        out[i] = b[i] if b[i] > a[i] else a[i]


@compiled(nogil=True)
def _lanes(row, n_lanes, a, b):  # type: ignore[no-untyped-def]
    """Largest of each lane ``row[l::n_lanes]``, or NaN where the first of them is NaN.

    In one of the two arrays given, which is returned.
    """
    _larger(row[:n_lanes], row[n_lanes : 2 * n_lanes], a)
    start = 2 * n_lanes
    while start + n_lanes <= row.shape[0]:
        _larger(a, row[start : start + n_lanes], b)
        a, b = b, a
        start += n_lanes
    for k in range(row.shape[0] - start):
        if row[start + k] > a[k]:
            a[k] = row[start + k]
    return a


@compiled(nogil=True)
def _bound(lanes, depth, a, b, low):  # type: ignore[no-untyped-def]
    """Score that at least ``depth`` items reach, for ``depth`` lanes or more; NaN reaches nothing.

    Halves are folded until fewer than twice ``depth`` are left, each the score of another item, and
    the ``depth``-th largest of these is found among the smallest, which ``low`` has place for.
    """
    now, size = lanes, lanes.shape[0]
    while size >= 2 * depth:
        half = size // 2
        out = a[:half]
        _larger(now[:half], now[size - half : size], out)
        if size % 2 and now[half] > out[0]:
            out[0] = now[half]
        now, size = out, half
        a, b = b, a
    keep = size - depth + 1
    low[:keep] = np.inf
    for i in range(size):
        score = now[i]
        if not score >= -np.inf:
            score = -np.inf
        if score < low[keep - 1]:
            k = keep - 1
            while k > 0 and low[k - 1] > score:
                low[k] = low[k - 1]
                k -= 1
            low[k] = score
    return low[keep - 1]


@compiled(nogil=True)
def _n_better(score, item, scores, items, n):  # type: ignore[no-untyped-def]
    """How many of the first n have a larger score, or the same and a smaller number."""
    count = 0
    for k in range(n):
        count += (scores[k] > score) or (scores[k] == score and items[k] < item)
    return count


@compiled(nogil=True)
def _reaching(row, lanes, bound, reach, which, open_lanes):  # type: ignore[no-untyped-def]
    """Write the items that reach the bound and their scores; return how many.

    Free of branches, which the processor would mispredict where one entry in ten is taken: every
    entry is written, and the next one overwrites it unless it counts.
    """
    step, end = np.uint64(lanes.shape[0]), np.uint64(row.shape[0])  # unsigned: see kernels
    n_open, n = np.uint64(0), np.uint64(0)
    for lane in range(step):
        open_lanes[n_open] = lane
        n_open += np.uint64(not lanes[lane] < bound)  # NaN hides what else is in the lane
    for k in range(n_open):
        i = np.uint64(open_lanes[k])
        while i < end:
            score = row[i]
            reach[n], which[n] = score, i
            n += np.uint64(score >= bound)
            i += step
    return np.int64(n)


@compiled(nogil=True)
def _hide(row, masked, ranked, of_row, r):  # type: ignore[no-untyped-def]
    """Set padding, masked items and those outside the catalogue of a row to -inf."""
    row[0] = -np.inf
    for item in masked:
        row[item] = -np.inf
    if len(ranked):
        mine = ranked[of_row[r]]
        for item in range(len(row)):
            if not mine[item]:
                row[item] = -np.inf


@compiled(nogil=True)
def _places(row, relevant, hits, folded, low, reach, which, open_lanes):  # type: ignore[no-untyped-def]
    """Mark the ranks of one user's relevant items in ``hits``; the other arrays are buffers.

    Items that are not ranked are -inf.
    """
    depth, n_lanes = hits.shape[0], folded.shape[1]
    hits[:] = False
    if n_lanes >= depth:
        lanes = _lanes(row, n_lanes, folded[0], folded[1])
        bound = _bound(lanes, depth, folded[2], folded[3], low)
    else:
        lanes, bound = row, row.dtype.type(-np.inf)
    n = _reaching(row, lanes, bound, reach, which, open_lanes)
    for item in relevant:
        score = row[item]
        if score >= bound and score > -np.inf:
            place = _n_better(score, item, reach, which, n)
            if place < depth:
                hits[place] = True


@compiled(nogil=True)
def _buffers(n_items, depth, dtype):  # type: ignore[no-untyped-def]
    """Return the buffers of :func:`_places`."""
    return (
        np.empty((4, n_items // _IN_LANE), dtype),
        np.empty(2 * depth, dtype),
        np.empty(n_items + 1, dtype),  # one more is written than counts
        np.empty(n_items + 1, np.int32),
        np.empty(n_items + 1, np.int32),
    )


@compiled(nogil=True)
def top_hits(  # type: ignore[no-untyped-def]
    scores, rows, masked_ptr, masked, relevant_ptr, relevant, ranked, of_row, hits
):
    """Which of the best items of each user are relevant; of equal scores the first item is better.

    Parameters
    ----------
    scores : float32 or float64 (n_block, n_items)
        Changed: padding item 0, masked items and those outside the catalogue become -inf. These
        are not ranked, nor is NaN.
    rows : int64 (n_block,)
        Which row of the CSR arrays belongs to each user of the block.
    masked_ptr, masked, relevant_ptr, relevant : int32 or int64
        CSR structure of masked and relevant items.
    ranked, of_row : bool (n_catalogues, n_items), int64 (n_eval,)
        Catalogues, and that of each row of the CSR arrays; without any, all items are ranked.
    hits : bool (n_block, K)
        Receives, from best to K-th, whether the item is relevant.
    """
    buffers = _buffers(scores.shape[1], hits.shape[1], scores.dtype)
    for b, r in enumerate(rows):
        hide = masked[masked_ptr[r] : masked_ptr[r + 1]]
        wanted = relevant[relevant_ptr[r] : relevant_ptr[r + 1]]
        _hide(scores[b], hide, ranked, of_row, r)
        _places(scores[b], wanted, hits[b], *buffers)


@compiled(nogil=True, fastmath={"contract"})
def _products(user, columns, out):  # type: ignore[no-untyped-def]
    """Write the products of one row with all columns, float32 (d, n_items), by up to four terms."""
    d, n = columns.shape
    if d < 4:
        out[:] = np.float32(0.0)
    for k in range(0, d - d % 4, 4):
        a, b, c, e = user[k], user[k + 1], user[k + 2], user[k + 3]
        first, second, third, fourth = columns[k], columns[k + 1], columns[k + 2], columns[k + 3]
        if k == 0:
            for i in range(n):
                out[i] = a * first[i] + b * second[i] + c * third[i] + e * fourth[i]
        else:
            for i in range(n):
                out[i] += a * first[i] + b * second[i] + c * third[i] + e * fourth[i]
    for k in range(d - d % 4, d):
        a, first = user[k], columns[k]
        for i in range(n):
            out[i] += a * first[i]


@compiled(nogil=True)
def top_hits_of_narrow(  # type: ignore[no-untyped-def]
    user, columns, rows, masked_ptr, masked, relevant_ptr, relevant, ranked, of_row, hits
):
    """:func:`top_hits` of products of embeddings, user by user, for small d.

    A BLAS product with few terms takes longer than the ranking; computed here, the scores of a
    user stay in the first-level cache.

    Parameters
    ----------
    user, columns : float32 (n_block, d), float32 (d, n_items)
        Embeddings.
    rows, masked_ptr, masked, relevant_ptr, relevant, ranked, of_row, hits
        As in :func:`top_hits`.
    """
    row = np.empty(columns.shape[1], np.float32)
    buffers = _buffers(columns.shape[1], hits.shape[1], row.dtype)
    for b, r in enumerate(rows):
        _products(user[b], columns, row)
        hide = masked[masked_ptr[r] : masked_ptr[r + 1]]
        wanted = relevant[relevant_ptr[r] : relevant_ptr[r + 1]]
        _hide(row, hide, ranked, of_row, r)
        _places(row, wanted, hits[b], *buffers)
