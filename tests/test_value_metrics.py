"""Value metrics by user: their means are RecBole's pooled figures, and so are their changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recbole.evaluator.register import metrics_dict

from recbole_groupmix.adapters.compat import recbole_compat
from recbole_groupmix.core.statistics.bootstrap import relative_change
from recbole_groupmix.core.value_metrics import SMALLER, VALUE_METRICS, value_metrics


def drawn(seed, n_users=12, n_rows=90, steps=None):
    """Rows of users of unequal activity with labels, and scores in [0, 1], in steps with ties."""
    rng = np.random.default_rng(seed)
    rows = np.r_[np.arange(n_users), rng.integers(n_users, size=n_rows) ** 2 // n_users]
    labels = rng.integers(2, size=len(rows)).astype(float)
    scores = np.clip(rng.normal(0.35 + 0.3 * labels, 0.25), 0, 1)
    return rows, labels, scores if steps is None else np.round(scores * steps) / steps


def recboles(labels, scores):
    """The four figures by RecBole's own classes."""
    config = {"metric_decimal_place": 17}
    with recbole_compat():
        return {m: metrics_dict[m](config).metric_info(scores, labels) for m in VALUE_METRICS}


@given(st.integers(0, 2**32 - 1), st.sampled_from([None, 1, 4]))
def test_means_over_users_are_recboles_pooled_figures(seed, steps):
    rows, labels, scores = drawn(seed, steps=steps)
    pools = np.arange(12) % 3
    values = value_metrics(rows, pools, labels, scores)
    assert tuple(values) == VALUE_METRICS
    for pool in range(3):
        mine = pools[rows] == pool
        theirs = recboles(labels[mine], scores[mine])
        for metric, figure in theirs.items():
            assert values[metric][pools == pool].mean() == pytest.approx(figure, abs=1e-9), metric


def test_by_hand():
    # user 0 has rows .9 (1) and .2 (0), user 1 has .4 (1), user 2 has .6 (0)
    rows, labels = np.array([0, 0, 1, 2]), np.array([1.0, 0.0, 1.0, 0.0])
    values = value_metrics(rows, np.zeros(3, int), labels, np.array([0.9, 0.2, 0.4, 0.6]))
    share = 3 / 4  # users over rows
    assert values["mae"] == pytest.approx([0.3 * share, 0.6 * share, 0.6 * share])
    logs = -np.log([0.9 * 0.8, 0.4, 0.4])
    assert values["logloss"] == pytest.approx(share * logs)
    rmse = np.sqrt((0.01 + 0.04 + 0.36 + 0.36) / 4)
    squares = share * np.array([0.05, 0.36, 0.36])
    assert values["rmse"] == pytest.approx(rmse / 2 + squares / (2 * rmse))
    # negatives below: 2 of 2 under .9, 1 of 2 under .4; positives above .2: 2 of 2, .6: 1 of 2
    auc = 0.75
    parts = [(1 - auc) / 2 + (1 - auc) / 2, (0.5 - auc) / 2, (0.5 - auc) / 2]
    assert values["auc"] == pytest.approx(auc + 3 * np.array(parts))


def weighted(metric, rows, weights, labels, scores):
    """A pooled figure where the rows of each user count as often as the user does."""
    w, pos = weights[rows], labels > 0
    if metric == "auc":
        above = scores[pos][:, None] - scores[~pos][None, :]
        of_pairs = (above > 0) + (above == 0) / 2
        return w[pos] @ of_pairs @ w[~pos] / (w[pos].sum() * w[~pos].sum())
    p = np.clip(scores, 1e-15, 1 - 1e-15)
    errors = {
        "logloss": -np.log(np.where(pos, p, 1 - p)),
        "rmse": (scores - labels) ** 2,
        "mae": np.abs(scores - labels),
    }
    mean = np.average(errors[metric], weights=w)
    return np.sqrt(mean) if metric == "rmse" else mean


@pytest.mark.parametrize("metric", VALUE_METRICS)
def test_a_change_answers_to_one_more_of_a_user_as_that_of_the_pooled_figures(metric):
    rows, labels, scores = drawn(3, steps=20)
    others = np.clip(scores + np.random.default_rng(5).normal(0, 0.2, len(rows)), 0, 1)
    pool, step = np.zeros(12, int), 1e-5
    of_both = [value_metrics(rows, pool, labels, s)[metric] for s in (scores, others)]

    def change(figures):
        return figures[1] / figures[0] - 1

    none = change([weighted(metric, rows, np.ones(12), labels, s) for s in (scores, others)])
    moved = []
    for user in range(12):
        more = 1.0 + step * (np.arange(12) == user)
        pooled = change([weighted(metric, rows, more, labels, s) for s in (scores, others)])
        ours = change([np.average(values, weights=more) for values in of_both])
        assert ours - none == pytest.approx(pooled - none, abs=2e-9), user
        moved.append(abs(pooled - none))
    assert max(moved) > 1e-7


@pytest.mark.parametrize("metric", VALUE_METRICS)
def test_intervals_are_those_of_resampled_users_pooled_anew(metric):
    rows, labels, scores = drawn(8, n_users=80, n_rows=400)
    rng = np.random.default_rng(1)
    others = np.clip(scores + rng.normal(0, 0.15, len(rows)), 0, 1)
    pool = np.zeros(80, int)
    values = [value_metrics(rows, pool, labels, s)[metric][None] for s in (others, scores)]
    found = relative_change(*values, seed=1, n_boot=4000)
    drawn_users = rng.multinomial(80, np.full(80, 1 / 80), size=600).astype(float)
    pooled = [
        weighted(metric, rows, w, labels, others) / weighted(metric, rows, w, labels, scores) - 1
        for w in drawn_users
    ]
    assert found.ci_high - found.ci_low == pytest.approx(
        np.subtract(*np.quantile(pooled, [0.975, 0.025])), rel=0.12
    )
    assert found.mean == pytest.approx(
        weighted(metric, rows, np.ones(80), labels, others)
        / weighted(metric, rows, np.ones(80), labels, scores)
        - 1
    )


def test_a_pool_of_one_label_has_no_auc():
    rows, labels = np.array([0, 0, 1, 1]), np.array([1.0, 0.0, 1.0, 1.0])
    values = value_metrics(rows, np.array([0, 1]), labels, np.array([0.5, 0.4, 0.3, 0.2]))
    assert values["auc"][0] == 1.0 and np.isnan(values["auc"][1])
    assert all(np.isfinite(values[metric]).all() for metric in SMALLER)


def test_predictions_without_error_have_none():
    rows, labels = np.array([0, 0, 1]), np.array([1.0, 0.0, 1.0])
    values = value_metrics(rows, np.zeros(2, int), labels, labels)
    assert values["rmse"].tolist() == values["mae"].tolist() == [0, 0]
    assert values["auc"].mean() == 1 and values["logloss"].max() < 1e-12


def test_rows_must_fit():
    rows, pools, ones = np.array([0, 1]), np.zeros(2, int), np.ones(2)
    with pytest.raises(ValueError, match="2 users of rows, 1 labels"):
        value_metrics(rows, pools, ones[:1], ones)
    with pytest.raises(ValueError, match="1 of 2 users have a row"):
        value_metrics(np.array([1, 1]), pools, ones, ones)
