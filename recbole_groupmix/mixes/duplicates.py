"""Mixes with equal weights: trained once, shown under each of their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recbole_groupmix.core.names import BUDGET
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import FIXED, Candidate


def find_duplicates(
    experiment: Experiment, compared: Sequence[Candidate], folds: int
) -> dict[str, str]:
    """Return the baselines, own mixes, theory's mix and budgets that equal an earlier one of them.

    With two groups, for example, or other groups of equal size, Stratified equals Proportional.
    Two mixes are equal if every user has the same weight under both, on all of train and on every
    fold: a baseline follows the counts of the part, so that one part alone does not decide.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    compared : sequence of Candidate
        Candidates; of equal ones the first is kept.
    folds : int
        Number of folds that the run trains on; 0 if it only trains on all of train.

    Returns
    -------
    dict of str to str
        Name of the earlier mix by the name of the duplicate.
    """
    kept: list[Candidate] = []
    duplicates: dict[str, str] = {}
    for candidate in (c for c in compared if c.source in (*FIXED, BUDGET)):
        for earlier in kept:
            if _equal(experiment, earlier, candidate, folds):
                duplicates[candidate.name] = earlier.name
                break
        else:
            kept.append(candidate)
    return duplicates


def without_duplicates(
    compared: Sequence[Candidate], duplicates: Mapping[str, str]
) -> list[Candidate]:
    """Return the candidates that are trained: all but the duplicates."""
    return [candidate for candidate in compared if candidate.name not in duplicates]


def _equal(experiment: Experiment, first: Candidate, second: Candidate, folds: int) -> bool:
    target = experiment.target
    counts = [(experiment.part(part).n_users, target, part) for part in range(folds + 1)]
    return all(first.weights_on(*on) == second.weights_on(*on) for on in counts)
