"""How often the 95 % interval of a change covers the true one, by number of seeds.

    python benchmarks/interval_coverage.py [--draws=1000] [--users=200] [--n_boot=600]

Each draw invents two models, trained with the same seeds and measured on the same users, whose
true change is 10 %, and asks `relative_change` for its interval: over users below 5 seeds, over
users and seeds from 5 on. Users respond to the second model differently (standard deviation 50 %)
and each seed is noisy for each user (10 %). The columns differ in how far all users of a seed move
together: by nothing, by half and by all of the standard error that comes from the users.
"""

import math
import sys

import numpy as np

from recbole_groupmix.cli.options import parse_options
from recbole_groupmix.core.statistics.bootstrap import relative_change

CHANGE = 0.1
BY_USER, BY_CELL = 0.5, 0.1
SEEDS = (1, 3, 5, 10)
TOGETHER = (0.0, 0.5, 1.0)


def runs(key, n_seeds, n_users, together):
    """Values and baseline, shape (n_seeds, n_users) each; all noise has mean 1."""
    rng = np.random.default_rng(key)

    def noise(sd, *shape):
        return rng.lognormal(-sd * sd / 2, sd, shape)

    skill = rng.gamma(2.0, 0.1, n_users)
    response = (1 + CHANGE) * noise(BY_USER, n_users)
    # a user weighs by skill: E[skill^2] / E[skill]^2 is 1.5 for this gamma distribution
    error = math.sqrt(1.5 * math.expm1(BY_USER**2) / n_users)
    values = skill * response * noise(BY_CELL, n_seeds, n_users)
    return values * noise(together * error, n_seeds, 1), skill * noise(BY_CELL, n_seeds, n_users)


def coverage(n_seeds, together, *, draws, users, n_boot):
    """Share of the draws whose interval holds the true change."""
    covered = 0
    for draw in range(draws):
        values, baseline = runs([29, n_seeds, int(2 * together), draw], n_seeds, users, together)
        change = relative_change(values, baseline, seed=draw, n_boot=n_boot)
        covered += change.ci_low <= CHANGE <= change.ci_high
    return covered / draws


def table(**options):
    """Return the coverage by seeds and noise as a table in Markdown."""
    lines = [
        "| seeds | interval over | seeds alike | seeds differ by half | seeds differ as users do |",
        "| ---: | --- | ---: | ---: | ---: |",
    ]
    for n_seeds in SEEDS:
        shares = [f"{coverage(n_seeds, together, **options):.3f}" for together in TOGETHER]
        over = "users" if n_seeds < 5 else "users, seeds"
        lines.append(f"| {n_seeds} | {over} | {' | '.join(shares)} |")
    return "\n".join(lines)


def main(arguments):
    given = {"draws": "1000", "users": "200", "n_boot": "600", **parse_options(arguments)}
    print(table(**{key: int(value) for key, value in given.items()}))


if __name__ == "__main__":
    main(sys.argv[1:])
