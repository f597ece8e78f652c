"""What repeated recommendation would make of the groups of a run: Proportional beside another row.

    python examples/dynamics_of_groups.py RUN_FOLDER [ROW]

ROW is data_mix unless given. Long-run fit rates follow from these assumptions, not from the run:

- Each row is a service of its own in which users fit or do not; neither affects the other.
- A recommendation reaches a user of a group with the chance that a user of the group has a hit in
  the top k on test, the first of the run's cut-offs. Where it reaches, it makes a user who does not
  fit one with probability 0.5 and keeps one who does with 0.7; otherwise these are 0.1 and 0.5 (the
  self impact of group a in Section 5.6.1 of the dissertation that docs/studies/dynamics.md is about).
- Scores are that section's for item category j, and a wrong recommendation costs what a right gains.
"""

import sys
from pathlib import Path

import numpy as np

from recbole_groupmix.core.dynamics.equilibrium import System, equilibrium
from recbole_groupmix.core.dynamics.fit_states import fit_rates, joint_states
from recbole_groupmix.core.dynamics.policies import POLICIES
from recbole_groupmix.core.dynamics.scores import Scores
from recbole_groupmix.core.dynamics.transitions import compound, cross_impact
from recbole_groupmix.record.metrics import read_metrics

folder, row = Path(sys.argv[1]), (sys.argv[2:] or ["data_mix"])[0]
values = read_metrics(folder / "metrics.parquet", [("metric", "==", "precision")])
values = values[values["k"] == values["k"].min()]
rows = ["proportional", row]
if row not in set(values["mix"]):
    sys.exit(f"{folder} has no row {row}; choose from {', '.join(values['mix'].unique())}")
hits = (values["value"] > 0).groupby([values["group"], values["mix"]]).mean().unstack()[rows]
users = values.groupby("group")["user_id"].nunique()

missed, reached = np.array([0.1, 0.5]), np.array([0.5, 0.7])  # by the state before
recommended = missed + hits.to_numpy()[..., None] * (reached - missed)  # group, row, state
self_impact = np.stack([np.broadcast_to(missed, recommended.shape), recommended], axis=-1)
transitions = compound(self_impact, cross_impact(0.0))

start = joint_states(np.full(len(users), 0.5), 0.5, 0.25)
print(f"Share of users with a hit, and fit rates at equilibrium, proportional | {row}")
print("group".ljust(16), "users".rjust(6), "hit".center(17), *(p.center(17) for p in POLICIES))
rates = []
for policy in POLICIES:
    shares = (users / users.sum()).to_numpy()
    system = System((Scores(-5, 5, 5), Scores(-5, 5, 5)), (policy, policy), transitions, shares)
    rates.append(fit_rates(equilibrium(system, start)))
for n, (group, size) in enumerate(users.items()):
    pairs = [hits.to_numpy()[n], *(of_policy[n] for of_policy in rates)]
    cells = (f"{first:.3f} | {second:.3f}".center(17) for first, second in pairs)
    print(str(group).ljust(16), str(size).rjust(6), *cells)
gaps = " ".join("{:.3f} | {:.3f}".format(*np.ptp(of, axis=0)).center(17) for of in rates)
print("largest gap".ljust(16), " " * 6, " " * 17, gaps)
