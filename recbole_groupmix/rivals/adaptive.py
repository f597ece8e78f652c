"""Adaptive weights: groups weigh by their losses during training, as users do in TALL."""

from __future__ import annotations

from collections.abc import Sequence

from recbole_groupmix.core.weight_rules import Adaptive
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.rivals.learned import why_not_learned
from recbole_groupmix.rivals.recipe import Recipe
from recbole_groupmix.rivals.rival import Point, Reference, Rival
from recbole_groupmix.settings.settings import Settings

#: Falls of the loss that are averaged, as in TALL's code.
WINDOW = 8
#: alpha of the loss. It is a BPR loss, ln 2 at the beginning, and groups differ by .01 to .1.
OF_LOSS = (0.05, 0.02)
#: alpha of its falls: these shares of ln 2 over the epochs of Proportional, the mean fall at most.
OF_CHANGE = (0.5, 0.15)
#: The same for the printed rule, which differs from the exact one where a weight would be below 0.
OF_PRINTED = 0.05
#: Share of Proportional's epochs with weights of 1 at the beginning (T), where there is a gap.
GAP = 0.25
_LOSS_AT_FIRST = 0.6931


class AdaptiveWeights(Rival):
    """Proportional with weights of groups that follow from their losses, epoch by epoch."""

    name = "adaptive"
    says = (
        "weights of groups change during training, larger where the loss of rows held back from "
        "training is high or falls fast"
    )
    advice = "let the weights of groups follow their losses during training (adaptive)"
    source = "TALL: Pan and others, 2024, Eq. 1 to 3, for groups in place of users"
    costs_little = False
    own_length = False

    def most_points(self, settings: Settings) -> int:
        """Return the most points under some settings, without the data."""
        return 0 if settings.is_solved else 6

    def why_not(self, experiment: Experiment) -> str | None:
        """Return why weights cannot change during training; None if they can."""
        return why_not_learned(experiment)

    def points(self, experiment: Experiment, reference: Reference) -> Sequence[Point]:
        """Return signals, penalties, and with or without a gap; the printed rule is the last."""
        epochs, gap = reference.epochs, round(GAP * reference.epochs)
        shares = (*OF_CHANGE, OF_PRINTED)
        change = [float(f"{share * _LOSS_AT_FIRST / epochs:.4g}") for share in shares]
        return [
            _point(OF_LOSS[0], on_change=False, gap=0),
            _point(change[0], on_change=True, gap=gap),
            _point(OF_LOSS[1], on_change=False, gap=gap),
            _point(change[1], on_change=True, gap=gap),
            _point(change[0], on_change=True, gap=0),
            _point(change[2], on_change=True, gap=gap, as_printed=True),
        ]

    def recipe(
        self, experiment: Experiment, part: int, point: Point, reference: Reference
    ) -> Recipe:
        """Return Proportional with the rule of a point."""
        rule = Adaptive(
            alpha=point["alpha"],
            on_change=bool(point["on_change"]),
            gap=int(point["gap"]),
            window=WINDOW,
            as_printed=bool(point["as_printed"]),
        )
        return reference.recipe(experiment, rule=rule)


def _point(alpha: float, *, on_change: bool, gap: int, as_printed: bool = False) -> Point:
    return {
        "alpha": alpha,
        "on_change": float(on_change),
        "gap": float(gap),
        "as_printed": float(as_printed),
    }


RIVAL = AdaptiveWeights()
