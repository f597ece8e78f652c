"""How many users of a group a run measures, and why not the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from recbole_groupmix.pipeline.experiment import ALL_OF_TRAIN, Experiment

#: Reasons for not being measured on test, the first that holds for a user.
NO_TRAINING = "no interaction in train"
NO_TEST = "no item in test"
KNOWN = "only items in test that they know from train"
_HAVE = {True: "has", False: "have"}


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


def measured_text(group: Mapping[str, Any]) -> str:
    """Return "16 of the target's 20 users", or without numbers for results of older versions.

    Parameters
    ----------
    group : mapping
        An entry of ``groups`` in ``result.json``.
    """
    if "n_measured" not in group:
        return "the target's users"
    return f"{group['n_measured']:,} of the target's {group['n_in_data']:,} users"


def unmeasured_note(group: Mapping[str, Any]) -> str | None:
    """Return the sentence on users who are not measured, or None if all are."""
    why = group.get("not_measured")
    if not why:
        return None
    left = sum(why.values())
    listed = ", ".join(f"{n} {_HAVE[n == 1]} {reason}" for reason, n in why.items())
    return f"{left} of {group['n_in_data']} users of {group['name']} are not measured: {listed}."
