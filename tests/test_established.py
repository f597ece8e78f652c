"""What is called established: not what few seeds or the length of training decide."""

import json

import numpy as np
import pandas as pd
import pytest
from made_runs import write_run

from recbole_groupmix.record.established import (
    FEW_SEEDS,
    LOW,
    at_own_length,
    direction,
    few_seeds,
    why_not_established,
)
from recbole_groupmix.record.finished_run import FinishedRun, read_folder
from recbole_groupmix.report.paper.effects import Effect, difference, pooled
from recbole_groupmix.report.paper.findings import findings
from recbole_groupmix.report.paper.grid import read_cell
from recbole_groupmix.report.paper.grid_section import grid_part
from recbole_groupmix.report.paper.statements import (
    FAILS,
    NOT_ESTABLISHED,
    OPEN,
    OWN_LENGTH,
    STATEMENTS,
    SURVIVES,
    judged,
)
from recbole_groupmix.report.paper.survival import survival
from recbole_groupmix.report.run import answer
from recbole_groupmix.report.run.on_test import change_note

KEY = "precision@10"
UP = {"mean": 0.05, "ci_low": 0.02, "ci_high": 0.08, "p": 0.001, "p_holm": 0.002}
DOWN = {"mean": -0.05, "ci_low": -0.08, "ci_high": -0.02, "p": 0.001, "p_holm": 0.002}
FLAT = {"mean": 0.01, "ci_low": -0.02, "ci_high": 0.04, "p": 0.5, "p_holm": 0.5}
#: The interval leaves out 0, but corrected p does not make a mark of it.
UNMARKED = {**UP, "p_holm": 0.06}


def result(change=UP, own=None, **more):
    plain = {"embedding_size": 64, "repeats": 5, "closed_form": False, **more}
    plain["change"] = {"stratified": {KEY: change}}
    if own is not None:
        plain["own_length"] = {"test": {}, "change": {"stratified": {KEY: own}}}
    return plain


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (UP, 1),
        (DOWN, -1),
        (FLAT, 0),
        (UNMARKED, 0),
        (None, 0),
        ({**UP, "ci_low": -0.001}, 0),  # a mark whose interval holds 0
        ({**UP, "mean": None, "ci_low": None, "ci_high": None}, 0),
        ({**UP, "p_holm": None}, 0),
    ],
)
def test_the_direction_of_a_verdict(change, expected):
    assert direction(change) == expected


@pytest.mark.parametrize(
    ("more", "few"),
    [
        ({"embedding_size": 4, "repeats": 4}, True),
        ({"embedding_size": LOW, "repeats": 1}, True),
        ({"embedding_size": 4, "repeats": 5}, False),
        ({"embedding_size": LOW + 1, "repeats": 1}, False),
        ({"embedding_size": None, "repeats": 1}, False),
        ({"embedding_size": 4, "repeats": 1, "closed_form": True}, False),  # no seeds
    ],
)
def test_few_seeds_at_a_low_size_establish_nothing(more, few):
    assert few_seeds(result(**more)) == (FEW_SEEDS if few else "")
    assert why_not_established(result(**more), "stratified", KEY) == (FEW_SEEDS if few else "")
    assert why_not_established(result(FLAT, **more), "stratified", KEY) == ""  # nothing is said


@pytest.mark.parametrize(
    ("change", "own", "words"),
    [
        (UP, UP, ""),
        (FLAT, FLAT, ""),
        (FLAT, UNMARKED, ""),
        (UP, FLAT, "it is not told apart, +1.0% [-2.0%, +4.0%]"),
        (UP, UNMARKED, "it is not told apart, +5.0% [+2.0%, +8.0%]"),
        (UP, DOWN, "it is worse, -5.0% [-8.0%, -2.0%]"),
        (FLAT, UP, "it is better, +5.0% [+2.0%, +8.0%]"),
        (UNMARKED, DOWN, "it is worse, -5.0% [-8.0%, -2.0%]"),
    ],
)
def test_a_verdict_that_the_length_of_training_decides_is_not_established(change, own, words):
    why = why_not_established(result(change, own), "stratified", KEY)
    assert why == (f"with each row trained for its own length {words}" if words else "")


def test_runs_without_the_control_are_judged_without_it():
    for given in (result(), {**result(), "own_length": None}, result(own={})):
        assert at_own_length(given, "theory", KEY) is None
        assert why_not_established(given, "theory", KEY) == ""
    assert why_not_established(result(), "stratified", KEY) == ""


# --- statements about the paper

GAIN = next(s for s in STATEMENTS if s.name == "3")


def effect(low, high, **more):
    return Effect((low + high) / 2, np.linspace(low, high, 401), **more)


@pytest.mark.parametrize(
    ("found", "verdict", "why"),
    [
        (effect(0.01, 0.05), SURVIVES, ""),
        (effect(0.01, 0.05, own=0.04), SURVIVES, ""),
        (effect(0.01, 0.05, own=0.01), NOT_ESTABLISHED, OWN_LENGTH),  # [-.01, .03] says nothing
        (effect(0.01, 0.05, few=FEW_SEEDS), NOT_ESTABLISHED, FEW_SEEDS),
        (effect(0.01, 0.05, own=0.01, few=FEW_SEEDS), NOT_ESTABLISHED, FEW_SEEDS),
        (effect(-0.05, 0.01), FAILS, ""),
        (effect(-0.05, 0.01, own=0.03), NOT_ESTABLISHED, OWN_LENGTH),
        (
            effect(-0.05, 0.05, own=0.2, few=FEW_SEEDS),
            OPEN,
            "",
        ),  # nothing that could be taken back
    ],
)
def test_verdicts_on_a_statement(found, verdict, why):
    assert judged(found, GAIN) == (verdict, why)


