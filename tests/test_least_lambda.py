"""The lambda of least loss: on losses whose minimum is known, its ends, and what it costs."""

import math

import numpy as np
import pytest

from recbole_groupmix.core.linear.least_lambda import GRID, START, least_loss_lambdas


def bowls(places, calls):
    """Losses with a minimum at given lambdas, steeper to the right."""

    def at(lam):
        calls.append(lam)
        x = math.log(lam) - np.log(places)
        return np.exp(x / 2) - x / 2, (np.exp(x / 2) - 1) / 2

    return at


def test_minima_on_both_sides_of_the_start_and_on_the_grid():
    places, calls = np.array([2.5, 40.0, 300.0, GRID[START], 1000.0, 2e4]), []
    found = least_loss_lambdas(bowls(places, calls), len(places))
    np.testing.assert_allclose(found, places, rtol=1e-2)
    assert len(calls) == len(set(calls))  # one solution for all losses


def test_a_near_minimum_takes_two_solutions():
    calls = []
    least_loss_lambdas(bowls(np.array([200.0, 150.0]), calls), 2)
    assert calls == [GRID[START], GRID[START - 1]]


@pytest.mark.parametrize(("slope", "end"), [(1.0, GRID[0]), (-1.0, GRID[-1])])
def test_a_loss_that_falls_to_an_end(slope, end):
    found = least_loss_lambdas(lambda lam: (np.array([slope * lam]), np.array([slope])), 1)
    assert found[0] == end
