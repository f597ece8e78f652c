"""Items that the same users like come into one cluster."""

import numpy as np
import pytest

from recbole_groupmix.core.theory.item_clusters import item_clusters
from recbole_groupmix.prepare.stylised import generate_blocks


def blocks(off_class_rate=0.0):
    counts = [[30, 10, 5, 15], [10, 20, 15, 15]]
    data = generate_blocks(3, counts=counts, n_items=160, p=0.35, off_class_rate=off_class_rate)
    matrix = np.zeros((len(data.users), len(data.items)))
    matrix[data.pairs[:, 0], data.pairs[:, 1]] = 1
    return matrix, data.item_class


def pairs_apart(labels, truth):
    """Share of the pairs of items that are together in one of both and apart in the other."""
    together, truly = (a[:, None] == a[None, :] for a in (labels, truth))
    return (together != truly).mean()


@pytest.mark.parametrize(("noise", "most"), [(0.0, 0.0), (0.03, 0.02)])
def test_the_classes_of_the_stylised_setting_are_found(noise, most):
    matrix, truth = blocks(noise)
    found = item_clusters(matrix, 4)
    assert pairs_apart(found, truth) <= most
    # chance: two of 4 equal classes are together with probability 1/4, so 2 * 1/4 * 3/4 differ
    shuffled = np.random.default_rng(0).permutation(found)
    assert pairs_apart(shuffled, truth) > 0.3


def test_order_of_items_does_not_matter_and_clusters_are_ordered_by_size():
    matrix, truth = blocks()
    # leave out half of the items of class 2: the smallest cluster
    kept = np.flatnonzero((truth != 2) | (np.arange(160) < 80))
    order = np.random.default_rng(1).permutation(kept)
    one, other = item_clusters(matrix[:, kept], 4), item_clusters(matrix[:, order], 4)
    position = {item: index for index, item in enumerate(kept)}
    assert pairs_apart(other, one[[position[item] for item in order]]) == 0
    sizes = np.bincount(one)
    assert (np.diff(sizes) <= 0).all() and set(truth[kept][one == 3]) == {2}


def test_the_same_seed_gives_the_same_clusters():
    matrix, _ = blocks(0.05)
    np.testing.assert_array_equal(item_clusters(matrix, 4, 7), item_clusters(matrix, 4, 7))


def test_items_nobody_likes_have_no_cluster():
    matrix, _ = blocks()
    wide = np.insert(matrix, [0, 50], 0.0, axis=1)
    found = item_clusters(wide, 4)
    assert np.flatnonzero(found == -1).tolist() == [0, 51]
    np.testing.assert_array_equal(np.delete(found, [0, 51]), item_clusters(matrix, 4))


@pytest.mark.parametrize(
    ("k", "seed", "message"),
    [(1, 0, "n_clusters is 1"), (2, -1, "seed -1"), (5, 0, "n_clusters is 5, .* rank 4")],
)
def test_bad_input(k, seed, message):
    matrix = np.kron(np.eye(4), np.ones((3, 3)))
    with pytest.raises(ValueError, match=message):
        item_clusters(matrix, k, seed)
