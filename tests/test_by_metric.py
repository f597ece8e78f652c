"""Changes of several metrics below the table of a run, and the line where they disagree."""

import pytest

from recbole_groupmix.record.by_metric import changes_by_metric, metric_sentences


def change(mean, p=0.001, width=0.01):
    ends = {"mean": mean, "ci_low": mean - width, "ci_high": mean + width}
    return {**ends, "p": p, "p_holm": p}


def result(rows, **more):
    """Rows with their changes of precision, recall and NDCG at 20, and of NDCG at 10."""
    keys = ("precision@20", "recall@20", "ndcg@20", "ndcg@10")
    return {
        "topk": [10, 20],
        "valid_metric": "ndcg@10",
        "repeats": 5,
        "embedding_size": 64,
        "mixes": dict.fromkeys(["proportional", *rows]),
        "change": {row: dict(zip(keys, by, strict=True)) for row, by in rows.items()},
        **more,
    }


def said_of(rows, **more):
    return " ".join(metric_sentences(result(rows, **more)))


UP, DOWN, NEITHER = change(0.05), change(-0.05), change(0.05, p=0.3)


def test_other_metrics_and_that_of_selection_stand_below():
    rows = {"mine": (UP, DOWN, UP, NEITHER), "theory": (UP, UP, UP, UP)}
    lines = changes_by_metric(result(rows, same_mix={"theory": "mine"}))
    assert lines[0].split("  ")[0] == "change against proportional"
    assert lines[0].split()[-3:] == ["recall@20", "ndcg@20", "ndcg@10"]
    assert lines[2].split()[0] == "mine"
    assert lines[2].count("*") == 2  # not ndcg@10
    assert len(lines) == 3
    assert changes_by_metric(result({})) == []
    plain = changes_by_metric(result(rows, valid_metric="precision@20"))
    assert plain[0].split()[-2:] == ["recall@20", "ndcg@20"]


@pytest.mark.parametrize(
    ("by", "named"),
    [
        ((UP, UP, DOWN, UP), "recall@20"),
        ((DOWN, DOWN, UP, UP), "recall@20"),
        ((UP, NEITHER, DOWN, UP), "precision@20"),
        ((UP, UP, UP, DOWN), None),  # another cut-off
        ((UP, UP, change(-0.05, p=0.3), UP), None),  # not marked
        ((UP, UP, change(-0.005), UP), None),  # 0 lies in the interval
        ((UP, DOWN, UP, UP), "recall@20"),
    ],
)
def test_metrics_that_point_in_opposite_directions(by, named):
    said = said_of({"mine": by})
    assert (f"mine: {named} " in said) if named else "disagree" not in said
    assert not named or ", but ndcg@20 " in said


def test_the_best_row_comes_first_and_rows_of_another_name_are_left_out():
    rows = {
        "stratified": (DOWN, DOWN, UP, UP),
        "mine": (UP, UP, DOWN, UP),
        "theory": (UP, UP, DOWN, UP),
    }
    said = said_of(rows, same_mix={"theory": "mine"})
    assert said.index("mine: recall@20 +5.0%") < said.index("stratified: recall@20 -5.0%")
    assert "theory" not in said
    assert said.count("mine:") == 1


def test_what_few_seeds_say_is_no_disagreement():
    rows = {"mine": (UP, UP, DOWN, UP)}
    assert said_of(rows, embedding_size=4, repeats=2) == ""
    assert said_of(rows, embedding_size=4, repeats=5) != ""


def test_another_verdict_at_its_own_length_is_no_disagreement():
    rows = {"mine": (UP, UP, DOWN, UP)}
    own = {"change": {"mine": {"recall@20": NEITHER, "ndcg@20": DOWN}}}
    assert "precision@20 +" in said_of(rows, own_length=own, lengths=None)
    own["change"]["mine"]["precision@20"] = NEITHER
    assert "disagree" not in said_of(rows, own_length=own, lengths=None)


@pytest.mark.parametrize(
    ("by", "says"),
    [
        ((NEITHER, NEITHER, UP, UP), "mine: ndcg@20 +5.0% [+4.0%, +6.0%] *, ndcg@10 +5.0%"),
        ((UP, NEITHER, UP, NEITHER), ""),  # the answer has it
        ((NEITHER, NEITHER, DOWN, NEITHER), ""),
        ((NEITHER, DOWN, UP, NEITHER), ""),  # said as a disagreement
    ],
)
def test_a_row_that_is_better_in_another_metric_alone_is_named(by, says):
    said = said_of({"mine": by})
    assert ("Better in another metric, while precision@20" in said) == bool(says)
    assert says in said
