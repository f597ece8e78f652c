"""The systems of equations of EASE that jobs stand for, and their solution."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from recbole_groupmix.core.linear.ease import FactoredEase, ease, ease_towards
from recbole_groupmix.core.linear.elimination import Elimination
from recbole_groupmix.core.linear.gram import Floats
from recbole_groupmix.experiment.experiment import Experiment
from recbole_groupmix.experiment.part import Part
from recbole_groupmix.rivals.recipe import Recipe
from recbole_groupmix.training.closed_form.gram_cache import Gram, GramCache
from recbole_groupmix.training.job import Job, recipe_weights


@dataclass(frozen=True, eq=False)
class System:
    """A system of equations.

    Attributes
    ----------
    gram : array or scipy.sparse.csr_matrix, shape (n_items, n_items)
        Gram matrix; sparse with a plan.
    lam : float
        Weight of the L2 term, or of the distance to another model.
    near : array or None
        Matrix to stay near.
    plan : Elimination or None
        The order in which items are eliminated.
    few : bool
        Whether few users are scored with the solution, so that no matrix of all items is needed.
    """

    gram: Gram
    lam: float
    near: Floats | None
    plan: Elimination | None
    few: bool

    def solve(self) -> Floats | FactoredEase:
        """Return the matrix ``B``, or its factors."""
        if self.near is not None:
            return ease_towards(self.gram, self.lam, self.near, self.plan)
        if self.plan is not None and self.few:
            return FactoredEase.of(self.gram, self.lam, self.plan)
        return ease(self.gram, self.lam, self.plan)


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

    def of(self, job: Job, lambdas: Sequence[float], *, few: bool) -> Iterator[System]:
        """Yield the system of a job with each lambda, or its only one towards another model."""
        part, recipe, plan = self._experiment.part(job.part), job.recipe, self._grams.plan
        if recipe.towards is not None and recipe.first is not None:
            near = self._near(part, recipe.first.recipe)
            mu = recipe.towards
            yield System(self._gram(part, recipe, mu), mu, near, plan, few)
            return
        for lam in lambdas:
            yield System(self._gram(part, recipe, lam), lam, None, plan, few)

    def _gram(self, part: Part, recipe: Recipe, lam: float) -> Gram:
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
            solution = ease(self._gram(part, recipe, lam), lam, self._grams.plan)
            self._pooled = key, solution.astype(np.float32, copy=False)
        return self._pooled[1]
