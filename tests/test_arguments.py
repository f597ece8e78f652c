"""Arguments of ``GroupEvaluator`` that cannot be used: one ``ValueError`` before any work."""

import numpy as np
import pandas as pd
import pytest
from recbole_project import project as recbole_project

from recbole_groupmix import GroupEvaluator


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return recbole_project(tmp_path_factory.mktemp("project"), metrics=["Recall"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"topk": [500]}, r"topk is \[500\], which is beyond the 40 items"),
        ({"topk": [0]}, r"topk is \[0\]; cut-offs are whole numbers >= 1"),
        ({"topk": []}, r"topk is \[\]; cut-offs"),
        ({"topk": 2.5}, "topk is 2.5; cut-offs"),
        ({"topk": "10"}, "topk is '10'; cut-offs"),
        ({"topk": [True]}, "cut-offs"),
        ({"metrics": "Recal"}, "no metric named 'recal'; it has .*recall"),
        ({"metrics": []}, "metrics is empty"),
        ({"metrics": 3}, "metrics is 3; give names"),
        ({"n_boot": 0}, "n_boot is 0"),
        ({"min_users": "3"}, "min_users is '3'"),
        ({"small": "drop"}, "small is 'drop'"),
        (
            {"groups": pd.DataFrame({"u": ["u1"], "g": ["x"]})},
            r"DataFrame .* u, g; give one column",
        ),
        ({"groups": np.array(["x", "y"])}, "an array .*dict or a pandas Series"),
        ({"groups": 3}, "groups is 3; give a column"),
        ({"groups": None}, "groups is None; give a column"),
    ],
)
def test_arguments_that_cannot_be_used(project, options, says):
    config, loaders, _ = project
    groups = options.pop("groups", "group") if "groups" in options else "group"
    with pytest.raises(ValueError, match=says) as caught:
        GroupEvaluator(config, loaders[2], groups, **options)
    assert "\n" not in str(caught.value)


def test_cut_offs_of_the_configuration_are_looked_at_too(project):
    config, loaders, _ = project
    kept = config["topk"]
    config["topk"] = [50]
    with pytest.raises(ValueError, match=r"topk is \[50\], which is beyond the 40 items"):
        GroupEvaluator(config, loaders[2], "group")
    config["topk"] = kept


def test_one_metric_and_one_cut_off_need_no_list(project):
    config, loaders, net = project
    one = GroupEvaluator(config, loaders[2], "group", metrics="Recall", topk=5).evaluate(net)
    assert one.metrics == ["recall@5"]
    groups = pd.Series({"u1": "x", "u2": "y"})
    assert GroupEvaluator(config, loaders[2], groups, topk=(5,)).groups.names == ("x", "y")


def test_small_groups_are_refused_in_one_sentence(project):
    config, loaders, _ = project
    with pytest.raises(ValueError, match="min_users = 99") as caught:
        GroupEvaluator(config, loaders[2], "group", min_users=99)
    assert str(caught.value) == (
        "group: groups with fewer than min_users = 99 users: A (10), B (14), C (8); lower min_users, "
        'merge them, or define larger groups (evaluated users are counted, and small="merge" merges '
        "them)"
    )
