"""How often 95 % intervals hold the true value, over 1000 seeded draws; 0.7 % is one sd."""

import re
import runpy

import numpy as np
import pytest

from recbole_groupmix.compare import compare
from recbole_groupmix.core.statistics.bootstrap import relative_changes
from recbole_groupmix.core.statistics.few_users import (
    CHANGES_OF_FEW_USERS,
    FEW_USERS,
    MEANS_OF_FEW_USERS,
)
from recbole_groupmix.evaluation.intervals import cluster_intervals

DRAWS = 1000


@pytest.mark.slow
def test_the_evaluators_intervals_hold_the_true_values():
    """A mean of users, one that 3 of 10 users lack, and a mean of rows, of 1 to 9 a user."""
    covered = np.zeros(3)
    for draw in range(DRAWS):
        rng = np.random.default_rng([31, draw])
        skill = rng.beta(2.0, 8.0, 200)  # in [0, 1] as metrics are, mean 0.2
        defined = rng.random(200) < 0.7
        rows = rng.integers(1, 10, 200)
        # users with many rows are better; E[rows] = 5, E[rows^2] = (1 + 4 + ... + 81) / 9 = 95 / 3:
        # E[rows * skill * rows / 5] / E[rows] = 0.2 * 95 / 3 / 5 / 5 = 19 / 75
        top = np.c_[skill, np.where(defined, skill, 0.0), rows * skill * rows / 5]
        bottom = np.c_[np.ones(200), defined, rows].astype(float)
        low, high = cluster_intervals(top, bottom, n_boot=600, seed=draw)
        covered += (low <= [0.2, 0.2, 19 / 75]) & (high >= [0.2, 0.2, 19 / 75])
    assert (covered / DRAWS >= 0.93).all() and (covered / DRAWS <= 0.97).all(), covered


@pytest.mark.slow
def test_intervals_of_compared_runs_hold_the_true_change():
    """Two metrics at once, so that they share resamples: changes of 10 % and of nothing."""
    users = np.arange(200)
    covered = np.zeros(2)
    for draw in range(DRAWS):
        rng = np.random.default_rng([37, draw])
        base = rng.gamma(2.0, 0.1, (2, 200))
        response = rng.lognormal(-0.125, 0.5, (2, 200))  # mean 1
        tables = [
            {"user_id": users, "up": values[0], "same": values[1]}
            for values in (base, base * response * [[1.1], [1.0]])
        ]
        rows = compare(
            {"a": tables[0], "b": tables[1]}, seed=draw, n_boot=600, n_permutations=1
        ).to_frame()
        covered += (rows["ci_low"] <= [0.1, 0.0]) & (rows["ci_high"] >= [0.1, 0.0])
    assert (covered / DRAWS >= 0.93).all() and (covered / DRAWS <= 0.97).all(), covered


def _tables(text):
    """Return the rows of numbers of each table in Markdown; `users, seeds` and headers left out."""
    tables = []
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.M):
        rows = [line for line in block.splitlines() if re.match(r"\| \d", line)]
        cells = [re.findall(r"(?<=\| )[\d.]+", row) for row in rows]
        tables.append([[float(cell) for cell in row] for row in cells])
    return tables


def _script(repository):
    return runpy.run_path(str(repository / "benchmarks" / "interval_coverage.py"))


def test_the_benchmark_prints_rates_by_users_and_seeds(repository, capsys):
    script = _script(repository)
    for part, sizes in (("users", script["USERS"]), ("seeds", script["SEEDS"])):
        script["main"](["--draws=3", "--n_boot=50", f"--only={part}"])
        tables = _tables(capsys.readouterr().out)
        assert len(tables) == 2
        for table in tables:
            assert [row[0] for row in table] == list(sizes)
            assert all(0 <= rate <= 1 for row in table for rate in row[1:])
    script["main"](["--draws=3", "--n_boot=50", "--only=means"])
    (table,) = _tables(capsys.readouterr().out)
    assert [row[0] for row in table] == list(script["USERS"])


def test_the_benchmark_draws_what_it_says(repository):
    runs = _script(repository)["runs"]
    values, baseline = runs(np.random.default_rng(1), 400, 40, 200, together=1.0)
    means = values.mean(axis=2), baseline.mean(axis=2)
    # over many draws the change is 10 %
    assert means[0].mean() / means[1].mean() - 1 == pytest.approx(0.1, abs=0.015)
    # within a draw seeds differ, over draws users do: together=1 makes both errors alike
    change = means[0] / means[1]
    assert change.std(axis=1).mean() == pytest.approx(change.mean(axis=1).std(), rel=0.2)
    # a share of users is at 0 in both, in every seed
    values, baseline = runs(np.random.default_rng(2), 50, 3, 200, zeros=0.72)
    assert ((values > 0) == (baseline > 0)).all()
    assert ((values > 0) == (values[:, :1] > 0)).all()
    assert (values == 0).mean() == pytest.approx(0.72, abs=0.02)


@pytest.mark.slow
def test_the_tables_in_the_docs_are_what_the_benchmark_prints(repository, capsys):
    _script(repository)["main"]([])
    found = _tables(capsys.readouterr().out)
    by_users, marks, means, by_seeds, seed_marks = found
    written = _tables((repository / "docs" / "statistics.md").read_text(encoding="utf-8"))[:5]
    # in the page the means stand last
    for table, expected in zip(
        written, (by_users, marks, by_seeds, seed_marks, means), strict=True
    ):
        assert np.array(table) == pytest.approx(np.array(expected), abs=0.008)
    # what the page says of them; 1,000 draws: .007 is one standard deviation
    assert all(rate >= 0.91 for row in by_users for rate in row[1:])
    assert all(rate <= 0.085 for row in marks for rate in row[1:])
    assert all(rate == 0 for rate in marks[0][1:])
    assert all(rate >= 0.92 for row in by_seeds[2:] for rate in row[1:])
    assert all(rate <= 0.08 for row in seed_marks[2:] for rate in row[1:])
    assert by_seeds[1][-1] < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("n_users", [10, 25, 40])
def test_fiellers_interval_holds_the_true_change_of_few_users(repository, n_users):
    """4,000 draws of users who respond by log-normal noise: .0035 is one standard deviation."""
    runs = _script(repository)["runs"]
    values, baseline = runs(np.random.default_rng(n_users), 4000, 1, n_users, zeros=0.3)
    found = relative_changes(list(zip(values, baseline, strict=True)), seed=0)
    held = np.mean([change.ci_low <= 0.1 <= change.ci_high for change in found])
    assert held >= 0.925


def test_what_is_said_of_few_users_is_what_the_tables_hold(repository):
    tables = _tables((repository / "docs" / "statistics.md").read_text(encoding="utf-8"))
    by_users, means = tables[0], tables[4]  # splits and verdicts have theirs after them

    def spread(rows):
        rates = [100 * rate for row in rows for rate in row[1:]]
        return f"{min(rates) + 1e-6:.0f} to {max(rates):.0f}"

    few = [row for row in by_users if row[0] <= FEW_USERS]
    assert f"{spread(few)} of 100 cases with 5" in CHANGES_OF_FEW_USERS
    by_size = {row[0]: row for row in means}
    twenty, ten, five = (spread([by_size[n]]) for n in (20, 10, 5))
    assert f"{twenty} of 100 cases with 20 users, {ten} with 10 and {five} with 5" in (
        MEANS_OF_FEW_USERS
    )
