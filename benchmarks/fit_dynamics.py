"""Inequality under repeated recommendation: the 324 printed cells of a dissertation's chapter 5 beside ours.

    python benchmarks/fit_dynamics.py

The printed cells stand in tests/published/fit_dynamics.csv: Figures 5.2 and 5.19 of S. Yao, "Evaluating,
Understanding, and Mitigating Unfairness in Recommender Systems". See docs/studies/dynamics.md.
"""

from functools import cache
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from recbole_groupmix.core.dynamics.equilibrium import System, equilibrium
from recbole_groupmix.core.dynamics.fit_states import fit_rates, joint_states
from recbole_groupmix.core.dynamics.policies import POLICIES
from recbole_groupmix.core.dynamics.scores import Scores
from recbole_groupmix.core.dynamics.transitions import compound, cross_impact

CELLS = Path(__file__).resolve().parent.parent / "tests" / "published" / "fit_dynamics.csv"
STRENGTHS = np.linspace(-1, 1, 9)
#: Section 5.6.1: scores in j and k, and self impact of groups a and b by state and decision.
SCORES = Scores(-5, 5, 5), Scores(-3, 3, 5)
SELF_IMPACT = np.array([[[0.1, 0.5], [0.5, 0.7]], [[0.4, 0.5], [0.5, 0.9]]])
#: Changes of a fit rate below this count as none.
SMALL = 1e-8
#: Where a value stands in fit rates of shape (9, 9, group, category).
VALUES = {
    "gap_j": lambda rates: rates[..., 1, 0] - rates[..., 0, 0],
    "gap_k": lambda rates: rates[..., 1, 1] - rates[..., 0, 1],
    "a_j": lambda rates: rates[..., 0, 0],
    "b_j": lambda rates: rates[..., 1, 0],
}


def chapter_system(policies, strengths_a=STRENGTHS[:, None], strengths_b=STRENGTHS[None, :]):
    """Return the systems of Section 5.6.1, by the strengths of cross impact on both groups."""
    strengths = np.stack(np.broadcast_arrays(strengths_a, strengths_b), axis=-1)
    of_group = compound(SELF_IMPACT, cross_impact(strengths))  # ..., group, state, decisions
    transitions = np.stack([of_group, of_group], axis=-4)  # the same in both categories
    return System(SCORES, tuple(policies.split(",")), transitions, np.array([0.5, 0.5]))


@cache
def rates_at_equilibrium(policies):
    """Return the fit rates of all strengths, shape (9, 9, group, category), such as of "DP,UN"."""
    start = joint_states(np.full((9, 9, 2), 0.5), 0.5, 0.25)
    return fit_rates(equilibrium(chapter_system(policies), start))


def reproduced():
    """Return the printed cells with a column of ours."""
    cells = pd.read_csv(CELLS, keep_default_na=False)
    rows, columns = (np.searchsorted(STRENGTHS, cells[name]) for name in ("c_a", "c_b"))
    ours = []
    for cell, row, column in zip(cells.itertuples(), rows, columns, strict=True):
        value = VALUES[cell.value](rates_at_equilibrium(cell.policies))
        if cell.minus_policies:
            value = value - VALUES[cell.value](rates_at_equilibrium(cell.minus_policies))
        ours.append(value[row, column])
    return cells.assign(ours=ours)


def theorem_4(fair):
    """Return how many signs of Theorem 4 fail, of how many: k becomes fair, j is unconstrained.

    The group with the lower fit rate in k gains in j if cross impact is positive and loses if it is
    negative, the other group the reverse.
    """
    before, after = rates_at_equilibrium("UN,UN"), rates_at_equilibrium(f"UN,{fair}")
    strengths = np.stack(np.broadcast_arrays(STRENGTHS[:, None], STRENGTHS[None, :]), axis=-1)
    said = np.sign(strengths) * np.sign(before[..., ::-1, 1] - before[..., 1])
    change = (after - before)[..., 0]
    return int((np.where(np.abs(change) < SMALL, 0, np.sign(change)) != said).sum()), said.size


def gap_rises(own, fair):
    """Return how many of 81 gaps in k do not fall when k becomes fair, with a policy in j."""
    before, after = rates_at_equilibrium(f"{own},UN"), rates_at_equilibrium(f"{own},{fair}")
    return int((np.abs(VALUES["gap_k"](after)) > np.abs(VALUES["gap_k"](before)) - SMALL).sum())


def falls_with_strength(policies):
    """Return the strengths from which a step of 0.25 in a group's own lowers a fit rate, of 288."""
    rates, falls = rates_at_equilibrium(policies), []
    for group in (0, 1):
        step = np.diff(rates[..., group, :], axis=group)
        falls += list(STRENGTHS[np.argwhere(step < -SMALL)[:, group]])
    return falls


def farthest_start(policies, n_starts=5, seed=0):
    """Return the largest difference of a share at the equilibria that random starts lead to."""
    rng, ends = np.random.default_rng(seed), []
    for _ in range(n_starts):
        j, k, between = rng.uniform(0.02, 0.98, (3, 9, 9, 2))
        low, high = np.maximum(0, j + k - 1), np.minimum(j, k)
        start = joint_states(j, k, low + between * (high - low))
        ends.append(equilibrium(chapter_system(policies), start))
    return np.ptp(ends, axis=0).max()


def print_claims():
    """Print what holds of the chapter's claims on its grid."""
    for fair in ("DP", "EqOpt"):
        print("Theorem 4, {}: {} of {} signs fail".format(fair, *theorem_4(fair)))
        rises = [gap_rises(own, fair) for own in POLICIES]
        print(
            f"{fair} in k: its own gap does not fall in {sum(rises)} of {81 * len(rises)} systems"
        )
    print("fit rates of 288 that fall when a group's cross impact rises by 0.25, and from where:")
    for pair in (f"{own},{other}" for own in POLICIES for other in POLICIES):
        falls = falls_with_strength(pair)
        print(
            f"  {pair}: {len(falls)}" + (f", from {min(falls)} to {max(falls)}" if falls else "")
        )
    apart = {pair: farthest_start(pair) for pair in ("UN,UN", "DP,EqOpt")}
    print("5 random starts end apart by at most", *(f"{p}: {x:.0e}" for p, x in apart.items()))


def main():
    cells = reproduced()
    for source, rows in groupby(cells.itertuples(), key=lambda cell: cell.source):
        rows = list(rows)
        first = rows[0]
        minus = f" less {first.minus_policies}" if first.minus_policies else ""
        print(
            f"\n{source}: {first.value}, {first.policies}{minus}; published|ours, rows C_a, columns C_b"
        )
        for c_a, line in groupby(rows, key=lambda cell: cell.c_a):
            print(f"{c_a:5g} ", *(f"{cell.published:7.4f}|{cell.ours:.4f}" for cell in line))
        print(f"largest difference: {max(abs(c.published - c.ours) for c in rows):.1e}")
    off = (cells["published"] - cells["ours"]).abs()
    print(
        f"\n{len(cells)} cells, largest difference {off.max():.2e}, above 5e-5: {(off > 5e-5).sum()}"
    )

    print_claims()


if __name__ == "__main__":
    main()
