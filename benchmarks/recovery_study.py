"""Does the mix of least bound (Theorem 3.1) recover the target's items best? A simulation.

    python benchmarks/recovery_study.py [--seed=0] [--mixes=30] [--repeats=150] [--out=FIGURE.png]

Random mixes are ranked by the bound and by the measured radius of ``sqrt(delta)`` (quantile .95),
first where the theorem's assumptions hold, then with one of them broken at a time. Printed are
Spearman's correlation with a bootstrap interval over mixes, and the radius of the optimal mix, of
Proportional and of the best of the random mixes. Then the same on the users of blockmix.
"""

import sys

import numpy as np
from scipy.stats import spearmanr
from theory.bounds import recovery_bound
from theory.recovery import (
    radius,
    stylised_truth,
    subspace_errors,
    true_subspace,
    whole_users,
)

from recbole_groupmix.cli.options import parse_options
from recbole_groupmix.core.theory.assumptions import least_rate
from recbole_groupmix.core.theory.optimal_mix import optimal_mix
from recbole_groupmix.core.theory.prevalence import prevalence
from recbole_groupmix.prepare.blockmix import COUNTS, N_ITEMS, P

# The target lacks class 4; each group has a taste of its own. 20 users of the target, 60 others.
TARGET = np.array([10, 6, 2, 2])
GROUPS = np.array([[14, 4, 1, 1], [2, 14, 2, 2], [1, 2, 4, 13]])
N_AUG = 60
ITEMS, RATE = 120, 0.35
EVEN = np.arange(ITEMS) % 4
UNEVEN = np.repeat(np.arange(4), (66, 30, 16, 8))


def shares(counts):
    return counts / counts.sum(axis=-1, keepdims=True)


def fresh(alpha, rng, items=EVEN, likes=stylised_truth):
    """Target and augmentation users of a mix, as the theorem has them: all drawn anew."""
    groups = shares(GROUPS)
    counts = [
        TARGET,
        *(whole_users(N_AUG * a * row) for a, row in zip(alpha, groups, strict=True)),
    ]
    return np.concatenate([likes(count, items) for count in counts]), None


def reweighted(alpha, rng):
    """The users that there are, with the weights of Eq. 8."""
    weights = np.concatenate(
        [np.ones(TARGET.sum()), np.repeat(alpha * N_AUG / GROUPS.sum(axis=1), GROUPS.sum(axis=1))]
    )
    return np.concatenate([stylised_truth(c, EVEN) for c in (TARGET, *GROUPS)]), weights


def two_classes(count, items):
    """Users who like the next class as well."""
    return np.maximum(stylised_truth(count, items), stylised_truth(count, (items - 1) % 4))


