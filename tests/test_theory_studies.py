"""The programmes behind docs/theory.md run, repeat themselves and show what is written there."""

import re
import runpy
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recbole_groupmix.adapters.held_out import HeldOut
from recbole_groupmix.core.catalogues import Catalogues


@pytest.fixture
def program(repository):
    """Load a program of benchmarks/ by name, as its names and what they stand for."""
    return lambda name: SimpleNamespace(
        **runpy.run_path(str(repository / "benchmarks" / f"{name}.py"))
    )


def test_figure_2_is_its_closed_form(program, capsys, tmp_path):
    program("figure_2").main(["--theta=0.5,0.3,0.2", f"--out={tmp_path / 'figure.png'}"])
    out = capsys.readouterr().out
    # theta 2 - theta 3 = .1: up to 10 users class 3 alone; level at 100 * (1 - .5) = 50
    assert "| 10 | 0.000, 0.000, 1.000 | 50.0, 30.0, 30.0 |" in out
    assert "| 50 | 0.000, 0.400, 0.600 | 50.0, 50.0, 50.0 |" in out
    assert float(re.search(r"closed form over \d+ budgets: (.*)", out).group(1)) < 1e-8
    assert (tmp_path / "figure.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("--theta=0.5,0.3,0.3", r"row 0 of theta_0 sums to 1\.1"),
        ("--theta=0.8,0.3,-0.1", r"theta_0 holds -0\.1"),
        ("--theta=0.5,0.5", "--theta is '0.5,0.5'; give three shares"),
        ("--theta=0.1,0.3,0.6", "the largest first"),
        ("--n_0=-5", r"n_0 is -5\.0"),
    ],
)
def test_figure_2_refuses_what_is_no_setting(program, given, message):
    with pytest.raises(ValueError, match=message):
        program("figure_2").main([given])


@pytest.mark.slow
def test_the_study_repeats_itself(program):
    study = program("recovery_study")
    rows, points = study.study(mixes=4, repeats=80, seed=1)
    again, _ = study.study(mixes=4, repeats=80, seed=1)
    assert rows == again and len(rows) == len(study.SCENARIOS) == 6
    for bounds, measured, _ in points.values():
        # the first mix has the least bound; radii are those of sqrt(delta), delta <= 2 k = 8
        assert bounds[0] == bounds.min()
        assert ((measured > 0) & (measured <= np.sqrt(8))).all()
    assert study.study(mixes=4, repeats=80, seed=2)[0] != rows


def test_on_blockmix_the_theorys_order_holds_for_fresh_users_and_not_under_eq_8(program):
    rows = program("recovery_study").blockmix(repeats=20, seed=0)
    values = [[float(cell.split(" ±")[0]) for cell in row.split("|")[2:4]] for row in rows]
    (fresh_prop, same_prop), (fresh_theory, same_theory) = values
    assert fresh_theory < fresh_prop - 0.02
    assert same_theory > same_prop + 0.08


def test_the_record_of_verdicts_ranks_the_items_of_the_catalogue(program):
    # all 24 items score alike, so the first 20 that are ranked are listed; 3 and 10 are held out
    vectors, nothing = np.zeros((25, 2)), csr_matrix((1, 25), dtype=bool)
    relevant = csr_matrix(np.isin(np.arange(25), [3, 10])[None])
    for most, hits in ((25, 2), (6, 1)):
        items = Catalogues(np.arange(25)[None] < most, np.zeros(1, np.int64))
        held_out = HeldOut(np.zeros(1, np.int64), relevant, nothing, items)
        assert program("verdict_record").precision(vectors, held_out)[0] == hits / 20


def test_the_record_of_verdicts_on_blockmix(program, capsys):
    program("verdict_record").main(["--dataset=blockmix", "--dimensions=2"])
    out = capsys.readouterr().out
    rows = [line for line in out.splitlines() if re.match(r"\| [ABCD] \|", line)]
    assert len(rows) == 4 and all(row.count("%") >= 9 for row in rows)
    assert re.search(r"\d of 4 verdicts are right; of the rule before \d", out)
