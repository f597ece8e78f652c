"""The paper's Figure 2 as computed: budget, optimal mix and prevalences of three classes.

    python benchmarks/figure_2.py [--theta=0.6,0.3,0.1] [--n_0=100] [--out=FIGURE.png]

Group c prefers class c alone. Printed are the optimal mix and the prevalences over the budget, and
the largest difference from the closed form.
"""

import sys

import numpy as np

from recbole_groupmix.cli.options import parse_options
from recbole_groupmix.core.theory.optimal_mix import optimal_mix
from recbole_groupmix.core.theory.prevalence import check_setting

COLOURS = ("#1f5fa8", "#d1681f", "#3b8f4e")


def closed_form(theta, n_0, n_aug):
    """Mix of least bound for theta in descending order (the paper's Section 3.2.3)."""
    first, second, third = theta
    if n_aug <= n_0 * (second - third):
        return np.array([0.0, 0.0, 1.0])
    if n_aug <= n_0 * (2 * first - second - third):
        share = (n_aug + n_0 * (second - third)) / (2 * n_aug)
        return np.array([0.0, 1 - share, share])
    return ((n_0 + n_aug) / 3 - n_0 * np.array(theta)) / n_aug


def draw(path, ends, file):
    """Two panels over the budget: shares of the groups, and prevalences of the classes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 3.2), layout="constrained")
    panels = figure.subplots(1, 2)
    budgets = [point.n_aug for point in path]
    for c, colour in enumerate(COLOURS):
        options = {"color": colour, "linewidth": 1.8, "label": f"class {c + 1}"}
        panels[0].plot(budgets, [point.alpha[c] for point in path], **options)
        panels[1].plot(budgets, [point.sigma[c] for point in path], **options)
    for panel, title in zip(
        panels, ("optimal mix $\\alpha_c$", "prevalence $\\sigma_c$"), strict=True
    ):
        for end in ends:
            panel.axvline(end, color="#b0b0b0", linewidth=1, linestyle=":")
        panel.set_title(title, fontsize=9)
        panel.set_xlabel("$n_{aug}$", fontsize=9)
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].axhline(1 / 3, color="#b0b0b0", linewidth=1)
    panels[1].legend(fontsize=8, frameon=False)
    figure.savefig(file, dpi=110)


def main(arguments):
    given = {"theta": "0.6,0.3,0.1", "n_0": "100", **parse_options(arguments)}
    theta, n_0 = [float(share) for share in given["theta"].split(",")], float(given["n_0"])
    if len(theta) != 3 or theta != sorted(theta, reverse=True):
        raise ValueError(f"--theta is {given['theta']!r}; give three shares, the largest first")
    check_setting(theta, np.eye(3), n_0, 1.0)
    ends = n_0 * (theta[1] - theta[2]), n_0 * (2 * theta[0] - theta[1] - theta[2])
    budgets = np.unique([*np.linspace(1, 2.5 * ends[1], 121), *ends])
    path = [optimal_mix(theta, np.eye(3), n_0, n_aug) for n_aug in budgets]
    off = max(np.abs(p.alpha - closed_form(theta, n_0, p.n_aug)).max() for p in path)
    print("| n_aug | alpha | sigma |")
    print("| ---: | --- | --- |")
    for n_aug in (ends[0] / 2, ends[0], sum(ends) / 2, ends[1], 2 * ends[1], 20 * ends[1]):
        point = optimal_mix(theta, np.eye(3), n_0, n_aug)
        alpha = ", ".join(f"{share:.3f}" for share in point.alpha)
        sigma = ", ".join(f"{value:.1f}" for value in point.sigma)
        print(f"| {n_aug:g} | {alpha} | {sigma} |")
    print(f"\nLargest difference from the closed form over {len(path)} budgets: {off:.1e}")
    if "out" in given:
        draw(path, ends, given["out"])


if __name__ == "__main__":
    main(sys.argv[1:])
