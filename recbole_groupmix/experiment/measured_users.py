"""How many users of each group a run measures on test, and why it leaves out the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.item_notes import items_outside
from recbole_groupmix.experiment.labels import labels_of, positive_rows
from recbole_groupmix.experiment.part import ALL_OF_TRAIN

#: Reasons for not being measured on test, the first that holds for a user.
NO_TRAINING = "no interaction in train"
NO_TEST = "no item in test"
NO_POSITIVE = "no positive item in test"
KNOWN = "only items in test that they know from train"
OUTSIDE = "only items in test outside the catalogue that they are ranked over"
NOT_KEPT = "no interaction in train with an item of the target"


@dataclass(frozen=True)
class Measured:
    """Numbers of users of a group in the data and measured on test.

    Attributes
    ----------
    n_in_data, n_measured : int
        Users with an interaction, and those of them who are measured.
    not_measured : dict of str to int
        Number of the other users by reason; reasons without users are left out.
    """

    n_in_data: int
    n_measured: int
    not_measured: dict[str, int]


def measured_users(experiment: Experiment) -> dict[str, Measured]:
    """Count the users of every group that are measured on test.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.

    Returns
    -------
    dict of str to Measured
        By group.
    """
    part, n_users = experiment.part(ALL_OF_TRAIN), experiment.shape[0]
    present, may_train, trains, tests, measured = (np.zeros(n_users, dtype=bool) for _ in range(5))
    present[experiment.users] = True
    may_train[experiment.users[~experiment.is_test]] = True
    trains[part.users] = True
    tests[experiment.users[experiment.is_test & positive_rows(experiment)]] = True
    measured[part.held_out.users] = True
    outside = items_outside(experiment)[0] > 0
    reasons = {
        NO_TRAINING: present & ~may_train,
        NOT_KEPT: may_train & ~trains,
        NO_TEST if labels_of(experiment) is None else NO_POSITIVE: trains & ~tests,
        OUTSIDE: trains & tests & ~measured & outside,
        KNOWN: trains & tests & ~measured & ~outside,
    }
    by_group = {}
    for index, name in enumerate(experiment.groups.names):
        mine = experiment.groups.of_user == index
        left_out = {reason: int((mine & users).sum()) for reason, users in reasons.items()}
        by_group[name] = Measured(
            int((mine & present).sum()),
            int((mine & measured).sum()),
            {reason: n for reason, n in left_out.items() if n},
        )
    return by_group
