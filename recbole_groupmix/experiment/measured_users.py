"""How many users of a group a run measures, and why not the others."""

from __future__ import annotations

from typing import Any

import numpy as np

from recbole_groupmix.experiment.experiment import ALL_OF_TRAIN, Experiment

#: Reasons for not being measured on test, the first that holds for a user.
NO_TRAINING = "no interaction in train"
NO_TEST = "no item in test"
KNOWN = "only items in test that they know from train"


def measured_users(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """Count the users of every group that are measured on test.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.

    Returns
    -------
    dict
        By group: ``n_in_data`` (users with an interaction), ``n_measured``, and
        ``not_measured``, the number of users by reason, without reasons that nobody has.
    """
    part, n_users = experiment.part(ALL_OF_TRAIN), experiment.shape[0]
    present, trains, tests, measured = (np.zeros(n_users, dtype=bool) for _ in range(4))
    present[experiment.users] = True
    trains[part.users] = True
    tests[experiment.users[experiment.is_test]] = True
    measured[part.held_out.users] = True
    reasons = {
        NO_TRAINING: present & ~trains,
        NO_TEST: trains & ~tests,
        KNOWN: trains & tests & ~measured,
    }
    found = {}
    for index, name in enumerate(experiment.groups.names):
        mine = experiment.groups.of_user == index
        why = {reason: int((mine & users).sum()) for reason, users in reasons.items()}
        found[name] = {
            "n_in_data": int((mine & present).sum()),
            "n_measured": int((mine & measured).sum()),
            "not_measured": {reason: n for reason, n in why.items() if n},
        }
    return found
