"""The mixes that a run compares, and which of them is the data mix."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from recbole_groupmix.core.budget_curve import BUDGETS
from recbole_groupmix.core.mix import Mix, baselines, group_weights, proportional
from recbole_groupmix.core.names import (
    BASELINES,
    BUDGET,
    BUDGET_CANDIDATE,
    NOT_SEARCHED,
    REFERENCE,
    THEORY,
    TRIAL,
)
from recbole_groupmix.core.samplers import sample_trial
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.item_scope import OF_TARGET
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.mixes.theory import SharesOfParts, theory_mix
from recbole_groupmix.record.fold_schema import FoldSummary
from recbole_groupmix.rivals.recipe import Recipe

#: Sources of mixes that are always rows of a result, with or without a search.
FIXED = ("baseline", "own", THEORY)


@dataclass(frozen=True)
class Candidate:
    """A mix with its name and where it came from.

    Attributes
    ----------
    name : str
        Name on the folds.
    mix : Mix
        The mix.
    source : str
        baseline, own, theory, budget, or a sampler's name.
    shared_weights : dict of str to float or None
        Weight of a user of each group, of any scale, which several targets share; ``mix``
        expresses them for this target.
    mix_on : callable or None
        Returns the mix of a part, for a mix that follows the part's training interactions; None
        for a mix that is the same on all parts.
    repeat : int
        Seed offset of its trainings on the folds.
    """

    name: str
    mix: Mix
    source: str
    shared_weights: Mapping[str, float] | None = None
    mix_on: Callable[[int], Mix] | None = field(default=None, compare=False)
    repeat: int = 0

    def recipe_on(self, experiment: Experiment, part: int, options: Mapping[str, float]) -> Recipe:
        """Return how the mix is trained on a part, with RecBole keys of its own."""
        weights = self.weights_on(experiment.part(part).n_users, experiment.target, part)
        return Recipe(weights, options=dict(options))

    @property
    def is_baseline(self) -> bool:
        """Whether it is one of the baselines that every run has."""
        return self.name in BASELINES

    @property
    def is_trial(self) -> bool:
        """Whether it was drawn for the search."""
        return self.name.startswith(TRIAL)

    @property
    def follows_counts(self) -> bool:
        """Whether the mix follows the user counts of the part that is trained on."""
        return self.is_baseline or self.source == BUDGET

    def weights_on(
        self, n_users: Mapping[str, int], target: str, part: int = ALL_OF_TRAIN
    ) -> dict[str, float]:
        """Return the weight of a user of each group on a part of the data (Eq. 8).

        Parameters
        ----------
        n_users : mapping of str to int
            Users of every group in the part.
        target : str
            Name of the target group, whose users weigh 1 unless the weights are shared.
        part : int
            The part, for a mix that follows it.
        """
        if self.shared_weights is not None:
            return dict(self.shared_weights)
        return group_weights(self._mix_of(n_users, target, part), n_users, target)

    def _mix_of(self, n_users: Mapping[str, int], target: str, part: int) -> Mix:
        if self.is_baseline:
            return baselines(n_users, target)[self.name]
        if self.source == BUDGET:
            return Mix(proportional(n_users, target).alpha, self.mix.alpha_aug)
        return self.mix if self.mix_on is None else self.mix_on(part)


def reference_candidate(n_users: Mapping[str, int], target: str) -> Candidate:
    """Return Proportional, with which the other candidates are compared."""
    return Candidate(REFERENCE, proportional(n_users, target), "baseline")


def fixed_candidates(
    experiment: Experiment, own: Mapping[str, Mix], shares: SharesOfParts | None = None
) -> list[Candidate]:
    """Return the baselines, the user's own mixes and theory's mix, in this order.

    Parameters
    ----------
    experiment : Experiment
        Shared data, settings and target.
    own : mapping of str to Mix
        The user's own mixes.
    shares : SharesOfParts, optional
        What theory's mix counts, where several targets share it.
    """
    if shares is None or experiment.settings.train_items == OF_TARGET:  # parts of its own
        shares = SharesOfParts(experiment)
    fixed = [
        Candidate(name, mix, "baseline")
        for name, mix in baselines(experiment.n_users, experiment.target).items()
    ]
    fixed += [Candidate(name, mix, "own") for name, mix in own.items()]
    least_bound = theory_mix(experiment, shares)
    if least_bound is not None:
        fixed.append(Candidate(THEORY, least_bound, THEORY, mix_on=_theory_on(experiment, shares)))
    return fixed


def _theory_on(experiment: Experiment, shares: SharesOfParts) -> Callable[[int], Mix]:
    """Return theory's mix of each part; Proportional where a fold has none."""

    @cache
    def mix_on(part: int) -> Mix:
        of_part = theory_mix(experiment, shares, part)
        return of_part or proportional(experiment.part(part).n_users, experiment.target)

    return mix_on


def budget_candidates(n_users: Mapping[str, int], target: str) -> list[Candidate]:
    """Return the candidates of the baseline ``budget``, in ascending order of the budget.

    Those of the budgets 0 and 1 equal No Augmentation and Proportional, whose models serve them
    (:func:`~recbole_groupmix.mixes.duplicates.find_duplicates`).

    Parameters
    ----------
    n_users : mapping of str to int
        Users of every group in all of train; on a part the candidates follow its counts.
    target : str
        Name of the target group.
    """
    shares = proportional(n_users, target).alpha
    return [
        Candidate(f"{BUDGET_CANDIDATE}{budget:g}", Mix(shares, budget), BUDGET)
        for budget in BUDGETS
    ]


def candidates(
    experiment: Experiment, own: Mapping[str, Mix], trials: int, budgets: bool = False
) -> list[Candidate]:
    """Return all candidates of a run.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    own : mapping of str to Mix
        The user's own mixes.
    trials : int
        Number of sampled mixes.
    budgets : bool
        Whether the run has the baseline ``budget``.

    Returns
    -------
    list of Candidate
        The baselines, own mixes, theory's mix, budgets and trials, in this order.
    """
    all_candidates = fixed_candidates(experiment, own)
    if budgets:
        all_candidates += budget_candidates(experiment.n_users, experiment.target)
    settings = experiment.settings
    for trial in range(trials):
        sampler, mix = sample_trial(
            settings.seed, trial, experiment.n_users, experiment.target, settings.budget_law
        )
        all_candidates.append(Candidate(f"{TRIAL}{trial}", mix, sampler))
    return all_candidates


def select(compared: Sequence[Candidate], cv: Mapping[str, FoldSummary]) -> Candidate | None:
    """Return the trial with the best cross-validation score, the first of equals.

    Theory's mix counts as one more trial. A trial whose training diverged on a fold is left out.
    Without a remaining trial the result is None.
    """
    searched = [c for c in compared if c.source not in NOT_SEARCHED]
    if all(c.source == THEORY for c in searched):
        return None
    finite = [c for c in searched if np.isfinite(cv[c.name]["score"])]
    return max(finite, key=lambda c: cv[c.name]["score"], default=None)