def test_differences_and_means_keep_the_reasons():
    one, other = effect(0.0, 0.2, own=0.3), effect(0.0, 0.4, own=0.1, few="few")
    fall = difference(one, other)
    assert fall.own == pytest.approx(0.2) and fall.few == "few"
    mean = pooled([one, other])
    assert mean.own == pytest.approx(0.2) and mean.few == "few" and mean.n == 2
    without = effect(0, 1)
    assert pooled([one, without]).own is None and difference(one, without).own is None
    assert pooled([one, without]).few == ""


# --- pages


def write(folder, d, repeats, own=None, **more):
    """Write a run whose data_mix gains in every repeat; `own` is its change at its own length."""
    write_run(folder, repeats=repeats, effect=0.3, trials=9, **more)
    file = folder / "result.json"
    content = json.loads(file.read_text())
    content |= {"embedding_size": d, "protocol": "converged"}
    if own:
        control = {row: dict(of_row) for row, of_row in content["change"].items()}
        control["data_mix"] = dict.fromkeys(control["data_mix"], own)
        content["own_length"] = {"test": content["test"], "change": control}
    file.write_text(json.dumps(content))
    return folder


def test_the_page_of_a_run_says_what_is_not_established(tmp_path):
    run = read_folder(write(tmp_path / "few", 4, 2))
    assert answer.verdict(run.result["change"]["data_mix"][KEY]) == answer.BETTER
    for said in (answer.lead(run), answer.answer(run)):
        assert f"(not established: {FEW_SEEDS})" in said
    assert answer.short(run) == "better, not established"
    assert f"Not established in {run.key}: data_mix: {FEW_SEEDS}" in change_note(run)

    run = read_folder(write(tmp_path / "own", 64, 5, FLAT))
    why = "with each row trained for its own length it is not told apart, +1.0% [-2.0%, +4.0%]"
    for said in (answer.lead(run), answer.answer(run), change_note(run)):
        assert why in said
    assert answer.short(run) == "better, not established"


@pytest.mark.parametrize(("d", "repeats", "own"), [(64, 2, None), (4, 5, None), (64, 5, UP)])
def test_the_page_of_an_established_run_does_not(tmp_path, d, repeats, own):
    run: FinishedRun = read_folder(write(tmp_path / "run", d, repeats, own))
    said = [answer.lead(run), answer.answer(run), change_note(run)]
    assert "stablished" not in " ".join(said) and answer.short(run) == "better"


@pytest.mark.parametrize(
    ("repeats", "own", "verdict"),
    [
        (2, None, NOT_ESTABLISHED),
        (5, None, SURVIVES),
        (5, FLAT, SURVIVES),
        (5, DOWN, NOT_ESTABLISHED),
    ],
)
def test_a_grid_calls_nothing_established_that_few_seeds_or_lengths_decide(
    tmp_path, repeats, own, verdict
):
    """FLAT at own lengths moves the interval of a gain of half, which stays above 0."""
    cells = [
        read_cell(write(tmp_path / f"{target}", 4, repeats, own, target=target))
        for target in ("A", "B")
    ]
    if own is FLAT:  # at its own length a little less
        for cell in cells:
            change = cell.run.result["change"]["data_mix"][KEY]
            control = cell.run.result["own_length"]["change"]["data_mix"]
            control[KEY] = {**change, "mean": change["mean"] - 0.01}
    data = survival(cells, None)
    of = data[(data["statement"] == "3") & (data["control"] == "own search")]
    assert set(of["target"]) == {"A", "B", "all"}
    assert set(of["verdict"]) == {verdict}, of
    lead, sections = grid_part(cells, [], None)
    why = FEW_SEEDS if repeats < 5 else OWN_LENGTH
    said = [line for line in (*lead, *sections[1].text) if f"Not established: {why} (" in line]
    assert len(said) == (2 if verdict == NOT_ESTABLISHED else 0)
    assert any(f"3 {verdict} (BPR)" in line for line in lead)


def test_findings_count_what_is_not_established_as_not_told():
    def row(control, statement, verdict):
        why = "few" if verdict == NOT_ESTABLISHED else ""
        return "converged", control, "BPR", "all", statement, verdict, why

    columns = ["protocol", "control", "model", "target", "statement", "verdict", "why"]
    data = pd.DataFrame(
        [
            row("as it is", "3", SURVIVES),
            row("as it is", "1a", NOT_ESTABLISHED),
            row("graph=all", "3", NOT_ESTABLISHED),
            row("graph=all", "1a", OPEN),
        ],
        columns=columns,
    )
    assert findings(data) == [
        "Protocol converged: 1a not established (BPR); 3 survives (BPR). Not established: few (1 "
        "effect).",
        "Under 1 control of it 1 of 2 verdicts stay, 1 can no longer be told, 0 can be told then, 0 "
        "are reversed.",
    ]
