"""How often 95 % intervals hold the true value, and how often a mark is a false alarm.

    python benchmarks/interval_coverage.py [--draws=1000] [--n_boot=2000] [--only=users|means|seeds]

Each draw invents two models, trained with the same seeds and measured on the same users, whose true
change is 10 %, and asks the package for the interval of the change; marks (both tests, p < .05) are
counted after the second model is scaled back, so that the true change is 0. A user's skill is
gamma-distributed, or 0 for a share of the users; users respond to the second model differently, and
each seed is noisy for each user (10 %). All draws of a cell share their resamples and permutations
(2,000 and 999 where the package's default is 10,000 each), which leaves each draw's as they are.

- users: by number of users, share of users at 0, and seeds. Users respond with sd 50 %.
- means: the interval of a mean of values from 0 to 1, by the same numbers of users.
- seeds: all users of a seed move together, by multiples of the standard error that comes from the
  choice of 200 users, who respond with sd 10 %: a standard error of .9 %, as for BPR on ml-100k.
"""

import math
import sys

import numpy as np

from recbole_groupmix.cli.options import parse_options
from recbole_groupmix.core.statistics.bootstrap import relative_changes
from recbole_groupmix.core.statistics.two_tests import compared_changes
from recbole_groupmix.evaluation.intervals import cluster_intervals

CHANGE = 0.1
BY_CELL = 0.1
USERS = (5, 6, 10, 20, 30, 50, 100, 200)
ZEROS = (0.0, 0.5, 0.72)
SEEDS = (1, 3, 5, 10)
TOGETHER = (0.0, 0.5, 1.0, 3.0, 6.0, 9.0)
N_PERMUTATIONS = 999


def runs(rng, draws, n_seeds, n_users, *, zeros=0.0, together=0.0, by_user=0.5):
    """Values and baseline, shape (draws, n_seeds, n_users) each; all noise has mean 1."""

    def noise(sd, *shape):
        return rng.lognormal(-sd * sd / 2, sd, (draws, *shape))

    skill = rng.gamma(2.0, 0.1, (draws, 1, n_users)) * (rng.random((draws, 1, n_users)) >= zeros)
    # a user weighs by skill: E[skill^2] / E[skill]^2 is 1.5 for this gamma distribution
    error = math.sqrt(1.5 * math.expm1(by_user**2) / n_users)
    response = (1 + CHANGE) * noise(by_user, 1, n_users)
    values = skill * response * noise(BY_CELL, n_seeds, n_users)
    return values * noise(together * error, n_seeds, 1), skill * noise(BY_CELL, n_seeds, n_users)


def rates(values, baseline, n_boot):
    """Shares of the draws whose interval holds the true change, is unbounded, and is marked at 0.

    Draws with no user above 0, whose change is undefined, are left out.
    """
    pairs = [pair for pair in zip(values, baseline, strict=True) if pair[1].any()]
    found = relative_changes(pairs, seed=0, n_boot=n_boot)
    null = compared_changes(
        [(values / (1 + CHANGE), baseline) for values, baseline in pairs],
        seed=0,
        n_boot=n_boot,
        n_permutations=N_PERMUTATIONS,
    )
    return (
        np.mean([change.ci_low <= CHANGE <= change.ci_high for change in found]),
        np.mean([math.isinf(change.ci_high) for change in found]),
        np.mean([change.p < 0.05 for change in null]),
    )


def users_tables(draws, n_boot):
    """By number of users: coverage with the share of unbounded intervals, and false marks."""
    over = [(seeds, zeros) for seeds in (1, 5) for zeros in ZEROS]
    names = [
        f"{seeds} seed{'s' * (seeds > 1)}, {f'{zeros:.0%} at 0' if zeros else 'dense'}"
        for seeds, zeros in over
    ]
    covered, marked = [], []
    for n_users in USERS:
        found = [
            rates(
                *runs(np.random.default_rng([29, n_users, seeds, int(100 * zeros)]), draws, seeds,
                      n_users, zeros=zeros),
                n_boot,
            )
            for seeds, zeros in over
        ]  # fmt: skip
        covered.append([n_users, *(f"{held:.3f} ({open_:.0%})" for held, open_, _ in found)])
        marked.append([n_users, *(f"{marks:.3f}" for *_, marks in found)])
    yield "Interval of the change holds the true one (unbounded)", ["users", *names], covered
    yield "Marked though nothing changed", ["users", *names], marked


def means_table(draws, n_boot):
    """By number of users: coverage of the mean of values in [0, 1] over one seed."""
    rows = []
    for n_users in USERS:
        cells = []
        for zeros in ZEROS:
            rng = np.random.default_rng([31, n_users, int(100 * zeros)])
            values = rng.beta(2.0, 8.0, (draws, n_users)) * (rng.random((draws, n_users)) >= zeros)
            true = 0.2 * (1 - zeros)
            low, high = cluster_intervals(values.T, np.ones((n_users, draws)), n_boot=n_boot)
            cells.append(f"{np.mean((low <= true) & (true <= high)):.3f}")
        rows.append([n_users, *cells])
    names = [f"{zeros:.0%} at 0" if zeros else "dense" for zeros in ZEROS]
    yield "Interval of a mean holds the true one", ["users", *names], rows


def seeds_tables(draws, n_boot):
    """By number of seeds and how far a seed moves all users: coverage, and false marks."""
    covered, marked = [], []
    for n_seeds in SEEDS:
        found = [
            rates(
                *runs(np.random.default_rng([37, n_seeds, int(2 * together)]), draws, n_seeds,
                      200, together=together, by_user=0.1),
                n_boot,
            )
            for together in TOGETHER
        ]  # fmt: skip
        over = "users" if n_seeds < 5 else "users, seeds"
        covered.append([n_seeds, over, *(f"{held:.3f}" for held, *_ in found)])
        marked.append([n_seeds, over, *(f"{marks:.3f}" for *_, marks in found)])
    header = ["seeds", "interval over", *(f"{together:g} errors" for together in TOGETHER)]
    yield "Interval of the change holds the true one", header, covered
    yield "Marked though nothing changed", header, marked


PARTS = {"users": users_tables, "means": means_table, "seeds": seeds_tables}


def main(arguments):
    given = {"draws": "1000", "n_boot": "2000", "only": ",".join(PARTS)}
    given |= parse_options(arguments)
    for part in given["only"].split(","):
        for title, header, rows in PARTS[part](int(given["draws"]), int(given["n_boot"])):
            print(f"{title}\n\n| {' | '.join(header)} |")
            print(
                f"| {' | '.join('---:' if name != 'interval over' else '---' for name in header)} |"
            )
            for row in rows:
                print(f"| {' | '.join(map(str, row))} |")
            print()


if __name__ == "__main__":
    main(sys.argv[1:])
