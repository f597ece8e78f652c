"""The draw of uniform negatives, compiled and on the thread pool."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recbole_groupmix.core.uniform_negatives import UniformNegatives
from recbole_groupmix.engine.compiled import compiled
from recbole_groupmix.engine.threads import even_bounds, pool

#: Candidates between two entries of a user's table.
_WIDTH = 8
#: A table pays for a user with a draw for each so many candidates, or more draws.
_WORTH = 256


class CompiledNegatives:
    """Draws what :class:`~recbole_groupmix.core.uniform_negatives.UniformNegatives` draws, faster.

    The search for a draw runs over the positives of its user alone instead of those of all.

    Parameters
    ----------
    negatives : UniformNegatives
        The candidates of each user.
    """

    def __init__(self, negatives: UniformNegatives) -> None:
        self._negatives = negatives

    def draw(
        self,
        users: npt.NDArray[np.int64],
        rng: np.random.Generator,
        rows: npt.NDArray[np.int64] | None = None,
    ) -> npt.NDArray[np.int64]:
        """Draw one negative for entries of ``users``, int64 (n,); equal to the slow draw.

        ValueError if a user has every item as a positive.
        """
        table = self._negatives
        uniform = rng.random(len(users))
        if rows is not None:
            users, uniform = users[rows], uniform[rows]
        out = np.empty(len(users), np.int64)
        if len(users) and table.n_candidates[users].min() == 0:
            return table.draw(users, rng)  # raises with the user's name
        pool().over(
            even_bounds(len(users), pool().size),
            _draw,
            users,
            uniform,
            table.n_candidates,
            table.first,
            table.keys,
            table.span,
            out,
        )
        return out


@compiled(nogil=True)
def _draw(begin, end, users, uniform, n_candidates, first, keys, span, out):  # type: ignore[no-untyped-def]
    """Fill ``out[begin:end]``; every user has a candidate.

    Neighbouring draws of one user share a table: how many keys lie below every ``_WIDTH``-th
    candidate. The processor mispredicts the branches of a binary search, which single draws need.
    """
    below = np.empty(span // _WIDTH + 2, np.int64)
    n = begin
    while n < end:
        u, stop = users[n], n + 1
        while stop < end and users[stop] == u:
            stop += 1
        lo, hi = first[u], first[u + 1] if u + 1 < len(first) else len(keys)
        least, candidates = u * span, n_candidates[u]
        shared = (stop - n) * _WORTH >= candidates
        if shared:
            k = lo
            for b in range(candidates // _WIDTH + 1):
                while k < hi and keys[k] < least + b * _WIDTH:
                    k += 1
                below[b] = k
        for i in range(n, stop):
            nth = np.int64(uniform[i] * candidates)
            if shared:
                k = below[nth // _WIDTH]
                while k < hi and keys[k] <= least + nth:
                    k += 1
            else:
                k = lo + np.searchsorted(keys[lo:hi], least + nth, side="right")
            out[i] = nth + (k - lo) + 1
        n = stop
