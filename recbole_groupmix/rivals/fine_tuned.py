"""Fine-tuning: train on all users, then go on with the target's users alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.rivals.recipe import Recipe
from recbole_groupmix.rivals.rival import Point, Reference, Rival
from recbole_groupmix.rivals.towards_pooled import (
    DISTANCES,
    after_pooled,
    towards_points,
    towards_pooled,
    why_not_towards,
)
from recbole_groupmix.settings.settings import Settings

#: Shares of the run's learning rate: with all of it the first updates may undo the pooled model.
SHARES_OF_RATE = (0.1, 0.01, 1.0)


class FineTuned(Rival):
    """Proportional's model, trained on with the target's users only.

    The folds choose the learning rate and for how long, from 0 updates on, which are Proportional.
    EASE is solved for the target's users near the model of all users, and the folds choose how near.
    """

    name = "fine_tuned"
    says = "train on all users, then go on with the target's users alone"
    advice = "train on all users, then go on with the target's users alone (fine_tuned)"
    source = "local fine-tuning: Zhu and Caverlee, 2022, for a group in place of a user"
    costs_little = True
    own_length = True

    def most_points(self, settings: Settings) -> int:
        """Return the most points under some settings, without the data."""
        return len(DISTANCES if settings.is_solved else SHARES_OF_RATE)

    def why_not(self, experiment: Experiment) -> str | None:
        """Return why there is no model to go on with; None if there is one."""
        return why_not_towards(experiment) if experiment.settings.is_solved else None

    def points(self, experiment: Experiment, reference: Reference) -> Sequence[Point]:
        """Return learning rates, or how near EASE stays."""
        if experiment.settings.is_solved:
            return towards_points()
        rate = float(experiment.config["learning_rate"])
        return [{"learning_rate": float(f"{rate * share:.6g}")} for share in SHARES_OF_RATE]

    def recipe(
        self, experiment: Experiment, part: int, point: Point, reference: Reference
    ) -> Recipe:
        """Return the target's data alone, starting from the model of Proportional."""
        if experiment.settings.is_solved:
            return towards_pooled(experiment, part, point, reference)
        recipe = after_pooled(experiment, part, reference)
        return replace(recipe, options={**reference.options, **point})


RIVAL = FineTuned()
