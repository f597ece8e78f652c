"""Calls side by side, each with one thread of BLAS: faster than one after another with all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from threadpoolctl import threadpool_limits


@contextmanager
def side_by_side(threads: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """Give something to call like ``map``, which works on so many calls at a time.

    Parameters
    ----------
    threads : int
        With 1 it is ``map`` itself, and BLAS keeps its threads.
    """
    if threads < 2:
        yield map
        return
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        yield pool.map
