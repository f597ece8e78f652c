"""EASE's matrices of the models to come, made by other threads while this one measures."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType

from threadpoolctl import threadpool_limits

from recbole_groupmix.core.linear.ease import ease
from recbole_groupmix.core.linear.gram import Floats


class SolvedAhead:
    """Solves systems in order, some of them before they are asked for.

    Whole systems go to threads of which each has BLAS to itself: one system on all of BLAS's
    threads waits at the end of each of its products, and on a machine with other work took four
    times as long.

    Parameters
    ----------
    systems : iterator of (array, float)
        Weighted Gram matrix and lambda; drawn by the thread that asks.
    threads : int
        How many; with 1 each system is solved when it is asked for, by all of BLAS.
    """

    def __init__(self, systems: Iterator[tuple[Floats, float]], threads: int) -> None:
        self._systems, self._threads = systems, threads
        self._waiting: deque[Future[Floats]] = deque()
        self._open = ExitStack()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> SolvedAhead:
        """Start the threads."""
        if self._threads > 1:
            self._open.enter_context(threadpool_limits(1, user_api="blas"))
            self._pool = ThreadPoolExecutor(self._threads, "groupmix-ease")
            self._open.callback(self._pool.shutdown, cancel_futures=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        """Stop the threads; what nobody has asked for is dropped."""
        self._open.close()

    def next(self) -> Floats:
        """Return EASE's matrix of the next system, in the precision of its Gram matrix.

        Raises
        ------
        ValueError
            As :func:`~recbole_groupmix.core.linear.ease.ease`, or whatever drawing the systems raises.
        """
        if self._pool is None:
            return ease(*next(self._systems))
        for gram, lam in self._systems:
            self._waiting.append(self._pool.submit(ease, gram, lam))
            if len(self._waiting) > self._threads:
                break
        return self._waiting.popleft().result()
