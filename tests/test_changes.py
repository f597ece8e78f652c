"""How the changes of a result are tested, corrected and written, from per-user values."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from made_runs import write_run

from recbole_groupmix.all_targets.index import _corrected
from recbole_groupmix.core.better_rows import better_rows
from recbole_groupmix.core.statistics.bootstrap import holm
from recbole_groupmix.core.statistics.few_users import CHANGES_OF_FEW_USERS, MEANS_OF_FEW_USERS
from recbole_groupmix.core.statistics.two_tests import compared_changes
from recbole_groupmix.record.changes import changes, same_rows
from recbole_groupmix.record.finished_run import read_folder
from recbole_groupmix.record.phrases import change_text, ends, few_users_note
from recbole_groupmix.record.result_table import result_table
from recbole_groupmix.report.run.on_test import change_note
from recbole_groupmix.report.run.on_test import test_section as section_on_test
from recbole_groupmix.text.numbers import finite, percent_interval

GAIN = {"proportional": 1.0, "stratified": 1.15, "theory": 1.1, "data_mix": 1.1}


def metrics_of(values, k=10):
    """A long table of (n_repeats, n_users) arrays, by mix."""
    frames = [
        pd.DataFrame(
            {"user_id": np.arange(array.shape[1]), "group": "A", "mix": mix, "repeat": repeat,
             "metric": "recall", "k": k, "value": row}
        )
        for mix, array in values.items()
        for repeat, row in enumerate(array)
    ]  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def drawn(n_users=40, n_repeats=1, seed=0):
    rng = np.random.default_rng(seed)
    skill = rng.gamma(2.0, 0.1, n_users)
    values = {
        mix: skill * gain * rng.lognormal(0, 0.3, (n_repeats, n_users))
        for mix, gain in GAIN.items()
    }
    return values | {"data_mix": values["theory"]}  # the folds chose theory's


def test_p_is_that_of_all_tests_and_holm_runs_on_it():
    values = drawn()
    found = changes(metrics_of(values), "A", 3)
    base = values.pop("proportional")
    expected = compared_changes([(array, base) for array in values.values()], seed=3)
    corrected = holm([each.p for each in expected])
    for mix, each, p_holm in zip(values, expected, corrected, strict=True):
        assert found[mix]["recall@10"] == pytest.approx(
            {"mean": each.mean, "ci_low": each.ci_low, "ci_high": each.ci_high, "p": each.p,
             "p_holm": p_holm}
        )  # fmt: skip


def test_a_row_that_is_another_is_one_comparison():
    values, same = drawn(), {"theory": "data_mix"}
    found = changes(metrics_of(values), "A", 3, same)
    del values["theory"]
    fewer = changes(metrics_of(values), "A", 3)
    for mix in ("stratified", "data_mix"):
        assert found[mix] == fewer[mix]
    row, of = found["theory"]["recall@10"], found["data_mix"]["recall@10"]
    assert row["p"] is None
    assert row["p_holm"] == of["p_holm"] > of["p"]


def test_the_selected_candidate_is_the_data_mix():
    rows = ["proportional", "stratified", "theory", "own", "data_mix"]
    assert same_rows({}, "theory", rows) == {"theory": "data_mix"}
    assert same_rows({}, "trial-3", rows) == {}
    assert same_rows({}, None, rows[:-1]) == {}
    assert same_rows({"stratified": "proportional", "own": "theory"}, "theory", rows) == {
        "stratified": "proportional",
        "own": "data_mix",
        "theory": "data_mix",
    }


def test_over_targets_a_row_that_is_another_is_one_comparison():
    def result(p):
        change = {
            mix: {"recall@10": {"p": value}}
            for mix, value in (("stratified", None), ("theory", None), ("data_mix", p))
        }
        return {
            "change": change,
            "same_mix": {"stratified": "proportional"},
            "search": {"selected": "theory"},
            "mixes": dict.fromkeys([*change, "proportional"]),
        }

    found = _corrected({"A": result(0.01), "B": result(0.04)})
    for target, p_holm in (("A", 0.02), ("B", 0.04)):
        assert found[target]["data_mix", "recall@10"] == p_holm
        assert found[target]["theory", "recall@10"] == p_holm
        assert found[target]["stratified", "recall@10"] is None


def test_an_unbounded_end_is_null_and_read_as_unbounded():
    base = np.array([[0.5, 0, 0, 0, 0, 0, 0, 0, 0.0]])
    table = metrics_of({"proportional": base, "data_mix": base[:, ::-1] + base})
    change = changes(table, "A", 0)["data_mix"]["recall@10"]
    assert change["ci_high"] == math.inf
    read = json.loads(json.dumps(finite(change)))
    assert read["ci_high"] is None and read["mean"] == 1.0
    assert ends(read) == (-1.0, math.inf)
    assert change_text(read) == "+100.0% [-100.0%, unbounded]"
    assert percent_interval(0.1, None, None) == "+10.0% [unbounded, unbounded]"
    assert percent_interval(None, None, None) == percent_interval(math.nan, 0, 1) == "undefined"


def test_a_row_unbounded_above_can_be_better():
    gain = {"mean": 3.0, "ci_low": 0.2, "ci_high": None, "p_holm": 0.01}
    loss = {"mean": -0.3, "ci_low": None, "ci_high": -0.1, "p_holm": 0.01}
    none = {"mean": None, "ci_low": None, "ci_high": None, "p_holm": None}
    assert better_rows({"a": loss, "b": gain, "c": none}, 0.05) == ["b"]


def test_few_measured_users_are_said(tmp_path):
    group = {"name": "A", "n_users": 31, "n_interactions": 9, "n_in_data": 31}
    assert few_users_note({**group, "n_measured": 29}, "Why.") == (
        "Only 29 users of A are measured. Why."
    )
    assert few_users_note({**group, "n_measured": 30}, "Why.") is None
    assert few_users_note(group, "Why.") is None  # an older run
    run = read_folder(write_run(tmp_path / "run"))
    for n_measured in (30, 16):
        run.result["groups"][0] |= {"n_in_data": 30, "n_measured": n_measured}
        few = n_measured < 30
        table = " ".join(result_table(run.result).split())
        assert (CHANGES_OF_FEW_USERS in table) == few
        assert (CHANGES_OF_FEW_USERS in change_note(run)) == few
        assert (MEANS_OF_FEW_USERS in section_on_test(run).tables[0].note) == few
