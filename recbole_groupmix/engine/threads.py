"""The thread pool for compiled loops, which release the GIL.

It replaces Numba's threads: a population with more models than threads gives each thread whole
models, so threads wait for each other once a step and not once a loop, which is slow on a machine
that runs other programs.
"""

from __future__ import annotations

import os
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
import torch
from threadpoolctl import ThreadpoolController, threadpool_limits


class ThreadPool:
    """A pool of threads.

    Parameters
    ----------
    size : int
        Number of threads; with 1 the calling thread does the work.
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
        """Return the results of ``map``, from calls that run in parallel."""
        return (map if self._pool is None else self._pool.map)(function, *arguments)

    def ahead(
        self, function: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]
    ) -> Iterator[Any]:
        """Yield ``function(*each)`` in order, computed ahead of the consumer.

        The consumer's thread draws the arguments, one more than there are threads ahead of the
        result that it gets; with a single thread each is drawn and computed on demand.
        """
        if self._pool is None:
            yield from starmap(function, arguments)
            return
        workers, waiting = self._pool, deque[Future[Any]]()
        arguments = iter(arguments)
        while True:
            batch = islice(arguments, self.size + 1 - len(waiting))
            waiting.extend(workers.submit(function, *each) for each in batch)
            if not waiting:
                return
            yield waiting.popleft().result()

    def close(self) -> None:
        """Stop the threads; calls that have not begun are dropped."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


#: A pool without threads: the calling thread works.
ALONE = ThreadPool(1)


@cache
def pool() -> ThreadPool:
    """Return the shared pool: as many threads as Numba would use (``NUMBA_NUM_THREADS``).

    ``numba.get_num_threads`` would start Numba's threads, and with them give torch, which has the
    same OpenMP, as many, whatever ``OMP_NUM_THREADS`` says.
    """
    return ThreadPool(int(numba.config.NUMBA_NUM_THREADS))


#: What libraries read when they are loaded.
_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def use_threads(n: int) -> None:
    """Give torch, BLAS and the compiled loops of this process `n` threads from now on."""
    os.environ.update(dict.fromkeys(_VARIABLES, str(n)))
    numba.config.NUMBA_NUM_THREADS = n  # read again from the environment when something compiles
    torch.set_num_threads(n)
    threadpool_limits(n, user_api="blas")
    pool.cache_clear()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep BLAS from starting threads where products run in parallel already.

    This holds for the whole process, so threads must not enter it concurrently.
    """
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def one_blas_thread_each(size: int) -> Iterator[ThreadPool]:
    """Yield a pool for matrix algebra, each of its threads with one BLAS thread.

    Solving whole problems in parallel is faster than one after another with all BLAS threads,
    which wait at the end of each product; on a busy machine the latter took four times as long.
    With `size` 1 the calling thread works and BLAS keeps its threads.
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
