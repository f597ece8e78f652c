"""Influence beside Delta_d: what is correlated, on a data set and on values with a known order."""

import json
import re
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import call
from helpers import experiment, write_tiny
from scipy.stats import spearmanr

from recbole_groupmix.exact.influence import influence_frame, measured_changes
from recbole_groupmix.exact.loss_influence import Changes
from recbole_groupmix.exact.similarity import agreement_text, agreements, discrepancy_at

FIVE = {"A": 10, "B": 14, "C": 8, "D": 6, "E": 12}


@pytest.fixture(scope="module")
def five(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("five"), sizes=FIVE)


def influence(folder, *options):
    return call(
        *("influence", "--dataset=tiny", f"--data_path={folder}", "--group_field=group"),
        *("--topk=[5,10]", "--reg_weight=20", "--metric=recall@5", *options),
    )


def test_the_correlations_are_those_of_the_table_with_delta(five):
    status, out, err = influence(five, "--d=2", "--out=found.json")
    assert status == 0, err
    found = json.loads(Path("found.json").read_text())
    ex = experiment(five, model="EASE", reg_weight=20.0)
    table = influence_frame(ex, measured_changes(ex, 20.0, metric="recall@5"), 100)
    (delta, _), names = discrepancy_at(ex, 2), ex.groups.names
    np.testing.assert_allclose(found["similarity"]["delta"], delta)
    assert found["similarity"]["d"] == 2 and len(found["rows"]) == 3 * 25
    rows = {
        (one["measure"], one["per_user"], one["target"]): one
        for one in found["similarity"]["agreement"]
    }
    assert len(rows) == 2 * 2 * 6
    for (measure, per_user, target), one in rows.items():
        if target is None:
            mine = [rows[measure, per_user, name]["rho"] for name in names]
            assert one["rho"] == pytest.approx(np.mean([rho for rho in mine if rho is not None]))
            assert 0 < one["p"] <= 1 and one["ci_low"] is None
            continue
        of = table[(table["change"] == measure) & (table["target"] == target)]
        of = of[of["group"] != target].set_index("group")
        help_ = of["proportional"] - of["value"]
        if per_user:
            help_ = help_ / [ex.n_users[name] for name in of.index]
        near = [1 - delta[names.index(target), names.index(name)] for name in of.index]
        rho = spearmanr(help_, near).statistic
        assert one["rho"] == pytest.approx(rho)
        assert one["ci_low"] <= one["ci_high"]
        every = [spearmanr(help_, order).statistic for order in permutations(near)]
        assert one["p"] == pytest.approx(np.mean(np.abs(every) >= abs(rho) - 1e-9))
    sizes = [ex.n_users[name] for name in names]
    every = range(5)
    of_size = [
        spearmanr([sizes[j] for j in every if j != i], [-delta[i, j] for j in every if j != i])
        for i in every
    ]
    size = found["similarity"]["size"]
    assert size["rho"] == pytest.approx(np.mean([one.statistic for one in of_size]))
    assert f"correlated with the other group's size: mean rho {size['rho']:+.2f}" in out
    for row in found["rows"]:
        at = names.index(row["target"]), names.index(row["group"])
        assert row["delta"] == pytest.approx(delta[at])
    assert "Do nearer groups help more? Spearman's rho of help with 1 - Delta_2" in out


def test_a_known_order_and_its_interval(five):
    # every user of A loses 4, 3, 2, 1 without B, C, D, E, all others nothing; B is nearest and so on
    ex = experiment(five, model="EASE")
    users = ex.part(0).held_out.users
    mine = ex.groups.of_user[users] == 0
    lost = {"A": 9, "B": 4, "C": 3, "D": 2, "E": 1}
    after = {name: np.where(mine, 10.0 - value, 10.0) for name, value in lost.items()}
    changes = [Changes("without", users, np.full(len(users), 10.0), after)]
    delta = np.zeros((5, 5))
    delta[0] = [0, 0.1, 0.2, 0.3, 0.4]
    found = {(one.per_user, one.target): one for one in agreements(ex, changes, delta, n_boot=50)}
    one = found[False, "A"]
    assert (one.rho, one.ci_low, one.ci_high, one.p) == pytest.approx((1, 1, 1, 2 / 24))
    # per user of B, C, D, E (14, 8, 6, 12): .29, .38, .33, .08, so ranks 2, 4, 3, 1 against 4, 3, 2, 1:
    # differences -2, 1, 1, 0 and rho = 1 - 6 * 6 / (4 * 15)
    assert found[True, "A"].rho == pytest.approx(0.4)
    assert np.isnan(found[False, "B"].rho) and found[False, None].rho == pytest.approx(1)
    text = agreement_text(list(found.values()), 3)
    assert re.search(r"A\s+\+1\.00 \[\+1\.00, \+1\.00\] p 0\.083\s+\+0\.40", text)
    assert re.search(r"\n\s+B\s+-\s+-\n", text)


def test_users_who_differ_make_an_interval(five):
    # half of A's users lose only without B, which is near, half only without E, which is far
    ex = experiment(five, model="EASE")
    users = ex.part(0).held_out.users
    mine = np.flatnonzero(ex.groups.of_user[users] == 0)
    lost = {name: np.zeros(len(users)) for name in FIVE}
    lost["C"][mine], lost["D"][mine] = 0.4, 0.3
    lost["B"][mine[::2]] = lost["E"][mine[1::2]] = 0.7
    after = {name: -value for name, value in lost.items()}
    changes = [Changes("loss", users, np.zeros(len(users)), after)]
    delta = np.tile([0.5, 0.1, 0.2, 0.3, 0.4], (5, 1))
    one = agreements(ex, changes, delta, n_boot=400)[0]
    assert one.ci_low < one.rho < one.ci_high and one.ci_high - one.ci_low > 0.3


def test_few_groups_are_not_compared(tiny):
    status, out, err = influence(tiny, "--out=table.csv", "--d=2")
    assert status == 0, err
    assert "Nearness is not compared with influence, which takes four groups or more." in out
    assert "delta" in pd.read_csv("table.csv")


def test_the_usual_dimension_is_lowered_to_the_least_rank(tmp_path):
    small = write_tiny(tmp_path, sizes={"A": 24, "B": 14, "C": 3})
    ex = experiment(small, model="EASE")
    delta, d = discrepancy_at(ex)
    assert d == 3
    np.testing.assert_array_equal(delta, discrepancy_at(ex, 3)[0])


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--d=0", "--d is '0'; it must be a whole number >= 1"),
        ("--d=x", "--d is 'x'"),
        ("--d=40", "d is 40, but the interactions of group 'A' have rank 10"),
    ],
)
def test_bad_dimensions(tiny, option, message):
    status, out, err = influence(tiny, option)
    assert (status, out) == (2, "") and message in err
