"""A hint names the nearest known name, and none where nothing is near."""

import pytest

from recbole_groupmix.core.spelling import did_you_mean


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("trails", ["topk", "trials"], "; did you mean 'trials'?"),
        ("NDGC", ("recall", "ndcg"), "; did you mean 'ndcg'?"),
        ("lightgcn", {"LightGCN": 1, "NGCF": 2}, "; did you mean 'LightGCN'?"),
        ("35+", ["18", "35"], "; did you mean '35'?"),
        (35, ["18", "36", "350"], "; did you mean '350'?"),
        ("BPR", ["NPR", "DMF"], ""),  # two of three letters are not near
        ("x", [], ""),
    ],
)
def test_the_nearest_name(name, known, hint):
    assert did_you_mean(name, known) == hint


def test_the_question_goes_where_it_is_told_to():
    assert did_you_mean("b.user", ["a.user"], " ({})") == " (did you mean 'a.user'?)"
    assert did_you_mean("{}", ["{0}"], "({})") == "(did you mean '{0}'?)"
