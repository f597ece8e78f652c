"""The systems of equations of EASE that jobs stand for, and their solution."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from recbole_groupmix.core.linear.ease import ease, ease_towards
from recbole_groupmix.core.linear.gram import Floats
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import Part
from recbole_groupmix.rivals.recipe import Recipe
from recbole_groupmix.training.closed_form.gram_cache import GramCache
from recbole_groupmix.training.job import Job, recipe_weights

#: Gram matrix, weight of the L2 term or of the distance, and the matrix to stay near, if any.
System = tuple[Floats, float, Floats | None]


class Systems:
    """Makes the systems of jobs; jobs in a row that set out from one model share its solution.

    Parameters
    ----------
    experiment : Experiment
        Shared data.
    grams : GramCache
        Gram matrices.
    """

    def __init__(self, experiment: Experiment, grams: GramCache) -> None:
        self._experiment, self._grams = experiment, grams
        self._pooled: tuple[tuple[object, ...], Floats] | None = None

    def of(self, job: Job, lambdas: Sequence[float]) -> Iterator[System]:
        """Yield the system of a job with each lambda, or its only one towards another model."""
        part, recipe = self._experiment.part(job.part), job.recipe
        if recipe.towards is not None and recipe.first is not None:
            near = self._near(part, recipe.first.recipe)
            yield self._gram(part, recipe, recipe.towards), recipe.towards, near
            return
        for lam in lambdas:
            yield self._gram(part, recipe, lam), lam, None

    def _gram(self, part: Part, recipe: Recipe, lam: float) -> Floats:
        if recipe.by_user is None:
            weights = [recipe.weights[name] for name in self._experiment.groups.names]
            return self._grams.of_mix(part, weights, lam)
        return self._grams.of_users(part, recipe_weights(self._experiment, recipe), lam)

    def _near(self, part: Part, recipe: Recipe) -> Floats:
        """Return the matrix of a model of the part, float32 as in the model object."""
        by_user = None if recipe.by_user is None else recipe.by_user.tobytes()
        key = (part.index, *recipe.identity, by_user)
        if self._pooled is None or self._pooled[0] != key:
            lam = recipe.options["reg_weight"]
            solution = ease(self._gram(part, recipe, lam), lam).astype(np.float32, copy=False)
            self._pooled = key, solution
        return self._pooled[1]


def solve(gram: Floats, lam: float, near: Floats | None) -> Floats:
    """Return the solution of a system."""
    return ease(gram, lam) if near is None else ease_towards(gram, lam, near)
