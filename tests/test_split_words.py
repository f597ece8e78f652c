"""What a run and its page say about the split and the ranked items."""

import pytest

from recbole_groupmix.settings.merge import merge_settings
from recbole_groupmix.text.split_words import is_fifth, is_fixed, split_words

#: What RecBole writes into the configuration of every run, which older versions did not obey.
OLD = {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "TO", "group_by": "user", "mode": "full"}


def of(**values):
    return merge_settings({"dataset": "tiny", **values}).values


@pytest.mark.parametrize("values", [{}, of(eval_args={"mode": "full"}), {"eval_args": OLD}])
def test_nothing_is_said_about_the_default(values):
    assert split_words(values) == [] and is_fifth(values) and not is_fixed(values)


@pytest.mark.parametrize(
    ("given", "says", "fixed"),
    [
        ({"order": "TO"}, "ordered by time: each user's interactions by the ratios 0.8", True),
        ({"split": {"RS": [8, 1, 1]}}, "its validation part is trained on", False),
        ({"group_by": "none"}, "at random: all interactions by", False),
        ({"split": {"LS": "test_only"}}, "each user's last interaction left out for test", False),
    ],
)
def test_a_split_of_recboles(given, says, fixed):
    values = of(eval_args=given)
    (line,) = split_words(values)
    assert says in line and is_fixed(values) == fixed and not is_fifth(values)
    assert ("validation" in line) == (given.get("split") == {"RS": [8, 1, 1]})


def test_ranked_items():
    (line,) = split_words(of(eval_args={"mode": "pop9"}))
    assert line == (
        "Ranked on test and folds: a user's held-out items and, for each of them, 9 others that "
        "are drawn by popularity."
    )
    (line,) = split_words(of(eval_args={"mode": {"valid": "full", "test": "uni9"}}))
    assert "drawn uniformly; on folds: all items." in line


def test_a_split_of_files_is_the_same_for_all_seeds():
    values = of(benchmark_filename=["train", "test"])
    assert is_fixed(values) and not is_fifth(values) and split_words(values) == []
