"""Mixes that are one mix: trained once, shown under each of their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.mixes.candidates import FIXED, Candidate


def same_mixes(experiment: Experiment, found: Sequence[Candidate], folds: int) -> dict[str, str]:
    """Return which baselines, own mixes and theory's are an earlier one of them, by name.

    With two groups, for example, or other groups of equal size, Stratified is Proportional. Two
    mixes are the same if every user has the same weight under both, on all of train and on every
    fold: a baseline follows the counts of the part, so that agreeing on one part is not enough.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    found : sequence of Candidate
        Candidates, those that keep their name first.
    folds : int
        Number of folds that the run trains on; 0 if it only trains on all of train.

    Returns
    -------
    dict of str to str
        The earlier mix by the name of the later one.
    """
    kept: list[Candidate] = []
    same: dict[str, str] = {}
    for candidate in (c for c in found if c.source in FIXED):
        for earlier in kept:
            if _same(experiment, earlier, candidate, folds):
                same[candidate.name] = earlier.name
                break
        else:
            kept.append(candidate)
    return same


def distinct(found: Sequence[Candidate], same: Mapping[str, str]) -> list[Candidate]:
    """Return what is trained: candidates without those that are an earlier one."""
    return [candidate for candidate in found if candidate.name not in same]


def _same(experiment: Experiment, first: Candidate, second: Candidate, folds: int) -> bool:
    target = experiment.target
    counts = [experiment.part(part).n_users for part in range(folds + 1)]
    return all(first.weights_on(n, target) == second.weights_on(n, target) for n in counts)
