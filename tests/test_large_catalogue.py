"""Ranking among many items: blocks keep enough users, and rank as users one by one."""

import numpy as np
from scipy.sparse import random as random_sparse

from recbole_groupmix.engine.hits import hits_at, users_of_block


def test_blocks_fill_the_caches_and_never_have_few_users():
    assert users_of_block(3_707) == 2**18 // 3_707  # MovieLens-1M: 70 users
    assert users_of_block(8_192) == 32
    # MovieLens-25M: 2**18 scores are 4 users, for whom 15 MB of items would be read
    assert users_of_block(59_048) == 32


def test_hits_of_a_block_are_those_of_its_users_alone():
    rng, n_items = np.random.default_rng(0), 9_000
    user = rng.integers(-4, 5, (70, 16)).astype(np.float32)  # products of integers are exact
    item = rng.integers(-4, 5, (n_items, 16)).astype(np.float32)
    masked = random_sparse(70, n_items, 0.01, "csr", random_state=1).astype(bool)
    relevant = random_sparse(70, n_items, 0.05, "csr", random_state=2).astype(bool)
    together = hits_at(user, item, masked, relevant, 50)
    alone = [
        hits_at(user[u : u + 1], item, masked, relevant, 50, rows=np.array([u]))[0]
        for u in range(70)
    ]
    assert together.any()
    np.testing.assert_array_equal(together, alone)
