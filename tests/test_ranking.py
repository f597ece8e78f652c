from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_groupmix.core.user_metrics import METRICS, per_user_metrics


@st.composite
def ranked(draw):
    n_ranks = draw(st.integers(1, 12))
    rows = st.lists(st.booleans(), min_size=n_ranks, max_size=n_ranks)
    hits = np.array(draw(st.lists(rows, min_size=1, max_size=8)), dtype=bool)
    more = draw(st.lists(st.integers(0, 15), min_size=len(hits), max_size=len(hits)))
    return hits, hits.sum(axis=1) + np.array(more)


def one_user(pattern, n_relevant, topk):
    hits = np.array([[mark == "x" for mark in pattern]])
    values = per_user_metrics(hits, np.array([n_relevant]), topk)
    return {key: float(value[0]) for key, value in values.items()}


def test_metrics_by_hand():
    # hits at ranks 2 and 5, four relevant items
    found = one_user(".x..x", 4, [2, 5])
    assert list(found) == [f"{metric}@{k}" for metric in METRICS for k in (2, 5)]
    assert found == pytest.approx(
        {
            "precision@2": 1 / 2,
            "precision@5": 2 / 5,
            "recall@2": 1 / 4,
            "recall@5": 2 / 4,
            "ndcg@2": (1 / log2(3)) / (1 + 1 / log2(3)),
            "ndcg@5": (1 / log2(3) + 1 / log2(6)) / (1 + 1 / log2(3) + 1 / 2 + 1 / log2(5)),
            "hit@2": 1,
            "hit@5": 1,
            "mrr@2": 1 / 2,
            "mrr@5": 1 / 2,
            "map@2": (1 / 2) / 2,  # precision@2 over min(2, 4)
            "map@5": (1 / 2 + 2 / 5) / 4,  # precision@2 + precision@5 over min(5, 4)
        },
        rel=1e-14,
    )


def test_a_perfect_list_scores_one_where_one_can_be_reached():
    found = one_user("xx..", 2, [1, 2, 4])
    for metric in ("ndcg", "hit", "mrr", "map"):
        assert [found[f"{metric}@{k}"] for k in (1, 2, 4)] == [1, 1, 1]
    assert [found[f"precision@{k}"] for k in (1, 2, 4)] == [1, 1, 0.5]
    assert [found[f"recall@{k}"] for k in (1, 2, 4)] == [0.5, 1, 1]


def test_no_hit_scores_zero_and_no_relevant_item_scores_nothing():
    hits = np.zeros((2, 3), dtype=bool)
    for value in per_user_metrics(hits, np.array([2, 0]), [1, 3]).values():
        assert value.dtype == np.float64
        assert value[0] == 0
        assert np.isnan(value[1])


@given(ranked())
def test_values_lie_between_zero_and_one(case):
    hits, n_relevant = case
    for value in per_user_metrics(hits, n_relevant, [1, hits.shape[1]]).values():
        assert (np.isnan(value) == (n_relevant == 0)).all()
        kept = value[n_relevant > 0]
        assert ((kept >= 0) & (kept <= 1 + 1e-12)).all()


@given(ranked())
def test_ranks_beyond_the_cut_off_make_no_difference(case):
    hits, n_relevant = case
    short = per_user_metrics(hits[:, :1], n_relevant, [1])
    long = per_user_metrics(hits, n_relevant, [hits.shape[1], 1])
    for key, value in short.items():
        np.testing.assert_array_equal(value, long[key])


def test_only_the_metrics_asked_for_are_given():
    hits = np.ones((1, 2), dtype=bool)
    assert list(per_user_metrics(hits, np.array([2]), (2,), ["map", "hit"])) == ["map@2", "hit@2"]


@pytest.mark.contract
def test_values_are_those_of_recbole(monkeypatch):
    metrics = pytest.importorskip("recbole.evaluator.metrics")
    monkeypatch.setattr(np, "float", float, raising=False)  # RecBole asks for this old alias
    rng = np.random.default_rng(0)
    n_ranks = 20
    hits = rng.random((400, n_ranks)) < rng.random((400, 1)) ** 2
    n_relevant = np.maximum(hits.sum(axis=1) + rng.integers(0, 40, 400), 1)
    found = per_user_metrics(hits, n_relevant, range(1, n_ranks + 1))
    config = {"topk": [n_ranks], "metric_decimal_place": 4}
    for name, cls, needs_length in [
        ("precision", metrics.Precision, False),
        ("recall", metrics.Recall, True),
        ("ndcg", metrics.NDCG, True),
        ("hit", metrics.Hit, False),
        ("mrr", metrics.MRR, False),
        ("map", metrics.MAP, True),
    ]:
        inputs = (hits, n_relevant) if needs_length else (hits,)
        theirs = cls(config).metric_info(*inputs)
        ours = np.stack([found[f"{name}@{k}"] for k in range(1, n_ranks + 1)], axis=1)
        np.testing.assert_allclose(ours, theirs, rtol=1e-14, atol=0, err_msg=name)


@pytest.mark.parametrize(
    ("hits", "n_relevant", "topk", "metrics", "message"),
    [
        ([[True, False]], [1], [3], METRICS, "asks for rank 3, but only 2 ranks"),
        ([[True, False]], [1], [], METRICS, "at least one cut-off"),
        ([[True, False]], [1], [0], METRICS, r"topk is \[0\]"),
        ([[True, False]], [1], [1], ["NDGC"], r"unknown metric 'NDGC'.*mean 'ndcg'\?"),
        ([[True, True]], [1], [1], METRICS, "row 0 has 2 hits but n_relevant 1"),
        ([[1, 0]], [1], [1], METRICS, "must be a bool array"),
        ([True], [1], [1], METRICS, r"shape \(1,\)"),
        ([[True]], [1, 2], [1], METRICS, r"n_relevant has shape \(2,\)"),
        ([[True]], [1.0], [1], METRICS, "dtype float64"),
    ],
)
def test_refusals(hits, n_relevant, topk, metrics, message):
    with pytest.raises(ValueError, match=message):
        per_user_metrics(np.array(hits), np.array(n_relevant), topk, metrics)
