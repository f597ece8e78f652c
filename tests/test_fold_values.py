"""Per-user values on the folds: packed as hits, read back to the bit, and refused if damaged."""

import json

import numpy as np
import pytest
from command import call, run_arguments, run_folder
from hypothesis import given
from hypothesis import strategies as st

from recbole_groupmix.core.hit_counts import denominators, to_counts, to_values
from recbole_groupmix.core.user_metrics import per_user_metrics
from recbole_groupmix.record.finished_run import read_folder
from recbole_groupmix.record.fold_lines import longest_of_each
from recbole_groupmix.record.fold_values import pack, unpack


@given(
    st.sampled_from(["precision", "recall", "hit"]),
    st.integers(1, 300),
    st.lists(st.integers(1, 400), min_size=1, max_size=30),
    st.randoms(use_true_random=False),
)
def test_metrics_of_hits_come_back_to_the_bit(metric, k, n_relevant, random):
    hits = np.zeros((len(n_relevant), k), dtype=bool)
    for row, n in zip(hits, n_relevant, strict=True):
        row[: random.randint(0, min(n, k))] = True
    values = per_user_metrics(hits, np.array(n_relevant), [k], [metric])[f"{metric}@{k}"]
    over = denominators(metric, k, n_relevant)
    counts = to_counts(values[None], over)
    assert counts.dtype == (np.uint8 if counts.max() < 256 else np.uint16)
    assert np.array_equal(to_values(counts, over)[0], values)


@pytest.mark.parametrize("metric", ["ndcg", "mrr", "map"])
def test_metrics_of_ranks_are_kept_as_they_are(metric):
    values = np.array([[0.1, 0.25, 1 / 3]])
    assert denominators(metric, 20, [1, 2, 3]) is None
    counts = to_counts(values, None)
    assert counts.dtype == np.float32 and to_values(counts, None) == pytest.approx(
        values, rel=1e-7
    )


def _line(counts, epochs=(5, 10), **changed):
    kind, packed = pack(counts)
    curve = [{"epoch": epoch, "by_group": {}} for epoch in epochs]
    return {"name": "x", "fold": 0, "curve": curve, "type": kind, "packed": packed, **changed}


USERS = {0: {"fold": 0, "users": ["a", "b", "c"], "n_relevant": [4, 1, 2]}}


def test_a_line_is_points_by_users():
    counts = np.array([[1, 0, 2], [4, 1, 0]], dtype=np.uint8)
    values = unpack(_line(counts), USERS, "recall", 20)
    assert values.epochs == [5, 10] and values.users == ["a", "b", "c"]
    assert values.values.tolist() == [[1 / 4, 0, 1], [1, 1, 0]]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"packed": "%%%"}, "cannot be unpacked"),
        ({"packed": pack(np.zeros(3, dtype=np.uint8))[1]}, "3 bytes of numbers where 6 belong"),
        ({"packed": pack(np.zeros(10**7, dtype=np.uint8))[1]}, "7 bytes of numbers where 6"),
        ({"type": "object"}, "'object' are not known"),
        ({"fold": 1}, "users of fold 1 are missing"),
    ],
)
def test_a_damaged_line_is_refused(changed, says):
    counts = np.array([[1, 0, 2], [4, 1, 0]], dtype=np.uint8)
    with pytest.raises(ValueError, match=says):
        unpack(_line(counts, **changed), USERS, "recall", 20)


def test_the_longest_curve_counts():
    short, long = _line(np.zeros((1, 3), np.uint8), (5,)), _line(np.ones((2, 3), np.uint8))
    other = {**short, "options": {"reg_weight": 0.1}}
    found = longest_of_each([long, short, other])
    assert list(found.values()) == [long, other]


@pytest.mark.parametrize("model", ["BPR", "EASE"])
def test_a_run_keeps_the_values_behind_its_scores(tiny, model):
    options = {"model": model, "trials": 2, "valid_metric": "recall@10"}
    if model == "EASE":
        options |= {"epochs": None, "eval_step": None, "repeats": None, "lambdas": "[10,100]"}
    status, _, err = call(*run_arguments(tiny, **options))
    assert status == 0, err
    run = read_folder(run_folder())
    scores = run.result["search"]["cv"]
    for name in scores:
        of_folds = run.fold_values(name)
        records = {r["fold"]: r for r in run.trials if r["name"] == name}
        assert set(of_folds) == set(records) == set(range(run.result["search"]["folds"]))
        for fold, values in of_folds.items():
            means = values.values.mean(axis=1)
            if model == "EASE":
                assert means == pytest.approx([t["score"] for t in records[fold]["tried"]])
            else:
                at = values.epochs.index(records[fold]["epochs"])
                assert means[at] == pytest.approx(records[fold]["score"])
    lines = (run.path / "fold_users.jsonl").read_text().splitlines()
    assert len(lines) == run.result["search"]["folds"]
    assert all(json.loads(line)["users"] for line in lines)
