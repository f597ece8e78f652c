"""The hot loops of training, compiled by Numba.

Each call processes a range on one thread and releases the GIL; :mod:`.threads` runs them in
parallel.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from recbole_groupmix.engine.compiled import compiled
from recbole_groupmix.engine.row_vectors import add_scaled, difference, weighted_sum

#: Reorder sums and fuse multiply-adds, but keep NaN and infinities.
_FAST = {"reassoc", "contract", "arcp", "nsz"}
#: RecBole's BPRLoss is -log(gamma + sigmoid(x)): its gradient fades where sigmoid(x) < gamma.
GAMMA = np.float32(1e-10)
#: Most triplets of a block, and most floats (16 KiB, half of a first-level cache).
_BLOCK, _BLOCK_FLOATS = 128, 4096


@njit(fastmath=_FAST, inline="always")
def _exp(x):  # type: ignore[no-untyped-def]
    """``exp(x)`` in float32 for x clipped to [-80, 40], to 1e-7; LLVM vectorises it.

    2^k by its bits, and the Taylor-like polynomial of Cephes' expf for the rest.
    """
    x = min(max(x, np.float32(-80.0)), np.float32(40.0))
    k = np.int32(x * np.float32(1.44269504) + np.float32(127.5))
    n = np.float32(k - np.int32(127))
    r = x - n * np.float32(0.693359375) + n * np.float32(2.12194440e-4)
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    return (p * r * r + r + np.float32(1.0)) * np.int32(k << np.int32(23)).view(np.float32)


@njit(fastmath=_FAST, inline="always")
def _slope(x):  # type: ignore[no-untyped-def]
    """``sigmoid'(x) / (gamma + sigmoid(x))`` in float32, written with one exponential."""
    one = np.float32(1.0)
    e = _exp(x)
    return e / ((one + e) * (e + GAMMA * (one + e)))


