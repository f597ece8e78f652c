"""The mixes with which a search in waves begins, besides the rows that every run has."""

from __future__ import annotations

from recbole_groupmix.core.mix import augmentation_sizes, mix_from_weights, proportional
from recbole_groupmix.core.names import LEAVE_ONE_OUT, REFERENCE, REPEAT, TRIAL
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import Candidate
from recbole_groupmix.settings.settings import Settings

#: Trainings of Proportional with other seeds.
N_REPEATS = 2
#: Most groups of which one is left out.
MOST_LEFT_OUT = 8


def first_wave(experiment: Experiment, trials: int) -> list[Candidate]:
    """Return Proportional's repeats, where models are trained, and mixes without one group.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    trials : int
        Most searched mixes; those without one group are the first of them, largest groups first.
    """
    return [*_repeats(experiment), *_without_one_group(experiment)[:trials]]


def n_repeats(settings: Settings) -> int:
    """Return how often Proportional is trained once more on each fold; no seed changes a solution."""
    return N_REPEATS if settings.in_waves and not settings.is_solved else 0


def _repeats(experiment: Experiment) -> list[Candidate]:
    target = experiment.target

    # a user's own mix cannot have a name with this sign
    return [
        Candidate(
            f"{REFERENCE}#{repeat}",
            proportional(experiment.n_users, target),
            REPEAT,
            mix_on=lambda part: proportional(experiment.part(part).n_users, target),
            repeat=repeat,
        )
        for repeat in range(1, n_repeats(experiment.settings) + 1)
    ]


def _without_one_group(experiment: Experiment) -> list[Candidate]:
    """Return the mixes in which all users weigh 1 but those of one group, which is off."""
    n_users, target = experiment.n_users, experiment.target
    sizes = {g: size for g, size in augmentation_sizes(n_users, target).items() if size > 0}
    if len(sizes) < 2:
        return []  # without the only group it would be No Augmentation
    largest = sorted(sizes, key=lambda group: -sizes[group])[:MOST_LEFT_OUT]
    mixes = [
        mix_from_weights({g: float(g != out) for g in n_users}, n_users, target) for out in largest
    ]
    return [Candidate(f"{TRIAL}{i}", mix, LEAVE_ONE_OUT) for i, mix in enumerate(mixes)]
