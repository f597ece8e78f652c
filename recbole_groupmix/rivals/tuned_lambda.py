"""The rival that changes the weight of the L2 term alone, chosen for the target."""

from __future__ import annotations

from collections.abc import Sequence

from recbole_groupmix.core.mix import Mix, proportional
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.rivals.recipe import Recipe
from recbole_groupmix.rivals.rival import Point, Reference
from recbole_groupmix.settings.model import why_no_reg_weight
from recbole_groupmix.settings.settings import Settings

#: Factors of ``reg_weight``, half decades apart; the nearest first.
FACTORS = (3.0, 1 / 3, 10.0, 0.1)
#: Values where ``reg_weight`` is 0.
FROM_NOTHING = (0.01, 0.001, 0.1, 0.0001)


class TunedLambda:
    """Proportional with another weight of the L2 term, the same for all users."""

    name = "tuned_lambda"
    says = "all data as they are, with the L2 weight that is best for the target on the folds"
    advice = (
        "train on everything as it is, with the L2 weight that suits the target (tuned_lambda)"
    )
    source = "the baseline that focused learning and personal regularisation need (this project)"
    costs_little = True
    own_length = False

    def most_points(self, settings: Settings) -> int:
        """Return the most points under some settings, without the data."""
        return 0 if settings.is_solved or settings.decays is not None else len(FACTORS)

    def why_not(self, experiment: Experiment) -> str | None:
        """Return why there is no L2 weight to choose; None if there is one."""
        settings = experiment.settings
        if settings.is_solved:
            if settings.lambdas is None:
                return f"{settings.model} has no lambda"
            return f"{settings.model} chooses its lambda on the folds for every row"
        if settings.decays is not None:
            return "under decays every row chooses its L2 weight on the folds"
        return why_no_reg_weight(settings.model)

    def points(self, experiment: Experiment, reference: Reference) -> Sequence[Point]:
        """Return other values of ``reg_weight``."""
        now = float(experiment.config["reg_weight"] or 0.0)
        values = [now * factor for factor in FACTORS] if now else list(FROM_NOTHING)
        return [{"reg_weight": float(f"{value:.6g}")} for value in values]

    def recipe(
        self, experiment: Experiment, part: int, point: Point, reference: Reference
    ) -> Recipe:
        """Return Proportional with the L2 weight of a point."""
        return reference.recipe(experiment, options=dict(point))

    def implied_mix(self, experiment: Experiment, point: Point) -> Mix | None:
        """Return Proportional: no user's weight changes."""
        return proportional(experiment.n_users, experiment.target)


RIVAL = TunedLambda()
