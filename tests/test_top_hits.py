"""Ranking by a bound against a full sort: scores with ties, NaN and infinities, every shape."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recbole_groupmix.core.catalogues import arrays_of
from recbole_groupmix.engine.hit_loops import top_hits


def _sorted(scores, masked, relevant, depth):
    """Best first, of equal scores the first item; padding, masked items and NaN are not ranked."""
    hits = np.zeros((len(scores), depth), bool)
    for row, hit, hidden, wanted in zip(scores, hits, masked, relevant, strict=True):
        order = sorted(range(1, len(row)), key=lambda i: -row[i] if row[i] == row[i] else np.inf)
        ranked = [i for i in order if not hidden[i] and row[i] > -np.inf][:depth]
        hit[: len(ranked)] = [wanted[i] for i in ranked]
    return hits


def _kernel(scores, masked, relevant, depth, catalogues=None):
    hits = np.ones((len(scores), depth), bool)  # must be overwritten
    hide, want = sp.csr_matrix(masked), sp.csr_matrix(relevant)
    top_hits(
        scores.copy(),
        np.arange(len(scores)),
        hide.indptr,
        hide.indices,
        want.indptr,
        want.indices,
        *arrays_of(catalogues),
        hits,
    )
    return hits


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n_items=st.integers(1, 400),
    depth=st.integers(1, 60),
    values=st.sampled_from([1, 3, 20, 10**6]),
    odd=st.sampled_from([0.0, 0.05, 0.6, 1.0]),
)
@example(seed=0, n_items=8 * 20 + 1, depth=20, values=10**6, odd=0.0)  # as many lanes as places
@example(seed=0, n_items=8 * 20 - 1, depth=20, values=10**6, odd=0.0)  # one lane too few
def test_a_bound_finds_the_hits_of_a_full_sort(seed, n_items, depth, values, odd):
    rng = np.random.default_rng(seed)
    scores = rng.integers(-values, values, (5, n_items)).astype(np.float32)
    strange = rng.random(scores.shape) < odd
    scores[strange] = rng.choice([np.nan, np.inf, -np.inf, 0.0], strange.sum())
    state = rng.choice(3, scores.shape, p=[0.6, 0.2, 0.2])  # 0 neither, 1 masked, 2 relevant
    masked, relevant = state == 1, (state == 2) | (rng.random(scores.shape) < 0.05)
    assert np.array_equal(
        _kernel(scores, masked, relevant, depth), _sorted(scores, masked, relevant, depth)
    )


@pytest.mark.parametrize("direction", [1, -1])
def test_sorted_scores_of_a_large_catalogue(direction):
    """The lanes of ascending and descending scores are the extreme cases of the fold.

    In float64, whose last bits count: one in 2^40 apart.
    """
    scores = 1.0 + np.arange(3533)[None, ::direction] * 2.0**-40
    relevant = np.ones_like(scores, bool)
    masked = np.zeros_like(relevant)
    masked[:, 1::2] = True
    relevant[:, ::4] = False
    hits = _kernel(scores, masked, relevant, 20)
    assert np.array_equal(hits, _sorted(scores, masked, relevant, 20)) and hits.sum() == 10
