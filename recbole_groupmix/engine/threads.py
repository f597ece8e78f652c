"""Threads that work side by side on compiled loops, which release the interpreter's lock.

Ranges are handed to threads of our own rather than to Numba's: a population with more models than
threads gives each thread whole models, so threads wait for each other once a step and not once a
loop, which is what costs on a machine that has other things to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numba
import numpy as np
import numpy.typing as npt


class Team:
    """A number of threads.

    Parameters
    ----------
    size : int
        How many; a team of one works in the calling thread.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._pool = ThreadPoolExecutor(size, "groupmix") if size > 1 else None

    def run(self, calls: Iterable[Callable[[], Any]]) -> None:
        """Make all calls and wait for them; an exception of any is raised here."""
        calls = list(calls)
        if self._pool is None or len(calls) < 2:
            for call in calls:
                call()
            return
        for future in [self._pool.submit(call) for call in calls]:
            future.result()

    def over(self, bounds: npt.NDArray[np.int64], kernel: Callable[..., Any], *args: Any) -> None:
        """Call ``kernel(begin, end, *args)`` on each range between neighbouring bounds."""
        self.run(partial(kernel, begin, end, *args) for begin, end in pairwise(bounds))


#: Works in the calling thread.
ALONE = Team(1)


@cache
def everybody() -> Team:
    """Return the team of all threads: as many as Numba would take (``NUMBA_NUM_THREADS``)."""
    return Team(int(numba.get_num_threads()))


def even_bounds(n: int, parts: int) -> npt.NDArray[np.int64]:
    """Cut ``range(n)`` into runs of equal length, int64 (parts + 1,)."""
    return np.linspace(0, n, parts + 1).astype(np.int64)
