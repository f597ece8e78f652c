"""The budget curve on the page of a run."""

import numpy as np
import pytest
from command import call, run_arguments, run_folder
from made_runs import USERS, write_run

from recbole_groupmix.core.budget_curve import BUDGETS, parts_of_score
from recbole_groupmix.record.finished_run import read_folder
from recbole_groupmix.record.on_folds import OnFolds
from recbole_groupmix.report.frame.drawing import drawn
from recbole_groupmix.report.page import report_files
from recbole_groupmix.report.run.budget import budget_section


@pytest.fixture
def run(tmp_path):
    return read_folder(write_run(tmp_path / "run", budgets=True))


def with_values(monkeypatch, changes, fewer=()):
    """Let runs have values of users on two folds, at the points that were scored."""

    def parts(on_folds, name):
        budget = {"proportional": 1.0, "no_augmentation": 0.0}.get(name)
        budget = float(name.split("-")[1]) if budget is None else budget
        users = [f"A-{i}" for i in range(USERS["A"] - (name in fewer))]
        of_folds = []
        for fold in range(2):
            base = np.random.default_rng(fold).uniform(0.2, 0.4, len(users))
            noise = np.random.default_rng([fold, round(100 * budget)]).normal(0, 0.05, len(users))
            of_folds.append(base * (1 + changes.get(budget, 0.0) + noise))
        return parts_of_score([users, users], of_folds)

    monkeypatch.setattr(OnFolds, "parts", parts)


def test_the_figure_has_the_changes_with_a_band(run, monkeypatch):
    with_values(monkeypatch, {0.3: 0.1, 0.0: -0.2})
    section = budget_section(run)
    assert section.text[0].startswith("A peak below 1 (+")
    (figure,) = section.figures
    data = figure.data.set_index("alpha_aug")
    assert list(data.index) == list(BUDGETS)
    assert data.loc[0.3, "mean"] == pytest.approx(0.1, abs=0.03)
    assert data.loc[0.3, "ci_low"] < data.loc[0.3, "mean"] < data.loc[0.3, "ci_high"]
    assert data.loc[0.3, "marked"] and data.loc[0.0, "marked"] and not data.loc[1.0, "marked"]
    assert data.loc[1.0, "candidate"] == "proportional"
    assert "0.3: +1" in figure.alt and " *" in figure.alt
    assert drawn(figure).png.startswith(b"\x89PNG")
    rows = {row[0].text: [cell.text for cell in row] for row in section.tables[0].rows}
    assert rows["0.3 (chosen)"][1] == "budget-0.3" and rows["0.3 (chosen)"][3].endswith("*")
    assert rows["1"][3] == "reference"


def test_the_page_of_a_run_has_the_curve_and_its_row(undrawn, run, monkeypatch):
    with_values(monkeypatch, {})
    files = report_files([run])
    page = files["index.html"].decode()
    assert "Flat: no budget can be told from 1" in page and "figures/budget.csv" in files
    assert run.candidate("budget") == "budget-0.3"


def test_without_values_of_users_the_changes_are_those_of_the_scores(run, monkeypatch):
    monkeypatch.setattr(OnFolds, "parts", lambda on_folds, name: {})
    section = budget_section(run)
    assert not section.text
    data = section.figures[0].data.set_index("alpha_aug")
    cv = run.result["search"]["cv"]
    assert data.loc[2.0, "mean"] == pytest.approx(cv["budget-2"] / cv["proportional"] - 1)
    assert data[["ci_low", "ci_high"]].isna().all(axis=None)
    assert drawn(section.figures[0]).svg
    assert "[" not in section.tables[0].rows[0][3].text


def test_a_budget_measured_on_other_users_has_no_band(run, monkeypatch):
    with_values(monkeypatch, {}, fewer=("budget-4",))
    data = budget_section(run).figures[0].data.set_index("alpha_aug")
    assert np.isnan(data.loc[4.0, "ci_low"]) and np.isfinite(data.loc[2.0, "ci_low"])


def test_a_run_that_tried_no_budgets_says_so(tmp_path):
    section = budget_section(read_folder(write_run(tmp_path / "run")))
    assert section.text == ["This run tried no budgets."] and not section.figures


def test_a_budget_whose_training_diverged_is_left_out(tmp_path, monkeypatch):
    run = read_folder(write_run(tmp_path / "run", budgets=True, diverged=["budget-4"]))
    with_values(monkeypatch, {})
    section = budget_section(run)
    assert np.isnan(section.figures[0].data.set_index("alpha_aug").loc[4.0, "mean"])
    assert section.tables[0].rows[-1][2].text == "diverged"
    assert drawn(section.figures[0]).svg


def test_with_two_groups_the_curve_is_the_whole_search(tmp_path, monkeypatch):
    with_values(monkeypatch, {})
    users = {"A": USERS["A"], "B": 20}
    run = read_folder(write_run(tmp_path / "run", budgets=True, users=users))
    assert "With two groups" in budget_section(run).text[-1]


@pytest.mark.parametrize(
    "options", [{}, {"model": "EASE", "lambdas": "[5,50]", "epochs": None, "repeats": None}]
)
def test_the_values_of_a_run_s_users_give_its_scores(tiny, options):
    status, _, err = call(*run_arguments(tiny, budget_curve=True, trials=0, **options))
    assert status == 0, err
    run = read_folder(run_folder())
    section = budget_section(run)
    data = section.figures[0].data.set_index("alpha_aug")
    base = run.result["search"]["cv"]["proportional"]
    for point in run.result["budget"]["curve"]:
        mean, score = data.loc[point["alpha_aug"], "mean"], point["score"]
        assert mean == pytest.approx(score / base - 1, abs=1e-9)
    assert section.text and data.drop(index=1.0)["ci_high"].notna().all()
