"""Weight vectors over all groups that serve as mixes of every target at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recbole_groupmix.core.mix import group_weights, mix_from_weights
from recbole_groupmix.core.samplers import SAMPLERS, sample_trial
from recbole_groupmix.mixes.candidates import Candidate


@dataclass(frozen=True)
class PooledWeights:
    """One weight vector of the pool.

    Attributes
    ----------
    name : str
        Name on the folds, ``trial-<number>``.
    sampler : str
        Name of the sampler.
    drawn_for : str
        Target whose mix it was drawn as; its users weigh 1.
    weights : dict of str to float
        Weight of a user of each group.
    """

    name: str
    sampler: str
    drawn_for: str
    weights: Mapping[str, float]

    def candidate(self, n_users: Mapping[str, int], target: str) -> Candidate | None:
        """Return the vector as a mix of a target; None if the target's users weigh nothing.

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


def draw_pool(
    seed: int, trials: int, n_users: Mapping[str, int], targets: Sequence[str]
) -> list[PooledWeights]:
    """Draw mixes for the targets in turn and return their weights.

    Trial i is the mix that a run of its own target has as its trial i. The samplers take turns, and
    after each round of them the targets do.

    Parameters
    ----------
    seed : int
        Seed of the run.
    trials : int
        Number of vectors.
    n_users : mapping of str to int
        Users of every group in all of train.
    targets : sequence of str
        Targets, in the order of their turns.
    """
    pool = []
    for trial in range(trials):
        target = targets[trial // len(SAMPLERS) % len(targets)]
        sampler, mix = sample_trial(seed, trial, n_users, target)
        weights = group_weights(mix, n_users, target)
        pool.append(PooledWeights(f"trial-{trial}", sampler, target, weights))
    return pool
