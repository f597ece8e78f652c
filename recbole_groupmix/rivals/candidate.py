"""The rivals of a run as candidates of its folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recbole_groupmix.core.names import OF_RIVALS
from recbole_groupmix.core.spelling import did_you_mean
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import ALL_OF_TRAIN
from recbole_groupmix.rivals.known import known_rivals
from recbole_groupmix.rivals.recipe import Recipe, n_models
from recbole_groupmix.rivals.rival import Point, Reference, Rival
from recbole_groupmix.settings.settings import Settings

#: Values of ``rivals`` that stand for every rival, and for none.
ALL, NONE = "all", "none"


@dataclass(frozen=True)
class RivalCandidate:
    """A rival with the points that the folds choose from.

    Attributes
    ----------
    rival : Rival
        The rival.
    reference : Reference
        Proportional, from which it sets out.
    points : sequence of mapping
        Values of its knobs; to change nothing, which needs no model of its own, is none of them.
    """

    rival: Rival
    reference: Reference
    points: Sequence[Point]

    source = OF_RIVALS
    is_baseline = False
    repeat = 0

    @property
    def name(self) -> str:
        """Name on the folds and of the row."""
        return self.rival.name

    def recipe_on(self, experiment: Experiment, part: int, options: Mapping[str, float]) -> Recipe:
        """Return how the model of a point is trained on a part."""
        return self.rival.recipe(experiment, part, options, self.reference)


def named_rivals(settings: Settings) -> list[Rival]:
    """Return the rivals that the settings name, whether or not a model can carry them.

    Raises
    ------
    ValueError
        For a name that no rival has, with the names and sentences of those that exist.
    """
    known, names = known_rivals(), settings.rivals
    if names is None:
        cheap = [rival for rival in known.values() if rival.costs_little]
        return cheap if settings.fine_tune else []
    if list(names) == [ALL]:
        return list(known.values())
    if list(names) == [NONE]:
        return []
    for name in names:
        if name not in known:
            listed = "; ".join(f"{rival.name}: {rival.says}" for rival in known.values())
            raise ValueError(
                f"{settings.describe('rivals')}; there is no rival {name!r}"
                f"{did_you_mean(name, known)}. Rivals are {listed}; or all, or none"
            )
    return [known[name] for name in dict.fromkeys(names)]


def carried_rivals(experiment: Experiment, on_folds: bool) -> tuple[list[Rival], list[str]]:
    """Return the rivals that a run has, and a note for each that it cannot have.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    on_folds : bool
        Whether the run trains on folds, on which rivals are chosen.

    Raises
    ------
    ValueError
        As :func:`named_rivals`.
    """
    rivals = named_rivals(experiment.settings)
    if rivals and not on_folds:
        return [], ["rivals are left out: they are chosen on folds, and this run trains on none"]
    reasons = {rival.name: rival.why_not(experiment) for rival in rivals}
    asked = experiment.settings.rivals is not None
    notes = [f"rival {name} is left out: {why}" for name, why in reasons.items() if why and asked]
    return [rival for rival in rivals if not reasons[rival.name]], notes


def rival_candidates(
    experiment: Experiment, rivals: Sequence[Rival], reference: Reference, most: int
) -> list[RivalCandidate]:
    """Return the candidates of a run's rivals, none of more models than a run has mixes.

    A point may take two models (:func:`~recbole_groupmix.rivals.recipe.n_models`); the first points
    are kept.

    Parameters
    ----------
    experiment : Experiment
        Shared data and settings.
    rivals : sequence of Rival
        From :func:`carried_rivals`.
    reference : Reference
        Proportional on the folds.
    most : int
        Most models of a rival on a fold.
    """
    found = [
        RivalCandidate(rival, reference, _affordable(experiment, rival, reference, most))
        for rival in rivals
    ]
    return [candidate for candidate in found if candidate.points]


def _affordable(
    experiment: Experiment, rival: Rival, reference: Reference, most: int
) -> list[Point]:
    """Return the first points of a rival that take as many models together as are allowed."""
    kept: list[Point] = []
    recipes: list[Recipe] = []
    for point in rival.points(experiment, reference):
        recipes.append(rival.recipe(experiment, ALL_OF_TRAIN, point, reference))
        if n_models(recipes) > most:
            break
        kept.append(point)
    return kept
