"""Changes of several metrics below the table of a run, and the line where they disagree."""

import pytest
from made_runs import write_run

from recbole_groupmix.all_targets.index import index_table
from recbole_groupmix.record.by_metric import changes_by_metric, metric_sentences
from recbole_groupmix.record.finished_run import read_folder
from recbole_groupmix.record.result_table import result_table
from recbole_groupmix.report.run.answer import answer, lead


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
    header, row = changes_by_metric(result(rows, same_mix={"theory": "mine"}))
    assert header == ["change against proportional", "precision@20", "recall@20", "ndcg@20"]
    assert row[0] == "mine" and all(cell.endswith(" *") for cell in row[1:])
    assert changes_by_metric(result({})) == []
    plain = changes_by_metric(result(rows, valid_metric="precision@20"))
    assert plain[0][1:] == ["recall@20", "ndcg@20"]


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
        "stratified": (DOWN, DOWN, UP, DOWN),
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
        ((UP, NEITHER, UP, NEITHER), "mine: precision@20 +5.0% [+4.0%, +6.0%] *, ndcg@20 +5.0%"),
        ((NEITHER, NEITHER, UP, UP), ""),  # the answer has it
        ((NEITHER, NEITHER, DOWN, NEITHER), ""),
        ((NEITHER, DOWN, UP, NEITHER), ""),  # said as a disagreement
    ],
)
def test_a_row_that_is_better_in_another_metric_alone_is_named(by, says):
    said = said_of({"mine": by})
    assert ("Better in another metric, while ndcg@10" in said) == bool(says)
    assert says in said


@pytest.mark.parametrize(
    ("by", "says"),
    [
        ((NEITHER, UP, UP, UP), "mine: precision@20 +5.0%"),
        ((DOWN, UP, change(0.05, p=0.3), UP), "mine: precision@20 -5.0%"),
        ((DOWN, UP, NEITHER, NEITHER), ""),  # better in another metric, which is said
        ((DOWN, NEITHER, NEITHER, NEITHER), "mine: precision@20 -5.0%"),
        ((UP, UP, UP, UP), ""),
        ((NEITHER, NEITHER, UP, NEITHER), ""),
    ],
)
def test_a_row_of_which_precision_says_otherwise_is_named(by, says):
    said = said_of({"mine": by})
    otherwise = "precision@20, the paper's metric, says otherwise than ndcg@10"
    assert (otherwise in said) == bool(says)
    assert says in said
    assert "otherwise" not in said_of({"mine": by}, valid_metric="precision@20")


@pytest.mark.parametrize("key", ["precision@10", "recall@5", "ndcg@10"])
def test_answer_table_and_index_follow_the_metric_that_selected(tmp_path, key):
    folder = write_run(tmp_path / "run", repeats=5, valid_metric=key)
    run = read_folder(folder)
    lines = result_table(run.result).splitlines()
    assert lines[2].split()[-2:] == ["change", key]
    assert lines[2].split().count(key) == 2  # the mean, and the change
    words = " ".join(" ".join(lines).split())
    assert (
        f"Answer: train on everything as it is (proportional); no other row is better in {key}"
        in words
    )
    assert f"better in {key} beyond chance" in lead(run) and f": {key} changes by" in answer(run)
    entry = {
        "mix": None,
        "n_users": 30,
        **{k: run.result[k] for k in ("test", "change", "same_mix")},
    }
    index = {**run.result, "targets": {"A": entry}, "pool": [], "left_out": {}}
    header = index_table(index).splitlines()[2].split()
    assert header[-2:] == ["change", key] and header.count(key) == 2


def test_a_metric_that_was_not_measured_is_one_line(tmp_path):
    folder = write_run(tmp_path / "run", valid_metric="recall@10")
    file = folder / "result.json"
    file.write_text(
        file.read_text().replace('"valid_metric": "recall@10"', '"valid_metric": "x@10"')
    )
    with pytest.raises(ValueError, match="lacks x@10 of"):
        read_folder(folder)
