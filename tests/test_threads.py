"""Threads give what one thread gives, in order, and stop when nobody asks."""

import operator
import threading

import numba
import numpy as np
import pytest
from numba.np.ufunc import parallel
from threadpoolctl import threadpool_info

from recbole_groupmix.core.linear.ease import ease
from recbole_groupmix.engine.threads import one_blas_thread_each, pool


def _systems(n, lam=3.0):
    rng = np.random.default_rng(0)
    for _ in range(n):
        x = (rng.random((30, 20)) < 0.3).astype(np.float32)
        yield x.T @ x, lam


def _blas_threads():
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


@pytest.mark.parametrize("size", [1, 2, 5])
def test_every_system_in_order(size):
    wanted = [ease(*system) for system in _systems(7)]
    with one_blas_thread_each(size) as threads:
        solved = list(threads.ahead(ease, _systems(7)))
        np.testing.assert_allclose(solved, wanted, atol=1e-6)
        assert list(threads.map(operator.sub, range(7), range(7, 0, -1))) == list(range(-7, 7, 2))


def test_one_more_than_there_are_threads_is_drawn_by_the_thread_that_asks():
    drawn = []

    def counted():
        for system in _systems(9):
            drawn.append(threading.current_thread())
            yield system

    before = _running()
    with one_blas_thread_each(2) as threads:
        solved = threads.ahead(ease, counted())
        assert not drawn
        next(solved)
        assert len(drawn) == 3
        next(solved)
        assert len(drawn) == 4
    assert len(drawn) == 4 and set(drawn) == {threading.current_thread()}
    assert _running() <= before


def _running():
    return {thread for thread in threading.enumerate() if thread.name.startswith("groupmix")}


@pytest.mark.parametrize("size", [1, 2])
def test_an_error_comes_with_its_own_system(size):
    def systems():
        yield from _systems(1)
        yield np.full((4, 4), -1.0, np.float32), 1.0
        yield from _systems(1)

    with one_blas_thread_each(size) as threads:
        solved = threads.ahead(ease, systems())
        next(solved)
        with pytest.raises(ValueError, match="not positive definite"):
            next(solved)


def test_blas_has_one_thread_only_beside_other_threads():
    usual = _blas_threads()
    with one_blas_thread_each(1):
        assert _blas_threads() == usual
    with one_blas_thread_each(2):
        assert _blas_threads() == {1}
    assert _blas_threads() == usual


def test_the_pool_leaves_torch_the_threads_it_has(monkeypatch):
    """Numba's own threads, once started, give torch as many, whatever ``OMP_NUM_THREADS`` says."""
    started = []
    monkeypatch.setattr(parallel, "_launch_threads", lambda: started.append(True))
    assert pool.__wrapped__().size == numba.config.NUMBA_NUM_THREADS
    assert started == []