def own_subspaces(alpha, rng):
    """Each group's items are its own: a third of them belong to another class than the target's."""
    groups = shares(GROUPS)
    parts = [stylised_truth(TARGET, EVEN)]
    for group, (a, row) in enumerate(zip(alpha, groups, strict=True)):
        items, moved = EVEN.copy(), np.random.default_rng(group).permutation(ITEMS)[: ITEMS // 3]
        items[moved] = (items[moved] + 1 + group) % 4
        parts.append(stylised_truth(whole_users(N_AUG * a * row), items))
    return np.concatenate(parts), None


#: name: (users of a mix, complete interactions of the target, rate)
SCENARIOS = {
    "assumptions hold": (fresh, stylised_truth(TARGET, EVEN), RATE),
    "item classes of unequal sizes": (
        lambda alpha, rng: fresh(alpha, rng, UNEVEN),
        stylised_truth(TARGET, UNEVEN),
        RATE,
    ),
    "users who like two classes": (
        lambda alpha, rng: fresh(alpha, rng, EVEN, two_classes),
        two_classes(TARGET, EVEN),
        RATE,
    ),
    "a subspace per group": (own_subspaces, stylised_truth(TARGET, EVEN), RATE),
    "p below its threshold": (fresh, stylised_truth(TARGET, EVEN), 0.03),
    "the same users reweighted (Eq. 8)": (reweighted, stylised_truth(TARGET, EVEN), RATE),
}


def radii(alphas, scenario, repeats, seed):
    """Measured radius of each mix, and its interval: shape (n_mixes, 3)."""
    users, target, rate = SCENARIOS[scenario]
    rank = int(np.linalg.matrix_rank(target))
    vectors, radii = true_subspace(target, rank), []
    for alpha in alphas:
        truth, weights = users(alpha, None)
        radii.append(radius(subspace_errors(truth, rate, vectors, repeats, seed, weights)))
    return np.array([(r.value, r.low, r.high) for r in radii])


def correlation(bounds, measured, seed, n_boot=2000):
    """Spearman's correlation and its 95 % bootstrap interval over mixes."""
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(n_boot):
        rows = rng.integers(0, len(bounds), len(bounds))
        if np.ptp(rows) == 0:  # one mix alone has no order
            continue
        draws.append(spearmanr(bounds[rows], measured[rows]).statistic)
    return spearmanr(bounds, measured).statistic, *np.quantile(draws, [0.025, 0.975])


def study(mixes, repeats, seed):
    """Rows of the table and, by scenario, bounds and radii of the random mixes."""
    theta_0, theta_aug = shares(TARGET), shares(GROUPS)
    sizes = GROUPS.sum(axis=1)
    rng = np.random.default_rng(seed)
    setting = theta_0, theta_aug, TARGET.sum(), N_AUG
    best = optimal_mix(*setting, sizes / sizes.sum()).alpha
    alphas = [best, sizes / sizes.sum(), *rng.dirichlet(np.full(len(GROUPS), 0.7), mixes)]
    rows, points = [], {}
    for name, (_, _, rate) in SCENARIOS.items():
        bounds = recovery_bound(prevalence(alphas, *setting), ITEMS, rate)
        intervals = radii(alphas, name, repeats, seed)
        measured = intervals[:, 0]
        rho, low, high = correlation(bounds[2:], measured[2:], seed)
        points[name] = bounds, measured, rho
        rows.append(
            f"| {name} | {rho:.2f} [{low:.2f}, {high:.2f}] | {_cell(intervals[0])} | "
            f"{_cell(intervals[1])} | {measured[2:].min():.3f} |"
        )
    return rows, points


def _cell(interval):
    value, low, high = interval
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def blockmix(repeats, seed):
    """Mean ``sqrt(delta)`` on the users of blockmix, target A, budget 1: fresh and reweighted."""
    counts = np.array(COUNTS)
    items = np.arange(N_ITEMS) % counts.shape[1]
    sizes, theta = counts.sum(axis=1), shares(counts)
    vectors = true_subspace(stylised_truth(counts[0], items), counts.shape[1])
    n_aug, prop = sizes[1:].sum(), sizes[1:] / sizes[1:].sum()
    best = optimal_mix(theta[0], theta[1:], sizes[0], n_aug, prop).alpha
    all_users = np.concatenate([stylised_truth(c, items) for c in counts])
    rows = []
    for name, alpha in (("proportional", prop), ("theory", best)):
        drawn = whole_users(prevalence(alpha, theta[0], theta[1:], sizes[0], n_aug))
        weights = np.repeat([1.0, *(alpha * n_aug / sizes[1:])], sizes)
        fresh_users = subspace_errors(stylised_truth(drawn, items), P, vectors, repeats, seed)
        same_users = subspace_errors(all_users, P, vectors, repeats, seed, weights)
        cells = []
        for errors in (fresh_users, same_users):
            roots = np.sqrt(errors)
            cells.append(f"{roots.mean():.3f} ± {roots.std(ddof=1) / np.sqrt(repeats):.3f}")
        listed = ", ".join(f"{share:.2f}" for share in alpha)
        rows.append(f"| {name} ({listed}) | {cells[0]} | {cells[1]} |")
    return rows


def draw(points, path):
    """Scatter of bound against radius, one panel for each scenario."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 5.6), layout="constrained")
    panels = figure.subplots(2, 3)
    for panel, (name, (bounds, measured, rho)) in zip(panels.flat, points.items(), strict=True):
        panel.scatter(bounds[2:], measured[2:], s=14, color="#8a8a8a", label="random mixes")
        panel.scatter(bounds[1], measured[1], s=40, color="#d1681f", label="proportional")
        panel.scatter(bounds[0], measured[0], s=40, color="#1f5fa8", label="theory")
        panel.set_title(f"{name}\nSpearman {rho:.2f}", fontsize=9)
        panel.tick_params(labelsize=8, which="both")
        panel.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("bound of Theorem 3.1, constant left out", fontsize=9)
    figure.supylabel("measured radius of $\\sqrt{\\delta}$", fontsize=9)
    panels[0, 0].legend(fontsize=8, frameon=False)
    figure.savefig(path, dpi=110)


def main(arguments):
    given = {"seed": "0", "mixes": "30", "repeats": "150", **parse_options(arguments)}
    seed, mixes, repeats = (int(given[key]) for key in ("seed", "mixes", "repeats"))
    n = TARGET.sum() + N_AUG
    print(
        f"{n} users, {ITEMS} items (B.1 holds), p {RATE}; B.2 asks for p >= "
        f"{least_rate(shares(TARGET), n, ITEMS):.3f}\n"
    )
    rows, points = study(mixes, repeats, seed)
    print("| scenario | Spearman of bound and radius | theory | proportional | best of random |")
    print("| --- | --- | ---: | ---: | ---: |")
    print("\n".join(rows))
    print("\n| blockmix, target A (B, C, D) | fresh users | same users, Eq. 8 |")
    print("| --- | ---: | ---: |")
    print("\n".join(blockmix(repeats, seed)))
    if "out" in given:
        draw(points, given["out"])


if __name__ == "__main__":
    main(sys.argv[1:])
