"""Trials that all targets share: weight vectors, each of which is a mix for every target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recbole_groupmix.core.budget_law import PAPER, BudgetLaw
from recbole_groupmix.core.mix import group_weights, mix_from_weights
from recbole_groupmix.core.samplers import SAMPLERS, sample_trial
from recbole_groupmix.mixes.candidates import Candidate


@dataclass(frozen=True)
class SharedTrial:
    """A trial that all targets share: one weight vector.

    Attributes
    ----------
    name : str
        Name on the folds, ``trial-<number>``.
    sampler : str
        Name of the sampler.
    drawn_for : str
        Target for which it was drawn as a mix; its users weigh 1.
    weights : dict of str to float
        Weight of a user of each group.
    """

    name: str
    sampler: str
    drawn_for: str
    weights: Mapping[str, float]

    def candidate(self, n_users: Mapping[str, int], target: str) -> Candidate | None:
        """Return the trial as a mix of a target; None if the target's users have weight 0.

        Parameters
        ----------
        n_users : mapping of str to int
            Users of every group in all of train.
        target : str
            Name of the target.
        """
        if not self.weights[target] > 0:
            return None
        mix = mix_from_weights(self.weights, n_users, target)
        return Candidate(self.name, mix, self.sampler, self.weights)


def draw_shared_trials(
    seed: int,
    trials: int,
    n_users: Mapping[str, int],
    targets: Sequence[str],
    budgets: BudgetLaw = PAPER,
) -> list[SharedTrial]:
    """Draw mixes for the targets in turn and return them as shared trials.

    Trial i is also trial i in a run of the target it was drawn for. The samplers take turns, and
    after each round of samplers the targets do.

    Parameters
    ----------
    seed : int
        Seed of the run.
    trials : int
        Number of trials.
    n_users : mapping of str to int
        Users of every group in all of train.
    targets : sequence of str
        Targets, in the order of their turns.
    budgets : BudgetLaw
        From which the budget of a mix is drawn.
    """
    drawn = []
    for trial in range(trials):
        target = targets[trial // len(SAMPLERS) % len(targets)]
        sampler, mix = sample_trial(seed, trial, n_users, target, budgets)
        weights = group_weights(mix, n_users, target)
        drawn.append(SharedTrial(f"trial-{trial}", sampler, target, weights))
    return drawn
