"""Unevenness of the overlaps of groups, relative to random groups."""

import numpy as np
import pytest

from recbole_groupmix.core.theory.unevenness import LEAST_RATIO, overlap_ratios, unevenness


def pairs(*values):
    """Delta of three groups from that of the pairs 01, 02 and 12, at one d."""
    delta = np.zeros((1, 3, 3))
    for (i, j), value in zip([(0, 1), (0, 2), (1, 2)], values, strict=True):
        delta[0, i, j] = delta[0, j, i] = value
    return delta


def test_by_hand():
    # overlaps .1, .3, .2 of the data and .5, .5, .6 of two relabellings alike, so the means are
    # (.1 + .5 + .5) / 3, (.3 + .5 + .5) / 3 and (.2 + .6 + .6) / 3
    delta, null = pairs(0.9, 0.7, 0.8), np.stack([pairs(0.5, 0.5, 0.4)] * 2)
    of_data, of_null = overlap_ratios(delta, null)
    a, b, c = 0.3 / 1.1, 0.9 / 1.3, 0.6 / 1.4
    np.testing.assert_allclose(of_data, [[[a, b], [a, c], [b, c]]])
    np.testing.assert_allclose(of_null[0, 0, 0], [1.5 / 1.1, 1.5 / 1.3])
    halves = [abs(np.log(x / y)) / 2 for x, y in [(a, b), (a, c), (b, c)]]  # sd of two values
    np.testing.assert_allclose(unevenness(of_data), [halves])


def test_sizes_alone_are_no_unevenness():
    # the distances of a group differ, by Het_d, but by as much as those of random groups
    delta = pairs(0.9, 0.5, 0.7)
    of_data, _ = overlap_ratios(delta, np.stack([delta] * 19))
    np.testing.assert_allclose(unevenness(of_data), 0, atol=1e-12)


def test_distances_near_one_do_not_hide_it():
    # .98 and .92 against .5: Het_d is .0009, but one group shares four times as much as the other
    of_data, _ = overlap_ratios(pairs(0.98, 0.92, 0.95), np.stack([pairs(0.5, 0.5, 0.5)] * 99))
    assert unevenness(of_data)[0, 0] == pytest.approx(np.log(4) / 2, rel=0.01)


def test_groups_without_anything_in_common():
    of_data, of_null = overlap_ratios(pairs(1, 0.5, 0.5), np.stack([pairs(0.5, 0.5, 0.5)] * 3))
    assert of_data[0, 0, 0] == LEAST_RATIO and np.isfinite(unevenness(of_data)).all()
    of_data, of_null = overlap_ratios(pairs(1, 1, 1), np.stack([pairs(1, 1, 1)] * 3))
    assert (of_data == 1).all() and (of_null == 1).all()  # random groups share nothing either


def test_two_groups_have_one_overlap():
    delta = np.array([[[0.0, 0.7], [0.7, 0.0]]])
    of_data, _ = overlap_ratios(delta, delta[None] * 0.5)
    np.testing.assert_array_equal(unevenness(of_data), [[0, 0]])
