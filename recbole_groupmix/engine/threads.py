"""Threads that work side by side on compiled loops, which release the interpreter's lock.

Ranges are handed to threads of our own rather than to Numba's: a population with more models than
threads gives each thread whole models, so threads wait for each other once a step and not once a
loop, which is what costs on a machine that has other things to do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from itertools import islice, pairwise, starmap
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController, threadpool_limits


class ThreadPool:
    """A number of threads.

    Parameters
    ----------
    size : int
        How many; with 1 the calling thread does the work.
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

    def map(self, function: Callable[..., Any], *arguments: Iterable[Any]) -> Iterator[Any]:
        """Return what ``map`` would, from calls that are made side by side."""
        return (map if self._pool is None else self._pool.map)(function, *arguments)

    def ahead(
        self, function: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]
    ) -> Iterator[Any]:
        """Yield ``function(*each)`` in order, some of them made before they are asked for.

        Arguments are drawn by the thread that asks, one more than there are threads ahead of what
        it gets; with a single thread each is drawn and worked on when it is asked for.
        """
        if self._pool is None:
            yield from starmap(function, arguments)
            return
        workers, waiting = self._pool, deque[Future[Any]]()
        arguments = iter(arguments)
        while True:
            some = islice(arguments, self.size + 1 - len(waiting))
            waiting.extend(workers.submit(function, *each) for each in some)
            if not waiting:
                return
            yield waiting.popleft().result()

    def close(self) -> None:
        """Stop the threads; calls that have not begun are dropped."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


#: Works in the calling thread.
ALONE = ThreadPool(1)


@cache
def pool() -> ThreadPool:
    """Return the threads that all share: as many as Numba would take (``NUMBA_NUM_THREADS``)."""
    return ThreadPool(int(numba.get_num_threads()))


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep BLAS from starting threads where products are shared out already.

    For the whole process, so not to be entered by threads side by side.
    """
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def one_blas_thread_each(size: int) -> Iterator[ThreadPool]:
    """Give threads for matrix algebra, each with one thread of BLAS.

    Whole problems side by side are faster than one after another with all of BLAS's threads,
    which wait at the end of each product; on a machine with other work that took four times as
    long. With `size` 1 the calling thread works and BLAS keeps its threads.
    """
    threads = ThreadPool(size)
    with threadpool_limits(1, user_api="blas") if size > 1 else nullcontext():
        try:
            yield threads
        finally:
            threads.close()


def even_bounds(n: int, parts: int) -> npt.NDArray[np.int64]:
    """Cut ``range(n)`` into runs of equal length, int64 (parts + 1,)."""
    return np.linspace(0, n, parts + 1).astype(np.int64)
