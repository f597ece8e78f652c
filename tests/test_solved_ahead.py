"""Systems solved by other threads come in order, with their errors, and stop when nobody asks."""

import threading

import numpy as np
import pytest

from recbole_groupmix.core.linear.ease import ease
from recbole_groupmix.training.closed_form.solved_ahead import SolvedAhead


def _systems(n, lam=3.0):
    rng = np.random.default_rng(0)
    for _ in range(n):
        x = (rng.random((30, 20)) < 0.3).astype(np.float32)
        yield x.T @ x, lam


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_system_in_order(threads):
    wanted = [ease(*system) for system in _systems(7)]
    with SolvedAhead(_systems(7), threads) as solved:
        for expected in wanted:
            np.testing.assert_allclose(solved.next(), expected, atol=1e-6)


def test_no_more_than_one_a_thread_and_one_is_drawn_ahead():
    drawn = []

    def counted():
        for system in _systems(9):
            drawn.append(threading.current_thread())
            yield system

    with SolvedAhead(counted(), 2) as solved:
        solved.next()
        assert len(drawn) == 3
        solved.next()
        assert len(drawn) == 4
    assert len(drawn) == 4 and set(drawn) == {threading.current_thread()}
    assert not [t for t in threading.enumerate() if t.name.startswith("groupmix-ease")]


def test_an_error_comes_with_its_own_system():
    def systems():
        yield from _systems(1)
        yield np.full((4, 4), -1.0, np.float32), 1.0
        yield from _systems(1)

    with SolvedAhead(systems(), 2) as solved:
        solved.next()
        with pytest.raises(ValueError, match="not positive definite"):
            solved.next()
        solved.next()