@compiled(nogil=True, fastmath=_FAST, error_model="numpy")
def _bpr_gradients(  # type: ignore[no-untyped-def]
    begin, end, users, starts, pos, neg, weight, user, item, grad_user, grad_item, columns
):
    """See :func:`bpr_gradients`; ``columns`` is a tuple of d entries, so that d is known here."""
    d, g, zero = len(columns), grad_item, np.uint64(0)
    g[:] = np.float32(0.0)
    block = min(max(_BLOCK_FLOATS // d, 1), _BLOCK)
    apart = np.empty((block, d), dtype=np.float32)
    x = np.empty(block, dtype=np.float32)
    weighted_row, total = np.empty((1, d), dtype=np.float32), np.empty((1, d), dtype=np.float32)
    for a in range(begin, end):
        w = weight[a]
        if w == np.float32(0.0):
            continue
        u = np.uint64(users[a])  # unsigned: no index counts from the end
        for k in range(d):
            total[0, k] = np.float32(0.0)
            weighted_row[0, k] = -w * user[u, k]
        first = starts[a]
        while first < starts[a + 1]:
            size = min(block, starts[a + 1] - first)
            for n in range(size):
                i, j = np.uint64(pos[first + n]), np.uint64(neg[first + n])
                x[n] = difference(apart, np.uint64(n), item, i, j, user, u, columns)
            for n in range(size):
                x[n] = _slope(x[n])
            for n in range(size):
                i, j = np.uint64(pos[first + n]), np.uint64(neg[first + n])
                add_scaled(total, zero, x[n], apart, np.uint64(n), columns)
                add_scaled(g, i, x[n], weighted_row, zero, columns)
                add_scaled(g, j, -x[n], weighted_row, zero, columns)
            first += size
        for k in range(d):
            grad_user[u, k] = -w * total[0, k]


def bpr_gradients(  # type: ignore[no-untyped-def]
    begin, end, users, starts, pos, neg, weight, user, item, grad_user, grad_item
):
    """Compute gradients of ``sum_t w_t * -log(gamma + sigmoid(u . (i - j)))`` for one model.

    The triplets of a user are processed in blocks that stay in the first-level cache: differences
    and scores first, then all exponentials at once, then the gradients. Compiled for each d.

    Parameters
    ----------
    begin, end : int
        Range of segments.
    users, starts : int64 (n_segments,), int64 (n_segments + 1,)
        Triplets of one user are neighbours: segment a is user ``users[a]`` and the rows
        ``starts[a]:starts[a + 1]`` of ``pos`` and ``neg``.
    pos, neg : int32 (n_triplets,)
        Items.
    weight : float32 (n_segments,)
        Weight of each triplet of a segment, divisor included; segments of weight 0 are skipped.
    user, item : float32 (n_users, d), float32 (n_items, d)
        Tables, C-contiguous.
    grad_user : float32 (n_users, d)
        Written for users of segments with weight, untouched for others.
    grad_item : float32 (n_items, d)
        Zeroed here; the gradient is the sum over all ranges.
    """
    tables = (user, item, grad_user, grad_item)
    _bpr_gradients(begin, end, users, starts, pos, neg, weight, *tables, (0,) * user.shape[1])


@compiled(nogil=True)
def add_rows(table, out):  # type: ignore[no-untyped-def]
    """Add one table to another, float32 (n, d)."""
    for r in range(out.shape[0]):
        for k in range(out.shape[1]):
            out[r, k] += table[r, k]


@compiled(nogil=True)
def sum_tables(begin, end, tables, out):  # type: ignore[no-untyped-def]
    """Add rows ``begin:end`` of several tables: float32 (n_tables, n, d) into float32 (n, d).

    In the order of the tables, as :func:`add_rows` for one after another.
    """
    for r in range(begin, end):
        for k in range(out.shape[1]):
            total = np.float32(0.0)
            for t in range(tables.shape[0]):
                total += tables[t, r, k]
            out[r, k] = total


@compiled(nogil=True, fastmath=_FAST, error_model="numpy")
def adam_rows(  # type: ignore[no-untyped-def]
    begin, end, table, grad, shrink, first, second, step, bias2, beta1, rest1, beta2, rest2, eps
):
    """One step of Adam on rows ``begin:end`` of a table, as ``torch.optim.Adam`` makes it.

    Parameters
    ----------
    begin, end : int
        Range of rows.
    table, grad, first, second : float32 (n, d)
        Parameters, gradient of the data term, and Adam's two moments; all but ``grad`` change.
    shrink : float32 (n,)
        Coefficient of the L2 term of each row: the gradient is ``grad + shrink * table``.
    step : float32
        Learning rate over the bias correction of the first moment.
    bias2 : float32
        Square root of the bias correction of the second moment.
    beta1, rest1, beta2, rest2, eps : float32
        Adam's constants; ``rest1`` and ``rest2`` are 1 less the betas, whose difference in float32
        would be 1e-5 off.
    """
    for r in range(begin, end):
        c = shrink[r]
        for k in range(table.shape[1]):
            g = grad[r, k] + c * table[r, k]
            m = beta1 * first[r, k] + rest1 * g
            v = beta2 * second[r, k] + rest2 * g * g
            first[r, k] = m
            second[r, k] = v
            table[r, k] -= step * m / (np.float32(math.sqrt(v)) / bias2 + eps)


@compiled(nogil=True)
def propagate(begin, end, indptr, indices, data, x, out, total, columns):  # type: ignore[no-untyped-def]
    """Rows ``begin:end`` of a layer of LightGCN: ``out = A x``, ``total += out`` for a CSR matrix A.

    Parameters
    ----------
    begin, end : int
        Range of rows.
    indptr, indices, data : int64, int32, float32
        CSR arrays of A.
    x, out, total : float32 (n_nodes, d)
        Input, output, and running sum over layers; C-contiguous.
    columns : tuple
        Of d entries; only its length counts.
    """
    one, zero = np.float32(1.0), np.uint64(0)
    for r in range(begin, end):
        row, first, last = np.uint64(r), np.uint64(indptr[r]), np.uint64(indptr[r + 1])
        weighted_sum(out, row, x, indices, data, first, last, zero, columns)
        add_scaled(total, row, one, out, row, columns)


@compiled(nogil=True)
def weighted_counts(users, starts, pos, neg, group, factor, out):  # type: ignore[no-untyped-def]
    """How often each item occurs in the triplets of each group, as positive or negative.

    ``out``, float64 (n_groups, n_items), receives the sum of ``factor[user]`` over occurrences.
    """
    out[:] = 0.0
    for a in range(users.shape[0]):
        row, f = out[group[users[a]]], factor[users[a]]
        for n in range(starts[a], starts[a + 1]):
            row[pos[n]] += f
            row[neg[n]] += f
