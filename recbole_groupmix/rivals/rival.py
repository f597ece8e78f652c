"""What a rival is: a way to serve a target group, of which the folds choose the knobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from recbole_groupmix.core.mix import Mix
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.rivals.recipe import Recipe
from recbole_groupmix.settings.settings import Settings

#: Values of a rival's knobs, by name: what the folds choose and what a record tells.
Point = Mapping[str, float]


@dataclass(frozen=True)
class Reference:
    """Proportional as the folds found it, from which every rival sets out.

    Attributes
    ----------
    epochs : int
        Its training length, which is that of all mixes.
    options : dict of str to float
        What it chose on the folds: ``reg_weight`` under ``decays``, and lambda of closed forms.
    """

    epochs: int
    options: Mapping[str, float] = field(default_factory=dict)

    def recipe(self, experiment: Experiment, **changed: Any) -> Recipe:
        """Return how Proportional is trained, with some fields of the recipe changed."""
        weights = dict.fromkeys(experiment.groups.names, 1.0)
        return Recipe(weights, **{"options": dict(self.options), **changed})


class Rival(Protocol):
    """A way to serve a target group with a given model.

    It is trained on the training rows of a part, chosen on the folds and measured on test as a row.
    To change nothing, which is Proportional, is always among what the folds choose from; a rival
    does not list it.

    Attributes
    ----------
    name : str
        Name of the row, and of the rival in ``--rivals``.
    says : str
        What it does, in one sentence without its name, for tables, pages and helps.
    advice : str
        What to do if it is the best row, an imperative without a full stop.
    source : str
        Where it comes from: paper and equation, or this project.
    costs_little : bool
        Whether it is among the rivals that every run has by default.
    own_length : bool
        Whether its models have a training length of their own, at the peak of their own curve;
        else they are trained for Proportional's.
    """

    name: str
    says: str
    advice: str
    source: str
    costs_little: bool
    own_length: bool

    def most_points(self, settings: Settings) -> int:
        """Return the most points with models of their own under some settings, for a plan.

        It knows no data. 0 where the settings alone tell that it cannot be carried.
        """

    def why_not(self, experiment: Experiment) -> str | None:
        """Return why the model or the settings cannot carry the rival; None if they can."""

    def points(self, experiment: Experiment, reference: Reference) -> Sequence[Point]:
        """Return the knobs that the folds choose from, the most promising first."""

    def recipe(
        self, experiment: Experiment, part: int, point: Point, reference: Reference
    ) -> Recipe:
        """Return how the model of a point is trained on a part.

        It may look at the training rows of the part alone.
        """

    def implied_mix(self, experiment: Experiment, point: Point) -> Mix | None:
        """Return the mix that gives the groups the mean weights of their users; None without one.

        None by default: data that come one after the other are no mix, a re-ranking has no weights,
        and those that are learned are known after training only (:func:`.learned.mean_mix`).
        """
        return None
